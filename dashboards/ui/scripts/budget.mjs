// Checks the sizes of dist after brotli against the budgets; ends with code 1 where one is exceeded. What is loaded first
// is what the document of a page names; the page with the most counts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const KIB = 1024;
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const size = (file) => brotliCompressSync(readFileSync(join(dist, file))).length;
const sum = (files) => files.reduce((total, file) => total + size(file), 0);
const documents = readdirSync(dist).filter((name) => name.endsWith('.html'));
const firstOf = (name) => {
  const html = readFileSync(join(dist, name), 'utf8');
  return [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
};
const first = new Set(documents.flatMap(firstOf));
/** The page that loads the most files of a kind first, and how many bytes these are. */
const most = (kind) =>
  documents
    .map((name) => [sum(firstOf(name).filter((file) => file.endsWith(kind))), name.replace('.html', '')])
    .reduce((a, b) => (a[0] > b[0] ? a : b));
const all = readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`);
const largest = all.filter((file) => !first.has(file) && file.endsWith('.js')).sort((a, b) => size(b) - size(a));

const [[js, jsPage], [css, cssPage]] = [most('.js'), most('.css')];

const figures = [
  [`first JS (${jsPage})`, js, 110],
  [`first CSS (${cssPage})`, css, 15],
  ['largest later chunk', largest.length ? size(largest[0]) : 0, 130],
  ['whole app', sum(all.filter((file) => /\.(js|css)$/.test(file))), 400],
];
let exceeded = 0;
for (const [name, bytes, kib] of figures) {
  const isOver = bytes > kib * KIB;
  exceeded += isOver ? 1 : 0;
  console.log(
    `${isOver ? 'OVER' : 'ok  '} ${name.padEnd(20)} ${(bytes / KIB).toFixed(1).padStart(7)} KiB br of ${kib}`,
  );
}
process.exit(exceeded ? 1 : 0);
