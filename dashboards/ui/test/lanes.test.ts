import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../src/api/logs.ts';
import { lanesOf, parseAt } from '../src/pages/moment/lanes.ts';

test('lanes go from the metal up, hosts by name, what has no layer last', () => {
  const row = (layer: string | undefined, host: string, ms: number) =>
    ({ stream: layer ? { layer, host } : { host }, ts_ns: `${ms}000000` }) as unknown as Row;
  const lanes = lanesOf([
    row('web', 'b', 1),
    row(undefined, 'a', 2),
    row('web', 'a', 3),
    row('kernel', 'z', 4),
    row('web', 'b', 5),
  ]);
  assert.deepEqual(
    lanes.map(({ layer, host, marks }) => [layer, host, marks.map(({ ms }) => ms)]),
    [
      ['kernel', 'z', [4]],
      ['web', 'a', [3]],
      ['web', 'b', [1, 5]],
      ['', 'a', [2]],
    ],
  );
});

test('a moment is written in several ways', () => {
  const ns = '1795341602500000000';
  for (const text of ['1795341602500', '1795341602500000', ns, '2026-11-22T10:00:02.5Z'])
    assert.equal(parseAt(text), ns, text);
  assert.equal(parseAt('1795341602'), '1795341602000000000');
  for (const text of ['', 'then', '99999999999999999999']) assert.equal(parseAt(text), null, text);
});
