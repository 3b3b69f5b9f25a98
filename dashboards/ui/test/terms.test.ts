import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTerm, phrase, term, toggleTerm, within } from '../src/app/terms.ts';

test('terms are quoted where the language wants it', () => {
  for (const [field, value, expected] of [
    ['host', 'db1', 'host:db1'],
    ['path', '/api/orders', 'path:"/api/orders"'],
    ['my field', 'a b', '"my field":"a b"'],
    ['user', 'anna "the boss"', 'user:"anna \\"the boss\\""'],
    ['x', 'AND', 'x:"AND"'],
    ['x', '', 'x:""'],
    ['x', 'a*b', 'x:"a*b"'],
  ] as const) {
    assert.equal(term(field, value), expected);
  }
  assert.equal(phrase('C:\\temp'), '"C:\\\\temp"');
});

test('a condition is added so that it holds for all of the query', () => {
  assert.equal(addTerm('', 'host:db1'), 'host:db1');
  assert.equal(addTerm('error', 'host:db1'), 'error host:db1');
  assert.equal(addTerm('error host:db1', 'host:db1'), 'error host:db1');
  assert.equal(addTerm('a OR b', 'c'), '(a OR b) c');
  assert.equal(addTerm('(a OR b)', 'c'), '(a OR b) c');
  assert.equal(addTerm('"a OR b"', 'c'), '"a OR b" c');
  assert.equal(within('a OR b', ['host:db1', 'layer:web']), '(a OR b) host:db1 layer:web');
});

test('a condition is switched on and off, and what is within quotes stays', () => {
  assert.equal(toggleTerm('error', '-layer:web'), 'error -layer:web');
  assert.equal(toggleTerm('error -layer:web host:db1', '-layer:web'), 'error host:db1');
  assert.equal(toggleTerm('-layer:web', '-layer:web'), '');
  assert.equal(toggleTerm('a OR b', '-layer:web'), '(a OR b) -layer:web');
  assert.equal(toggleTerm('-layer:website', '-layer:web'), '-layer:website -layer:web');
});
