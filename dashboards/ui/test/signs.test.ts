import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../src/api/logs.ts';
import { firstSigns, withoutHead } from '../src/pages/alerts/signs.ts';

const row = (second: number, body = '') =>
  ({
    ts_ns: `${second * 1000}000000`,
    cursor: String(second),
    body,
    stream: { host: 'db1' },
    highlights: [],
  }) as unknown as Row;
const seconds = (rows: Row[]) => rows.map(({ cursor }) => Number(cursor));

test('the first signs are those that came one upon the other up to the last', () => {
  const rows = [1, 21, 36.1, 36.5, 50, 64].map((second) => row(second));
  assert.deepEqual(seconds(firstSigns(rows, 3)), [36.1, 36.5, 50]);
  assert.deepEqual(seconds(firstSigns(rows.slice(0, 2), 3)), [21]);
  assert.deepEqual(firstSigns([], 3), []);
});

test('what syslog puts before a line is left out where it says nothing more', () => {
  const head = '2026-11-23T02:45:31.534191+00:00 db1 ';
  assert.equal(withoutHead(row(1, `${head}kernel: sd 0:0:0:0`)).body, 'kernel: sd 0:0:0:0');
  const relayed = row(1, '2026-11-23T02:45:31.534191+00:00 db2 kernel: sd 0:0:0:0');
  assert.equal(withoutHead(relayed), relayed);
  const own = row(1, 'ORA-00345: redo log write error');
  assert.equal(withoutHead(own), own);
});
