import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineName, ofHost } from '../src/pages/hosts/panels.ts';
import { lanesOf } from '../src/pages/hosts/States.tsx';

test('series of a host are found by their label, else by their address, and by no longer name', () => {
  assert.equal(
    ofHost('db1.example', (selector) => `max(node_load1{${selector}})`),
    '(max(node_load1{host="db1.example"})) or (max(node_load1{host="",instance=~"db1\\\\.example(:[0-9]+)?"}))',
  );
});

test('a line is called by what others of the host do not share', () => {
  assert.equal(lineName('read', { host: 'db1', instance: 'db1:9100', device: 'sda' }), 'read sda');
  assert.equal(lineName(undefined, { host: 'db1', __name__: 'oracledb_up' }), 'oracledb_up');
});

test('bars of a host are cut to the range; where a thing is a copy is another lane than where it runs', () => {
  const edge = (from: string, relation: string, to: string, detail: string) => ({
    from,
    relation,
    to,
    detail,
    origin: 'drbd',
  });
  const held = [
    { edge: edge('drbd/r0', 'runs_on', 'host/db1', 'Primary'), fromMs: Number.NEGATIVE_INFINITY, toMs: 150 },
    { edge: edge('drbd/r0', 'replicates_to', 'host/db1', 'Connected'), fromMs: 120, toMs: Number.POSITIVE_INFINITY },
    { edge: edge('drbd/r0', 'runs_on', 'host/db2', 'Secondary'), fromMs: 0, toMs: 300 },
    { edge: edge('host/db1', 'part_of', 'cluster/erp', 'member'), fromMs: 0, toMs: 100 },
  ];
  assert.deepEqual(lanesOf(held, 'db1', 100, 200), [
    { entity: 'drbd/r0', relation: '', bars: [{ fromMs: 100, toMs: 150, words: 'Primary' }] },
    { entity: 'drbd/r0', relation: 'replicates_to', bars: [{ fromMs: 120, toMs: 200, words: 'Connected' }] },
  ]);
});
