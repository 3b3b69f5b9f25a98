// A device: a code logs it in, it subscribes, is pushed to, and a button of the notification acknowledges. It opens without
// a network and shows what it saw last.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beside, launch, open, PHONE, startGuarded, tabTo, violations } from './harness.mjs';
import { startPushService } from './push.mjs';

let server;
let service;
let browser;
let desk;
let phone;
before(async () => {
  [server, service, browser] = await Promise.all([startGuarded(), startPushService(), launch()]);
  desk = await open(browser, server.url);
  phone = await open(browser, server.url, { viewport: PHONE, hasTouch: true });
});
after(async () => {
  await browser?.close();
  await service?.stop();
  await server?.stop();
});

test('a token logs in, settings say who that is, a code logs the phone in', async () => {
  const { page } = desk;
  await page.goto(`${server.url}/settings`);
  const token = page.getByLabel('Token');
  await token.waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], colorScheme);
  }
  for (const width of [320, 390, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    assert.deepEqual(await beside(page), [], `at ${width}`);
  }
  // All of it without a mouse.
  await tabTo(page, token);
  await page.keyboard.type('orszem_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('not accepted').waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(server.token);
  await page.keyboard.press('Enter');
  await page.locator('#me').getByText('eva', { exact: true }).waitFor();
  await tabTo(page, page.getByRole('button', { name: 'Log a phone in' }));
  await page.keyboard.press('Enter');
  const code = page.locator('.pairing svg[data-address]');
  await code.waitFor();
  const address = await code.getAttribute('data-address');
  assert.equal(new URL(address).origin, server.url);
  assert.deepEqual(await violations(page), []);
  await phone.page.goto(address);
  await phone.page.waitForURL(`${server.url}/m`);
  await phone.page.getByText('No open incident').waitFor();
  const { page: other, close } = await open(browser, server.url);
  await other.goto(address);
  await other.getByRole('alert').getByText('This code is used').waitFor();
  await close();
});

test('it subscribes, and is sent a test', async () => {
  const { page } = phone;
  await page.context().grantPermissions(['notifications'], { origin: server.url });
  await page.addInitScript((subscription) => {
    PushManager.prototype.getSubscription = async () => null;
    PushManager.prototype.subscribe = async () => ({ toJSON: () => subscription });
  }, service.subscription);
  await page.goto(`${server.url}/settings`);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.locator('#devices').getByLabel('Name').fill("Eva's phone");
  await page.locator('#devices').getByLabel('Whose').selectOption('eva');
  await page.getByRole('button', { name: 'Tell me here' }).click();
  const test = await service.next();
  assert.equal(test.web_push, 8030);
  await page.locator('.device', { hasText: "Eva's phone" }).waitFor();
  const { devices } = await server.ask('/app/v1/devices');
  assert.deepEqual(
    devices.map(({ name, contact, level_min }) => ({ name, contact, level_min })),
    [{ name: "Eva's phone", contact: 'eva', level_min: 'warning' }],
  );
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(await beside(page), []);
});

test('a push is shown, and its button acknowledges', async () => {
  const { page } = phone;
  const cdp = await page.context().newCDPSession(page);
  const registered = new Promise((resolve) => {
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations[0]) resolve(registrations[0].registrationId);
    });
  });
  await cdp.send('ServiceWorker.enable');
  const registrationId = await registered;
  const labels = { alertname: 'DiskSlow', severity: 'critical', host: 'db1' };
  await server
    .ask('/api/v2/alerts', {
      method: 'POST',
      body: JSON.stringify([{ labels, annotations: {}, startsAt: new Date().toISOString() }]),
    })
    .catch(() => undefined);
  const pushed = await service.next();
  assert.deepEqual(
    pushed.notification.actions.map(({ action }) => action),
    ['ack', 'snooze'],
  );
  const data = JSON.stringify(pushed);
  await cdp.send('ServiceWorker.deliverPushMessage', { origin: server.url, registrationId, data });
  const shown = () =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      const [one] = await registration.getNotifications();
      return (
        one && { title: one.title, body: one.body, actions: one.actions.map(({ action }) => action), data: one.data }
      );
    });
  let notification;
  for (const until = Date.now() + 60_000; !notification; notification = await shown()) assert.ok(Date.now() < until);
  const { title, actions, data: own } = notification;
  assert.deepEqual({ title, actions }, { title: pushed.notification.title, actions: ['ack', 'snooze'] });
  assert.match(own.navigate, /^\/m\?incident=\d+$/);
  const [worker] = page.context().serviceWorkers();
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification, action: 'ack' }));
  });
  const acknowledged = async () => (await server.ask('/app/v1/incidents?open=true')).incidents[0].acknowledged_by;
  for (const until = Date.now() + 60_000; (await acknowledged()) !== 'eva'; ) assert.ok(Date.now() < until);
});

test('without a network it opens and shows what it saw last, with its age', async () => {
  const { page } = phone;
  await page.goto(`${server.url}/m`);
  await page.locator('.incident-card', { hasText: 'DiskSlow' }).waitFor();
  await page.context().setOffline(true);
  await page.reload();
  await page.getByRole('alert').getByText('No connection to the server').waitFor();
  await page.locator('.incident-card', { hasText: 'DiskSlow' }).waitFor();
  await page.context().setOffline(false);
  await page.getByRole('alert').getByText('No connection to the server').waitFor({ state: 'detached' });
});

test('a device is removed, and a logout forgets what was seen', async () => {
  const { page } = desk;
  await page.goto(`${server.url}/settings`);
  await page.getByRole('button', { name: "Remove Eva's phone" }).click();
  await page.locator('.device').waitFor({ state: 'detached' });
  assert.deepEqual((await server.ask('/app/v1/devices')).devices, []);
  await phone.page.goto(`${server.url}/settings`);
  await phone.page.getByRole('button', { name: 'Log out' }).click();
  await phone.page.getByLabel('Token').waitFor();
  assert.equal(await phone.page.evaluate(() => localStorage.getItem('orszem.last')), null);
});
