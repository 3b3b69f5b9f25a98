// Now: what of the clusters is not well, what is nearest to full, and the ways on from there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beside, launch, open, startServer } from './harness.mjs';

let server;
let browser;
let one;
before(async () => {
  server = await startServer();
  browser = await launch();
  one = await open(browser, server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('the clusters are told as the topology has them', async () => {
  const { page } = one;
  let edges = [{ relation: 'part_of', from: 'resource/shop', to: 'cluster/test', detail: 'stopped' }];
  const long = 'Connecting to a peer that nobody has seen, over a link with a long name';
  edges.push({ relation: 'replicates_to', from: 'drbd/r0', to: 'host/db2', detail: long });
  await page.route('**/app/v1/topology*', (route) =>
    route.fulfill({ json: { at_ns: '0', edges: edges.map((edge) => ({ origin: 'test', since: 'now', ...edge })) } }),
  );
  await page.goto(server.url);
  const section = page.locator('#clusters');
  assert.match(await section.locator('li a', { hasText: 'resource/shop' }).textContent(), /stopped/);
  for (const width of [320, 390, 1024]) {
    await page.setViewportSize({ width, height: 800 });
    assert.deepEqual(await beside(page), [], `at ${width}`);
  }
  edges = [{ relation: 'runs_on', from: 'resource/shop', to: 'host/db1', detail: 'Started' }];
  await page.reload();
  await section.getByText('All 2 things on the map are well.').waitFor();
  await page.unroute('**/app/v1/topology*');
});

test('layers lead to their lines of the last minutes', async () => {
  const { page } = one;
  const link = page.locator('.layers a', { hasText: 'cluster' });
  const to = new URL(await link.getAttribute('href'), server.url);
  assert.match(to.searchParams.get('q'), /^layer:cluster/);
  assert.equal(to.searchParams.get('since'), '15m');
});

test('what is nearest to full leads to its host', async () => {
  const { page } = one;
  const items = page.locator('#tight li');
  await items.first().waitFor();
  assert.equal(await items.count(), 5);
  await items.first().locator('a').press('Enter');
  await page.waitForSelector('.panels canvas');
  assert.match(new URL(page.url()).searchParams.get('host'), /^(db1|db2|app1|wit1)$/);
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
