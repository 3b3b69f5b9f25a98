import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyBytes } from '../src/app/device.ts';
import { pathOf } from '../src/pages/settings/Pairing.tsx';
import { share } from '../src/pages/status/share.ts';

test('a share is never rounded up to what it is not', () => {
  const cases: [number | null, string][] = [
    [1, '100 %'],
    [0.99999999, '99.999 %'],
    [0.999, '99.900 %'],
    [0.9449, '94.49 %'],
    [0, '0.00 %'],
    [null, '–'],
  ];
  for (const [ratio, shown] of cases) assert.equal(share(ratio), shown);
});

test('a key of the server is read from base64url', () => {
  assert.deepEqual([...keyBytes('BP-_')], [4, 255, 191]);
});

test('a code has its three finders and a margin', () => {
  const { size, path } = pathOf('https://logs.example:7450/pair#x');
  assert.equal((size - 8 - 17) % 4, 0);
  for (const corner of [`M4 4h`, `M${size - 5} 4h`, `M4 ${size - 5}h`]) assert.ok(path.includes(corner), corner);
  assert.ok(!path.includes('M3 ') && !path.includes(' 3h'));
});
