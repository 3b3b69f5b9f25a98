/** What is held of the targets that collectors probe: docs/probes.md. */
import { ask } from './client.ts';

export type Verdict = 'unknown' | 'up' | 'suspect' | 'recovering' | 'down';

export interface Bar {
  from: string;
  up_ms: number;
  down_ms: number;
  unknown_ms: number;
  excluded_ms: number;
}

export interface Availability {
  /** `null` where nothing is known. */
  ratio: number | null;
  down_ms: number;
  unknown_ms: number;
  outages: number;
  longest_ms: number;
  mttr_ms: number | null;
  goal: number;
  budget_left_ms: number | null;
}

export interface Target {
  id: number;
  probe: string;
  instance: string;
  labels: Record<string, string>;
  verdict: Verdict;
  since: string;
  dissent: number;
  last_vote: string;
  votes: { collector: string; vote: string; at: string; reason: string }[];
  bars: Bar[];
  availability: Availability;
}

export interface Probes {
  now: string;
  span_ms: number;
  period_ms: number;
  goal: number;
  targets: Target[];
  left_out: number;
}

export function probes(params: { span: string; bars: number; period: string }, signal?: AbortSignal): Promise<Probes> {
  return ask<Probes>('/app/v1/probes', params, signal);
}

export interface Outage {
  from: string;
  /** `null` while it lasts. */
  until: string | null;
  reason: string;
  lasted_ms: number;
  excluded: boolean;
}

export interface Outages {
  outages: Outage[];
  unknown: Outage[];
}

export function outages(target: number, period: string, signal?: AbortSignal): Promise<Outages> {
  return ask<Outages>(`/app/v1/probes/${target}/outages`, { period }, signal);
}

export interface VotingCollector {
  collector: string;
  seen: string;
  /** Why it is held to be cut off. */
  isolated: string | null;
}

export async function votingCollectors(signal?: AbortSignal): Promise<VotingCollector[]> {
  return (await ask<{ collectors: VotingCollector[] }>('/app/v1/probes/collectors', {}, signal)).collectors;
}
