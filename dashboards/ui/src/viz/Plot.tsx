/** Lines over time with uPlot: one cursor, a legend that shows and hides, a drag that zooms. */
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { axisTime, dateTime, figure } from '../app/format.ts';
import { usePrefs } from '../app/prefs.ts';
import { useMedia } from '../kit/useMedia.ts';

export interface PlotLine {
  name: string;
  /** Seconds and the value as text, by time. */
  values: [number, string][];
}

/** Told apart also by who sees few colours; they repeat after the last. */
const COLOURS = [
  '#2f7ed8',
  '#d9730d',
  '#12876f',
  '#b5338a',
  '#7a5af0',
  '#a17c00',
  '#c4342b',
  '#4d7c0f',
  '#0891b2',
  '#78716c',
];
const HEIGHT_PX = 340;

export const colourOf = (at: number): string => COLOURS[at % COLOURS.length] ?? '#888';

/** The lines on one time axis; where a line has no sample there is a gap. */
export function aligned(lines: PlotLine[]): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap(({ values }) => values.map(([at]) => at)))].sort((a, b) => a - b);
  const place = new Map(times.map((at, index) => [at, index]));
  const columns = lines.map(({ values }) => {
    const column: (number | null)[] = new Array(times.length).fill(null);
    for (const [at, text] of values) {
      const value = Number(text);
      const index = place.get(at);
      if (index !== undefined && Number.isFinite(value)) column[index] = value;
    }
    return column;
  });
  return [times, ...columns];
}

interface PlotProps {
  lines: PlotLine[];
  fromS: number;
  toS: number;
  onZoom: (fromS: number, toS: number) => void;
  height?: number;
  /** How values are written. */
  format?: (value: number) => string;
  /** Plots of the same name have one cursor. */
  sync?: string;
}

export function Plot({ lines, fromS, toS, onZoom, height = HEIGHT_PX, format = figure, sync }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(onZoom);
  const written = useRef(format);
  const { theme, zone } = usePrefs();
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const data = useMemo(() => aligned(lines), [lines]);
  useEffect(() => {
    zoom.current = onZoom;
    written.current = format;
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours and times follow theme and zone
  useEffect(() => {
    const shown = host.current;
    if (!shown) return;
    const style = getComputedStyle(shown);
    const [text, grid] = [style.getPropertyValue('--dim'), style.getPropertyValue('--line')];
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const span = (toS - fromS) * 1000;
    const made = new uPlot(
      {
        width: shown.clientWidth,
        height,
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, ...(sync && { sync: { key: sync } }) },
        scales: { x: { time: true, range: [fromS, toS] } },
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((s) => axisTime(s * 1000, span)) },
          { ...axis, size: 64, values: (_, ticks) => ticks.map((value) => written.current(value)) },
        ],
        series: [
          {},
          ...lines.map(({ name }, at) => ({
            label: name,
            stroke: colourOf(at),
            width: 1.5,
            points: { show: false },
            show: !hidden.has(name),
          })),
        ],
        hooks: {
          setCursor: [(u) => setCursor(u.cursor.idx ?? null)],
          setSelect: [
            (u) => {
              if (u.select.width < 4) return;
              zoom.current(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
            },
          ],
        },
      },
      data,
      shown,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: shown.clientWidth, height }));
    observer.observe(shown);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [data, lines, fromS, toS, hidden, theme, zone, isDark, height, sync]);

  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  const at = cursor === null ? undefined : data[0][cursor];
  return (
    <>
      <div ref={host} className="plot" style={{ minHeight: height }} />
      <p className="dim tabular" aria-live="off">
        {at === undefined ? '\u00a0' : dateTime(at * 1000)}
      </p>
      <div className="legend">
        {lines.map(({ name, values }, index) => {
          const under = cursor === null ? undefined : data[index + 1]?.[cursor];
          const last = values.at(-1)?.[1];
          const value = at === undefined ? Number(last ?? Number.NaN) : (under ?? Number.NaN);
          return (
            <button key={name} type="button" aria-pressed={!hidden.has(name)} onClick={() => toggle(name)}>
              <i style={{ background: colourOf(index) }} />
              <span>{name}</span>
              <b className="tabular">{Number.isNaN(value) ? '–' : format(value)}</b>
            </button>
          );
        })}
      </div>
    </>
  );
}
