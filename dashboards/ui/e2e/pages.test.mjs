// Every page, light and dark, on a desk and on a phone: no complaint, nothing beside the screen at any width, nothing that axe
// finds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beside, DESKTOP, fire, launch, open, PHONE, picture, probe, startServer, violations } from './harness.mjs';

const PAGES = {
  now: { path: '/', ready: '.tile .badge' },
  logs: { path: '/logs?q=level:>=warn', ready: '.logs[data-state="ready"] .row' },
  patterns: { path: '/logs?view=patterns&q=layer:cluster', ready: '.patterns tr' },
  nothing: { path: '/logs?q=nosuchword', ready: '.empty' },
  incidents: { path: '/alerts', ready: '.incident' },
  incident: { path: '/?incident=1', ready: '.incident-panel .member' },
  firing: { path: '/alerts?tab=firing', ready: '.group' },
  silences: { path: '/alerts?tab=silences', ready: '.empty, .silence' },
  messages: { path: '/alerts?tab=deliveries', ready: '.empty, table' },
  rules: { path: '/alerts?tab=rules', ready: '.empty, .group' },
  moment: { path: `/at/${new Date(Date.now() - 600_000).toISOString()}`, ready: '.lane-strip i' },
  map: { path: '/map?since=2h&node=host%2Fdb1', ready: '.thing' },
  hosts: { path: '/hosts', ready: '.matrix .cell' },
  host: { path: '/hosts?host=db2&since=2h', ready: '#db-sessions canvas' },
  metrics: { path: '/explore', ready: '.metrics button' },
  graph: { path: '/explore?expr=node_load1', ready: '.plot canvas' },
  table: { path: '/explore?expr=up&view=table', ready: 'table.plain' },
  status: { path: '/status', ready: '.target .beats i' },
  settings: { path: '/settings', ready: '#server .badge' },
  phone: { path: '/m', ready: '.incident-card' },
  phoneIncident: { path: '/m?incident=1', ready: '.phone-one .member' },
};

/** Each size with the widths that are tried at it. */
const SIZES = {
  desktop: { viewport: DESKTOP, widths: [768, 1280, 1920] },
  phone: { viewport: PHONE, hasTouch: true, widths: [320, 390] },
};

let server;
let browser;
const opened = {};
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  await probe(server.url);
  await fire(
    server.url,
    { alertname: 'DiskSlow', severity: 'critical', host: 'backup1' },
    { summary: 'sdb takes 180 ms' },
  );
  for (const [size, { widths: _, ...options }] of Object.entries(SIZES)) {
    opened[size] = await open(browser, server.url, { reducedMotion: 'reduce', ...options });
  }
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const [name, { path, ready }] of Object.entries(PAGES)) {
  for (const [size, { viewport, widths }] of Object.entries(SIZES)) {
    test(`${name}, ${size}`, async () => {
      const { page, complaints } = opened[size];
      complaints.length = 0;
      await page.setViewportSize(viewport);
      await page.goto(server.url + path);
      await page.waitForSelector(ready);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await picture(page, `${name}-${size}-${colorScheme}`);
        assert.deepEqual(await violations(page), [], colorScheme);
      }
      for (const width of widths) {
        await page.setViewportSize({ width, height: viewport.height });
        assert.deepEqual(await beside(page), [], `at ${width}`);
      }
      assert.deepEqual(complaints, []);
    });
  }
}

test('it speaks Hungarian to who prefers it', async () => {
  const { page, complaints, close } = await open(browser, server.url, { locale: 'hu-HU' });
  await page.goto(`${server.url}/logs`);
  await page.waitForSelector('.row');
  assert.equal(await page.textContent('.top h1'), 'Naplók');
  assert.equal(await page.getAttribute('html', 'lang'), 'hu');
  assert.deepEqual(complaints, []);
  await close();
});
