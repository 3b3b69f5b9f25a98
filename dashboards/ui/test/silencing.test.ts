import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches, occurrences, TIMES_MAX } from '../src/pages/alerts/silencing.ts';

const matcher = (name: string, value: string, isRegex = false, isEqual = true) => ({ name, value, isRegex, isEqual });

test('a silence comes again at the same local time, as often as it may', () => {
  const start = new Date(2026, 9, 20, 2, 30).getTime();
  assert.deepEqual(occurrences(start, 60_000, 'once', 9), [[start, start + 60_000]]);
  const weekly = occurrences(start, 60_000, 'week', 3);
  assert.deepEqual(
    weekly.map(([from]) => [new Date(from).getDate(), new Date(from).getHours(), new Date(from).getMinutes()]),
    [
      [20, 2, 30],
      [27, 2, 30],
      [3, 2, 30],
    ],
  );
  assert.ok(weekly.every(([from, to]) => to - from === 60_000));
  assert.equal(occurrences(start, 1, 'day', 1e9).length, TIMES_MAX);
  assert.equal(occurrences(start, 1, 'day', Number.NaN).length, 1);
});

test('matchers are about whole values, a label that is not there is empty, and what is half written says nothing', () => {
  const labels = { alertname: 'DiskSlow', host: 'db1' };
  assert.equal(matches([matcher('alertname', 'DiskSlow'), matcher('host', 'db[12]', true)], labels), true);
  assert.equal(matches([matcher('alertname', 'Disk', true)], labels), false);
  assert.equal(matches([matcher('env', '')], labels), true);
  assert.equal(matches([matcher('host', 'db1', false, false)], labels), false);
  assert.equal(matches([matcher('host', 'db2|web', true, false)], labels), true);
  assert.equal(matches([matcher('host', 'db(', true)], labels), null);
});
