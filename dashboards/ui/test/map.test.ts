import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthOf, heldAt, historyOf, statesOf, stepFrom } from '../src/pages/map/history.ts';
import { layoutOf, NODES_MAX } from '../src/pages/map/layout.ts';

const at = (s: number) => new Date(s * 1000).toISOString();
const edge = (from: string, relation: string, to: string, detail: string) => ({
  from,
  relation,
  to,
  detail,
  origin: 'pacemaker',
});
// A resource moves from db1 to db2 at 100 s, after it was nowhere from 90 s on.
const moved = historyOf({
  edges: [{ ...edge('resource/vip', 'runs_on', 'host/db2', 'Started'), since: at(100) }],
  changes: [
    { at: at(90), is_there: false, ...edge('resource/vip', 'runs_on', 'host/db1', 'Started') },
    { at: at(90), is_there: true, ...edge('resource/vip', 'part_of', 'cluster/erp', 'stopped') },
    { at: at(100), is_there: false, ...edge('resource/vip', 'part_of', 'cluster/erp', 'stopped') },
    { at: at(100), is_there: true, ...edge('resource/vip', 'runs_on', 'host/db2', 'Started') },
  ],
});
const tied = (s: number) => heldAt(moved, s * 1000).map(({ edge: { relation, to } }) => `${relation} ${to}`);

test('a past moment is told from the present and what changed since', () => {
  assert.deepEqual([0, 89.999, 90, 99.999, 100, 1e6].map(tied), [
    ['runs_on host/db1'],
    ['runs_on host/db1'],
    ['part_of cluster/erp'],
    ['part_of cluster/erp'],
    ['runs_on host/db2'],
    ['runs_on host/db2'],
  ]);
  assert.deepEqual(
    moved.steps.map(({ ms, health, changes }) => [ms, health, changes.length]),
    [
      [90_000, 'bad', 2],
      [100_000, 'good', 2],
    ],
  );
});

test('steps go to the next and the previous change, and stay at the ends', () => {
  assert.equal(stepFrom(moved, 0, 1)?.ms, 90_000);
  assert.equal(stepFrom(moved, 90_000, 1)?.ms, 100_000);
  assert.equal(stepFrom(moved, 100_000, 1), undefined);
  assert.equal(stepFrom(moved, 100_000, -1)?.ms, 90_000);
  assert.equal(stepFrom(moved, 90_000, -1), undefined);
});

test('a thing is as bad as the worst that is said of it; what is in no edge is not there', () => {
  assert.deepEqual(statesOf(heldAt(moved, 95_000)).get('resource/vip'), { health: 'bad', words: ['stopped'] });
  assert.deepEqual(statesOf(heldAt(moved, 100_000)).get('resource/vip'), { health: 'good', words: ['Started'] });
  assert.equal(statesOf(heldAt(moved, 100_000)).get('host/db1'), undefined);
  const copies = ['Secondary UpToDate', 'db1 Connected resync', 'Primary Diskless'].map((detail) => ({
    edge: edge('drbd/r0', 'runs_on', 'host/db1', detail),
    fromMs: 0,
    toMs: 1,
  }));
  assert.deepEqual(statesOf(copies).get('drbd/r0'), {
    health: 'bad',
    words: ['Primary Diskless', 'db1 Connected resync', 'Secondary UpToDate'],
  });
  assert.deepEqual(
    [
      'Primary UpToDate',
      'db1 Connected',
      'db1 Connected resync',
      'Secondary Inconsistent',
      'db1 Connecting',
      'lost',
    ].map(healthOf),
    ['good', 'good', 'caution', 'caution', 'bad', 'bad'],
  );
});

test('resources stand above hosts and hosts above clusters, without overlap and at the same place at all times', () => {
  const layout = layoutOf(moved.held);
  const y = (id: string) => layout.places.get(id)?.y ?? Number.NaN;
  assert.ok(y('resource/vip') < y('host/db1') && y('host/db1') === y('host/db2') && y('host/db2') < y('cluster/erp'));
  assert.notEqual(layout.places.get('host/db1')?.x, layout.places.get('host/db2')?.x);
  assert.deepEqual(layout, layoutOf(moved.held.toReversed()));
});

test('what is too much to draw is counted', () => {
  const many = Array.from({ length: NODES_MAX + 20 }, (_, n) => ({
    edge: edge(`resource/r${String(n).padStart(4, '0')}`, 'runs_on', 'host/db1', ''),
    fromMs: 0,
    toMs: 1,
  }));
  assert.equal(layoutOf(many).leftOut, 21);
  assert.equal(layoutOf(many).places.size, NODES_MAX);
});
