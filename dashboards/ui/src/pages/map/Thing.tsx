/** One thing of the map: how it is, what it is tied to, what became of it, and the ways on. */
import { Link } from 'wouter';
import { useAddress } from '../../app/address.ts';
import { msToNs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { fixedRange } from '../../app/shift.ts';
import { term } from '../../app/terms.ts';
import { Badge } from '../../kit/Badge.tsx';
import { IconButton } from '../../kit/Button.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { Time } from '../../kit/Time.tsx';
import type { Health, Held, History, State } from './history.ts';
import { relationText } from './words.ts';

export const TONES = { good: 'good', caution: 'caution', bad: 'bad' } as const satisfies Record<Health, string>;
const CHANGES = 40;
/** So far around the moment, its lines are looked at. */
const AROUND_MS = 120_000;

interface ThingProps {
  id: string;
  history: History;
  now: readonly Held[];
  states: ReadonlyMap<string, State>;
  atMs: number;
  onMove: (ms: number) => void;
  onClose: () => void;
}

export function Thing({ id, history, now, states, atMs, onMove, onClose }: ThingProps) {
  const { href } = useAddress();
  const state = states.get(id);
  const edges = now.filter(({ edge }) => edge.from === id || edge.to === id);
  const steps = history.steps
    .flatMap(({ ms, changes }) => changes.map((change) => ({ ms, change })))
    .filter(({ change }) => change.from === id || change.to === id);
  const recent = steps
    .filter(({ ms }) => ms <= atMs)
    .slice(-CHANGES)
    .reverse();
  const host = id.startsWith('host/') ? id.slice(5) : null;
  const range = fixedRange(msToNs(atMs - AROUND_MS), msToNs(atMs + AROUND_MS));
  return (
    <aside className="card thing stack" aria-label={id}>
      <div className="line">
        <h2 className="grow mono">{id}</h2>
        <Badge tone={state ? TONES[state.health] : 'plain'}>
          {state ? state.words.join(', ') || t('map.there') : t('map.absent')}
        </Badge>
        <IconButton icon="close" variant="quiet" label={t('close')} onClick={onClose} />
      </div>
      <div className="line">
        <Link className="button small" href={href('/logs', { q: term('entity', id) }, range)}>
          <Icon name="logs" size={15} /> {t('map.logs')}
        </Link>
        <Link className="button small" href={href('/at', {}, { at: String(msToNs(atMs)) })}>
          <Icon name="moment" size={15} /> {t('logs.moment')}
        </Link>
        {host && (
          <Link className="button small" href={href('/hosts', { host })}>
            <Icon name="hosts" size={15} /> {t('map.host')}
          </Link>
        )}
      </div>
      <table className="plain">
        <tbody>
          {edges.map(({ edge, fromMs }) => (
            <tr key={`${edge.from} ${edge.relation} ${edge.to} ${edge.origin} ${edge.detail}`}>
              <td>{edge.from === id ? relationText(edge.relation) : ''}</td>
              <td className="mono">{edge.from === id ? edge.to : edge.from}</td>
              <td>
                {edge.from !== id && <span className="dim">{relationText(edge.relation)} </span>}
                {edge.detail}
              </td>
              <td className="dim">{Number.isFinite(fromMs) && <Time ms={fromMs} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{t('map.past')}</h3>
      {recent.length === 0 && <p className="dim">{t('map.quiet')}</p>}
      <ol className="happened thing-past">
        {recent.map(({ ms, change }) => (
          <li key={`${ms} ${change.from} ${change.relation} ${change.to} ${change.detail} ${change.is_there}`}>
            <button type="button" onClick={() => onMove(ms)}>
              <Time ms={ms} />
              <span>
                {change.is_there ? '+' : '−'} {change.from === id ? change.to : change.from} {change.detail}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </aside>
  );
}
