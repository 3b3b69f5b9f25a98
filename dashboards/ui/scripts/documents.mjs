// Makes the document of each page from dist/index.html: it names the scripts and styles of that page, so that browsers
// load them beside the first ones instead of after them. `/logs` gets dist/logs.html; `/` and what has none, index.html.
// What is loaded for which page is in dist/.vite/manifest.json, which is removed.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const ENTRY = 'index.html';
/** The document of each page, and its chunk as `src/app/pages.tsx` loads it. */
const PAGES = {
  index: 'src/pages/now/Now.tsx',
  logs: 'src/pages/logs/Logs.tsx',
  alerts: 'src/pages/alerts/Alerts.tsx',
  hosts: 'src/pages/hosts/Hosts.tsx',
  at: 'src/pages/moment/Moment.tsx',
  map: 'src/pages/map/Map.tsx',
  explore: 'src/pages/explore/Explore.tsx',
  status: 'src/pages/status/Status.tsx',
  settings: 'src/pages/settings/Settings.tsx',
  pair: 'src/app/Pair.tsx',
  m: 'src/pages/m/Phone.tsx',
};
/** What the first script loads and is no page. */
const OTHERS = ['KeyHelp.tsx', 'Login.tsx', 'texts/hu.ts'].map((name) => `src/app/${name}`);

const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
const html = readFileSync(join(dist, ENTRY), 'utf8');
assert.deepEqual(
  manifest[ENTRY].dynamicImports.filter((chunk) => !OTHERS.includes(chunk)).sort(),
  Object.values(PAGES).sort(),
  'scripts/documents.mjs has other pages than src/app/pages.tsx',
);

/** The files that a chunk needs at once, its own last. */
function filesOf(chunk, seen = new Set()) {
  if (seen.has(chunk)) return [];
  seen.add(chunk);
  const { file, css = [], imports = [] } = manifest[chunk];
  return [...imports.flatMap((other) => filesOf(other, seen)), ...css, file];
}

const link = (file) =>
  file.endsWith('.css')
    ? `  <link rel="stylesheet" crossorigin href="/${file}">\n`
    : `  <link rel="modulepreload" crossorigin href="/${file}">\n`;

for (const [name, chunk] of Object.entries(PAGES)) {
  const missing = [...new Set(filesOf(chunk))].filter((file) => !html.includes(`"/${file}"`));
  writeFileSync(join(dist, `${name}.html`), html.replace('</head>', `${missing.map(link).join('')}</head>`));
}
rmSync(join(dist, '.vite'), { recursive: true });
