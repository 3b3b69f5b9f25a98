// Lighthouse on a phone, of the pages that are opened there: the median of several rounds against `orszem demo`. Prints
// the figures and what it finds, and ends with code 1 where a score is below its bound. No test: the speed is the machine's,
// and the index of its speed stands beside (a laptop has some 1,500; the simulated phone is four times slower than that).
//
// ORSZEM_URL or ORSZEM_BIN as in e2e/harness.mjs; PAGES and ROUNDS choose. Lighthouse is fetched by npx.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fire, startServer } from '../e2e/harness.mjs';

const LIGHTHOUSE = 'lighthouse@13.5.0';
const { PAGES = '/ /logs /alerts /m', ROUNDS = '5', CHROMIUM = '/usr/bin/chromium' } = process.env;
const BOUNDS = { performance: 0.95, accessibility: 1, 'best-practices': 0 };
const TIMES = {
  FCP: 'first-contentful-paint',
  LCP: 'largest-contentful-paint',
  TBT: 'total-blocking-time',
  CLS: 'cumulative-layout-shift',
};

function run(url, folder) {
  const file = join(folder, 'report.json');
  const categories = `--only-categories=${Object.keys(BOUNDS).join(',')}`;
  const chrome = '--chrome-flags=--headless=new --no-sandbox --disable-gpu';
  const out = ['--output=json', `--output-path=${file}`, '--quiet'];
  const args = ['--yes', LIGHTHOUSE, url, ...out, categories, chrome, '--form-factor=mobile'];
  const ended = spawnSync('npx', args, { env: { ...process.env, CHROME_PATH: CHROMIUM }, encoding: 'utf8' });
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(readFileSync(file, 'utf8'));
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const server = await startServer();
const folder = mkdtempSync(join(tmpdir(), 'orszem-lighthouse-'));
let missed = 0;
try {
  // As on a bad day: there is something to show.
  await fire(server.url, { alertname: 'DiskSlow', severity: 'critical', host: 'db1' }, { summary: 'Writes take 2 s' });
  for (const path of PAGES.split(' ')) {
    const reports = Array.from({ length: Number(ROUNDS) }, () => run(server.url + path, folder));
    const scores = Object.keys(BOUNDS).map((name) => {
      const score = median(reports.map(({ categories }) => categories[name].score));
      missed += score < BOUNDS[name] ? 1 : 0;
      return `${name} ${score.toFixed(2)}${score < BOUNDS[name] ? ' MISS' : ''}`;
    });
    const times = Object.entries(TIMES).map(([name, id]) => {
      const value = median(reports.map(({ audits }) => audits[id].numericValue));
      return `${name} ${name === 'CLS' ? value.toFixed(3) : `${Math.round(value)} ms`}`;
    });
    const index = median(reports.map(({ environment }) => environment.benchmarkIndex));
    console.log(`${path.padEnd(8)} ${scores.join(', ')}; ${times.join(', ')}; index ${Math.round(index)}`);
    const found = new Set();
    for (const { categories, audits } of reports) {
      for (const { auditRefs } of Object.values(categories)) {
        for (const { id, weight } of auditRefs) {
          const { score, title, displayValue = '', details } = audits[id];
          if (score === null || score >= 0.9 || (weight === 0 && score > 0.5)) continue;
          const where = details?.items?.map(({ node }) => node?.snippet).filter(Boolean);
          if (!Object.values(TIMES).includes(id))
            found.add(`  ${id}: ${title} ${displayValue} ${where?.slice(0, 3).join(' ') ?? ''}`);
        }
      }
    }
    for (const line of found) console.log(line);
  }
} finally {
  rmSync(folder, { recursive: true });
  await server.stop();
}
process.exit(missed ? 1 : 0);
