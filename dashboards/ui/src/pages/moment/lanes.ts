/** Lanes: what was told in a window, a strip for each layer of each host. No React in here. */
import type { Row } from '../../api/logs.ts';
import { nsToMs } from '../../app/format.ts';

/** From the metal up, as causes go. */
export const LAYERS = ['kernel', 'storage', 'network', 'cluster', 'database', 'app', 'web', 'probe', 'host'];

export interface Mark {
  row: Row;
  ms: number;
}

export interface Lane {
  layer: string;
  host: string;
  marks: Mark[];
}

const rank = (layer: string) => {
  const at = LAYERS.indexOf(layer);
  return at < 0 ? LAYERS.length : at;
};

/** The lanes of `rows`, by layer and then by host; rows of no layer come last. */
export function lanesOf(rows: readonly Row[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const row of rows) {
    const { layer = '', host = '' } = row.stream;
    const key = `${layer} ${host}`;
    const lane = lanes.get(key) ?? { layer, host, marks: [] };
    lanes.set(key, lane);
    lane.marks.push({ row, ms: nsToMs(row.ts_ns) });
  }
  return [...lanes.values()].sort(
    (a, b) => rank(a.layer) - rank(b.layer) || a.layer.localeCompare(b.layer) || a.host.localeCompare(b.host),
  );
}

/** A moment as an address says it: RFC 3339, or an epoch in seconds, milli-, micro- or nanoseconds; in nanoseconds. */
export function parseAt(text: string): string | null {
  if (/^\d{1,19}$/.test(text)) {
    const scale = text.length <= 10 ? 9 : text.length <= 13 ? 6 : text.length <= 16 ? 3 : 0;
    return `${text}${'0'.repeat(scale)}`;
  }
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : String(BigInt(ms) * 1_000_000n);
}
