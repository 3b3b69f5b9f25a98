/** Lines that are alike, counted; and what changed against the window before. */
import { useQuery } from '@tanstack/react-query';
import { patterns, type Scope } from '../../api/logs.ts';
import { count } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { phrase } from '../../app/terms.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Dialog } from '../../kit/Dialog.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';

const PATTERNS = 200;
const VARIABLE = '<*>';

/** The conditions that find lines of a pattern: its fixed parts, the longest first. */
export function patternQuery(pattern: string): string {
  const parts = pattern
    .split(VARIABLE)
    .map((part) => part.trim())
    .filter((part) => /\p{L}{2,}/u.test(part));
  return parts
    .sort((a, b) => b.length - a.length)
    .slice(0, 4)
    .map(phrase)
    .join(' ');
}

function PatternText({ pattern }: { pattern: string }) {
  const parts = pattern.split(VARIABLE);
  return (
    <span className="pattern">
      {parts.map((part, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
        <span key={at}>
          {at > 0 && <i>∗</i>}
          {part}
        </span>
      ))}
    </span>
  );
}

export function Patterns({ scope, onAdd }: { scope: Scope; onAdd: (term: string) => void }) {
  const { data, error, isFetching } = useQuery({
    queryKey: ['patterns', scope],
    queryFn: ({ signal }) => patterns(scope, PATTERNS, signal),
    placeholderData: (before) => before,
  });
  if (error) return <ErrorNotice error={error} />;
  const most = data?.patterns[0]?.count ?? 1;
  return (
    <div className="patterns scroll-x">
      <div className="progress" data-busy={isFetching} />
      {data?.patterns.length === 0 && <Empty icon="search" title={t('logs.none')} text={t('logs.noneText')} />}
      <table className="plain">
        <tbody>
          {data?.patterns.map(({ pattern, count: n }) => (
            <tr key={pattern}>
              <td className="number">
                {count(n)}
                <span className="pattern-bar" style={{ width: `${(n / most) * 100}%` }} />
              </td>
              <td>
                <PatternText pattern={pattern} />
              </td>
              <td>
                <div className="line actions">
                  <Button small onClick={() => onAdd(patternQuery(pattern))}>
                    {t('logs.only')}
                  </Button>
                  <Button small onClick={() => onAdd(`-(${patternQuery(pattern)})`)}>
                    {t('logs.not')}
                  </Button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Change {
  pattern: string;
  before: number;
  now: number;
}

const kindOf = ({ before, now }: Change) =>
  before === 0 ? 'new' : now === 0 ? 'gone' : now > before ? 'more' : ('less' as const);

/** How much a change matters: the ratio, damped for small numbers. */
const weight = ({ before, now }: Change) => Math.abs(Math.log((now + 1) / (before + 1))) * Math.log(now + before + 1);

async function changes(scope: Scope, signal: AbortSignal): Promise<Change[]> {
  const [from, to] = [BigInt(scope.from), BigInt(scope.to)];
  const earlier = { ...scope, from: String(from - (to - from)), to: scope.from };
  const [now, before] = await Promise.all([patterns(scope, 1000, signal), patterns(earlier, 1000, signal)]);
  const counted = new Map(now.patterns.map(({ pattern, count: n }) => [pattern, { pattern, before: 0, now: n }]));
  for (const { pattern, count: n } of before.patterns) {
    counted.set(pattern, { pattern, now: counted.get(pattern)?.now ?? 0, before: n });
  }
  const isTold = (change: Change) => change.now >= 2 * change.before || change.before >= 2 * change.now;
  return [...counted.values()]
    .filter(isTold)
    .sort((a, b) => weight(b) - weight(a))
    .slice(0, 60);
}

/** The patterns that came, went or multiplied in a window, against the one of the same length before it. */
export function Changes(props: { scope: Scope; onAdd: (term: string) => void; onClose: () => void }) {
  const { scope, onAdd, onClose } = props;
  const { data, error, isFetching } = useQuery({
    queryKey: ['changes', scope],
    queryFn: ({ signal }) => changes(scope, signal),
  });
  return (
    <Dialog title={t('changes.title')} wide onClose={onClose}>
      <p className="dim">{t('changes.text')}</p>
      <div className="progress" data-busy={isFetching} />
      {error && <ErrorNotice error={error} />}
      {data?.length === 0 && <Empty icon="check" title={t('changes.none')} />}
      <table className="plain">
        <tbody>
          {data?.map((change) => {
            const kind = kindOf(change);
            return (
              <tr key={change.pattern}>
                <td>
                  <Badge tone={kind === 'new' ? 'caution' : kind === 'gone' ? 'calm' : 'plain'}>
                    {t(`changes.${kind}`)}
                  </Badge>
                </td>
                <td className="number">
                  {count(change.before)} → {count(change.now)}
                </td>
                <td>
                  <button
                    type="button"
                    className="plain-button"
                    onClick={() => {
                      onAdd(patternQuery(change.pattern));
                      onClose();
                    }}
                  >
                    <PatternText pattern={change.pattern} />
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Dialog>
  );
}
