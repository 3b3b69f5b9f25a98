/** Moving and widening the range. */
import type { Range } from '../api/logs.ts';
import type { Shared } from './address.ts';

const SPAN_MIN = 1_000_000_000n;

export type RangePatch = Pick<Shared, 'since' | 'from' | 'to'>;

export function fixedRange(from: bigint, to: bigint): RangePatch {
  return { since: null, from: String(from), to: String(to) };
}

/** Moves by a share of the span; negative is earlier. */
export function shiftRange(range: Range, share: number): RangePatch {
  const [from, to] = [BigInt(range.from), BigInt(range.to)];
  const by = BigInt(Math.round(Number(to - from) * share));
  return fixedRange(from + by, to + by);
}

/** Makes the span `factor` times as long, around its middle. */
export function zoomRange(range: Range, factor: number): RangePatch {
  const [from, to] = [BigInt(range.from), BigInt(range.to)];
  const wanted = BigInt(Math.round(Number(to - from) * factor));
  const span = wanted > SPAN_MIN ? wanted : SPAN_MIN;
  const begin = (from + to) / 2n - span / 2n;
  return fixedRange(begin, begin + span);
}
