/** Measurements that moved at a moment, in words. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { queryRange } from '../../api/metrics.ts';
import { useAddress } from '../../app/address.ts';
import { msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { fixedRange } from '../../app/shift.ts';
import { Badge } from '../../kit/Badge.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { MEASURES, shown, tightness } from '../hosts/measures.ts';
import { AROUND_S, BEFORE_S, movesOf, STEP_S } from './moves.ts';

const SHOWN = 8;
const MINUTE_S = 60;

export function Moved({ at }: { at: bigint }) {
  const { href } = useAddress();
  // Within a minute the answer is the same.
  const atS = Math.round(nsToMs(at) / 1000 / MINUTE_S) * MINUTE_S;
  const { data, error, isFetching } = useQuery({
    queryKey: ['moved', atS],
    queryFn: async ({ signal }) => {
      const range = { startS: atS - AROUND_S - BEFORE_S, endS: atS + AROUND_S, stepS: STEP_S };
      const answers = await Promise.all(
        MEASURES.map(async (measure) => {
          const { data: answer } = await queryRange(measure.expr, range, signal);
          return { measure, series: answer.resultType === 'matrix' ? answer.result : [] };
        }),
      );
      return { moves: movesOf(answers, atS), hasSeries: answers.some(({ series }) => series.length > 0) };
    },
    placeholderData: (before) => before,
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data?.hasSeries) return null;
  const range = fixedRange(msToNs((atS - AROUND_S - BEFORE_S) * 1000), msToNs((atS + BEFORE_S) * 1000));
  return (
    <section className="card moment-card" id="moved" aria-label={t('moment.moved')}>
      <h2>{t('moment.moved')}</h2>
      <div className="progress" data-busy={isFetching} />
      {data.moves.length === 0 && <p className="dim">{t('moment.unmoved')}</p>}
      <ul className="plain-list">
        {data.moves.slice(0, SHOWN).map(({ host, measure, before, after }) => {
          const is = tightness(after, measure.bounds);
          return (
            <li key={`${host} ${measure.id}`}>
              <Link className="line" href={href('/hosts', { host }, range)}>
                <b>{host}</b>
                <span className="grow">{t(measure.label)}</span>
                <span className="tabular dim">{shown(before, measure.unit)} →</span>
                <Badge tone={is === 'full' ? 'bad' : is === 'tight' ? 'caution' : 'plain'}>
                  {after > before ? '▲' : '▼'} {shown(after, measure.unit)}
                </Badge>
              </Link>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
