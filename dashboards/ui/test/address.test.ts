// What an address says is what it says again: reading and writing it are each other's inverse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpan, readShared, type Shared, writeShared } from '../src/app/address.ts';

const NONE: Shared = { since: '1h', from: null, to: null, scope: [], at: null };

function again(shared: Shared): Shared {
  const params = new URLSearchParams();
  writeShared(shared, params);
  return readShared(params);
}

test('a shared state round-trips', () => {
  for (const shared of [
    NONE,
    { ...NONE, since: '15m' },
    { ...NONE, since: null, from: '1795341602500000000', to: '1795341602500000001' },
    { ...NONE, since: null, from: '-5' },
    { ...NONE, scope: ['host:db1', '-service:"a b&c"'], at: '1795341602500000000' },
  ]) {
    assert.deepEqual(again(shared), shared);
  }
});

test('what makes no sense in an address is left out', () => {
  for (const search of ['since=yesterday', 'from=x&to=9', 'from=9&to=9', 'from=9&to=8', 'at=1e9', 'scope=']) {
    assert.deepEqual(readShared(new URLSearchParams(search)), NONE, search);
  }
});

test('spans have one unit', () => {
  assert.deepEqual(['90s', '15m', '2d', '1w', '', '5', 'm', '1h30m', '-1h'].map(parseSpan), [
    90_000,
    900_000,
    172_800_000,
    604_800_000,
    null,
    null,
    null,
    null,
    null,
  ]);
});
