// Drives the page in a headless Chromium: node page.cjs CHROMIUM URL SCREENSHOTS [TOKEN].
// Needs playwright-core in NODE_PATH. Prints each check that held; the first that does not ends it with code 1.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { records } = require('./records.cjs');

const [executablePath, url, screenshots, token] = process.argv.slice(2);
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const complaints = [];

async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 850 }, colorScheme: 'light', locale: 'en-GB', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
}

async function send(lines) {
  const response = await fetch(`${url}/app/v1/ingest`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: lines.map((line) => JSON.stringify(line)).join('\n') });
  assert.equal(response.status, 200, await response.text());
}

const settled = (page) => page.waitForSelector('.logs[data-state="ready"], .logs[data-state="error"]');
const rows = (page) => page.locator('.rows .row');
const loaded = async (page) => Number(await page.locator('.rows').getAttribute('data-count'));
const bodies = (page) => page.locator('.rows .row .row-body').allTextContents();
const editor = (page) => page.locator('.query-editor .cm-content');
const param = (page, name) => new URL(page.url()).searchParams.get(name);
const shot = (page, name) => page.screenshot({ path: path.join(screenshots, `${name}.png`) });
const hasSideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

async function ask(page, query) {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(query);
  await page.locator('.query-bar button').click();
  await settled(page);
}

const checks = {
  async 'the first page tells of the hosts'(page) {
    await page.goto(url);
    await page.waitForSelector('.tile .badge');
    assert.deepEqual((await page.locator('.tile b').allTextContents()).sort(), ['db1', 'node1', 'node2', 'web1', 'web2']);
    await shot(page, 'now');
  },
  async 'the last hour is there at once, the newest line first'(page) {
    await page.goto(`${url}/logs`);
    await page.waitForSelector('.query[data-editor="true"]');
    await settled(page);
    assert.match(await page.textContent('.status'), /^700 lines · \d+ loaded/);
    assert.match((await bodies(page))[0], /number 0$/);
    await shot(page, 'light');
  },
  async 'more lines are loaded until there are no more'(page) {
    await page.evaluate(() => document.querySelector('.rows').scrollTo(0, 1e9));
    await page.waitForFunction(() => document.querySelector('.rows').dataset.count === '700');
    await page.evaluate(() => document.querySelector('.rows').scrollTo(0, 1e9));
    await page.waitForFunction(() => [...document.querySelectorAll('.row-body')].some((body) => /number 699$/.test(body.textContent)));
    assert.match(await page.textContent('.rows-foot'), /That is all/);
    assert.ok(await rows(page).count() < 100);
  },
  async 'a query finds, marks and goes to the address'(page) {
    await ask(page, 'host:db1 "deadlock detected"');
    const found = await bodies(page);
    assert.ok(found.length > 5 && found.every((body) => body.includes('deadlock detected')), found.join('\n'));
    assert.ok((await page.locator('.row mark').allTextContents()).every((text) => /deadlock|detected/.test(text)));
    assert.equal(param(page, 'q'), 'host:db1 "deadlock detected"');
    await page.goBack();
    await page.waitForFunction(() => !new URLSearchParams(location.search).has('q'));
    await settled(page);
  },
  async 'an error points at its place'(page) {
    await ask(page, 'host:db1 AND (');
    const [line, caret] = (await page.textContent('#syntax pre')).split('\n');
    assert.equal(line, 'host:db1 AND (');
    assert.equal(caret.indexOf('^'), 14);
    assert.match(caret, /expected .+, found /);
    assert.equal(await page.locator('.query.wrong').count(), 1);
    await shot(page, 'error');
    await ask(page, '');
    assert.equal(await page.locator('#syntax').count(), 0);
  },
  async 'nothing found says what to do'(page) {
    await ask(page, 'nosuchword');
    assert.match(await page.textContent('.empty'), /No line matches/);
    await shot(page, 'none');
    await page.locator('.empty button').first().click();
    await page.waitForFunction(() => new URLSearchParams(location.search).get('since') === '6h');
    await settled(page);
    await page.goto(`${url}/logs`);
    await page.waitForSelector('.query[data-editor="true"]');
    await settled(page);
  },
  async 'a drag over the histogram zooms'(page) {
    const box = await page.locator('.histogram').boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => new URLSearchParams(location.search).has('from'));
    const minutes = Number(BigInt(param(page, 'to')) - BigInt(param(page, 'from'))) / 60e9;
    assert.ok(minutes > 14 && minutes < 16, `${minutes} minutes`);
    await page.waitForFunction(() => /^(1\d\d|2[0-4]\d) lines/.test(document.querySelector('.status').textContent));
    await page.goBack();
    await settled(page);
  },
  async 'a row opens, and its values include and exclude'(page) {
    await ask(page, 'level:error host:db1');
    await rows(page).first().click();
    await page.waitForSelector('.panel .detail-body');
    await shot(page, 'row');
    await page.locator('.panel').getByRole('button', { name: 'Only service=postgres' }).click();
    await settled(page);
    assert.equal(param(page, 'q'), 'level:error host:db1 service:postgres');
    await rows(page).first().click();
    await page.locator('.panel').getByRole('button', { name: 'Without host=db1' }).click();
    await settled(page);
    assert.equal(param(page, 'q'), 'level:error host:db1 service:postgres -host:db1');
    await ask(page, '');
  },
  async 'the context of a line has its stream around it, or everything'(page) {
    await ask(page, '"deadlock detected"');
    await rows(page).nth(15).click();
    await page.getByRole('tab', { name: 'Context' }).click();
    await page.waitForSelector('.context-rows .own');
    const hosts = async () => [...new Set((await page.locator('.context-rows .dim').allTextContents()).map((text) => text.trim().split(' ')[0]))];
    assert.ok((await hosts()).length > 2, 'everything has several hosts');
    await page.getByRole('button', { name: 'its own stream' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.context-rows li').length > 20 && [...document.querySelectorAll('.context-rows .dim')].every((one) => one.textContent.includes('db1')));
    assert.deepEqual(await hosts(), ['db1']);
    assert.match(await page.textContent('.context-rows .own .row-body'), /deadlock detected/);
    await shot(page, 'context');
    await page.locator('h1').click();
    await page.keyboard.press('Escape');
    await ask(page, '');
  },
  async 'control characters are signs, not commands'(page) {
    await ask(page, '"colour of danger"');
    assert.ok((await page.locator('.row .control').allTextContents()).includes('ESC'));
    assert.equal(await page.locator('.row b').count(), 0);
    await ask(page, '');
  },
  async 'the live tail shows what comes'(page) {
    await ask(page, 'host:new1');
    await page.getByRole('button', { name: 'Live' }).click();
    await page.waitForFunction(() => /^Following/.test(document.querySelector('.status').textContent));
    await send([{ host: 'other', msg: 'not asked for' }, { host: 'new1', level: 'warn', service: 'sshd', msg: 'as it comes' }]);
    await page.waitForSelector('.rows .row');
    assert.deepEqual(await bodies(page), ['as it comes']);
    assert.equal(await page.textContent('.status'), 'Following. Lines since then: 1');
    await shot(page, 'tail');
    await page.getByRole('button', { name: 'Stop' }).click();
    await send([{ host: 'new1', msg: 'too late' }]);
    await ask(page, 'host:new1');
    assert.deepEqual(await bodies(page), ['too late', 'as it comes']);
    await ask(page, '');
  },
  async 'lines are downloaded'(page) {
    await ask(page, '"deadlock detected"');
    for (const [item, check] of [['Download as text', (line) => line.includes('deadlock')], ['Download as JSON lines', (line) => JSON.parse(line).body.includes('deadlock')]]) {
      await page.getByRole('button', { name: 'Take along' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(item).click()]);
      const lines = fs.readFileSync(await download.path(), 'utf8').trimEnd().split('\n');
      assert.equal(lines.length, await loaded(page));
      assert.ok(lines.every(check), lines[0]);
    }
    await ask(page, '');
  },
  async 'severities and fields narrow the query'(page) {
    await page.locator('.level-line.fatal').click();
    await settled(page);
    assert.equal(param(page, 'q'), 'level:fatal');
    await page.waitForFunction(() => /^70 lines/.test(document.querySelector('.status').textContent));
    await ask(page, '');
    await page.locator('.value-name', { hasText: 'db1' }).first().click();
    await settled(page);
    assert.equal(param(page, 'q'), 'host:db1');
    await ask(page, '');
  },
  async 'keys do what the help says'(page) {
    await page.locator('h1').click();
    for (const key of ['j', 'j', 'Enter']) await page.keyboard.press(key);
    assert.equal(await rows(page).nth(1).getAttribute('aria-selected'), 'true');
    assert.equal(await page.textContent('.panel .detail-body'), (await bodies(page))[1]);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'query-editor');
  },
  async 'every address of the page is the page'(page) {
    for (const [address, heading] of [['/alerts', 'Alerts'], ['/at/2026-11-22T10:00:00Z', 'Moment'], ['/explore', 'Explore'], ['/logs', 'Logs'], ['/hosts', 'Hosts'], ['/map', 'Map'], ['/status', 'Status'], ['/settings', 'Settings'], ['/m', 'All is taken care of'], ['/?q=host:db1', 'Logs'], ['/?incident=7', 'Alerts']]) {
      await page.goto(url + address);
      await page.waitForFunction((text) => document.querySelector('h1')?.textContent === text, heading);
    }
  },
};

async function narrowAndDark(browser) {
  for (const [name, options] of [['dark', { colorScheme: 'dark' }], ['narrow', { viewport: { width: 390, height: 844 } }], ['narrow-dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }]]) {
    const page = await open(browser, options);
    await page.goto(`${url}/logs?q=severity:>=info&since=1h`);
    await settled(page);
    assert.equal(await hasSideways(page), false, name);
    assert.ok(await loaded(page) >= 100);
    await shot(page, name);
    await page.context().close();
  }
}

async function logIn(browser) {
  const page = await open(browser);
  await page.goto(`${url}/logs?q=nosuchword`);
  await page.waitForSelector('.login');
  await page.fill('#token', 'wrong');
  await page.click('.login button');
  await page.waitForSelector('.login [role="alert"]');
  await shot(page, 'login');
  await page.fill('#token', token);
  await page.click('.login button');
  await settled(page);
  assert.match(await page.textContent('.empty'), /No line matches/);
  await page.reload();
  await settled(page);
  assert.equal(await page.locator('.login').count(), 0);
  // The browser itself tells of answers that were no success; here they were asked for.
  const unexpected = complaints.filter((text) => !/status of 401/.test(text));
  assert.deepEqual(unexpected, []);
}

async function main() {
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    if (token) {
      await logIn(browser);
      console.log('ok login');
      return;
    }
    await send(records(Date.now()));
    const page = await open(browser);
    for (const [name, check] of Object.entries(checks)) {
      try {
        await check(page);
      } catch (error) {
        await shot(page, 'failed');
        console.error(`not ok ${name}`);
        throw error;
      }
      console.log(`ok ${name}`);
    }
    await narrowAndDark(browser);
    console.log('ok dark and narrow');
    const unexpected = complaints.filter((text) => !/status of (400|404)/.test(text));
    assert.deepEqual(unexpected, [], 'nothing in the console');
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
