/** Places of things in layers, for all that was there in a window, so that nothing jumps while time moves. */
import type { Held } from './history.ts';

export interface Place {
  id: string;
  /** Before the slash. */
  kind: string;
  name: string;
  x: number;
  y: number;
}

export interface Layout {
  places: Map<string, Place>;
  width: number;
  height: number;
  /** Things that were left out. */
  leftOut: number;
}

export const NODE_WIDTH = 148;
export const NODE_HEIGHT = 44;
const GAP_X = 20;
const GAP_Y = 62;
const EDGE_PX = 10;
/** Things in a row, unless there is less room. */
export const ROW_MAX = 8;
const SWEEPS = 6;
/** Things that are drawn; all are in the list. */
export const NODES_MAX = 300;

/** From who asks down to the metal. What is not named here stands with the resources. */
const LAYERS: Record<string, number> = {
  client: 0,
  endpoint: 0,
  probe: 0,
  service: 1,
  app: 1,
  database: 2,
  resource: 2,
  vm: 2,
  unit: 2,
  drbd: 3,
  disk: 3,
  host: 4,
  node: 4,
  cluster: 5,
  site: 6,
};
const OTHERS = 2;

const kindOf = (id: string) => id.slice(0, Math.max(0, id.indexOf('/')));

export function layoutOf(held: readonly Held[], rowMax = ROW_MAX): Layout {
  const neighbours = new Map<string, Set<string>>();
  const link = (a: string, b: string) => {
    const known = neighbours.get(a) ?? new Set<string>();
    neighbours.set(a, known.add(b));
  };
  for (const { edge } of held) {
    link(edge.from, edge.to);
    link(edge.to, edge.from);
  }
  const all = [...neighbours.keys()].sort();
  const kept = all.slice(0, NODES_MAX);
  const layers = new Map<number, string[]>();
  for (const id of kept) {
    const layer = LAYERS[kindOf(id)] ?? OTHERS;
    layers.set(layer, [...(layers.get(layer) ?? []), id]);
  }
  const order = [...layers.keys()].sort((a, b) => a - b).map((key) => layers.get(key) ?? []);
  // Each thing goes to the middle of its neighbours, a few times over: fewer lines cross.
  const share = new Map<string, number>();
  const spread = (layer: string[]) => {
    layer.forEach((id, at) => {
      share.set(id, (at + 0.5) / layer.length);
    });
  };
  order.forEach(spread);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of sweep % 2 ? order.toReversed() : order) {
      const wanted = new Map(
        layer.map((id) => {
          const near = [...(neighbours.get(id) ?? [])].map((other) => share.get(other) ?? 0.5);
          return [id, near.reduce((sum, one) => sum + one, 0) / Math.max(1, near.length)];
        }),
      );
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || a.localeCompare(b));
      spread(layer);
    }
  }
  const rows = order.flatMap((layer) => {
    const count = Math.ceil(layer.length / rowMax);
    const per = Math.ceil(layer.length / Math.max(1, count));
    return Array.from({ length: count }, (_, row) => layer.slice(row * per, (row + 1) * per));
  });
  const widest = Math.max(1, ...rows.map((row) => row.length));
  const width = widest * (NODE_WIDTH + GAP_X) + 2 * EDGE_PX - GAP_X;
  const places = new Map<string, Place>();
  rows.forEach((row, line) => {
    const room = (width - 2 * EDGE_PX) / row.length;
    row.forEach((id, at) => {
      const kind = kindOf(id);
      const x = Math.round(EDGE_PX + (at + 0.5) * room - NODE_WIDTH / 2);
      places.set(id, { id, kind, name: id.slice(kind.length + 1), x, y: EDGE_PX + line * (NODE_HEIGHT + GAP_Y) });
    });
  });
  const height = 2 * EDGE_PX + rows.length * (NODE_HEIGHT + GAP_Y) - GAP_Y;
  return { places, width, height: Math.max(height, NODE_HEIGHT), leftOut: all.length - kept.length };
}

/** The line between two places: down or up from edge to edge, around within a row. */
export function pathOf(from: Place, to: Place): string {
  const middle = NODE_WIDTH / 2;
  if (from.y === to.y) {
    const y = from.y + NODE_HEIGHT;
    const dip = y + GAP_Y * 0.6;
    return `M${from.x + middle} ${y}C${from.x + middle} ${dip} ${to.x + middle} ${dip} ${to.x + middle} ${y}`;
  }
  const isDown = from.y < to.y;
  const begin = isDown ? from.y + NODE_HEIGHT : from.y;
  const end = isDown ? to.y : to.y + NODE_HEIGHT;
  const half = (begin + end) / 2;
  return `M${from.x + middle} ${begin}C${from.x + middle} ${half} ${to.x + middle} ${half} ${to.x + middle} ${end}`;
}
