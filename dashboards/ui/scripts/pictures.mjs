// Takes the pictures of docs/pictures from `orszem demo`, while its failover is open: every page on a desk, those for phones
// on a phone.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DESKTOP, lastFailover, launch, open, PHONE, probe, startGuarded, startServer } from '../e2e/harness.mjs';

const folder = fileURLToPath(new URL('../../../docs/pictures/', import.meta.url));
const QUALITY = 82;
const dark = { colorScheme: 'dark' };
const phone = { viewport: PHONE, hasTouch: true, deviceScaleFactor: 2 };

const PICTURES = [
  { name: 'now', path: '/', ready: '.tile .badge' },
  { name: 'incident', path: '/alerts', ready: '.first-signs li', click: '.incident.critical' },
  { name: 'phone', path: '/m', ready: '.incident-card .first-signs li', options: phone },
  { name: 'moment', path: (cause) => `/at/${cause}?w=1m`, ready: '.happened :text("failed over")', options: dark },
  { name: 'logs', path: '/logs?q=level:>=warn', ready: '.logs[data-state="ready"] .row' },
  { name: 'logs-dark', path: '/logs?since=6h', ready: '.logs[data-state="ready"] .row', options: dark },
  { name: 'map', path: '/map?since=2h&node=drbd%2Fr0', ready: '.thing' },
  { name: 'phone-logs', path: '/logs?q=level:>=error', ready: '.row', options: { ...phone, ...dark } },
  { name: 'hosts', path: '/hosts', ready: '.matrix .cell' },
  { name: 'host', path: '/hosts?host=db2&since=1h', ready: '#db-sessions canvas' },
  { name: 'rule', path: '/alerts?tab=rules', ready: '.replayed', clicks: ['Try a rule on past data', 'Try'] },
  { name: 'explore', path: '/explore?expr=node_load1', ready: '.plot canvas' },
  { name: 'status', path: '/status?span=1h', ready: '.target .beats i', click: '.target.down [aria-expanded]' },
  { name: 'settings', path: '/settings', ready: '#server .badge' },
];

async function take(page, name) {
  await page.waitForLoadState('networkidle');
  await page.waitForFunction(() => !document.querySelector('.progress[data-busy="true"], .beats:empty'));
  const cdp = await page.context().newCDPSession(page);
  const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  writeFileSync(`${folder}${name}.webp`, Buffer.from(data, 'base64'));
  console.log(`${name}.webp`);
}

const look = { viewport: DESKTOP, reducedMotion: 'reduce' };
mkdirSync(folder, { recursive: true });
const browser = await launch();
const server = await startServer();
const guarded = await startGuarded();
try {
  await probe(server.url);
  const { page: first, close: done } = await open(browser, server.url, look);
  await first.goto(server.url);
  await first.locator('.now a.line', { hasText: 'Critical' }).first().waitFor();
  await done();
  const { from: cause } = lastFailover(server.truth);
  for (const { name, path, ready, click, clicks = [], options } of PICTURES) {
    const { page, close } = await open(browser, server.url, { ...look, ...options });
    await page.goto(server.url + (typeof path === 'string' ? path : path(cause)));
    if (click) await page.locator(click).last().click();
    for (const button of clicks) await page.getByRole('button', { name: button, exact: true }).click();
    await page.waitForSelector(ready);
    await take(page, name);
    await close();
  }
  const { page } = await open(browser, guarded.url, look);
  await page.goto(guarded.url);
  await page.getByLabel('Token').waitFor();
  await take(page, 'login');
} finally {
  await browser.close();
  await Promise.all([server.stop(), guarded.stop()]);
}
