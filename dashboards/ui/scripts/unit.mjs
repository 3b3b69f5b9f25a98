// Runs test/*.test.ts under node:test; Vite turns them into JavaScript first, as older Node.js reads no TypeScript.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = join(root, 'node_modules/.unit');
const input = readdirSync(join(root, 'test'))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join(root, 'test', name));
await build({
  root,
  configFile: false,
  publicDir: false,
  logLevel: 'warn',
  build: { ssr: true, outDir, emptyOutDir: true, rolldownOptions: { input } },
});
const made = readdirSync(outDir).filter((name) => name.endsWith('.test.js'));
const { status } = spawnSync(process.execPath, ['--test', ...made.map((name) => join(outDir, name))], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
