// Runs e2e/*.test.mjs against one demo that begins with a failover; what looks at its open incident comes first.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startServer } from '../e2e/harness.mjs';

const FIRST = 'stranger.test.mjs';
const folder = fileURLToPath(new URL('../e2e/', import.meta.url));
const others = readdirSync(folder).filter((name) => name.endsWith('.test.mjs') && name !== FIRST);

const begun = Date.now();
const told = (what) => console.log(`# ${what} after ${Math.round((Date.now() - begun) / 1000)} s`);
const { url, truth, stop } = await startServer();
told('the demo was ready');
const env = { ...process.env, ORSZEM_URL: url, ORSZEM_TRUTH: truth };

async function passes(names) {
  const files = names.map((name) => folder + name);
  const run = spawn(process.execPath, ['--test', '--test-concurrency=1', ...files], { stdio: 'inherit', env });
  return (await new Promise((resolve) => run.on('exit', resolve))) === 0;
}

const isGood = [await passes([FIRST]), await passes(others)].every(Boolean);
await stop();
told(isGood ? 'all passed' : 'something failed');
process.exit(isGood ? 0 : 1);
