/** Choosing what all questions are about: a cluster, a host, a service, a layer. */
import { useQuery } from '@tanstack/react-query';
import { facets } from '../api/logs.ts';
import { Button } from '../kit/Button.tsx';
import { ErrorNotice } from '../kit/Empty.tsx';
import { Popover } from '../kit/Popover.tsx';
import { useAddress } from './address.ts';
import { shortCount } from './format.ts';
import { t } from './i18n.ts';
import { usePinnedRange } from './range.tsx';
import { term } from './terms.ts';

const FIELDS = ['cluster', 'host', 'layer', 'service'] as const;
const VALUES = 12;

export function ScopePicker() {
  return (
    <Popover label={t('scope.add')} icon="filter" small hideLabel>
      {(close) => (
        <div className="scope-panel">
          {FIELDS.map((field) => (
            <ScopeField key={field} field={field} close={close} />
          ))}
        </div>
      )}
    </Popover>
  );
}

function ScopeField({ field, close }: { field: string; close: () => void }) {
  const { shared, set } = useAddress();
  const { range } = usePinnedRange();
  const { data, error } = useQuery({
    queryKey: ['scope', field, range.from, range.to],
    queryFn: ({ signal }) => facets({ q: '', ...range }, field, VALUES, signal),
  });
  if (error) return <ErrorNotice error={error} />;
  return (
    <section className="stack" aria-label={field}>
      <h3>{field}</h3>
      <div className="menu">
        {data?.values.map(({ value, count }) => (
          <Button
            key={value}
            small
            onClick={() => {
              set({ scope: [...shared.scope.filter((one) => !one.startsWith(`${field}:`)), term(field, value)] });
              close();
            }}
          >
            <span className="grow">{value}</span> <span className="dim tabular">{shortCount(count)}</span>
          </Button>
        ))}
        {data?.values.length === 0 && <span className="dim">–</span>}
      </div>
    </section>
  );
}
