// Measures the page on a corpus: how soon the first rows are on the screen, with a server that just started and a browser
// that was never here, and how even the frames are while 100,000 rows are scrolled. Prints figures, and ends with code 1
// where one misses its budget. No test: times are the machine's.
//
// CORPUS is a file of JSON lines; ORSZEM_BIN the server, built for release. DATA_DIR keeps what was loaded for the next time.
// With DIST=1 the page is dist as it is (by Vite's preview), not the one in the program.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const { CORPUS: corpus, ORSZEM_BIN: binary, DATA_DIR: kept, DIST: showsDist, ROUNDS = '5' } = process.env;
assert.ok(corpus && binary, 'CORPUS and ORSZEM_BIN have to be said');

const ROWS = 100_000;
const BATCH_BYTES = 2 << 20;
const CONNECTIONS = 2;
const FIRST_ROWS_MS = 1_000;
const FRAME_MS = 33;
const SCROLL_MS = 15_000;
/** What a turn of a wheel scrolls, in pixels; a fling is several of them in a frame. */
const SPEEDS = { wheel: 120, fling: 2_400 };
const VIEWPORT = { width: 1360, height: 850 };
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let running = null;
process.on('exit', () => running?.kill());

async function start(folder) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(binary, ['server', '--listen', `127.0.0.1:${port}`, '--data-dir', folder], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  running = child;
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    assert.equal(child.exitCode, null, 'the server ended');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const shown = showsDist ? await startPreview(url) : null;
  return {
    url,
    page: shown?.url ?? url,
    stop: async () => {
      await shown?.stop();
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** dist, with a server behind it. */
async function startPreview(url) {
  const routes = Object.fromEntries(['/app', '/api'].map((path) => [path, { target: url, ws: true }]));
  const root = fileURLToPath(new URL('..', import.meta.url));
  const shown = await preview({ root, logLevel: 'error', preview: { port: await freePort(), proxy: routes } });
  return { url: shown.resolvedUrls.local[0].replace(/\/$/, ''), stop: () => shown.close() };
}

/** The corpus in batches that end with a line. */
async function* batches(path) {
  let rest = Buffer.alloc(0);
  for await (const part of createReadStream(path, { highWaterMark: BATCH_BYTES })) {
    const bytes = Buffer.concat([rest, part]);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    rest = bytes.subarray(end);
  }
  if (rest.length > 0) yield rest;
}

async function load(url) {
  const parts = batches(corpus);
  const send = async () => {
    for (let next = await parts.next(); !next.done; next = await parts.next()) {
      const headers = { 'content-type': 'application/x-ndjson' };
      const post = () => fetch(`${url}/app/v1/ingest`, { method: 'POST', headers, body: next.value });
      let response = await post();
      // It takes in all it can, and says when to come again.
      for (; response.status === 429 || response.status === 503; response = await post()) {
        const pause = Number(response.headers.get('retry-after') ?? 1);
        await new Promise((resolve) => setTimeout(resolve, pause * 1_000));
      }
      assert.ok(response.ok, await response.text());
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, send));
  assert.ok((await fetch(`${url}/app/v1/admin/flush`, { method: 'POST' })).ok);
}

/** First and last time of the corpus, in nanoseconds. */
async function span() {
  const timeOf = (line) => BigInt(Date.parse(JSON.parse(line).ts)) * 1_000_000n;
  let [first, last] = ['', ''];
  for await (const part of batches(corpus)) {
    const text = part.toString('utf8').trimEnd();
    first ||= text.slice(0, text.indexOf('\n'));
    last = text.slice(text.lastIndexOf('\n') + 1);
  }
  return { from: timeOf(first), to: timeOf(last) + 1_000_000_000n };
}

const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/** Milliseconds from the navigation to the frame after the first row, and to the histogram. */
async function firstRows(url, path) {
  const browser = await launch();
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.addInitScript(() => {
    globalThis.shownAt = {};
    const note = (name, selector) => {
      if (globalThis.shownAt[name] !== undefined || !document.querySelector(selector)) return;
      globalThis.shownAt[name] = null;
      requestAnimationFrame(() => setTimeout(() => (globalThis.shownAt[name] = performance.now())));
    };
    new MutationObserver(() => {
      note('rows', '.row');
      note('histogram', '.histogram[data-ready="true"]');
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  await page.goto(url + path);
  const shown = await page.waitForFunction(() => {
    const { rows, histogram } = globalThis.shownAt;
    return rows && histogram ? { rows, histogram } : null;
  });
  const times = await shown.jsonValue();
  await browser.close();
  return times;
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const quantile = (numbers, q) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * q))];
const ms = (number) => `${number.toFixed(0).padStart(5)} ms`;

let missed = 0;
function tell(name, text, isMissed) {
  missed += isMissed ? 1 : 0;
  console.log(`${isMissed ? 'MISS' : 'ok  '} ${name.padEnd(34)} ${text}`);
}

/** Milliseconds of the frames while the wheel turns: down, and up again at half of the time. */
async function scroll(page, pixels) {
  const box = await page.locator('.rows').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.evaluate(() => {
    globalThis.frames = [];
    const note = (before) => (now) => {
      globalThis.frames?.push(now - before);
      if (globalThis.frames) requestAnimationFrame(note(now));
    };
    requestAnimationFrame((now) => requestAnimationFrame(note(now)));
  });
  const begun = Date.now();
  let turns = 0;
  for (; Date.now() < begun + SCROLL_MS; turns += 1) {
    await page.mouse.wheel(0, Date.now() < begun + SCROLL_MS / 2 ? pixels : -pixels);
  }
  const frames = await page.evaluate(() => {
    const { frames: all } = globalThis;
    globalThis.frames = undefined;
    return all;
  });
  return { frames, turns };
}

async function scrolls(url, path) {
  const browser = await launch();
  const page = await browser.newPage({ viewport: VIEWPORT });
  page.setDefaultTimeout(60_000);
  await page.goto(url + path);
  await page.waitForSelector('.row');
  const held = () => page.locator('.rows').getAttribute('data-count').then(Number);
  const begun = Date.now();
  for (let count = await held(); count < ROWS; count = await held()) {
    await page.evaluate(() => document.querySelector('.rows').scrollTo(0, 1e9));
    await page.waitForFunction((n) => Number(document.querySelector('.rows').dataset.count) > n, count);
  }
  console.log(`     ${ROWS} rows were loaded in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  await page.evaluate(() => {
    const rows = document.querySelector('.rows');
    rows.scrollTo(0, rows.scrollHeight / 3);
  });
  await page.waitForSelector('.logs[data-state="ready"]');
  for (const [name, pixels] of Object.entries(SPEEDS)) {
    const { frames, turns } = await scroll(page, pixels);
    const figures = [0.5, 0.95, 0.99, 1].map((q) => quantile(frames, q).toFixed(1));
    const more = `${frames.length} frames, ${turns} turns of ${pixels} px, ${await held()} rows held`;
    const elements = await page.locator('.row').count();
    const text = `p50 ${figures[0]}, p95 ${figures[1]}, p99 ${figures[2]}, longest ${figures[3]} ms; ${more}, ${elements} elements`;
    tell(`frames, ${name}`, text, quantile(frames, 0.95) > FRAME_MS);
    assert.ok((await held()) >= ROWS);
  }
  await browser.close();
}

const folder = kept ?? mkdtempSync(join(tmpdir(), 'orszem-bench-ui-'));
try {
  console.log(`     ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`);
  if (!kept || !existsSync(kept)) {
    const server = await start(folder);
    const begun = Date.now();
    await load(server.url);
    console.log(`     loaded in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    await server.stop();
  }
  const { from, to } = await span();
  const all = `/logs?from=${from}&to=${to}`;
  for (const [name, path] of [
    ['first rows, all of it', all],
    ['first rows, "error"', `${all}&q=error`],
  ]) {
    const rounds = [];
    for (let round = 0; round < Number(ROUNDS); round += 1) {
      const server = await start(folder);
      rounds.push(await firstRows(server.page, path));
      await server.stop();
    }
    const [rows, histogram] = ['rows', 'histogram'].map((which) => rounds.map((times) => times[which]));
    const text = `median ${ms(quantile(rows, 0.5))}, longest ${ms(Math.max(...rows))}; histogram ${ms(quantile(histogram, 0.5))}`;
    tell(name, text, quantile(rows, 0.5) > FIRST_ROWS_MS);
  }
  const server = await start(folder);
  await scrolls(server.page, all);
  await server.stop();
} finally {
  if (!kept) rmSync(folder, { recursive: true });
}
process.exit(missed ? 1 : 0);
