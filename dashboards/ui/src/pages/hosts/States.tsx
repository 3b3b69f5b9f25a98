/** What ran on a host and what became of it, as bars over the range: its membership, resources and DRBD. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { topology } from '../../api/collectors.ts';
import type { Range } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { axisTime, msToNs, nsToMs, shortTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { type Held, healthOf, historyOf } from '../map/history.ts';

const MARKS = 5;

/** A bar of a lane, as long as one edge held. */
export interface Bar {
  fromMs: number;
  toMs: number;
  words: string;
}

/** What is tied to a host in one way: where it is a copy, that is another lane than where it runs. */
export interface Lane {
  entity: string;
  relation: string;
  bars: Bar[];
}

/** Lanes of what is tied to a host, each with its bars within the range. */
export function lanesOf(held: readonly Held[], host: string, fromMs: number, toMs: number): Lane[] {
  const own = `host/${host}`;
  const lanes = new Map<string, Lane>();
  for (const { edge, fromMs: begin, toMs: end } of held) {
    if (edge.from !== own && edge.to !== own) continue;
    if (end <= fromMs || begin >= toMs) continue;
    const entity = edge.from === own ? edge.to : edge.from;
    // Where it runs and where it is part of it, as of what is stopped, is one course.
    const relation = edge.relation === 'replicates_to' ? edge.relation : '';
    const key = `${entity} ${relation}`;
    const lane = lanes.get(key) ?? { entity, relation, bars: [] };
    lanes.set(key, lane);
    lane.bars.push({ fromMs: Math.max(begin, fromMs), toMs: Math.min(end, toMs), words: edge.detail || edge.relation });
  }
  return [...lanes].sort(([a], [b]) => a.localeCompare(b)).map(([, lane]) => lane);
}

export function States({ host, range, run }: { host: string; range: Range; run: number }) {
  const { href } = useAddress();
  const [fromMs, toMs] = [nsToMs(range.from), nsToMs(range.to)];
  const spanMs = Math.max(1, toMs - fromMs);
  const { data, error } = useQuery({
    queryKey: ['topology', range, run],
    queryFn: ({ signal }) => topology({ at: range.to, since: `${Math.max(1, Math.ceil(spanMs / 1000))}s` }, signal),
    placeholderData: (before) => before,
  });
  if (error) return <ErrorNotice error={error} />;
  const lanes = data ? lanesOf(historyOf(data).held, host, fromMs, toMs) : [];
  if (lanes.length === 0) return null;
  const share = (ms: number) => `${((ms - fromMs) / spanMs) * 100}%`;
  return (
    <section className="card states" aria-label={t('hosts.states')}>
      <div className="line">
        <h2 className="grow">{t('hosts.states')}</h2>
        <Link className="button small" href={href('/map', { node: `host/${host}` })}>
          {t('moment.map')}
        </Link>
      </div>
      {lanes.map(({ entity, relation, bars }) => (
        <div key={`${entity} ${relation}`} className="state-lane">
          <span className="mono cut" title={entity}>
            {entity} {relation && '⇄'}
          </span>
          <span className="state-strip">
            {bars.map((bar) => (
              <Link
                key={`${bar.fromMs} ${bar.words}`}
                className={healthOf(bar.words)}
                style={{ left: share(bar.fromMs), width: `${((bar.toMs - bar.fromMs) / spanMs) * 100}%` }}
                href={href('/map', { node: entity }, { at: String(msToNs(bar.fromMs)) })}
                title={`${bar.words} · ${shortTime(bar.fromMs)} – ${shortTime(bar.toMs)}`}
                aria-label={`${entity} ${bar.words} ${shortTime(bar.fromMs)} – ${shortTime(bar.toMs)}`}
              >
                {bar.words}
              </Link>
            ))}
          </span>
        </div>
      ))}
      <div className="state-lane" aria-hidden="true">
        <span />
        <span className="time-axis">
          {Array.from({ length: MARKS }, (_, at) => fromMs + (at * spanMs) / (MARKS - 1)).map((ms) => (
            <span key={ms}>{axisTime(ms, spanMs)}</span>
          ))}
        </span>
      </div>
    </section>
  );
}
