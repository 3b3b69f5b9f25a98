// Status: verdicts, who votes what, outages with the way to their moment, certificates.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, probe, startServer } from './harness.mjs';

let server;
let browser;
let one;
before(async () => {
  server = await startServer();
  browser = await launch();
  one = await open(browser, server.url);
  await probe(server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('what is down comes first, with who says so', async () => {
  const { page } = one;
  await page.goto(`${server.url}/status`);
  const first = page.locator('.target').first();
  await first.getByText('tcp://db2:5432').waitFor();
  assert.equal(await first.getAttribute('class'), 'card target down');
  await first.getByRole('button', { name: /outage/ }).click();
  await first.locator('.target-details').getByText('connection refused').first().waitFor();
  assert.equal(await first.locator('.target-details li', { hasText: 'still down' }).count(), 1);
  assert.equal(await page.locator('.target.up').count(), 2);
  assert.equal(await first.locator('.beats i').count(), 48);
});

test('the span is in the address, and certificates come by their ends', async () => {
  const { page } = one;
  await page.getByRole('button', { name: '7d' }).click();
  await page.waitForFunction(() => new URLSearchParams(location.search).get('span') === '7d');
  const certificates = page.getByRole('region', { name: 'Certificates' }).locator('li');
  await certificates.first().waitFor();
  assert.deepEqual(await certificates.locator('.target-name').allTextContents(), [
    'https://shop.example/',
    'https://www.example/',
  ]);
});

test('an outage leads to its moment', async () => {
  const { page } = one;
  await page.locator('.target.down .target-details a', { hasText: 'connection refused' }).first().click();
  await page.waitForFunction(() => location.pathname === '/at');
  assert.match(new URL(page.url()).searchParams.get('at'), /^\d{19}$/);
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
