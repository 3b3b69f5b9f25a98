/** How an incident began: the first telling lines from below the applications, each with the way to its moment. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { search } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { msToNs, nsToMs, rowTime } from '../../app/format.ts';
import { Body } from '../logs/body.tsx';
import { firstSigns, withoutHead } from './signs.ts';

/** Causes come before what is told of them; applications tell of their effects, and events are told as what happened. */
const TELLING = 'level:>=warn kind:log -layer:app -layer:web';
const BEFORE_MS = 120_000;
const AFTER_MS = 2_000;
const COMING_MS = 30_000;
const EVERY_MS = 3_000;
const ASKED = 200;

export function Beginning({ beganMs, most, title }: { beganMs: number; most: number; title?: string }) {
  const { href } = useAddress();
  const { data } = useQuery({
    queryKey: ['beginning', beganMs],
    queryFn: async ({ signal }) => {
      const range = { from: String(msToNs(beganMs - BEFORE_MS)), to: String(msToNs(beganMs + AFTER_MS)) };
      return (await search({ q: TELLING, ...range }, { order: 'newest', limit: ASKED }, signal)).rows.reverse();
    },
    staleTime: 60_000,
    // Lines come a little later than what is concluded from some of them.
    refetchInterval: () => (Date.now() < beganMs + COMING_MS ? EVERY_MS : false),
  });
  if (!data?.length) return null;
  return (
    <section className="stack signs">
      {title && <h3>{title}</h3>}
      <ol className="first-signs">
        {firstSigns(data, most)
          .map(withoutHead)
          .map((row) => (
            <li key={row.cursor}>
              <Link className={row.level} href={href('/at', {}, { at: row.ts_ns })}>
                <span className="dim">
                  {rowTime(nsToMs(row.ts_ns), false)} <b>{row.stream.host}</b> {row.stream.service}
                </span>
                <span className="sign-body">
                  <Body row={row} max={300} isFlat />
                </span>
              </Link>
            </li>
          ))}
      </ol>
    </section>
  );
}
