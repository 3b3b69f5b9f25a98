/** The sidebar: levels, then fields with their most frequent values, to narrow the query. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { BANDS, type Band, facets, fields, type Histogram, numbers, type Scope } from '../../api/logs.ts';
import { count, figure, shortCount } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { term } from '../../app/terms.ts';
import { IconButton } from '../../kit/Button.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';

const FIRST = ['host', 'service', 'layer', 'cluster', 'file', 'unit'];
const OPEN_AT_FIRST = ['host', 'service', 'layer'];
const HIDDEN = new Set(['simulated']);
const FIELDS_MAX = 60;
const VALUES = 6;
const VALUES_MORE = 50;

interface FieldsProps {
  scope: Scope;
  histogram: Histogram | undefined;
  onAdd: (term: string) => void;
}

export function Fields({ scope, histogram, onAdd }: FieldsProps) {
  const [filter, setFilter] = useState('');
  const { data, error } = useQuery({
    queryKey: ['fields', scope],
    queryFn: ({ signal }) => fields(scope, signal),
    placeholderData: (before) => before,
  });
  const rank = (name: string) => {
    const at = FIRST.indexOf(name);
    return at < 0 ? FIRST.length : at;
  };
  const shown = (data?.fields ?? [])
    .filter(({ name }) => !HIDDEN.has(name) && name.toLowerCase().includes(filter.toLowerCase()))
    .sort((a, b) => rank(a.name) - rank(b.name) || b.count - a.count)
    .slice(0, FIELDS_MAX);
  return (
    <>
      <Levels histogram={histogram} onAdd={onAdd} />
      <input
        className="field-filter"
        aria-label={t('logs.fieldFilter')}
        placeholder={t('logs.fieldFilter')}
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      {error && <ErrorNotice error={error} />}
      {shown.map(({ name, count: n }) => (
        <Field key={name} name={name} n={n} scope={scope} onAdd={onAdd} />
      ))}
    </>
  );
}

function Levels({ histogram, onAdd }: Pick<FieldsProps, 'histogram' | 'onAdd'>) {
  const total = (at: number) => histogram?.buckets.reduce((all, bucket) => all + (bucket.counts[at] ?? 0), 0) ?? 0;
  const levels = BANDS.map((band, at) => ({ band, n: total(at) })).filter(({ n }) => n > 0);
  if (levels.length === 0) return null;
  return (
    <div className="levels">
      {levels.reverse().map(({ band, n }) => (
        <LevelLine key={band} band={band} n={n} onAdd={onAdd} />
      ))}
    </div>
  );
}

function LevelLine({ band, n, onAdd }: { band: Band; n: number; onAdd: (term: string) => void }) {
  return (
    <button type="button" className={`level-line ${band}`} onClick={() => onAdd(`level:${band}`)}>
      <i />
      <span className="grow">{t(`level.${band}`)}</span>
      <span className="tabular">{count(n)}</span>
    </button>
  );
}

function Field({ name, n, scope, onAdd }: { name: string; n: number; scope: Scope; onAdd: (term: string) => void }) {
  const [isOpen, setOpen] = useState(OPEN_AT_FIRST.includes(name));
  const { columns } = usePrefs();
  const isColumn = columns.includes(name);
  return (
    <section className="field-group">
      <div className="field-head">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? 'down' : 'right'} size={13} />
          <span className="grow cut" title={name}>
            {name}
          </span>
          <span className="dim tabular">{shortCount(n)}</span>
        </button>
        <IconButton
          icon="columns"
          small
          variant="quiet"
          aria-pressed={isColumn}
          label={t(isColumn ? 'logs.columnOff' : 'logs.columnOn', { field: name })}
          onClick={() => setPrefs({ columns: isColumn ? columns.filter((one) => one !== name) : [...columns, name] })}
        />
      </div>
      {isOpen && <FieldValues name={name} scope={scope} onAdd={onAdd} />}
    </section>
  );
}

function FieldValues({ name, scope, onAdd }: { name: string; scope: Scope; onAdd: (term: string) => void }) {
  const [limit, setLimit] = useState(VALUES);
  const { data, error } = useQuery({
    queryKey: ['facets', scope, name, limit],
    queryFn: ({ signal }) => facets(scope, name, limit, signal),
    placeholderData: (before) => before,
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return <div className="progress" data-busy="true" />;
  const all = data.values.reduce((sum, one) => sum + one.count, data.other);
  const areNumbers = data.values.length > 2 && data.values.every(({ value }) => Number.isFinite(Number(value || 'x')));
  return (
    <div className="field-values">
      {areNumbers && <NumberFacts name={name} scope={scope} />}
      {data.values.map(({ value, count: n }) => {
        const share = all ? Math.round((n / all) * 100) : 0;
        return (
          <div key={value} className="field-value">
            <button
              type="button"
              className="value-name"
              title={`${value} · ${count(n)}`}
              onClick={() => onAdd(term(name, value))}
            >
              <span className="cut">{value === '' ? t('logs.emptyValue') : value}</span>
              <span className="dim tabular">{share > 0 ? `${share} %` : '<1 %'}</span>
              <span className="bar" style={{ width: `${Math.max(1, share)}%` }} />
            </button>
            <IconButton
              icon="plus"
              small
              variant="quiet"
              label={t('logs.include', { value: `${name}=${value}` })}
              onClick={() => onAdd(term(name, value))}
            />
            <IconButton
              icon="minus"
              small
              variant="quiet"
              label={t('logs.exclude', { value: `${name}=${value}` })}
              onClick={() => onAdd(`-${term(name, value)}`)}
            />
          </div>
        );
      })}
      {(data.other > 0 || data.missing > 0) && (
        <div className="field-rest dim">
          {data.distinct > data.values.length && limit < VALUES_MORE && (
            <button type="button" className="button small quiet" onClick={() => setLimit(VALUES_MORE)}>
              {t('logs.moreValues', { n: count(data.distinct) })}
            </button>
          )}
          {data.missing > 0 && <span>{t('logs.missing', { n: shortCount(data.missing) })}</span>}
        </div>
      )}
    </div>
  );
}

function NumberFacts({ name, scope }: { name: string; scope: Scope }) {
  const { data } = useQuery({
    queryKey: ['numbers', scope, name],
    queryFn: ({ signal }) => numbers(scope, name, signal),
  });
  if (!data || data.count === 0) return null;
  const quantile = (at: number) => figure(data.quantiles[at]?.value ?? Number.NaN);
  return (
    <p className="number-facts dim tabular">
      min {figure(data.min ?? Number.NaN)} · p50 {quantile(0)} · p95 {quantile(1)} · max{' '}
      {figure(data.max ?? Number.NaN)}
    </p>
  );
}
