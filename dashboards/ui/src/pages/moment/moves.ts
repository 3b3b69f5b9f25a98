/** Which measurements moved at a moment: the time around it against four times as long before. No React in here. */
import type { MatrixSeries } from '../../api/metrics.ts';
import { hostName, type Measure } from '../hosts/measures.ts';

/** So far around the moment. */
export const AROUND_S = 120;
/** So long before that, with which it is compared. */
export const BEFORE_S = 4 * 2 * AROUND_S;
export const STEP_S = 15;
/** How many times as far as usual something has to be off. */
const STRENGTH_MIN = 4;
const POINTS_MIN = 4;

export interface Move {
  host: string;
  measure: Measure;
  before: number;
  after: number;
  /** How far it is off, in units of how far it is off usually. */
  strength: number;
}

const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;

/** How far the value that is furthest off is from what was before; `null` where too little is known. */
export function moveOf({ metric, values = [] }: MatrixSeries, measure: Measure, atS: number): Move | null {
  const begin = atS - AROUND_S;
  const all = values.map(([s, text]) => [s, Number(text)] as const).filter(([, value]) => Number.isFinite(value));
  const before = all.filter(([s]) => s >= begin - BEFORE_S && s < begin).map(([, value]) => value);
  const after = all.filter(([s]) => s >= begin && s <= atS + AROUND_S).map(([, value]) => value);
  if (before.length < POINTS_MIN || after.length === 0) return null;
  const usual = mean(before);
  const spread = Math.sqrt(mean(before.map((value) => (value - usual) ** 2)));
  // What is far from full, or moves by a trifle, tells nothing.
  const floor = Math.max((measure.bounds?.[0] ?? 0) * 0.1, Math.abs(usual) * 0.1, Number.EPSILON);
  const furthest = after.reduce((a, b) => (Math.abs(b - usual) > Math.abs(a - usual) ? b : a));
  const strength = Math.abs(furthest - usual) / Math.max(spread, floor);
  return { host: hostName(metric), measure, before: usual, after: furthest, strength };
}

/** Those that moved, the most unusual first. */
export function movesOf(answers: readonly { measure: Measure; series: MatrixSeries[] }[], atS: number): Move[] {
  return answers
    .flatMap(({ measure, series }) => series.map((one) => moveOf(one, measure, atS)))
    .filter((move) => move !== null && move.strength >= STRENGTH_MIN)
    .map((move) => move as Move)
    .sort((a, b) => b.strength - a.strength || a.host.localeCompare(b.host));
}
