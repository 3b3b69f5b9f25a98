/** The courses that the page of one host shows: use, waiting and errors of each resource, then its databases. */
import type { TextKey } from '../../app/i18n.ts';
import type { Unit } from './measures.ts';

export interface Panel {
  id: string;
  label: TextKey;
  unit: Unit;
  /** Lines by what they are called; nothing: by their labels. Each is asked with the host's selector. */
  queries: readonly { name?: string; expr: (host: string, rate: string) => string }[];
}

const quoted = (text: string) => JSON.stringify(text);
const pattern = (text: string) => quoted(`${text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')}(:[0-9]+)?`);

/** What `expr` makes of the series of a host: those that name it, else those of an address that begins with it. */
export function ofHost(host: string, expr: (selector: string) => string): string {
  return `(${expr(`host=${quoted(host)}`)}) or (${expr(`host="",instance=~${pattern(host)}`)})`;
}

const simple = (expr: (selector: string, rate: string) => string) => (host: string, rate: string) =>
  ofHost(host, (selector) => expr(selector, rate));

const waiting = (resource: string) =>
  simple((s, r) => `100 * max(rate(node_pressure_${resource}_waiting_seconds_total{${s}}[${r}]))`);

const DATABASES = 'oracledb|mariadb|mysql|postgresql|pg|sqlite';
const ofDatabase = (name: string) => simple((s) => `{__name__=~"(${DATABASES})_${name}",${s}}`);
/** Named by what was measured, as arithmetic takes the metric's name away. */
const named = (name: string, s: string) =>
  `label_replace({__name__=~"(${DATABASES})_${name}",${s}}, "measured", "$2", "__name__", "([a-z]+)_(.*)")`;

export const PANELS: readonly Panel[] = [
  {
    id: 'cpu',
    label: 'hosts.cpu',
    unit: 'percent',
    queries: [
      { expr: simple((s, r) => `100 * avg by (mode) (rate(node_cpu_seconds_total{mode!="idle",${s}}[${r}]))`) },
    ],
  },
  {
    id: 'pressure',
    label: 'hosts.pressure',
    unit: 'percent',
    queries: [
      { name: 'CPU', expr: waiting('cpu') },
      { name: 'memory', expr: waiting('memory') },
      { name: 'I/O', expr: waiting('io') },
    ],
  },
  {
    id: 'load',
    label: 'hosts.load',
    unit: 'plain',
    queries: [
      { name: '1 min', expr: simple((s) => `max(node_load1{${s}})`) },
      { name: 'CPUs', expr: simple((s) => `count(count by (cpu) (node_cpu_seconds_total{${s}}))`) },
    ],
  },
  {
    id: 'memory',
    label: 'hosts.memory',
    unit: 'percent',
    queries: [
      {
        name: 'memory',
        expr: simple((s) => `100 * max(1 - node_memory_MemAvailable_bytes{${s}} / node_memory_MemTotal_bytes{${s}})`),
      },
      {
        name: 'swap',
        expr: simple(
          (s) => `100 * max(1 - node_memory_SwapFree_bytes{${s}} / (node_memory_SwapTotal_bytes{${s}} > 0))`,
        ),
      },
    ],
  },
  {
    id: 'disk-busy',
    label: 'hosts.disk',
    unit: 'percent',
    queries: [{ expr: simple((s, r) => `100 * max by (device) (rate(node_disk_io_time_seconds_total{${s}}[${r}]))`) }],
  },
  {
    id: 'disk-latency',
    label: 'hosts.latency',
    unit: 'seconds',
    queries: [
      {
        expr: simple(
          (s, r) =>
            `sum by (device) (rate(node_disk_read_time_seconds_total{${s}}[${r}]) + rate(node_disk_write_time_seconds_total{${s}}[${r}])) / (sum by (device) (rate(node_disk_reads_completed_total{${s}}[${r}]) + rate(node_disk_writes_completed_total{${s}}[${r}])) > 0)`,
        ),
      },
    ],
  },
  {
    id: 'disk-bytes',
    label: 'hosts.diskBytes',
    unit: 'bytes',
    queries: [
      { name: 'read', expr: simple((s, r) => `sum by (device) (rate(node_disk_read_bytes_total{${s}}[${r}]))`) },
      { name: 'write', expr: simple((s, r) => `sum by (device) (rate(node_disk_written_bytes_total{${s}}[${r}]))`) },
    ],
  },
  {
    id: 'space',
    label: 'hosts.spaceAll',
    unit: 'percent',
    queries: [
      {
        expr: simple(
          (s) =>
            `100 * max by (mountpoint) (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|iso9660",${s}} / node_filesystem_size_bytes)`,
        ),
      },
    ],
  },
  {
    id: 'network',
    label: 'hosts.network',
    unit: 'bytes',
    queries: [
      {
        name: 'in',
        expr: simple((s, r) => `sum by (device) (rate(node_network_receive_bytes_total{device!="lo",${s}}[${r}]))`),
      },
      {
        name: 'out',
        expr: simple((s, r) => `sum by (device) (rate(node_network_transmit_bytes_total{device!="lo",${s}}[${r}]))`),
      },
    ],
  },
  {
    id: 'network-errors',
    label: 'hosts.networkErrors',
    unit: 'plain',
    queries: ['receive_errs', 'transmit_errs', 'receive_drop', 'transmit_drop'].map((kind) => ({
      name: kind.replace('_', ' '),
      expr: simple((s, r) => `sum by (device) (rate(node_network_${kind}_total{device!="lo",${s}}[${r}])) > 0`),
    })),
  },
  {
    id: 'drbd-behind',
    label: 'hosts.drbdBehind',
    unit: 'size',
    queries: [{ expr: simple((s) => `max by (name, volume, conn_name) (drbd_peerdevice_outofsync_bytes{${s}})`) }],
  },
  {
    id: 'db-sessions',
    label: 'hosts.dbSessions',
    unit: 'plain',
    queries: [{ expr: ofDatabase('sessions_(value|count)') }],
  },
  {
    id: 'db-used',
    label: 'hosts.dbUsed',
    unit: 'percent',
    queries: [
      { expr: simple((s) => `100 * ${named('.*_used_ratio', s)}`) },
      { expr: simple((s) => named('.*_used_percent', s)) },
    ],
  },
  {
    id: 'db-waits',
    label: 'hosts.dbWaits',
    unit: 'seconds',
    queries: [{ expr: ofDatabase('(blocked_sessions_max|transactions_oldest)_seconds') }],
  },
  {
    id: 'db-behind',
    label: 'hosts.dbBehind',
    unit: 'seconds',
    queries: [{ expr: ofDatabase('.*(lag_seconds|behind_seconds|seconds_behind_master|data_age_seconds)') }],
  },
];

const COMMON = new Set(['host', 'instance', 'job', 'cluster', 'simulated', '__name__']);

/** What a line is called: what all lines of the host share is left out. */
export function lineName(given: string | undefined, metric: Record<string, string>): string {
  const labels = Object.entries(metric).filter(([name]) => !COMMON.has(name));
  const own = labels.map(([, value]) => value).join(' ');
  return [given ?? '', own].filter(Boolean).join(' ') || metric.__name__ || '';
}
