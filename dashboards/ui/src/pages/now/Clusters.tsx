/** What of the clusters is not well, and how many errors each layer tells. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { topology } from '../../api/collectors.ts';
import { facets } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { count, msToNs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { term } from '../../app/terms.ts';
import { Badge } from '../../kit/Badge.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { type Health, healthOf, historyOf, statesOf } from '../map/history.ts';

const EVERY_MS = 15_000;
const SHOWN = 8;
const LAYERS = 12;
const RECENT = '15m';
const RECENT_MS = 900_000;
const TONES = { good: 'good', caution: 'caution', bad: 'bad' } as const;
const RANK: Record<Health, number> = { bad: 0, caution: 1, good: 2 };

export function Clusters() {
  return (
    <div className="stack clusters">
      <Unwell />
      <Layers />
    </div>
  );
}

function Unwell() {
  const { href } = useAddress();
  const { data, error } = useQuery({
    queryKey: ['now', 'topology'],
    queryFn: ({ signal }) => topology({}, signal),
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return null;
  const { held } = historyOf(data);
  if (held.length === 0) return <p className="dim">{t('map.none')}</p>;
  const states = statesOf(held);
  const unwell = [...states]
    .map(([id, state]) => ({ id, ...state }))
    .filter(({ health }) => health !== 'good')
    .sort((a, b) => RANK[a.health] - RANK[b.health] || (a.id < b.id ? -1 : 1));
  return (
    <>
      {unwell.length === 0 ? (
        <Link className="all-well" href={href('/map')}>
          <Icon name="check" size={22} /> {t('now.clusterWell', { n: count(states.size) })}
        </Link>
      ) : (
        <ul className="plain-list">
          {unwell.slice(0, SHOWN).map(({ id, health, words }) => (
            <li key={id}>
              <Link className="line" href={href('/map', { node: id })}>
                <Badge tone={TONES[health]} icon={health === 'bad' ? 'error' : 'warning'}>
                  {words.filter((word) => healthOf(word) !== 'good').join(', ')}
                </Badge>
                <b className="grow mono">{id}</b>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {unwell.length > SHOWN && (
        <Link href={href('/map', { unwell: '1' })}>{t('now.clusterMore', { n: count(unwell.length - SHOWN) })}</Link>
      )}
    </>
  );
}

/** The layers that told anything lately, each with its errors. */
function Layers() {
  const { href } = useAddress();
  const { data } = useQuery({
    queryKey: ['now', 'layers'],
    queryFn: async ({ signal }) => {
      const now = Date.now();
      const range = { from: String(msToNs(now - RECENT_MS)), to: String(msToNs(now)) };
      const [all, errors] = await Promise.all([
        facets({ q: '', ...range }, 'layer', LAYERS, signal),
        facets({ q: 'level:>=error', ...range }, 'layer', LAYERS, signal),
      ]);
      const bad = new Map(errors.values.map(({ value, count: n }) => [value, n]));
      return all.values.map(({ value }) => ({ layer: value, errors: bad.get(value) ?? 0 }));
    },
    refetchInterval: 2 * EVERY_MS,
  });
  if (!data?.length) return null;
  return (
    <ul className="line layers" aria-label={t('now.layers')}>
      {data.map(({ layer, errors }) => (
        <li key={layer}>
          <Link
            className={`button small ${errors ? 'bad' : ''}`}
            href={href(
              '/logs',
              { q: errors ? `${term('layer', layer)} level:>=error` : term('layer', layer) },
              { since: RECENT, from: null, to: null },
            )}
          >
            {layer} <b className="tabular">{errors ? `✕ ${count(errors)}` : '✓'}</b>
          </Link>
        </li>
      ))}
    </ul>
  );
}
