// Alerts: from an alert that is sent to an incident that is taken, silenced and told of.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fire, launch, open, PHONE, startServer } from './harness.mjs';

/** Its host, too: of a host that is known it would join an incident of that one. */
const NAME = `Test${Date.now()}`;
let server;
let browser;
let one;
before(async () => {
  server = await startServer();
  browser = await launch();
  one = await open(browser, server.url);
  await fire(
    server.url,
    { alertname: NAME, severity: 'critical', host: NAME },
    { summary: 'it is slow', runbook: 'https://runbooks.example/slow' },
  );
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('an incident opens from the list, is taken, noted and given back', async () => {
  const { page } = one;
  await page.goto(`${server.url}/alerts`);
  await page.locator('.incident', { hasText: NAME }).click();
  const panel = page.locator('.incident-panel');
  await panel.getByText('it is slow').waitFor();
  assert.equal(
    await panel.getByRole('link', { name: 'runbook' }).getAttribute('href'),
    'https://runbooks.example/slow',
  );
  await panel.getByLabel('Your name').fill('eva');
  await panel.getByRole('button', { name: 'Acknowledge' }).click();
  await panel.getByText('taken by eva').waitFor();
  await panel.getByLabel('Note', { exact: true }).fill('looking');
  await panel.getByRole('button', { name: 'Add', exact: true }).click();
  await panel.locator('.timeline').getByText('looking').first().waitFor();
  await panel.getByRole('button', { name: 'Give back' }).click();
  await panel.getByRole('button', { name: 'Acknowledge' }).waitFor();
  await panel.getByRole('button', { name: 'Why was I told' }).first().click();
  await panel.locator('.why pre').first().waitFor();
  assert.match(page.url(), /incident=\d+/);
});

test('the link of a message opens the incident', async () => {
  const { page } = one;
  const id = new URL(page.url()).searchParams.get('incident');
  await page.goto(`${server.url}/?incident=${id}`);
  await page.locator('.incident-panel', { hasText: NAME }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/alerts');
});

test('an alert is silenced, shows it, and the silence ends', async () => {
  const { page } = one;
  await page.goto(`${server.url}/alerts?tab=firing`);
  const group = page.locator('.group', { hasText: NAME });
  await group.getByRole('button', { name: 'Silence' }).first().click();
  await page.getByLabel('Why', { exact: true }).fill('known');
  await page.getByRole('button', { name: 'Make the silence' }).click();
  await group.getByText('silenced').waitFor();
  await page.getByRole('tab', { name: 'Silences' }).click();
  const silence = page.locator('.silence', { hasText: NAME });
  await silence.getByText('known').waitFor();
  await silence.getByRole('button', { name: 'End' }).click();
  await silence.getByText('over').waitFor();
});

test('a silence says what it is about, comes again every week, and is prolonged', async () => {
  const { page } = one;
  await page.goto(`${server.url}/alerts?tab=silences`);
  await page.getByRole('button', { name: 'New silence' }).press('Enter');
  const dialog = page.locator('dialog');
  await dialog.getByLabel('label', { exact: true }).fill('alertname');
  await dialog.getByLabel('value', { exact: true }).fill('NoSuch');
  await dialog.getByText(/it is about 0\./).waitFor();
  await dialog.getByLabel('operator').selectOption('=~');
  await dialog.getByLabel('value', { exact: true }).fill(`${NAME.slice(0, -1)}.`);
  await dialog.getByText(new RegExp(`it is about 1\\. ${NAME}`)).waitFor();
  await dialog.getByLabel('Again').selectOption('week');
  await dialog.getByLabel('How many times').fill('3');
  await dialog.getByLabel('Why', { exact: true }).fill('sunday jobs');
  await dialog.getByRole('button', { name: 'Make the silence' }).click();
  await dialog.waitFor({ state: 'detached' });
  const made = page.locator('.silence', { hasText: 'sunday jobs' });
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll('.silence')].filter((one) => one.textContent.includes('sunday jobs')).length === 3,
  );
  const now = made.filter({ hasText: 'holds' });
  assert.equal(await now.count(), 1);
  const ends = () => now.locator('time').nth(1).getAttribute('datetime');
  const before = Date.parse(await ends());
  await now.getByRole('button', { name: '1 h longer' }).click();
  await page.waitForFunction(
    (then) =>
      [...document.querySelectorAll('.silence time')].some((time) => Date.parse(time.dateTime) === then + 3_600_000),
    before,
  );
  assert.equal(await made.count(), 3);
  for (let left = 3; left > 0; left -= 1) {
    await made.getByRole('button', { name: 'End', exact: true }).first().click();
    await page.waitForFunction(
      (n) =>
        [...document.querySelectorAll('.silence')].filter(
          (one) => one.textContent.includes('sunday jobs') && one.querySelector('.danger'),
        ).length === n,
      left - 1,
    );
  }
});

test('the log of messages says in words what became of each, and shows those that did not arrive', async () => {
  const { page } = one;
  const message = (contact, state, detail) => ({
    key: contact,
    incident: 1,
    kind: 'open',
    contact,
    channel: 'mail',
    target: `${contact}@example.com`,
    title: 'DiskSlow',
    created_at: new Date().toISOString(),
    expires_at: new Date().toISOString(),
    state,
    attempts: [{ at: new Date().toISOString(), outcome: state, detail }],
  });
  const deliveries = [
    message('eva', 'delivered', '250'),
    message('adam', 'refused', '550 no such'),
    message('old', 'superseded', ''),
  ];
  await page.route('**/app/v1/deliveries*', (route) => route.fulfill({ json: { deliveries } }));
  await page.goto(`${server.url}/alerts?tab=deliveries`);
  const rows = page.locator('tbody tr');
  await rows.nth(2).waitFor();
  await page.getByRole('button', { name: 'Only what did not arrive' }).press('Enter');
  await page.getByText('1 / 3').waitFor();
  assert.match(await rows.textContent(), /adam.*refused/);
  await page.getByRole('button', { name: 'Only what did not arrive' }).press('Enter');
  await page.getByLabel('Whom, or what about').fill('EVA@');
  await page.getByText('1 / 3').waitFor();
  assert.match(await rows.textContent(), /eva.*delivered/);
  await page.unroute('**/app/v1/deliveries*');
});

test('a rule that is written is tried on past data: when it would have fired, and what is wrong with it', async () => {
  const { page } = one;
  await page.goto(`${server.url}/alerts?tab=rules`);
  await page.getByRole('button', { name: 'Try a rule on past data' }).press('Enter');
  const dialog = page.locator('dialog');
  const rule = (expr) => `groups: [{name: t, rules: [{alert: Loaded, expr: '${expr}', labels: {severity: critical}}]}]`;
  await dialog.getByLabel('A rule file').fill(rule('node_load1{host="db1"} >= 0'));
  await dialog.getByRole('button', { name: 'Try', exact: true }).click();
  await dialog.locator('.replayed').getByText('Loaded').waitFor();
  await dialog.locator('.episodes i.critical').first().waitFor({ state: 'attached' });
  assert.match(await dialog.locator('table a').first().getAttribute('href'), /^\/at\?at=\d{19}$/);
  await dialog.getByLabel('A rule file').fill(rule('node_load1 > 1e9'));
  await dialog.getByRole('button', { name: 'Try', exact: true }).click();
  await dialog.getByText('It would have been quiet').waitFor();
  await dialog.getByLabel('A rule file').fill(rule('node_load1 >'));
  await dialog.getByRole('button', { name: 'Try', exact: true }).click();
  await dialog.getByText(/could not parse/).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
});

test('the phone page takes an incident with one tap', async () => {
  const { page, complaints, close } = await open(browser, server.url, { viewport: PHONE, hasTouch: true });
  await page.goto(`${server.url}/m`);
  const card = page.locator('.incident-card', { hasText: NAME });
  const button = card.getByRole('button', { name: 'Acknowledge' });
  assert.ok((await button.boundingBox()).height >= 44);
  await page.locator('.phone-state .layers a').first().waitFor();
  await button.tap();
  await card.getByRole('button', { name: 'Give back' }).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test('nothing was complained of', () => {
  assert.deepEqual(
    one.complaints.filter((text) => !/status of 400/.test(text)),
    [],
  );
});
