/** What is asked of every host: utilisation, saturation and errors of its resources, with the bounds that matter. */
import type { Labels } from '../../api/metrics.ts';
import { bytes, figure } from '../../app/format.ts';
import type { TextKey } from '../../app/i18n.ts';

/** `bytes` are those of a second, `size` those that there are. */
export type Unit = 'percent' | 'seconds' | 'bytes' | 'size' | 'plain';

export interface Measure {
  id: string;
  label: TextKey;
  expr: string;
  unit: Unit;
  /** From here on it is told as tight, and as full; nothing is told where there are none. */
  bounds?: readonly [number, number];
}

const BY = 'by (instance, host)';

export const MEASURES: readonly Measure[] = [
  {
    id: 'cpu',
    label: 'hosts.cpu',
    expr: `100 * (1 - avg ${BY} (rate(node_cpu_seconds_total{mode="idle"}[2m])))`,
    unit: 'percent',
    bounds: [80, 95],
  },
  {
    id: 'psi-cpu',
    label: 'hosts.psiCpu',
    expr: `100 * max ${BY} (rate(node_pressure_cpu_waiting_seconds_total[2m]))`,
    unit: 'percent',
    bounds: [20, 50],
  },
  { id: 'load', label: 'hosts.load', expr: `max ${BY} (node_load1)`, unit: 'plain' },
  {
    id: 'memory',
    label: 'hosts.memory',
    expr: `100 * max ${BY} (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)`,
    unit: 'percent',
    bounds: [85, 95],
  },
  {
    id: 'psi-memory',
    label: 'hosts.psiMemory',
    expr: `100 * max ${BY} (rate(node_pressure_memory_waiting_seconds_total[2m]))`,
    unit: 'percent',
    bounds: [5, 20],
  },
  {
    id: 'disk',
    label: 'hosts.disk',
    expr: `100 * max ${BY} (rate(node_disk_io_time_seconds_total[2m]))`,
    unit: 'percent',
    bounds: [80, 95],
  },
  {
    id: 'latency',
    label: 'hosts.latency',
    expr: `sum ${BY} (rate(node_disk_read_time_seconds_total[2m]) + rate(node_disk_write_time_seconds_total[2m])) / sum ${BY} (rate(node_disk_reads_completed_total[2m]) + rate(node_disk_writes_completed_total[2m]))`,
    unit: 'seconds',
    bounds: [0.02, 0.1],
  },
  {
    id: 'psi-io',
    label: 'hosts.psiIo',
    expr: `100 * max ${BY} (rate(node_pressure_io_waiting_seconds_total[2m]))`,
    unit: 'percent',
    bounds: [10, 40],
  },
  {
    id: 'space',
    label: 'hosts.space',
    expr: `100 * max ${BY} (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|iso9660"} / node_filesystem_size_bytes)`,
    unit: 'percent',
    bounds: [85, 95],
  },
  {
    id: 'network',
    label: 'hosts.network',
    expr: `sum ${BY} (rate(node_network_receive_bytes_total{device!="lo"}[2m]) + rate(node_network_transmit_bytes_total{device!="lo"}[2m]))`,
    unit: 'bytes',
  },
];

/** All of the measures in one question: what is answered says by the label `measure` which of them it is. */
export function allOf(measures: readonly Measure[]): string {
  return measures.map(({ id, expr }) => `label_replace(${expr}, "measure", "${id}", "", "")`).join(' or ');
}

export type Tightness = 'fine' | 'tight' | 'full';

export function tightness(value: number, bounds: Measure['bounds']): Tightness {
  if (!bounds || Number.isNaN(value)) return 'fine';
  return value >= bounds[1] ? 'full' : value >= bounds[0] ? 'tight' : 'fine';
}

/** How near a value is to full, to sort by: 1 is full. */
export function strain(value: number, bounds: Measure['bounds']): number {
  return bounds && Number.isFinite(value) ? value / bounds[1] : 0;
}

export function shown(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'percent') return `${value.toFixed(value < 10 ? 1 : 0)} %`;
  if (unit === 'seconds') return value < 1 ? `${figure(value * 1000)} ms` : `${figure(value)} s`;
  if (unit === 'size') return bytes(value);
  return unit === 'bytes' ? `${bytes(value)}/s` : figure(Number(value.toPrecision(3)));
}

/** What a host is called: its label, or the address that is scraped, without the port. */
export const hostName = ({ host, instance = '' }: Labels): string => host ?? instance.replace(/:\d+$/, '');
