// What the browser tests share: a server with the demo's site, a Chromium, pages that complain about every complaint.
//
// ORSZEM_URL names a demo that runs already, ORSZEM_TRUTH its file of what really happened; else ORSZEM_BIN
// (target/debug/orszem) is started as `orszem demo`, which begins with a failover.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const READY_MS = 180_000;
/** How long a state may take to come: a machine of two cores with a debug build is no fast one. */
const STATE_MS = Number(process.env.ORSZEM_STATE_MS ?? 60_000);

/** How long a page may take to be drawn for another width. */
const DRAWN_MS = 5_000;

const LEAD_AFTER = '5s';

export const DESKTOP = { width: 1360, height: 850 };
export const PHONE = { width: 390, height: 844 };

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until a program that runs has written `what` to its errors. */
function wrote(child, what) {
  let told = '';
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${why}: ${told}`));
    const timer = setTimeout(() => fail(`no “${what}” for long`), READY_MS);
    child.on('exit', (code) => fail(`ended with ${code}`));
    child.on('error', (error) => fail(error.message));
    child.stderr.on('data', (text) => {
      told = (told + text).slice(-4000);
      if (!told.includes(what)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A demo with all of its past, at whose start a failover is about to begin; `stop` ends it. */
export async function startServer() {
  const { ORSZEM_URL, ORSZEM_TRUTH } = process.env;
  if (ORSZEM_URL) return { url: ORSZEM_URL, truth: ORSZEM_TRUTH, stop: () => {} };
  const folder = mkdtempSync(join(tmpdir(), 'orszem-ui-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const binary = process.env.ORSZEM_BIN ?? here('../../../target/debug/orszem');
  const own = ['--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, 'data'), '--log-level', 'info'];
  const child = spawn(binary, ['demo', '--failover', ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await wrote(child, 'the simulated past is filled in');
  // Patterns are known of what was written out.
  assert.equal((await fetch(`${url}/app/v1/admin/flush`, { method: 'POST' })).status, 200);
  return {
    url,
    truth: join(folder, 'data/truth.ndjson'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** What really happened in the failover that the demo began with: the last story that is told with an outage. */
export function lastFailover(truth) {
  const stories = readFileSync(truth, 'utf8').trimEnd().split('\n');
  return stories.map((line) => JSON.parse(line)).findLast(({ moved, outage }) => moved && outage);
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** What the policy of a page refused, of all pages of a test file. */
const refused = [];
// Pictures are taken outside of any test.
if (process.env.NODE_TEST_CONTEXT) after(() => assert.deepEqual(refused, [], 'the policy refused something'));

/** A page of its own browser context; what it complains of is in `complaints`. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'light', locale: 'en-GB', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const page = await context.newPage();
  await page.exposeFunction('orszemRefused', (what) => refused.push(what));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective: rule, blockedURI, documentURI }) => {
      globalThis.orszemRefused(`${documentURI}: ${rule}: ${blockedURI}`);
    });
  });
  page.setDefaultTimeout(STATE_MS);
  const complaints = [];
  page.on('console', (message) => {
    // Other tests' network interfaces come and go on the machine.
    const isOurs = !message.text().includes('ERR_NETWORK_CHANGED');
    if (['error', 'warning'].includes(message.type()) && isOurs) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, complaints, close: () => context.close() };
}

/** Waits until no query is under way on the log page. */
export function settled(page) {
  return page.waitForSelector('.logs[data-state="ready"], .logs[data-state="error"]');
}

/** What axe finds wrong, in words. */
export async function violations(page) {
  // Not as a script element: the page's policy refuses those.
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ['violations'] }),
  );
  return found.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`,
  );
}

/** What makes the page wider than the screen, in words; nothing where it is not, or not once it was drawn anew. */
export async function beside(page) {
  const fits = () => document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  const isFit = await page.waitForFunction(fits, undefined, { timeout: DRAWN_MS }).catch(() => null);
  if (isFit) return [];
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = [...document.querySelectorAll('body *')].filter(
      (e) => e.getBoundingClientRect().right > clientWidth + 1,
    );
    return [`${scrollWidth} > ${clientWidth}`, ...wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 120))];
  });
}

/** Goes on with Tab until `target` has the focus: what can't be reached so, people without a mouse do not reach. */
export async function tabTo(page, target, most = 120) {
  await target.waitFor();
  const isThere = () => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; !(await isThere()); presses += 1) {
    assert.ok(presses < most, `${target} is not reached by ${most} presses of Tab`);
    await page.keyboard.press('Tab');
  }
}

/** A picture to be looked at, in e2e/pictures. */
export async function picture(page, name) {
  mkdirSync(here('pictures'), { recursive: true });
  await page.screenshot({ path: here(`pictures/${name}.png`) });
}

/** An alert that fires, as Prometheus would send it. */
export async function fire(url, labels, annotations = {}) {
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ labels, annotations, startsAt: new Date().toISOString() }]),
  });
  assert.equal(response.status, 200, await response.text());
}

const HOUR_MS = 3_600_000;

/** Votes of two collectors about three targets: one was down for a while, and one is. */
export async function probe(url) {
  const targets = [
    {
      instance: 'https://shop.example/',
      ages: [
        [3 * HOUR_MS, 'up'],
        [2 * HOUR_MS, 'down'],
        [1.8 * HOUR_MS, 'up'],
      ],
    },
    { instance: 'https://www.example/', ages: [[3 * HOUR_MS, 'up']] },
    {
      instance: 'tcp://db2:5432',
      ages: [
        [2 * HOUR_MS, 'up'],
        [60_000, 'down'],
      ],
    },
  ];
  const latest = (ages) => ages[ages.length - 1][1];
  for (const collector of ['db1', 'app1']) {
    const votes = targets.flatMap(({ instance, ages }) =>
      [...ages, [0, latest(ages)]].map(([age_ms, vote]) => ({ instance, age_ms, vote })),
    );
    const numbered = votes.map((vote, at) => ({
      ...vote,
      n: at + 1,
      probe: 'shop',
      reason: vote.vote === 'down' ? 'connection refused' : '',
      interval_ms: 60_000,
      timeout_ms: 5_000,
      labels: {},
    }));
    const response = await fetch(`${url}/app/v1/probes/votes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ collector, epoch: Date.now(), isolated: null, wait_ms: 0, votes: numbered }),
    });
    assert.equal(response.status, 200, await response.text());
  }
  const ends = (days) => Math.floor(Date.now() / 1000) + days * 86_400;
  const lines = [
    `probe_ssl_earliest_cert_expiry{instance="https://shop.example/",probe="shop"} ${ends(9)}`,
    `probe_ssl_earliest_cert_expiry{instance="https://www.example/",probe="shop"} ${ends(71)}`,
    ...targets.map(({ instance }, at) => `probe_duration_seconds{instance="${instance}",probe="shop"} 0.${at + 1}23`),
  ];
  const response = await fetch(`${url}/api/v1/import/prometheus`, { method: 'POST', body: `${lines.join('\n')}\n` });
  assert.ok(response.ok, await response.text());
}

/**
 * A server with a token file, a contact without an address, and a channel that pushes to this host. With `lead`, a URL,
 * a second contact is told there `LEAD_AFTER` after the first, unless somebody acknowledges.
 */
export async function startGuarded({ lead } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'orszem-ui-'));
  const file = (name, text) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = file('vapid.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const config = file(
    'orszem.toml',
    `[notify]
external_url = "${url}"
[[notify.webpush]]
name = "push"
key_file = "${key}"
subject = "mailto:eva@example.com"
allow_private = true
${lead ? `[[notify.webhook]]\nname = "desk"\nurl = "${lead}"` : ''}
[alerting]
restart_hold = "0s"
restart_hold_critical = "0s"
[[alerting.contacts]]
name = "eva"
addresses = []
${lead ? '[[alerting.contacts]]\nname = "lead"\naddresses = [{ channel = "desk", to = "lead" }]' : ''}
[[alerting.policies]]
name = "all"
steps = [{ contacts = ["eva"] }${lead ? `, { after = "${LEAD_AFTER}", contacts = ["lead"] }` : ''}]
[alerting.route]
policy = "all"
wait_warning = "0s"
wait_critical = "0s"
`,
  );
  const binary = process.env.ORSZEM_BIN ?? here('../../../target/debug/orszem');
  const people = { eva: 'admin', adam: 'read' };
  const [eva, adam] = Object.entries(people).map(([name, role]) => {
    const { stdout, stderr } = spawnSync(binary, ['token', 'new', name, '--role', role], { encoding: 'utf8' });
    const told = stdout + stderr;
    return { token: /orszem_[\w-]+/.exec(told)[0], line: new RegExp(`^${name} .*$`, 'm').exec(told)[0] };
  });
  const { token } = eva;
  const tokens = file('tokens', `${eva.line}\n${adam.line}\n`);
  const listens = ['--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, 'data')];
  const child = spawn(binary, ['server', '--config', config, '--token-file', tokens, ...listens], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said = (said + text).slice(-4000);
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const until = Date.now() + READY_MS;
  while (!(await isReady())) {
    assert.ok(child.exitCode === null && Date.now() < until, `the server did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const ask = async (path, init = {}) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { ...init, headers });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  return {
    url,
    token,
    /** Of somebody who may only look. */
    reader: adam.token,
    ask,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
