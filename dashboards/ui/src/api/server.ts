/** Who asks, what the server is, who is told, and by which devices: docs/api.md, docs/alerting.md. */
import { ask, send } from './client.ts';

export interface Me {
  name: string;
  role: 'ingest' | 'read' | 'admin';
  tenant: number;
  /** Without a token file everyone on the server's host may do everything. */
  has_tokens: boolean;
  version: string;
}

export function me(signal?: AbortSignal): Promise<Me> {
  return ask<Me>('/app/v1/me', {}, signal);
}

export interface Runtime {
  startTime: string;
  hostname: string;
  storageRetention: string;
  timeSeriesCount: number;
  corruptionCount: number;
  reloadConfigSuccess: boolean;
  lastConfigTime: string;
}

export async function runtime(signal?: AbortSignal): Promise<Runtime> {
  return (await ask<{ data: Runtime }>('/api/v1/status/runtimeinfo', {}, signal)).data;
}

export interface Contact {
  name: string;
  addresses: { channel: string; to: string; level_min: 'warning' | 'critical' }[];
  quiet: string[];
}

export async function contacts(signal?: AbortSignal): Promise<Contact[]> {
  return (await ask<{ contacts: Contact[] }>('/app/v1/contacts', {}, signal)).contacts;
}

/** A test message to every address of a contact. */
export function testContact(contact: string, by: string): Promise<unknown> {
  return send('/app/v1/notify/test', { contact, by });
}

export interface Device {
  id: number;
  contact: string;
  name: string;
  level_min: 'warning' | 'critical';
  /** The push service of its browser. */
  service: string;
  made_at: string;
  /** When it last said that a message came. */
  seen_at: string | null;
}

export interface Devices {
  devices: Device[];
  /** What browsers subscribe to; `null` where the configuration has no such channel. */
  push: { channel: string; key: string } | null;
  /** Whose a device can be. */
  contacts: string[];
}

export function devices(signal?: AbortSignal): Promise<Devices> {
  return ask<Devices>('/app/v1/devices', {}, signal);
}

export interface NewDevice {
  contact: string;
  name: string;
  level_min: 'warning' | 'critical';
  subscription: PushSubscriptionJSON;
}

export async function addDevice(device: NewDevice): Promise<number> {
  return (await send<{ device: number }>('/app/v1/devices', device)).device;
}

export function removeDevice(id: number): Promise<unknown> {
  return send(`/app/v1/devices/${id}`, undefined, 'DELETE');
}

/** A code that logs another device in, once. */
export function pairingCode(): Promise<{ code: string; seconds: number }> {
  return send('/app/v1/pair');
}
