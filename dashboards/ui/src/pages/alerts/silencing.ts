/** When a silence holds, and what it would be about. No React in here. */
import type { SilenceMatcher } from '../../api/alerting.ts';

export type Every = 'once' | 'day' | 'week';

/** Silences that one form makes, at most. */
export const TIMES_MAX = 30;

/** From when to when, in milliseconds: at the same local time of each day or week, also where clocks are changed. */
export function occurrences(startMs: number, spanMs: number, every: Every, times: number): [number, number][] {
  const count = every === 'once' ? 1 : Math.min(Math.max(1, Math.floor(times) || 1), TIMES_MAX);
  return Array.from({ length: count }, (_, n) => {
    const at = new Date(startMs);
    at.setDate(at.getDate() + n * (every === 'week' ? 7 : 1));
    return [at.getTime(), at.getTime() + spanMs];
  });
}

/** Whether a silence is about an alert; `null` where an expression can't be read here. */
export function matches(matchers: readonly SilenceMatcher[], labels: Record<string, string>): boolean | null {
  try {
    return matchers.every(({ name, value, isRegex, isEqual }) => {
      const own = labels[name] ?? '';
      return (isRegex ? new RegExp(`^(?:${value})$`, 's').test(own) : own === value) === isEqual;
    });
  } catch {
    // The server's expressions have more, and what is half written is none.
    return null;
  }
}
