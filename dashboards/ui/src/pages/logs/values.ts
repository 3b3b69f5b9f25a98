/** A row's values by name, as columns and the detail show them. */
import type { Json, Row } from '../../api/logs.ts';

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
