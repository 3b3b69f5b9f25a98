// Hosts: what is tight, and one host with its cluster state and its courses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, startServer } from './harness.mjs';

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

const param = (page, name) => new URL(page.url()).searchParams.get(name);

test('a host opens from the table, with resources, DRBD and the database over time', async () => {
  const { page } = one;
  await page.goto(`${server.url}/hosts?since=2h`);
  await page.locator('.matrix').getByRole('link', { name: 'db2', exact: true }).press('Enter');
  for (const id of ['cpu', 'pressure', 'memory', 'disk-busy', 'disk-latency', 'network', 'drbd-behind', 'db-sessions'])
    await page.waitForSelector(`#${id} canvas`);
  assert.equal(param(page, 'host'), 'db2');
  assert.equal(param(page, 'since'), '2h');
  const lanes = await page.locator('.state-lane .mono').allTextContents();
  for (const lane of ['cluster/simulated-erp', 'drbd/r0', 'resource/vip_erp'])
    assert.ok(
      lanes.some((name) => name.trim() === lane),
      lanes.join(),
    );
  assert.ok((await page.locator('.state-strip a.bad').count()) > 0);
  await page.getByText(/^started 20/).waitFor();
});

test('what it was leads to the map at that time; Escape leads back to all hosts', async () => {
  const { page } = one;
  const href = await page.locator('.state-strip a.bad').first().getAttribute('href');
  const link = new URL(href, server.url);
  assert.equal(link.pathname, '/map');
  assert.match(link.searchParams.get('at'), /^\d{19}$/);
  await page.locator('h1').click();
  await page.keyboard.press('Escape');
  await page.waitForSelector('.matrix .cell');
  assert.equal(param(page, 'host'), null);
});

test('a host that sent nothing says so', async () => {
  const { page } = one;
  await page.goto(`${server.url}/hosts?host=nosuch`);
  await page.waitForSelector('.empty');
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
