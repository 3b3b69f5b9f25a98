/** Prometheus' query API. */
import { ask } from './client.ts';

export type Labels = Record<string, string>;

export interface VectorSample {
  metric: Labels;
  value: [number, string];
}

export interface MatrixSeries {
  metric: Labels;
  values?: [number, string][];
}

export type QueryResult =
  | { resultType: 'vector'; result: VectorSample[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar'; result: [number, string] }
  | { resultType: 'string'; result: [number, string] };

export interface QueryAnswer {
  data: QueryResult;
  warnings?: string[];
  infos?: string[];
}

export function query(expr: string, atS: number, signal?: AbortSignal): Promise<QueryAnswer> {
  return ask<QueryAnswer>('/api/v1/query', { query: expr, time: atS }, signal);
}

export function queryRange(
  expr: string,
  range: { startS: number; endS: number; stepS: number },
  signal?: AbortSignal,
): Promise<QueryAnswer> {
  return ask<QueryAnswer>(
    '/api/v1/query_range',
    { query: expr, start: range.startS, end: range.endS, step: range.stepS },
    signal,
  );
}

/** The samples of an instant query; one that answers no vector has none. */
export async function vector(expr: string, atS: number, signal?: AbortSignal): Promise<VectorSample[]> {
  const { data } = await query(expr, atS, signal);
  return data.resultType === 'vector' ? data.result : [];
}

export async function metricNames(signal?: AbortSignal): Promise<string[]> {
  return (await ask<{ data: string[] }>('/api/v1/label/__name__/values', {}, signal)).data;
}

export async function labelNames(match: string, signal?: AbortSignal): Promise<string[]> {
  return (await ask<{ data: string[] }>('/api/v1/labels', match ? { 'match[]': match } : {}, signal)).data;
}

export async function labelValues(label: string, match: string, signal?: AbortSignal): Promise<string[]> {
  const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
  return (await ask<{ data: string[] }>(path, match ? { 'match[]': match } : {}, signal)).data;
}
