// A moment: its lanes, its cursor, what happened, and the way to it and from it.
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

const at = (page) => new URL(page.url()).searchParams.get('at');

test('what happened lately leads to its moment, in lanes of several layers', async () => {
  const { page } = one;
  await page.goto(server.url);
  await page.locator('.events a').last().click();
  await page.waitForSelector('.lane-strip i');
  const layers = new Set(await page.locator('.lane-name b').allTextContents());
  assert.ok(layers.size >= 3, [...layers].join(' '));
  assert.ok((await page.locator('.happened li').count()) > 0);
  await page.waitForSelector('.moment-lines li');
});

test('measurements that left their usual values are told, and lead to their host', async () => {
  const { page } = one;
  const asked = await fetch(
    `${server.url}/api/v1/query?query=${encodeURIComponent('max_over_time(timestamp(node_load1{host=~"db.*"} > 5)[100m:15s])')}`,
  );
  const [{ value }] = (await asked.json()).data.result;
  const url = page.url();
  await page.goto(`${server.url}/at?at=${Math.round(Number(value[1]))}000000000`);
  await page.locator('#moved li', { hasText: 'Load' }).first().waitFor();
  const link = new URL(await page.locator('#moved a').first().getAttribute('href'), server.url);
  assert.match(link.searchParams.get('host'), /^(db1|db2|app1|wit1)$/);
  await page.goto(url);
  await page.waitForSelector('.lane-strip i');
});

test('what ran where is drawn, and leads to the map at that moment', async () => {
  const { page } = one;
  const then = at(page);
  await page.locator('#map-at .node.host').first().waitFor();
  const name = await page.locator('#map-at .node.host b').first().textContent();
  await page.locator('#map-at .node.host').first().press('Enter');
  await page.waitForSelector(`.thing h2:text("host/${name}")`);
  assert.equal(at(page), then);
  await page.goBack();
  await page.waitForSelector('.lane-strip i');
});

test('the cursor moves by clicks and by keys, and is in the address', async () => {
  const { page } = one;
  const first = at(page);
  const strip = page.locator('.lane-strip').first();
  await strip.scrollIntoViewIfNeeded();
  const box = await strip.boundingBox();
  await page.mouse.click(box.x + box.width * 0.25, box.y + 5);
  await page.waitForFunction((then) => new URLSearchParams(location.search).get('at') !== then, first);
  const second = at(page);
  assert.ok(Math.abs(Number(BigInt(first) - BigInt(second)) / 60e9) < 5);
  await page.locator('h1').click();
  await page.keyboard.press('j');
  await page.waitForFunction((then) => BigInt(new URLSearchParams(location.search).get('at')) > BigInt(then), second);
});

test('a time in the address is the moment', async () => {
  const { page } = one;
  const ms = Date.now() - 300_000;
  await page.goto(`${server.url}/at/${ms}`);
  await page.waitForFunction(() => location.pathname === '/at');
  assert.equal(at(page), `${ms}000000`);
  await page.getByRole('link', { name: 'In the logs' }).click();
  await page.waitForSelector('.rows .row');
  assert.ok(new URL(page.url()).searchParams.has('from'));
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
