/** A row's values by name, as columns and the detail show them. */
import type { Json, Row } from '../../api/logs.ts';
import { term } from '../../app/terms.ts';

export function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The value of a label or an attribute; empty where there is none. */
export function valueIn(row: Row, name: string): string {
  const label = row.stream[name];
  if (label !== undefined) return label;
  if (name === 'trace_id') return row.trace_id ?? '';
  if (name === 'kind') return row.kind;
  const attribute = row.attributes[name];
  return attribute === undefined ? '' : asText(attribute);
}

export const LETTERS = { unset: '·', trace: 'T', debug: 'D', info: 'I', warn: 'W', error: 'E', fatal: 'F' } as const;

/** Attributes that name what several lines belong to, the most telling first. */
const IDS = [
  'trace_id',
  'request_id',
  'req_id',
  'correlation_id',
  'transaction_id',
  'operation_id',
  'session_id',
  'session',
  'xid',
  'pid',
];

/** The condition for what belongs to the same request or process as a line; `null` where nothing says. */
export function sameId(row: Row): string | null {
  const known = new Map([...Object.entries(row.attributes).map(([name, value]) => [name, asText(value)] as const)]);
  if (row.trace_id) known.set('trace_id', row.trace_id);
  const name = IDS.find((id) => known.get(id));
  if (!name) return null;
  const condition = term(name, known.get(name) ?? '');
  // A process is one of its host.
  const { host } = row.stream;
  return name === 'pid' && host ? `${condition} ${term('host', host)}` : condition;
}
