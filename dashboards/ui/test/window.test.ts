import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page, Row } from '../src/api/logs.ts';
import { type Ask, RowWindow } from '../src/pages/logs/window.ts';

/** Rows 0 to `count`, the newest first; a row's cursor is its number. */
function store(count: number) {
  return async ({ order, limit, cursor }: Ask): Promise<Page> => {
    const begin = cursor === undefined ? (order === 'newest' ? -1 : count) : Number(cursor);
    const rows: Row[] = [];
    const step = order === 'newest' ? 1 : -1;
    let at = begin + step;
    for (; at >= 0 && at < count && rows.length < limit; at += step) rows.push({ cursor: String(at) } as Row);
    const isEnd = at < 0 || at >= count;
    return { rows, next: isEnd ? null : String(at), stats: { bytes_scanned: 1, records_scanned: 1 }, partial: false };
  };
}

const span = (window: RowWindow) => {
  const { rows } = window.get();
  return [Number(rows[0]?.cursor), Number(rows.at(-1)?.cursor), rows.length];
};

test('rows leave at the far end, and come back without a gap', async () => {
  const window = new RowWindow(store(10_000), 'newest', 4_000);
  for (let page = 0; page < 4; page += 1) await window.more();
  assert.deepEqual(span(window), [2_100, 6_099, 4_000]);
  assert.equal(window.get().evicted, 2_100);
  await window.back();
  assert.deepEqual(span(window), [100, 4_099, 4_000]);
  await window.back();
  assert.deepEqual(span(window), [0, 3_999, 4_000]);
  assert.equal(window.get().evicted, 0);
  await window.more();
  assert.deepEqual(span(window), [2_000, 5_999, 4_000]);
});

test('the end is known, and nothing is asked behind it', async () => {
  let asked = 0;
  const rows = store(80);
  const window = new RowWindow((ask) => {
    asked += 1;
    return rows(ask);
  }, 'newest');
  await window.more();
  await window.more();
  assert.deepEqual(span(window), [0, 79, 80]);
  assert.deepEqual([window.get().isWhole, asked], [true, 1]);
});

test('a failure is told and can be asked again; what is cancelled changes nothing', async () => {
  let fails = true;
  const rows = store(500);
  const window = new RowWindow(async (ask) => {
    if (fails) throw new Error('away');
    return rows(ask);
  }, 'newest');
  await window.more();
  assert.equal((window.get().error as Error).message, 'away');
  fails = false;
  await window.more();
  assert.deepEqual([window.get().error, window.get().rows.length], [null, 100]);
  const under = window.more();
  window.cancel();
  await under;
  assert.deepEqual([window.get().isCancelled, window.get().rows.length], [true, 100]);
});
