// Takes the pictures of docs/pictures from `orszem demo`: every page on a desk, those for phones on a phone.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DESKTOP, fire, launch, open, PHONE, probe, startServer } from '../e2e/harness.mjs';

const folder = fileURLToPath(new URL('../../../docs/pictures/', import.meta.url));
const QUALITY = 82;
const dark = { colorScheme: 'dark' };
const phone = { viewport: PHONE, hasTouch: true, deviceScaleFactor: 2 };

const PICTURES = [
  { name: 'now', path: '/', ready: '.tile .badge' },
  { name: 'logs', path: '/logs?q=level:>=warn', ready: '.logs[data-state="ready"] .row' },
  { name: 'logs-dark', path: '/logs?since=6h', ready: '.logs[data-state="ready"] .row', options: dark },
  { name: 'incident', path: '/?incident=1', ready: '.incident-panel .member' },
  { name: 'moment', path: '/', ready: '.lane-strip i', click: '.events a', options: dark },
  { name: 'map', path: '/map?since=2h&node=drbd%2Fr0', ready: '.thing' },
  { name: 'hosts', path: '/hosts', ready: '.matrix .cell' },
  { name: 'host', path: '/hosts?host=db2&since=1h', ready: '#db-sessions canvas' },
  { name: 'rule', path: '/alerts?tab=rules', ready: '.replayed', clicks: ['Try a rule on past data', 'Try'] },
  { name: 'explore', path: '/explore?expr=node_load1', ready: '.plot canvas' },
  { name: 'status', path: '/status?span=1h', ready: '.target .beats i', opens: '.target.down [aria-expanded]' },
  { name: 'settings', path: '/settings', ready: '#server .badge' },
  { name: 'phone', path: '/m', ready: '.incident-card', options: phone },
  { name: 'phone-logs', path: '/logs?q=level:>=error', ready: '.row', options: { ...phone, ...dark } },
];

const server = await startServer();
const browser = await launch();
try {
  await fire(server.url, { alertname: 'DiskSlow', severity: 'critical', host: 'db1' }, { summary: 'sdb takes 180 ms' });
  await probe(server.url);
  mkdirSync(folder, { recursive: true });
  for (const { name, path, ready, click, clicks = [], opens, options } of PICTURES) {
    const { page, close } = await open(browser, server.url, { viewport: DESKTOP, reducedMotion: 'reduce', ...options });
    await page.goto(server.url + path);
    if (click) await page.locator(click).last().click();
    for (const button of clicks) await page.getByRole('button', { name: button, exact: true }).click();
    await page.waitForSelector(ready);
    if (opens) await page.locator(opens).first().click();
    await page.waitForLoadState('networkidle');
    await page.waitForFunction(() => !document.querySelector('.progress[data-busy="true"], .beats:empty'));
    const cdp = await page.context().newCDPSession(page);
    const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
    writeFileSync(`${folder}${name}.webp`, Buffer.from(data, 'base64'));
    console.log(`${name}.webp`);
    await close();
  }
} finally {
  await browser.close();
  await server.stop();
}
