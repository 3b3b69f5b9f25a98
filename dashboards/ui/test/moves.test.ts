import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEASURES, type Measure } from '../src/pages/hosts/measures.ts';
import { moveOf, movesOf } from '../src/pages/moment/moves.ts';

const AT = 10_000;
const disk = MEASURES.find(({ id }) => id === 'disk') as Measure;
/** A value every 15 s: `usual` with some noise, and `then` around the moment. */
const series = (host: string, usual: number, then: number) => ({
  metric: { host },
  values: Array.from({ length: 80 }, (_, n): [number, string] => {
    const s = AT - 1080 + n * 15;
    return [s, String(Math.abs(s - AT) <= 45 ? then : usual + (n % 2))];
  }),
});

test('what left its usual values at the moment moved, upwards and downwards; noise did not', () => {
  const moves = movesOf([{ measure: disk, series: [series('a', 5, 90), series('b', 60, 2), series('c', 5, 6)] }], AT);
  assert.deepEqual(
    moves.map(({ host, before, after }) => [host, Math.round(before), after]),
    [
      ['a', 6, 90],
      ['b', 61, 2],
    ],
  );
});

test('what moved at another time, or was hardly known before, is no answer', () => {
  assert.equal(movesOf([{ measure: disk, series: [series('a', 5, 90)] }], AT + 2000).length, 0);
  const short = { metric: { host: 'a' }, values: [[AT, '90'] as [number, string]] };
  assert.equal(moveOf(short, disk, AT), null);
  const unknown = {
    metric: { host: 'a' },
    values: series('a', 5, 90).values.map(([s]): [number, string] => [s, 'NaN']),
  };
  assert.equal(moveOf(unknown, disk, AT), null);
});
