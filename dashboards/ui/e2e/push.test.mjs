// An alert reaches a closed page, is acknowledged there, and goes no further.
//
// Real: Chromium's subscription and its keys, the server's key and encryption, the stream on which Chromium is pushed to, that
// it opens the message itself and starts the service worker, the notification that it gives to the desktop, the press on it,
// the link of its button, the incident and its policy. Stand-ins: the maker's push service (gcm.mjs) and the desktop
// (desktop.mjs) are on this host; the address of the subscription is turned to the former on its way to the server.
import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startDesktop } from './desktop.mjs';
import { startGcm } from './gcm.mjs';
import { FLAGS, startGuarded } from './harness.mjs';

let server;
let gcm;
let lead;
let desktop;
let profile;
let context;
let page;

/** Where the second step of the policy is told: `told` are the alerts, `hears` waits for one. */
async function startLead() {
  const told = [];
  const waiting = [];
  const sink = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    told.push(JSON.parse(Buffer.concat(parts)).alerts[0].labels.alertname);
    response.end();
    for (const check of waiting.splice(0)) check();
  });
  await new Promise((resolve) => sink.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${sink.address().port}/`,
    told,
    hears: async (name) => {
      while (!told.includes(name)) await new Promise((resolve) => waiting.push(resolve));
    },
    stop: () => new Promise((resolve) => sink.close(resolve)),
  };
}

before(async () => {
  profile = mkdtempSync(join(tmpdir(), 'orszem-profile-'));
  [gcm, lead, desktop] = await Promise.all([startGcm(), startLead(), startDesktop(profile)]);
  server = await startGuarded({ lead: lead.url });
  // What a person's click on "Allow" leaves in a profile.
  mkdirSync(join(profile, 'Default'));
  const allowed = { [`${server.url},*`]: { setting: 1 } };
  const preferences = { profile: { content_settings: { exceptions: { notifications: allowed } } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  // Pushes are for profiles that stay, which a context of a test is not.
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...FLAGS, ...gcm.flags],
    env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: desktop.address },
    locale: 'en-GB',
  });
  // The maker's service is where the server can post to.
  await context.route('**/app/v1/devices**', async (route) => {
    const body = route.request().postData();
    const turned = body?.replace(/https:[^"]+/, gcm.here);
    await route.continue(turned ? { postData: turned } : {});
  });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
});
after(async () => {
  await context?.close();
  await Promise.all([server, gcm, lead, desktop].map((one) => one?.stop()));
  if (profile) rmSync(profile, { recursive: true });
});

const add = (subscription, name) =>
  server.ask('/app/v1/devices', { method: 'POST', body: JSON.stringify({ contact: 'eva', name, subscription }) });

function fire(alertname) {
  const labels = { alertname, severity: 'critical', host: alertname };
  const alerts = [{ labels, annotations: {}, startsAt: new Date().toISOString() }];
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  return fetch(`${server.url}/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(alerts) });
}

async function incident(alertname) {
  const { incidents } = await server.ask('/app/v1/incidents?open=true');
  return incidents.find(({ alerts }) => alerts.some(({ labels }) => labels.alertname === alertname));
}

async function state(holds) {
  for (const until = Date.now() + 60_000; !(await holds()); ) {
    assert.ok(Date.now() < until, String(holds));
    // The services of this process have their turn.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const of = (alertname) => desktop.shown().find(({ title }) => title.includes(alertname));

test('Chromium subscribes at its push service, and shows the test that the server sent', async () => {
  await page.goto(`${server.url}/settings`);
  await page.getByLabel('Token').fill(server.token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.locator('#devices').getByLabel('Name').fill("Eva's laptop");
  await page.locator('#devices').getByLabel('Whose').selectOption('eva');
  await page.getByRole('button', { name: 'Tell me here' }).click();
  await page.locator('.device', { hasText: "Eva's laptop" }).waitFor();
  await gcm.came(1);
  await state(() => desktop.shown().length === 1);
  assert.deepEqual(gcm.faults, []);
  // The receipt of the service worker: the message was not only taken, it came.
  await state(async () => (await server.ask('/app/v1/devices')).devices[0].seen_at !== null);
});

test('what is not encrypted for this browser is not shown', async () => {
  const subscribed = await page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription()).endpoint;
  });
  const posted = gcm.posts.length;
  // The same address, as a thief of it would know, and the keys of somebody else.
  const keys = createECDH('prime256v1');
  const strange = { p256dh: keys.generateKeys('base64url'), auth: randomBytes(16).toString('base64url') };
  const endpoint = `${gcm.here(subscribed)}?other`;
  const { device } = await add({ endpoint, keys: strange }, 'somebody else');
  await fire('FanStopped');
  // One for either.
  await gcm.came(posted + 2);
  // What comes later is shown later.
  await fire('FanGone');
  await state(() => of('FanGone'));
  assert.deepEqual(
    desktop.told.filter((title) => title.includes('FanStopped')),
    [of('FanStopped').title],
  );
  await server.ask(`/app/v1/devices/${device}`, { method: 'DELETE' });
});

test('nobody else acknowledges: no forged link, no one who may only look', async () => {
  const { id } = await incident('FanStopped');
  const ack = await page.evaluate(async () => {
    const shown = await (await navigator.serviceWorker.ready).getNotifications();
    return shown.find(({ title }) => title.includes('FanStopped')).data.urls.ack;
  });
  const forged = ack.replace('/act/', '/act/A');
  const post = (path, headers = {}) => fetch(server.url + path, { method: 'POST', headers, body: '{}' });
  const reader = { authorization: `Bearer ${server.reader}`, 'content-type': 'application/json' };
  const refused = [await post(forged), await post(`/app/v1/incidents/${id}/ack`, reader)];
  assert.deepEqual(
    refused.map(({ status }) => status),
    [403, 403],
  );
  assert.equal((await incident('FanStopped')).acknowledged_by, null);
});

test('Ack on the notification acknowledges, and nobody else is told', async () => {
  await page.goto('about:blank');
  await fire('DiskSlow');
  await state(() => of('DiskSlow'));
  assert.equal((await incident('DiskSlow')).acknowledged_by, null);
  desktop.press(of('DiskSlow'), 'Acknowledge');
  await state(async () => (await incident('DiskSlow')).acknowledged_by === 'eva');
  await state(() => /acknowledged/i.test(of('DiskSlow')?.text));
  // One that nobody acknowledges goes on to the second step, later than the first would have.
  await fire('LinkDown');
  await lead.hears('LinkDown');
  assert.deepEqual(
    lead.told.filter((name) => name === 'DiskSlow'),
    [],
  );
  assert.deepEqual(gcm.faults, []);
});
