// The map: what runs where at a moment, played and stepped through, by mouse and by keys.
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
const shown = (page) => page.locator('.replay output').textContent();

test('keys lead to the map, which shows hosts and resources in layers', async () => {
  const { page } = one;
  await page.goto(`${server.url}/?since=3h`);
  await page.waitForSelector('.tile');
  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await page.waitForSelector('.node.host');
  assert.equal(new URL(page.url()).pathname, '/map');
  assert.equal(param(page, 'since'), '3h');
  const top = async (kind) => (await page.locator(`.node.${kind}`).first().boundingBox()).y;
  assert.ok((await top('resource')) < (await top('host')));
  assert.ok((await page.locator('.graph path').count()) >= 8);
});

test('steps through the changes show another state, and the address has the moment', async () => {
  const { page } = one;
  await page.locator('h1').click();
  const before = await shown(page);
  const states = new Set();
  for (let n = 0; n < 12; n += 1) {
    const then = await shown(page);
    await page.keyboard.press(',');
    await page.waitForFunction((text) => document.querySelector('.replay output').textContent !== text, then);
    states.add((await page.locator('.node').evaluateAll((all) => all.map(({ title }) => title))).join('\n'));
  }
  assert.ok(states.size > 6, `${states.size} states`);
  assert.notEqual(await shown(page), before);
  const at = param(page, 'at');
  const words = await shown(page);
  await page.goto(page.url());
  await page.waitForSelector('.node.host');
  assert.equal(await shown(page), words);
  assert.equal(param(page, 'at'), at);
});

test('it plays and pauses by the space bar, at the chosen speed', async () => {
  const { page } = one;
  await page.locator('h1').click();
  await page.keyboard.press('+');
  await page.waitForSelector('.replay [aria-pressed="true"]:text("600×")');
  const before = await shown(page);
  await page.keyboard.press(' ');
  await page.waitForFunction((text) => document.querySelector('.replay output').textContent !== text, before);
  await page.keyboard.press(' ');
  await page.waitForSelector('.replay button:text("Play")');
});

test('a thing leads to its past, its lines and its moment; Escape lets it go', async () => {
  const { page } = one;
  await page.locator('.node.host', { hasText: 'db1' }).press('Enter');
  await page.waitForSelector('.thing h2:text("host/db1")');
  assert.equal(param(page, 'node'), 'host/db1');
  const href = await page.locator('.thing a', { hasText: 'Its lines' }).getAttribute('href');
  assert.equal(new URL(href, server.url).searchParams.get('q'), 'entity:host/db1');
  await page.locator('h1').click();
  await page.keyboard.press('Escape');
  await page.waitForSelector('.thing', { state: 'detached' });
  await page.getByText(/^As a list/).click();
  await page.locator('.things').getByRole('button', { name: 'host/db2' }).click();
  await page.waitForSelector('.thing h2:text("host/db2")');
  await page.locator('.thing a', { hasText: 'Its lines' }).click();
  await page.waitForSelector('.logs[data-state="ready"] .row');
});

test('three hundred things play smoothly', async () => {
  const { page, close } = await open(browser, server.url);
  const ns = Date.now() * 1e6;
  const edge = (n, host, detail) => ({
    from: `resource/r${n}`,
    relation: 'runs_on',
    to: `host/h${host}`,
    detail,
    origin: 'test',
  });
  const at = (n) => new Date(Date.now() - 3_500_000 + n * 1_000).toISOString();
  const edges = Array.from({ length: 270 }, (_, n) => ({ ...edge(n, n % 30, 'Started'), since: at(0) }));
  const changes = Array.from({ length: 1_500 }, (_, n) => [
    { at: at(n), is_there: true, ...edge(n % 270, (n + 7) % 30, 'Stopped') },
    { at: at(n + 400), is_there: false, ...edge(n % 270, (n + 7) % 30, 'Stopped') },
  ])
    .flat()
    .sort((a, b) => a.at.localeCompare(b.at));
  await page.route('**/app/v1/topology*', (route) => route.fulfill({ json: { at_ns: String(ns), edges, changes } }));
  await page.goto(`${server.url}/map`);
  await page.waitForSelector('.node.host');
  assert.equal(await page.locator('.node').count(), 300);
  await page.locator('h1').click();
  await page.keyboard.press(' ');
  const p95 = await page.evaluate(async () => {
    const frames = [];
    let last = performance.now();
    while (frames.length < 90) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      frames.push(performance.now() - last);
      last = performance.now();
    }
    return frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)];
  });
  console.log(`300 things, frame p95 ${p95.toFixed(0)} ms`);
  // A shared machine is no yardstick; ten times slower than it is would be felt.
  assert.ok(p95 < 400, `${p95} ms`);
  await close();
});

test('the lines of a moment are narrowed by the scope, which can be chosen and removed', async () => {
  const { page } = one;
  await page.goto(`${server.url}/logs?since=2h`);
  await page.waitForSelector('.row');
  await page.getByRole('button', { name: 'Narrow all pages' }).click();
  await page.locator('.scope-panel section[aria-label="host"]').getByRole('button', { name: /^db1/ }).click();
  await page.waitForFunction(() => new URLSearchParams(location.search).get('scope') === 'host:db1');
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  await page.waitForSelector('.moment-lines li');
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.moment-lines li .dim')].every(({ textContent }) => textContent.includes('db1')),
  );
  await page.locator('.scope').getByRole('button', { name: 'host:db1' }).click();
  await page.waitForFunction(() => !new URLSearchParams(location.search).has('scope'));
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
