/** The search API: docs/api.md. */
import { ask, queryString } from './client.ts';

export const BANDS = ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Band = (typeof BANDS)[number];

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export interface Row {
  ts: string;
  /** Nanoseconds since 1970. */
  ts_ns: string;
  seq: string;
  cursor: string;
  stream: Record<string, string>;
  severity: number;
  level: Band;
  severity_text: string | null;
  body: string;
  attributes: Record<string, Json>;
  trace_id?: string;
  span_id?: string;
  kind: 'log' | 'event' | 'span' | 'probe';
  entities?: string[];
  /** Begin and end of matches in `body`, in UTF-16 units. */
  highlights: [number, number][];
}

export interface Cost {
  stats: { bytes_scanned: number; records_scanned: number };
  partial: boolean;
  partial_reason?: 'deadline' | 'memory' | 'damage';
}

export interface Page extends Cost {
  rows: Row[];
  next: string | null;
}

export interface Histogram extends Cost {
  step_ns: string;
  from_ns: string;
  to_ns: string;
  buckets: { ts_ns: string; counts: number[] }[];
}

export interface Facets extends Cost {
  field: string;
  values: { value: string; count: number }[];
  distinct: number;
  other: number;
  missing: number;
}

export interface Numbers extends Cost {
  count: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  quantiles: { quantile: number; value: number | null }[];
}

/** `[from, to)` in nanoseconds. */
export interface Range {
  from: string;
  to: string;
}

export type Order = 'newest' | 'oldest';

export interface Scope extends Range {
  q: string;
}

const scoped = ({ q, from, to }: Scope) => ({ q, from, to });

export function search(
  scope: Scope,
  more: { order: Order; limit: number; cursor?: string },
  signal?: AbortSignal,
): Promise<Page> {
  return ask<Page>('/app/v1/search', { ...scoped(scope), ...more }, signal);
}

export function histogram(scope: Scope, signal?: AbortSignal): Promise<Histogram> {
  return ask<Histogram>('/app/v1/histogram', scoped(scope), signal);
}

export function countRows(scope: Scope, signal?: AbortSignal): Promise<Cost & { count: number }> {
  return ask('/app/v1/count', scoped(scope), signal);
}

export function fields(
  scope: Scope,
  signal?: AbortSignal,
): Promise<Cost & { fields: { name: string; count: number }[] }> {
  return ask('/app/v1/fields', scoped(scope), signal);
}

export function facets(scope: Scope, field: string, limit: number, signal?: AbortSignal): Promise<Facets> {
  return ask<Facets>('/app/v1/facets', { ...scoped(scope), field, limit }, signal);
}

export function numbers(scope: Scope, field: string, signal?: AbortSignal): Promise<Numbers> {
  return ask<Numbers>('/app/v1/numbers', { ...scoped(scope), field }, signal);
}

export interface Patterns extends Cost {
  patterns: { pattern: string; count: number }[];
}

export function patterns(scope: Scope, limit: number, signal?: AbortSignal): Promise<Patterns> {
  return ask<Patterns>('/app/v1/patterns', { ...scoped(scope), limit }, signal);
}

export interface StreamContext {
  before: Row[];
  row: Row;
  after: Row[];
}

export function streamContext(row: Row, neighbours: number, signal?: AbortSignal): Promise<StreamContext> {
  const { ts_ns: ts, seq } = row;
  return ask<StreamContext>('/app/v1/context', { ts, seq, before: neighbours, after: neighbours }, signal);
}

export function exportHref(scope: Scope, order: Order, format: 'text' | 'ndjson'): string {
  return `/app/v1/export?${queryString({ ...scoped(scope), order, format })}`;
}

export type TailMessage = { type: 'rows'; rows: Row[] } | { type: 'overload'; dropped: number };

export function openTail(q: string): WebSocket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/app/v1/tail?${queryString({ q })}`);
}
