// Series: completion, the plot with its legend and its zoom, the table, and what is wrong with a query.
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

test('a metric of the list is drawn, a line of it hidden', async () => {
  const { page } = one;
  await page.goto(`${server.url}/explore`);
  await page.getByLabel('Find a metric').fill('node_load');
  await page.getByRole('button', { name: 'node_load1' }).click();
  await page.waitForSelector('.plot canvas');
  assert.equal(new URL(page.url()).searchParams.get('expr'), 'node_load1');
  const lines = page.locator('.legend button');
  assert.equal(await lines.count(), 4);
  await lines.first().click();
  assert.equal(await lines.first().getAttribute('aria-pressed'), 'false');
});

test('a drag over the plot zooms all of the page', async () => {
  const { page } = one;
  const box = await page.locator('.plot .u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => new URLSearchParams(location.search).has('from'));
  const params = new URL(page.url()).searchParams;
  const minutes = Number(BigInt(params.get('to')) - BigInt(params.get('from'))) / 60e9;
  assert.ok(minutes > 13 && minutes < 17, `${minutes} minutes`);
});

test('completion knows metrics, and Enter runs', async () => {
  const { page } = one;
  await page.goto(`${server.url}/explore`);
  await page.waitForSelector('.query[data-editor="true"]');
  await page.locator('.query-editor .cm-content').click();
  await page.keyboard.type('oracledb_', { delay: 40 });
  await page.waitForFunction(() => {
    const root = document.querySelector('.query-editor').shadowRoot;
    return [...root.querySelectorAll('.cm-completionLabel')].some((label) => label.textContent === 'oracledb_up');
  });
  await page.keyboard.press('Escape');
  await page.locator('.query-editor .cm-content').click();
  await page.keyboard.type('up');
  await page.locator('.query-bar button').click();
  await page.waitForSelector('.plot canvas');
  await page.getByRole('tab', { name: 'Table' }).click();
  await page.waitForSelector('table.plain td');
  assert.match(await page.textContent('table.plain td'), /^oracledb_up\{/);
});

test('a wrong query says what is wrong', async () => {
  const { page } = one;
  await page.goto(`${server.url}/explore?expr=rate(up)`);
  await page.waitForSelector('.notice.bad');
  assert.match(await page.textContent('.notice.bad'), /range vector/);
});

test('nothing was complained of', () => {
  assert.deepEqual(
    one.complaints.filter((text) => !/status of 400/.test(text)),
    [],
  );
});
