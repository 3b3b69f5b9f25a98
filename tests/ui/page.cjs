// Drives the log page in a headless Chromium: node page.cjs CHROMIUM URL SCREENSHOTS [TOKEN].
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
  const context = await browser.newContext({ viewport: { width: 1360, height: 850 }, colorScheme: 'light', ...options });
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

const settled = (page) => page.waitForFunction(() => ['ready', 'error'].includes(document.body.dataset.state));
const rows = (page) => page.locator('#rows > .row');
const bodies = (page) => page.locator('#rows > .row .head .body').allTextContents();
const shot = (page, name) => page.screenshot({ path: path.join(screenshots, `${name}.png`) });
const hasSideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

async function ask(page, query) {
  await page.fill('#q', query);
  await page.keyboard.press('Enter');
  await settled(page);
}

const checks = {
  async 'the last hour is there at once, the newest line first'(page) {
    await page.goto(url);
    await settled(page);
    assert.equal(await rows(page).count(), 200);
    assert.match(await page.textContent('#status'), /^700 lines · 200 shown/);
    assert.match((await bodies(page))[0], /number 0$/);
    await shot(page, 'light');
  },
  async 'more lines are loaded until there are no more'(page) {
    for (const shown of [400, 600, 700]) {
      await page.click('#more');
      await page.waitForFunction((n) => document.querySelectorAll('#rows > .row').length === n, shown);
    }
    assert.equal(await page.isVisible('#more'), false);
    assert.match((await bodies(page)).at(-1), /number 699$/);
    assert.match(await page.textContent('#status'), /^700 lines · 700 shown/);
  },
  async 'a query finds, marks and goes to the address'(page) {
    await ask(page, 'host:db1 "deadlock detected"');
    const found = await bodies(page);
    assert.ok(found.length > 5 && found.every((body) => body.includes('deadlock detected')), found.join('\n'));
    assert.ok((await page.locator('#rows mark').allTextContents()).every((text) => /deadlock|detected/.test(text)));
    assert.equal(new URL(page.url()).searchParams.get('q'), 'host:db1 "deadlock detected"');
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('#q').value === '');
    await settled(page);
    assert.equal(await page.inputValue('#q'), '');
  },
  async 'an error points at its place'(page) {
    await ask(page, 'host:db1 AND (');
    const [line, caret] = (await page.textContent('#error pre')).split('\n');
    assert.equal(line, 'host:db1 AND (');
    assert.equal(caret.indexOf('^'), 14);
    assert.match(caret, /expected .+, found /);
    assert.equal(await page.locator('#q.wrong').count(), 1);
    // What is still there belongs to the query before, and says so.
    assert.match(await page.textContent('#status'), /from the query before/);
    assert.ok(await page.evaluate(() => document.querySelector('#error').getBoundingClientRect().top < innerHeight / 3));
    await shot(page, 'error');
    await ask(page, '');
    assert.equal(await page.isVisible('#error'), false);
  },
  async 'nothing found says what to do'(page) {
    await ask(page, 'nosuchword');
    assert.equal(await rows(page).count(), 0);
    assert.match(await page.textContent('#end'), /No line matches/);
    await shot(page, 'none');
    await page.click('#end button');
    await settled(page);
    assert.equal(new URL(page.url()).searchParams.get('since'), '6h');
    await page.click('#ranges button[value="1h"]');
    await settled(page);
    await ask(page, '');
  },
  async 'a drag over the histogram zooms'(page) {
    const box = await page.locator('#histogram').boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => new URLSearchParams(location.search).has('from'));
    await settled(page);
    const given = new URL(page.url()).searchParams;
    const minutes = Number(BigInt(given.get('to')) - BigInt(given.get('from'))) / 60e9;
    assert.ok(minutes > 14 && minutes < 16, `${minutes} minutes`);
    const total = Number((await page.textContent('#status strong')).match(/\d+/)[0]);
    assert.ok(total > 100 && total < 250, `${total} lines`);
    await page.click('#ranges button[value="1h"]');
    await settled(page);
  },
  async 'a row opens, and its values include and exclude'(page) {
    await ask(page, 'severity:error host:db1');
    await rows(page).first().locator('.head').click();
    const detail = rows(page).first().locator('.detail');
    assert.match(await detail.textContent(), /service.*postgres/s);
    await shot(page, 'row');
    await detail.getByRole('row', { name: /service/ }).getByTitle('only these').click();
    await settled(page);
    assert.equal(await page.inputValue('#q'), 'severity:error host:db1 service:postgres');
    await ask(page, 'severity:error');
    const before = await rows(page).count();
    await rows(page).first().locator('.head').click();
    await rows(page).first().locator('.detail').getByRole('row', { name: /^host/ }).getByTitle('without these').click();
    await settled(page);
    assert.match(await page.inputValue('#q'), /^severity:error -host:\w+$/);
    assert.ok(await rows(page).count() < before);
    await ask(page, '');
  },
  async 'the context of a line has its stream around it'(page) {
    await ask(page, '"deadlock detected"');
    await rows(page).nth(30).locator('.head').click();
    await page.getByRole('button', { name: 'Context' }).click();
    await page.waitForSelector('#context[open] .here');
    const around = await page.locator('#context .row .host').allTextContents();
    assert.equal(around.length, 41);
    assert.deepEqual([...new Set(around)], ['db1']);
    assert.match(await page.textContent('#context .here .body'), /deadlock detected/);
    await shot(page, 'context');
    await page.keyboard.press('Escape');
    await ask(page, '');
  },
  async 'control characters are signs, not commands'(page) {
    await ask(page, '"colour of danger"');
    assert.ok((await page.locator('#rows .control').allTextContents()).includes('ESC'));
    assert.equal(await page.locator('#rows b').count(), 0);
    await ask(page, '');
  },
  async 'the live tail shows what comes'(page) {
    await page.fill('#q', 'host:new1');
    await page.click('#tail');
    await page.waitForFunction(() => document.body.dataset.state === 'tail');
    await send([{ host: 'other', msg: 'not asked for' }, { host: 'new1', level: 'warn', service: 'sshd', msg: 'as it comes' }]);
    await page.waitForSelector('#rows > .row');
    assert.deepEqual(await bodies(page), ['as it comes']);
    assert.equal(await page.textContent('#status'), 'Following. Lines since then: 1');
    await shot(page, 'tail');
    await page.click('#tail');
    await send([{ host: 'new1', msg: 'too late' }]);
    await ask(page, 'host:new1');
    assert.deepEqual(await bodies(page), ['too late', 'as it comes']);
    await ask(page, '');
  },
  async 'lines are downloaded'(page) {
    await ask(page, '"deadlock detected"');
    for (const [item, check] of [['#downloadText', (line) => line.includes('deadlock')], ['#downloadJson', (line) => JSON.parse(line).body.includes('deadlock')]]) {
      await page.click('#download summary');
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(item)]);
      const lines = fs.readFileSync(await download.path(), 'utf8').trimEnd().split('\n');
      assert.equal(lines.length, await rows(page).count());
      assert.ok(lines.every(check), lines[0]);
    }
    await ask(page, '');
  },
  async 'severities and fields narrow the query'(page) {
    await page.locator('#fields .band', { hasText: 'fatal' }).click();
    await settled(page);
    assert.equal(await page.inputValue('#q'), 'severity:fatal');
    assert.match(await page.textContent('#status'), /^70 lines/);
    await ask(page, '');
    await page.locator('#fields .facet', { hasText: 'db1' }).first().click();
    await settled(page);
    assert.equal(await page.inputValue('#q'), 'host:db1');
    await ask(page, '');
  },
  async 'keys do what the last line says'(page) {
    await page.locator('#q').blur();
    for (const key of ['j', 'j', 'Enter']) await page.keyboard.press(key);
    assert.equal(await rows(page).nth(1).locator('.detail').count(), 1);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'q');
  },
};

async function narrowAndDark(browser) {
  for (const [name, options] of [['dark', { colorScheme: 'dark' }], ['narrow', { viewport: { width: 390, height: 844 } }], ['narrow-dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }]]) {
    const page = await open(browser, options);
    await page.goto(`${url}/?q=severity:>=info&since=1h`);
    await settled(page);
    assert.equal(await hasSideways(page), false, name);
    assert.ok(await rows(page).count() > 100);
    await shot(page, name);
    await page.context().close();
  }
}

async function logIn(browser) {
  const page = await open(browser);
  await page.goto(url);
  await page.waitForSelector('#login[open]');
  await page.fill('#token', 'wrong');
  await page.click('#login button');
  await page.waitForFunction(() => document.querySelector('#loginError').textContent !== '');
  await shot(page, 'login');
  await page.fill('#token', token);
  await page.click('#login button');
  await page.waitForFunction(() => document.body.dataset.state === 'ready');
  assert.equal(await page.locator('#login[open]').count(), 0);
  assert.match(await page.textContent('#end'), /No line matches/);
  await page.reload();
  await settled(page);
  assert.equal(await page.locator('#login[open]').count(), 0);
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
    const unexpected = complaints.filter((text) => !/status of 400/.test(text));
    assert.deepEqual(unexpected, [], 'nothing in the console');
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
