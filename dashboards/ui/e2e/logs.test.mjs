// The log page: query, completion, histogram, fields, rows, context, live tail, taking lines along.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch, open, settled, startServer } from './harness.mjs';

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

async function go(search = '') {
  const { page } = one;
  await page.goto(`${server.url}/logs${search}`);
  await page.waitForSelector('.query[data-editor="true"]');
  await settled(page);
  return page;
}

const editor = (page) => page.locator('.query-editor .cm-content');

async function ask(page, query) {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(query);
  await page.locator('.query-bar button').click();
  await settled(page);
}

test('a query finds, marks, goes to the address and comes back', async () => {
  const page = await go();
  await ask(page, 'host:app1 "Order"');
  assert.equal(param(page, 'q'), 'host:app1 "Order"');
  assert.ok((await page.locator('.row mark').allTextContents()).every((text) => text.toLowerCase() === 'order'));
  await page.goBack();
  await page.waitForFunction(() => !new URLSearchParams(location.search).has('q'));
});

test('a wrong query points at its place and keeps the rows', async () => {
  const page = await go();
  await ask(page, 'host:db1 AND (');
  const [line, caret] = (await page.textContent('#syntax pre')).split('\n');
  assert.equal(line, 'host:db1 AND (');
  assert.equal(caret.indexOf('^'), 14);
  assert.equal(await page.locator('.query.wrong').count(), 1);
  one.complaints.length = 0;
});

test('completion knows the fields and their values', async () => {
  const page = await go();
  await editor(page).click();
  await page.keyboard.type('ho');
  await page.waitForSelector('.query-editor .cm-tooltip-autocomplete');
  assert.ok((await page.locator('.query-editor .cm-completionLabel').allTextContents()).includes('host'));
  await page.keyboard.press('Escape');
  await ask(page, '');
  await editor(page).click();
  await page.keyboard.type('host:');
  await page.keyboard.press('Control+Space');
  await page.waitForFunction(() => {
    const root = document.querySelector('.query-editor').shadowRoot;
    return [...root.querySelectorAll('.cm-completionLabel')].some((label) => label.textContent === 'db1');
  });
});

test('a drag over the histogram zooms, with Shift it tells what changed', async () => {
  const page = await go();
  await page.waitForSelector('.histogram[data-ready="true"]');
  const box = await page.locator('.histogram').boundingBox();
  const drag = async (from, to) => {
    await page.mouse.move(box.x + box.width * from, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * to, box.y + 30, { steps: 4 });
    await page.mouse.up();
  };
  await page.keyboard.down('Shift');
  await drag(0.6, 0.8);
  await page.keyboard.up('Shift');
  await page.waitForSelector('dialog[open] tr');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await drag(0.5, 0.75);
  await page.waitForFunction(() => new URLSearchParams(location.search).has('from'));
  const minutes = Number(BigInt(param(page, 'to')) - BigInt(param(page, 'from'))) / 60e9;
  assert.ok(minutes > 14 && minutes < 16, `${minutes} minutes`);
});

test('values of fields include and exclude', async () => {
  const page = await go('?q=level:error');
  await page.waitForSelector('.field-value');
  await page.locator('.field-value', { hasText: 'app1' }).first().locator('.value-name').click();
  await settled(page);
  assert.equal(param(page, 'q'), 'level:error host:app1');
  await page.locator('.field-value', { hasText: 'apache2' }).first().hover();
  await page.getByRole('button', { name: 'Without service=apache2' }).first().click();
  await settled(page);
  assert.equal(param(page, 'q'), 'level:error host:app1 -service:apache2');
});

test('the list goes on as one scrolls, with few elements', async () => {
  const page = await go('?since=2h');
  const loaded = () => page.locator('.rows').getAttribute('data-count').then(Number);
  await page.waitForFunction(() => Number(document.querySelector('.rows').dataset.count) >= 300);
  for (let before = await loaded(); before <= 5_000; before = await loaded()) {
    await page.evaluate(() => document.querySelector('.rows').scrollTo(0, 1e9));
    await page.waitForFunction((n) => Number(document.querySelector('.rows').dataset.count) > n, before);
    await settled(page);
  }
  assert.ok((await page.locator('.row').count()) < 100);
});

test('a row opens by keys, has its context across layers, and a link that comes back to it', async () => {
  const page = await go('?q=level:>=error');
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  for (const key of ['j', 'j', 'Enter']) await page.keyboard.press(key);
  await page.waitForSelector('.panel .detail-body');
  const text = await page.textContent('.panel .detail-body');
  await page.keyboard.press('c');
  await page.waitForSelector('.context-rows .own');
  assert.ok((await page.locator('.context-rows li').count()) > 3);
  const link = page.url();
  const { page: other, close } = await open(browser, server.url);
  await other.goto(link);
  await other.waitForSelector('.panel .detail-body');
  assert.equal(await other.textContent('.panel .detail-body'), text);
  await close();
  await page.keyboard.press('Escape');
  await page.waitForSelector('.panel', { state: 'detached' });
});

test('e goes to the next error', async () => {
  const page = await go();
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  await page.keyboard.press('e');
  await page.waitForSelector('.panel .detail-body');
  assert.match(await page.getAttribute('.panel .detail-body', 'class'), /error|fatal/);
});

test('e goes to an error that is not loaded yet, and E back', async () => {
  const page = await go('?since=2h&q=service:apache2');
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  const line = () => new URL(page.url()).searchParams.get('line');
  const seen = new Set();
  for (let n = 0; n < 3; n += 1) {
    const before = line();
    await page.keyboard.press('e');
    await page.waitForFunction((then) => new URLSearchParams(location.search).get('line') !== then, before);
    seen.add(line());
  }
  assert.equal(seen.size, 3);
  const third = line();
  await page.keyboard.press('E');
  await page.waitForFunction((then) => new URLSearchParams(location.search).get('line') !== then, third);
  assert.ok(seen.has(line()));
});

test('lines are marked by keys and clicks, and taken along from several searches', async () => {
  const page = await go('?q=host:db1');
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  for (const key of ['j', 'p']) await page.keyboard.press(key);
  await page.getByText('1 marked').waitFor();
  await page
    .locator('.row')
    .nth(2)
    .click({ modifiers: ['Control'] });
  await page
    .locator('.row')
    .nth(5)
    .click({ modifiers: ['Shift'] });
  await page.getByText('5 marked').waitFor();
  await page.locator('.rail').getByText('Now').click();
  await page.locator('.rail').getByText('Logs').click();
  await page.getByText('5 marked').waitFor();
  const bar = page.getByRole('toolbar', { name: 'Marked lines' });
  const [file] = await Promise.all([page.waitForEvent('download'), bar.getByText('Download as JSON lines').click()]);
  const rows = readFileSync(await file.path(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((row) => JSON.parse(row));
  assert.equal(rows.length, 5);
  assert.deepEqual(
    rows.map(({ ts_ns }) => ts_ns),
    rows.map(({ ts_ns }) => ts_ns).toSorted(),
  );
  await bar.getByText('Copy as Markdown').click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(rows.every(({ body }) => copied.includes(body)));
  await bar.getByText('Remove the marks').click();
  await bar.waitFor({ state: 'detached' });
});

test('a line narrows the query by keys: only, without, its layer, its process', async () => {
  const page = await go('?q=level:>=error');
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  for (const key of ['j', 'x']) await page.keyboard.press(key);
  const values = page.locator('dialog .row-values');
  await values.getByRole('button', { name: /^host / }).press('Enter');
  await page.waitForFunction(() => / -host:/.test(new URLSearchParams(location.search).get('q')));
  await settled(page);
  await page.locator('h1').click();
  await page.keyboard.press('7');
  await page.waitForFunction(() => / -layer:web$/.test(new URLSearchParams(location.search).get('q')));
  await settled(page);
  await page.keyboard.press('7');
  await page.waitForFunction(() => !new URLSearchParams(location.search).get('q').includes('-layer:web'));
});

test('the live tail shows what comes, and waits while one reads', async () => {
  const page = await go('?q=host:app1');
  await page.locator('h1').click();
  await page.keyboard.press('l');
  await page.waitForSelector('.logs[data-state="live"] .row');
  assert.match(await page.textContent('.status'), /^Following/);
  await page.waitForFunction(() => Number(document.querySelector('.rows')?.dataset.count) > 60);
  await page.evaluate(() => document.querySelector('.rows').scrollTo(0, 300));
  await page.waitForSelector('.waiting');
  await page.click('.waiting');
  await page.waitForSelector('.waiting', { state: 'detached' });
  await page.keyboard.press('l');
  await settled(page);
});

test('lines are taken along', async () => {
  const page = await go('?q=kind:event%20service:orszem-facts');
  await page.waitForSelector('.row');
  const take = page.getByRole('button', { name: 'Take along' });
  for (const [item, check] of [
    ['Download as text', (line) => line.length > 0],
    ['Download as JSON lines', (line) => JSON.parse(line).kind === 'event'],
  ]) {
    await take.click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(item).click()]);
    const lines = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\n');
    assert.ok(lines.length > 3 && lines.every(check), lines[0]);
  }
  await take.click();
  await page.getByText('Copy as Markdown').click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^\*\*`kind:event service:orszem-facts`\*\* – \[open\]\(http/);
});

test('a search is copied for a shell', async () => {
  const page = await go('?q=host:db1%20-%22it%27s%22');
  await page.waitForSelector('.row');
  await page.getByRole('button', { name: 'Take along' }).click();
  await page.getByText('Copy for the command line').click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^orszem search 'host:db1 -"it'\\''s"' --from \d{19} --to \d{19} --server 'http:\/\/127/);
  await page.getByRole('button', { name: 'Take along' }).click();
  await page.getByText('Copy as curl').click();
  const url = /'(http[^']+)'/.exec(await page.evaluate(() => navigator.clipboard.readText()))[1];
  assert.equal((await fetch(url)).status, 200);
});

test('searches are saved and columns chosen', async () => {
  const page = await go('?q=layer:storage');
  await page.getByRole('button', { name: 'Saved searches' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Disks');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await go();
  await page.locator('h1').click();
  await page.keyboard.press('Control+k');
  await page.locator('dialog[open] input:focus').waitFor();
  await page.keyboard.type('disks');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => new URLSearchParams(location.search).get('q') === 'layer:storage');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('textbox', { name: 'Name of a field' }).fill('layer');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelector('.row .row-field:nth-of-type(5)')?.textContent === 'storage');
});

test('the page finds in what is loaded, and help lists the keys', async () => {
  const page = await go();
  await page.waitForSelector('.row');
  await page.locator('h1').click();
  await page.keyboard.press('Control+f');
  await page.keyboard.type('order');
  await page.waitForFunction(() => /of [\d,]+$/.test(document.querySelector('.find-bar [role="status"]').textContent));
  await page.keyboard.press('Enter');
  await page.waitForSelector('.row.found');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.find-bar', { state: 'detached' });
  await page.keyboard.press('?');
  await page.locator('dialog kbd').first().waitFor();
  assert.ok((await page.locator('dialog kbd').count()) > 25);
});

test('the range and the scope go along to another page and back', async () => {
  const page = await go('?since=6h&scope=host%3Adb1');
  await page.waitForSelector('.row');
  assert.deepEqual([...new Set(await page.locator('.row .row-field:nth-of-type(3)').allTextContents())], ['db1']);
  await page.locator('.rail').getByText('Alerts').click();
  await page.locator('.rail').getByText('Logs').click();
  assert.equal(param(page, 'since'), '6h');
  assert.equal(param(page, 'scope'), 'host:db1');
});

test('nothing was complained of', () => {
  assert.deepEqual(
    one.complaints.filter((text) => !/status of 400/.test(text)),
    [],
  );
});
