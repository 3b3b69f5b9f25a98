/** The same search for a shell: what the page asks, as curl and as `orszem search`. */
import { exportHref, type Order, type Scope } from '../../api/logs.ts';

/** A word for a POSIX shell. */
export const quotedForShell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function asCurl(scope: Scope, order: Order, origin: string): string {
  return `curl -s ${quotedForShell(origin + exportHref(scope, order, 'ndjson'))} -H "Authorization: Bearer $ORSZEM_TOKEN"`;
}

export function asCommand({ q, from, to }: Scope, origin: string): string {
  return `orszem search ${quotedForShell(q)} --from ${from} --to ${to} --server ${quotedForShell(origin)}`;
}
