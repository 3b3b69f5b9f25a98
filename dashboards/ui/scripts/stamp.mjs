// Writes dist/.srchash: the SHA-256 of the sources that dist was built from, which a test of the asset crate compares.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['src', 'public'];
const single = ['index.html', 'package-lock.json', 'vite.config.ts'];

function files(folder) {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => relative(root, join(e.parentPath, e.name)).split(sep).join('/'));
}

const hash = createHash('sha256');
for (const name of [...single, ...folders.flatMap(files)].sort()) {
  hash.update(`${name}\0`);
  hash.update(readFileSync(join(root, name)));
  hash.update('\0');
}
writeFileSync(join(root, 'dist/.srchash'), `${hash.digest('hex')}\n`);
