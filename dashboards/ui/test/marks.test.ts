import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page, Row } from '../src/api/logs.ts';
import { nextAhead } from '../src/pages/logs/ahead.ts';
import { clearMarks, getMarks, inOrder, markAll, toggleMark } from '../src/pages/logs/marks.ts';
import { conditionsOf } from '../src/pages/logs/RowValues.tsx';
import { sameId } from '../src/pages/logs/values.ts';
import { RowWindow } from '../src/pages/logs/window.ts';

const row = (n: number, more: Partial<Row> = {}): Row =>
  ({ cursor: `c${n}`, ts_ns: String(n), seq: '1', level: 'info', stream: {}, attributes: {}, ...more }) as Row;

test('marks are taken away again, and come out as it happened', () => {
  for (const n of [10, 9, 100]) toggleMark(row(n));
  toggleMark(row(9));
  markAll([row(10), row(2, { seq: '2' }), row(2, { cursor: 'first' })]);
  assert.deepEqual(
    inOrder(getMarks()).map(({ cursor }) => cursor),
    ['first', 'c2', 'c10', 'c100'],
  );
  clearMarks();
  assert.equal(getMarks().size, 0);
});

test('the next line of a kind is found beyond what is loaded, and its absence is known', async () => {
  const all = Array.from({ length: 9 }, (_, n) => row(n, { level: n === 7 ? 'error' : 'info' }));
  const pages = (rows: Row[]) => async (ask: { cursor?: string }) => {
    const from = ask.cursor ? rows.findIndex(({ cursor }) => cursor === ask.cursor) + 1 : 0;
    const part = rows.slice(from, from + 3);
    return {
      rows: part,
      next: from + 3 < rows.length ? (part.at(-1)?.cursor ?? null) : null,
      stats: { bytes_scanned: 1, records_scanned: 1 },
      partial: false,
    } as Page;
  };
  const isError = ({ level }: Row) => level === 'error';
  const window = new RowWindow(pages(all), 'newest');
  await window.more();
  assert.equal(await nextAhead(window, -1, isError), 7);
  assert.equal(await nextAhead(window, 7, isError), -1);
  // Rows that left at the beginning move the place.
  const small = new RowWindow(pages(all), 'newest', 4);
  await small.more();
  const at = await nextAhead(small, -1, isError);
  assert.equal(small.get().rows[at]?.cursor, 'c7');
});

test('a line is narrowed by what it has, and followed by the most telling id', () => {
  const told = row(1, {
    level: 'error',
    stream: { host: 'db1', simulated: 'true' },
    attributes: { pid: 7, empty: '', long: 'x'.repeat(300) },
    entities: ['host/db1'],
  });
  assert.deepEqual(conditionsOf(told), [
    ['level', 'error'],
    ['host', 'db1'],
    ['pid', '7'],
    ['entity', 'host/db1'],
  ]);
  assert.equal(sameId(told), 'pid:7 host:db1');
  assert.equal(sameId({ ...told, trace_id: 'abc' }), 'trace_id:abc');
  assert.equal(sameId(row(2)), null);
});
