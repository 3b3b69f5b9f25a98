import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/app/texts/en.ts';
import { hu } from '../src/app/texts/hu.ts';

const holes = (text: string) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((hole) => hole[1]))].sort();

test('both languages say the same texts with the same values', () => {
  assert.deepEqual(Object.keys(hu).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    assert.deepEqual(holes(hu[key as keyof typeof en]), holes(text), key);
  }
});
