/** Collectors, topology and the server: docs/api.md. */
import { ask } from './client.ts';

export interface Collector {
  host: string;
  status: 'ok' | 'lost' | 'late' | 'unsupported' | 'losing' | 'skewed';
  sentence: string;
  version?: string;
  last_seen_ns?: number | null;
  latency_p50_s?: number | null;
  clock_skew_s?: number | null;
  lag_bytes?: number | null;
  queue_bytes?: number | null;
  canary_gaps?: number;
  /** Records that would never be taken. */
  rejected?: number;
}

export async function collectors(signal?: AbortSignal): Promise<Collector[]> {
  return (await ask<{ collectors: Collector[] }>('/app/v1/collectors', {}, signal)).collectors;
}

export interface Edge {
  from: string;
  relation: string;
  to: string;
  detail: string;
  origin: string;
  since: string;
}

export interface EdgeChange extends Omit<Edge, 'since'> {
  at: string;
  is_there: boolean;
}

export interface TopologyAnswer {
  at_ns: string;
  edges: Edge[];
  changes?: EdgeChange[];
}

export function topology(params: { at?: string; since?: string }, signal?: AbortSignal): Promise<TopologyAnswer> {
  return ask<TopologyAnswer>('/app/v1/topology', params, signal);
}

export interface BuildInfo {
  version: string;
  revision: string;
}

export async function buildInfo(signal?: AbortSignal): Promise<BuildInfo> {
  return (await ask<{ data: BuildInfo }>('/api/v1/status/buildinfo', {}, signal)).data;
}
