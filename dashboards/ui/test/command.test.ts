import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asCommand, asCurl } from '../src/pages/logs/command.ts';

const scope = { q: `it's "slow"`, from: '1', to: '2' };

test('a search goes to a shell as one word, whatever is in it', () => {
  assert.equal(
    asCommand(scope, 'http://db:1'),
    `orszem search 'it'\\''s "slow"' --from 1 --to 2 --server 'http://db:1'`,
  );
  assert.equal(
    asCurl(scope, 'newest', 'http://db:1'),
    `curl -s 'http://db:1/app/v1/export?q=it%27s+%22slow%22&from=1&to=2&order=newest&format=ndjson' -H "Authorization: Bearer $ORSZEM_TOKEN"`,
  );
});
