/** Writing conditions of the search language: docs/search.md. */

const FIELD_NAME = /^[\p{L}_@][\p{L}\p{N}_.\-@/]*$/u;
const PLAIN_VALUE = /^[\p{L}\p{N}_.@/-]+$/u;

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** `field:value`, with quotes where they are needed. */
export function term(field: string, value: string): string {
  const name = FIELD_NAME.test(field) ? field : quoted(field);
  const isPlain = PLAIN_VALUE.test(value) && !value.startsWith('/') && !/^(AND|OR|NOT|TO)$/.test(value);
  return `${name}:${isPlain ? value : quoted(value)}`;
}

/** A text as a phrase. */
export function phrase(text: string): string {
  return quoted(text);
}

/** The query with a further condition. What has `OR` is put into parentheses, as it binds less. */
export function addTerm(query: string, added: string): string {
  const rest = query.trim();
  if (rest === '' || rest === '*') return added;
  if (rest.split(' ').includes(added)) return rest;
  const outside = rest.replace(/"(?:\\.|[^"\\])*"/g, '').replace(/\([^()]*\)/g, '');
  return /(^|\s)OR(\s|$)/.test(outside) ? `(${rest}) ${added}` : `${rest} ${added}`;
}

/** The query without a condition that stands in it by itself. */
export function removeTerm(query: string, removed: string): string {
  return query
    .split(' ')
    .filter((one) => one !== removed)
    .join(' ')
    .trim();
}

/** The query with a condition that it lacked, or without one that it had. */
export function toggleTerm(query: string, one: string): string {
  return query.split(' ').includes(one) ? removeTerm(query, one) : addTerm(query, one);
}

/** The query that is sent: what was written, within the scope. */
export function within(query: string, scope: string[]): string {
  return scope.reduce((all, one) => addTerm(all, one), query.trim());
}
