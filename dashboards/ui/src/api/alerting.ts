/** Incidents, alerts, silences and deliveries: docs/alerting.md. */
import { ask, type Params, send } from './client.ts';

export type AlertLevel = 'warning' | 'critical';

export interface IncidentMember {
  rule: string;
  labels: Record<string, string>;
  level: AlertLevel;
  is_firing: boolean;
  is_flapping: boolean;
  joined_at: string;
  why: string;
}

export interface Incident {
  id: number;
  state: 'open' | 'ended' | 'merged';
  level: AlertLevel;
  group: string;
  started_at: string;
  changed_at: string;
  ended_at: string | null;
  acknowledged_by: string | null;
  acknowledged_until: string | null;
  snoozed_until: string | null;
  merged_into: number | null;
  alerts: IncidentMember[];
}

export interface Delivery {
  key: string;
  incident: number | null;
  kind: string;
  contact: string;
  channel: string;
  target: string;
  title: string;
  created_at: string;
  expires_at: string;
  state: string;
  attempts: { at: string; outcome: string; detail: string }[];
}

export interface IncidentDetail {
  incident: Incident;
  timeline: { at: string; text: string }[];
  deliveries: Delivery[];
}

export interface FiringAlert {
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  receivers: { name: string }[];
  status: { state: 'active' | 'suppressed'; silencedBy: string[]; inhibitedBy: string[]; mutedBy: string[] };
  generatorURL: string;
}

export interface SilenceMatcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export interface Silence {
  id: string;
  matchers: SilenceMatcher[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
  status: { state: 'active' | 'pending' | 'expired' };
}

export interface Why {
  rule: string;
  labels: Record<string, string>;
  state: string;
  incident: number | null;
  joined: string | null;
  suppressed: string[];
  answer: string;
  text: string;
}

export interface Rule {
  name: string;
  type: 'alerting' | 'recording';
  query: string;
  state?: 'firing' | 'pending' | 'inactive' | 'unknown';
  health: string;
  lastError?: string;
  lastEvaluation: string;
  evaluationTime: number;
  duration?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  alerts?: { labels: Record<string, string>; state: string; activeAt?: string; value: string }[];
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  rules: Rule[];
}

/** The newest first; open ones by level, what nobody has acknowledged before the others. */
export async function incidents(params: Params, signal?: AbortSignal): Promise<Incident[]> {
  const { incidents } = await ask<{ incidents: Incident[] }>('/app/v1/incidents', params, signal);
  return params.open ? worstFirst(incidents) : incidents;
}

/** Those of one level and state stay in their order. */
export function worstFirst(incidents: readonly Incident[]): Incident[] {
  const place = ({ level, acknowledged_by }: Incident) =>
    (level === 'critical' ? 0 : 2) + (acknowledged_by === null ? 0 : 1);
  return [...incidents].sort((one, other) => place(one) - place(other));
}

export function incident(id: number, signal?: AbortSignal): Promise<IncidentDetail> {
  return ask<IncidentDetail>(`/app/v1/incidents/${id}`, {}, signal);
}

export type IncidentAction = 'ack' | 'unack' | 'snooze' | 'note' | 'escalate';

export interface ActionBody {
  by: string;
  note?: string;
  for?: string;
}

export function act(id: number, action: IncidentAction, body: ActionBody): Promise<unknown> {
  return send(`/app/v1/incidents/${id}/${action}`, body);
}

export async function deliveries(params: Params, signal?: AbortSignal): Promise<Delivery[]> {
  return (await ask<{ deliveries: Delivery[] }>('/app/v1/deliveries', params, signal)).deliveries;
}

export function firing(signal?: AbortSignal): Promise<FiringAlert[]> {
  return ask<FiringAlert[]>('/api/v2/alerts', {}, signal);
}

export function silences(signal?: AbortSignal): Promise<Silence[]> {
  return ask<Silence[]>('/api/v2/silences', {}, signal);
}

export interface NewSilence {
  /** One that is changed. */
  id?: string;
  matchers: SilenceMatcher[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
}

export function addSilence(silence: NewSilence): Promise<{ silenceID: string }> {
  return send('/api/v2/silences', silence);
}

export function endSilence(id: string): Promise<unknown> {
  return send(`/api/v2/silence/${encodeURIComponent(id)}`, undefined, 'DELETE');
}

/** Why somebody was told of the alerts with these labels, or was not. */
export async function why(labels: Record<string, string>, signal?: AbortSignal): Promise<Why[]> {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return (await ask<{ alerts: Why[] }>('/app/v1/why', { alert: `{${matchers.join(',')}}` }, signal)).alerts;
}

export async function ruleGroups(signal?: AbortSignal): Promise<RuleGroup[]> {
  return (await ask<{ data: { groups: RuleGroup[] } }>('/api/v1/rules', {}, signal)).data.groups;
}

export interface ReplayAsk {
  /** Nothing: the rules in force. */
  files?: { name: string; text: string }[];
  /** So long up to now, such as `6h`. */
  last: string;
}

export interface Replayed {
  from: string;
  to: string;
  rules: {
    rule: string;
    file: string;
    fired: number;
    warning: number;
    critical: number;
    /** How often it pended and did not fire. */
    pended: number;
    total_ms: number;
    longest_ms: number;
    failing: { error: string; times: number; first: string } | null;
  }[];
  episodes: {
    rule: string;
    labels: Record<string, string>;
    /** `null`: it pended only. */
    level: AlertLevel | null;
    from: string;
    to: string | null;
  }[];
  looked_at: { evaluations: number; samples: number; records: number };
  /** Why it is not all. */
  partial: string[];
}

/** What rules would have done over what is stored. */
export function replay(ask: ReplayAsk, signal: AbortSignal): Promise<Replayed> {
  return send<Replayed>('/app/v1/rules/replay', ask, 'POST', signal);
}
