/** The graph: lines drawn, things as buttons over them; what is gone at this moment is faint, what is new is marked. */
import { useMemo } from 'react';
import { t } from '../../app/i18n.ts';
import { type Health, type Held, healthOf, type State, worseOf } from './history.ts';
import { type Layout, NODE_HEIGHT, NODE_WIDTH, pathOf } from './layout.ts';
import { relationText } from './words.ts';
import './map.css';

export const GLYPHS: Record<Health, string> = { good: '✓', caution: '!', bad: '✕' };

/** An edge that began so lately is shown as new. */
const NEW_MS = 30_000;

interface Line {
  key: string;
  path: string;
  health: Health;
  isNew: boolean;
  touches: boolean;
  words: string;
  x: number;
  y: number;
}

interface GraphProps {
  layout: Layout;
  /** What holds at the moment that is shown. */
  now: readonly Held[];
  states: ReadonlyMap<string, State>;
  atMs: number;
  chosen: string | null;
  /** Whether a thing is what one looks for; the others step back. */
  isWanted?: (id: string) => boolean;
  onChoose: (id: string) => void;
}

function linesOf(layout: Layout, now: readonly Held[], atMs: number, chosen: string | null): Line[] {
  const pairs = Map.groupBy(now, ({ edge }) => `${edge.from} ${edge.to}`);
  return [...pairs].flatMap(([key, held]) => {
    const [first] = held;
    const from = first && layout.places.get(first.edge.from);
    const to = first && layout.places.get(first.edge.to);
    if (!from || !to) return [];
    return {
      key,
      path: pathOf(from, to),
      health: held.map(({ edge }) => healthOf(edge.detail)).reduce(worseOf, 'good'),
      isNew: held.some(({ fromMs }) => atMs - fromMs < NEW_MS),
      touches: from.id === chosen || to.id === chosen,
      words: [...new Set(held.map(({ edge }) => edge.detail || relationText(edge.relation)))].join(', '),
      x: (from.x + to.x + NODE_WIDTH) / 2,
      y: (from.y + to.y + NODE_HEIGHT) / 2,
    };
  });
}

export function Graph({ layout, now, states, atMs, chosen, isWanted = () => true, onChoose }: GraphProps) {
  const lines = useMemo(() => linesOf(layout, now, atMs, chosen), [layout, now, atMs, chosen]);
  const near = new Set(
    now.filter(({ edge }) => edge.from === chosen || edge.to === chosen).flatMap(({ edge }) => [edge.from, edge.to]),
  );
  return (
    <div className="graph" style={{ width: layout.width, height: layout.height }}>
      <svg width={layout.width} height={layout.height} aria-hidden="true">
        {lines.map((line) => (
          <g
            key={line.key}
            className={`${line.health} ${line.isNew ? 'new' : ''} ${chosen && !line.touches ? 'aside' : ''}`}
          >
            <path d={line.path} />
            {(line.health !== 'good' || line.touches) && (
              <text x={line.x} y={line.y}>
                {line.words}
              </text>
            )}
          </g>
        ))}
      </svg>
      {[...layout.places.values()].map(({ id, kind, name, x, y }) => {
        const state = states.get(id) ?? null;
        const isAside = !isWanted(id) || (chosen !== null && id !== chosen && !near.has(id));
        const words = state ? state.words.join(', ') : t('map.absent');
        return (
          <button
            key={id}
            type="button"
            className={`node ${kind} ${state?.health ?? 'absent'} ${isAside ? 'aside' : ''}`}
            style={{ left: x, top: y, width: NODE_WIDTH, height: NODE_HEIGHT }}
            aria-pressed={id === chosen}
            title={`${id} · ${words}`}
            onClick={() => onChoose(id)}
          >
            <b className="cut">{name}</b>
            <span className="cut">
              {kind} {words}
            </span>
            <i>{state ? GLYPHS[state.health] : '–'}</i>
          </button>
        );
      })}
    </div>
  );
}
