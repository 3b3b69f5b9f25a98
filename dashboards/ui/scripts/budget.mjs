// Checks the sizes of dist after brotli against the budgets; ends with code 1 where one is exceeded.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const KIB = 1024;
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const size = (file) => brotliCompressSync(readFileSync(join(dist, file))).length;
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const first = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const sum = (files) => files.reduce((total, file) => total + size(file), 0);
const all = readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`);
const largest = all.filter((file) => !first.includes(file) && file.endsWith('.js')).sort((a, b) => size(b) - size(a));

const figures = [
  ['first JS', sum(first.filter((file) => file.endsWith('.js'))), 110],
  ['first CSS', sum(first.filter((file) => file.endsWith('.css'))), 15],
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
