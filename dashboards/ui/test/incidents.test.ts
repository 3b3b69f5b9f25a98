import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Incident, worstFirst } from '../src/api/alerting.ts';

const incident = (id: number, level: Incident['level'], by: string | null) =>
  ({ id, level, acknowledged_by: by }) as unknown as Incident;

test('what is worst and nobody has taken comes first, and equals keep their order', () => {
  const all = [
    incident(5, 'warning', null),
    incident(4, 'critical', 'eva'),
    incident(3, 'warning', 'eva'),
    incident(2, 'critical', null),
    incident(1, 'critical', null),
  ];
  assert.deepEqual(
    worstFirst(all).map(({ id }) => id),
    [2, 1, 4, 5, 3],
  );
  assert.equal(all[0]?.id, 5);
});
