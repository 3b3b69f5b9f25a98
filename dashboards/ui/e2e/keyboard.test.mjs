// Without a mouse: what each page is for is done by keys alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fire, launch, open, PHONE, probe, settled, startServer, tabTo } from './harness.mjs';

const NAME = `Keys${Date.now()}`;
let server;
let browser;
let one;
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  one = await open(browser, server.url);
  await probe(server.url);
  await fire(server.url, { alertname: NAME, severity: 'critical', host: NAME }, { summary: 'it is slow' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const param = (page, name) => new URL(page.url()).searchParams.get(name);
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const hasParam = (page, name, value) =>
  page.waitForFunction(([key, wanted]) => new URLSearchParams(location.search).get(key) === wanted, [name, value]);
/** Opens a page, and waits until it takes keys. */
async function start(path = '/') {
  const { page } = one;
  await page.goto(server.url + path);
  await page.locator('h1').first().waitFor();
  return page;
}
const isAt = (page, path) => page.waitForFunction((wanted) => location.pathname === wanted, path);

test('Now leads to an incident', async () => {
  const page = await start();
  await tabTo(page, page.locator('.now a', { hasText: NAME }));
  await press(page, 'Enter');
  await page.locator('.incident-panel', { hasText: NAME }).waitFor();
  await press(page, 'Escape');
  await page.locator('.incident-panel').waitFor({ state: 'detached' });
});

test('Alerts: an incident is chosen and taken, given back, noted', async () => {
  const page = await start();
  await press(page, 'g', 'a');
  const card = page.locator('.incident', { hasText: NAME });
  await card.waitFor();
  for (let steps = 0; (await card.getAttribute('aria-current')) !== 'true'; steps += 1) {
    assert.ok(steps < 50, 'j does not come to it');
    await press(page, 'j');
    await page.locator('.incident[aria-current="true"]').waitFor();
  }
  const panel = page.locator('.incident-panel', { hasText: NAME });
  await panel.getByRole('button', { name: 'Acknowledge' }).waitFor();
  await press(page, 'a');
  await panel.getByRole('button', { name: 'Give back' }).waitFor();
  await tabTo(page, panel.getByLabel('Note', { exact: true }));
  await page.keyboard.type('by keys');
  await press(page, 'Enter');
  await panel.locator('.timeline').getByText('by keys').first().waitFor();
});

test('Alerts: what fires is silenced', async () => {
  const page = await start('/alerts');
  await tabTo(page, page.getByRole('tab', { name: 'Incidents' }));
  await press(page, 'ArrowRight');
  const group = page.locator('.group', { hasText: NAME });
  await tabTo(page, group.getByRole('button', { name: 'Silence' }).first());
  await press(page, 'Enter');
  await tabTo(page, page.getByLabel('Why', { exact: true }));
  await page.keyboard.type('known');
  await press(page, 'Enter');
  await group.getByText('silenced').waitFor();
});

test('Logs: asked, narrowed, a row read with its context', async () => {
  const page = await start();
  await press(page, 'g', 'l');
  await page.waitForSelector('.query[data-editor="true"]');
  await settled(page);
  await press(page, '/');
  await page.keyboard.insertText('level:error ');
  await press(page, 'Enter');
  await hasParam(page, 'q', 'level:error');
  await settled(page);
  await press(page, 'Escape');
  await tabTo(page, page.locator('.field-value', { hasText: 'app1' }).first().locator('.value-name'));
  await press(page, 'Enter');
  await hasParam(page, 'q', 'level:error host:app1');
  await settled(page);
  await page.waitForSelector('.row');
  await press(page, 'j', 'Enter');
  await page.waitForSelector('.panel .detail-body');
  await press(page, 'c');
  await page.waitForSelector('.context-rows .own');
  await press(page, 'Escape');
  await page.waitForSelector('.panel', { state: 'detached' });
});

test('the range is chosen, moved and widened', async () => {
  const page = await start('/logs?q=level:error');
  await settled(page);
  await press(page, 't');
  await tabTo(page, page.getByRole('button', { name: /15 ?m/ }).first());
  await press(page, 'Enter');
  await hasParam(page, 'since', '15m');
  await settled(page);
  await press(page, '[');
  await page.waitForFunction(() => new URLSearchParams(location.search).has('from'));
  const span = () => Number(BigInt(param(page, 'to')) - BigInt(param(page, 'from')));
  const before = span();
  await press(page, 'Z');
  await page.waitForFunction((then) => {
    const params = new URLSearchParams(location.search);
    return Number(BigInt(params.get('to')) - BigInt(params.get('from'))) > then;
  }, before);
});

test('Moment: from event to event, to the logs', async () => {
  const page = await start();
  await tabTo(page, page.locator('.events a').last());
  await press(page, 'Enter');
  await page.waitForSelector('.lane-strip i');
  await page.waitForSelector('.moment-lines li');
  const first = param(page, 'at');
  await press(page, 'j');
  await page.waitForFunction((then) => BigInt(new URLSearchParams(location.search).get('at')) > BigInt(then), first);
  await tabTo(page, page.getByRole('link', { name: 'In the logs' }));
  await press(page, 'Enter');
  await page.waitForSelector('.rows .row');
});

test('Explore: a query is drawn, a line hidden, the table shown', async () => {
  const page = await start();
  await press(page, 'g', 'e');
  await page.waitForSelector('.query[data-editor="true"]');
  await press(page, '/');
  await page.keyboard.insertText('node_load1 ');
  await press(page, 'Enter');
  await page.waitForSelector('.plot canvas');
  const line = page.locator('.legend button').first();
  await press(page, 'Escape');
  await tabTo(page, line);
  await press(page, 'Enter');
  assert.equal(await line.getAttribute('aria-pressed'), 'false');
  await tabTo(page, page.getByRole('tab', { name: 'Graph' }));
  await press(page, 'ArrowRight');
  await page.waitForSelector('table.plain td');
});

test('Hosts: from what is tight to its series', async () => {
  const page = await start();
  await press(page, 'Control+k');
  await page.locator('dialog[open] input:focus').waitFor();
  await page.keyboard.type('hosts');
  await press(page, 'Enter');
  await tabTo(page, page.locator('.matrix .cell').first());
  await press(page, 'Enter');
  await isAt(page, '/explore');
  await page.waitForSelector('.plot canvas');
});

test('Status: an outage opens, and leads to its moment', async () => {
  const page = await start();
  await press(page, 'g', 's');
  const target = page.locator('.target.down').first();
  await tabTo(page, target.locator('[aria-expanded]'));
  await press(page, 'Enter');
  await tabTo(page, target.locator('.target-details a').first());
  await press(page, 'Enter');
  await isAt(page, '/at');
});

test('Settings are come to', async () => {
  const page = await start();
  await press(page, 'g', ',');
  await isAt(page, '/settings');
  await page.waitForSelector('#server .badge');
});

test('the phone page acknowledges', async () => {
  const { page, complaints, close } = await open(browser, server.url, { viewport: PHONE });
  await page.goto(`${server.url}/m`);
  const card = page.locator('.incident-card', { hasText: NAME });
  await card.getByRole('button', { name: /Acknowledge|Give back/ }).waitFor();
  const is = (await card.getByRole('button', { name: 'Acknowledge' }).count()) ? 'Acknowledge' : 'Give back';
  await tabTo(page, card.getByRole('button', { name: is }));
  await press(page, 'Enter');
  await card.getByRole('button', { name: is === 'Acknowledge' ? 'Give back' : 'Acknowledge' }).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test('wherever the focus goes, it is on the screen and seen', async () => {
  const { page } = one;
  for (const path of ['/', '/logs', '/alerts', '/hosts', '/at', '/explore', '/status', '/settings', '/m']) {
    await start(path);
    await page.waitForFunction(() => !document.querySelector('.progress[data-busy="true"]'));
    for (let stop = 0; stop < 20; stop += 1) {
      await press(page, 'Tab');
      const unseen = await page.evaluate(() => {
        const own = document.activeElement;
        if (!own || own === document.body) return null;
        const inner = own.shadowRoot?.activeElement ?? own;
        const { left, right, top, bottom } = inner.getBoundingClientRect();
        const isOff = right <= 0 || bottom <= 0 || left >= innerWidth || top >= innerHeight;
        const ringed = [inner, own, own.parentElement].some((element) => {
          const { outlineStyle, boxShadow } = getComputedStyle(element);
          return outlineStyle !== 'none' || boxShadow !== 'none';
        });
        return isOff || !ringed ? own.outerHTML.slice(0, 200) : null;
      });
      assert.equal(unseen, null, path);
    }
  }
});

test('nothing was complained of', () => {
  assert.deepEqual(one.complaints, []);
});
