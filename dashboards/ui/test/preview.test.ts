import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../src/api/alerting.ts';
import { ruleText } from '../src/pages/alerts/Preview.tsx';

test('a rule in force is written as it stands in a file', () => {
  const rule = {
    name: 'Disk: "full"',
    query: 'disk > 1',
    duration: 60,
    labels: { severity: 'critical' },
    annotations: {},
  } as Partial<Rule> as Rule;
  assert.equal(
    ruleText(rule),
    `groups:
  - name: preview
    rules:
      - alert: "Disk: \\"full\\""
        expr: "disk > 1"
        for: 60s
        labels: {"severity":"critical"}
`,
  );
  assert.ok(!ruleText({ ...rule, duration: 0 }).includes('for:'));
});
