/** The histogram with its brush: a drag zooms, with Shift it compares with the window before. */
import { type PointerEvent, useEffect, useRef, useState } from 'react';
import { BANDS, type Histogram as Data } from '../api/logs.ts';
import { count, dateTime, nsToMs } from '../app/format.ts';
import { t } from '../app/i18n.ts';
import { usePrefs } from '../app/prefs.ts';
import { axisOf, bucketAt, drawHistogram, sum } from './histogram.ts';

interface HistogramProps {
  data: Data | undefined;
  atMs: number | null;
  onZoom: (fromMs: number, toMs: number) => void;
  onCompare: (fromMs: number, toMs: number) => void;
  onBack: () => void;
}

const DRAG_MIN_PX = 4;

export function Histogram({ data, atMs, onZoom, onCompare, onBack }: HistogramProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<{ at: number; x: number } | null>(null);
  const [brush, setBrush] = useState<{ begin: number; end: number; compares: boolean } | null>(null);
  const [size, setSize] = useState(0);
  const { theme, zone } = usePrefs();

  useEffect(() => {
    const shown = canvas.current;
    if (!shown) return;
    const observer = new ResizeObserver(() => setSize(shown.clientWidth));
    observer.observe(shown);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => setSize((n) => n + 0.001);
    dark.addEventListener('change', redraw);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', redraw);
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the drawing depends on size, theme and zone, too
  useEffect(() => {
    if (canvas.current && data) drawHistogram(canvas.current, data, hover?.at ?? -1, atMs);
  }, [data, hover?.at, atMs, size, theme, zone]);

  const xOf = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(Math.max(event.clientX - box.left, 0), box.width);
  };
  const timeAt = (x: number) => {
    const { fromMs, spanMs } = data ? axisOf(data) : { fromMs: 0, spanMs: 0 };
    return fromMs + (x / (canvas.current?.clientWidth || 1)) * spanMs;
  };
  const bucket = hover && data ? data.buckets[hover.at] : undefined;
  const total = data ? data.buckets.reduce((all, one) => all + sum(one.counts), 0) : 0;

  return (
    <div
      className="histogram"
      data-ready={data !== undefined}
      role="img"
      aria-label={t('histogram.label', { n: count(total) })}
      onPointerDown={(event) => {
        if (event.button !== 0 || !data) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setBrush({ begin: xOf(event), end: xOf(event), compares: event.shiftKey });
      }}
      onPointerMove={(event) => {
        if (!data) return;
        const x = xOf(event);
        setHover({ at: bucketAt(data, timeAt(x)), x });
        if (brush) setBrush({ ...brush, end: x });
      }}
      onPointerLeave={() => setHover(null)}
      onPointerCancel={() => setBrush(null)}
      onPointerUp={() => {
        if (!brush) return;
        const [left, right] = brush.begin < brush.end ? [brush.begin, brush.end] : [brush.end, brush.begin];
        setBrush(null);
        if (right - left < DRAG_MIN_PX) return;
        (brush.compares ? onCompare : onZoom)(timeAt(left), timeAt(right));
      }}
      onDoubleClick={onBack}
      title={hover ? undefined : t('histogram.hint')}
    >
      <canvas ref={canvas} />
      {brush && (
        <div
          className={`brush ${brush.compares ? 'compares' : ''}`}
          style={{ left: Math.min(brush.begin, brush.end), width: Math.abs(brush.end - brush.begin) }}
        />
      )}
      {bucket && data && hover && (
        <div
          className="histogram-tip"
          style={{ left: Math.min(hover.x + 12, (canvas.current?.clientWidth ?? 0) - 200) }}
        >
          <b>{dateTime(nsToMs(bucket.ts_ns))}</b>
          {BANDS.map((band, at) => ({ band, n: bucket.counts[at] ?? 0 }))
            .filter(({ n }) => n > 0)
            .reverse()
            .map(({ band, n }) => (
              <span key={band} className={`level-name ${band}`}>
                <i /> {t(`level.${band}`)} <b className="tabular">{count(n)}</b>
              </span>
            ))}
        </div>
      )}
    </div>
  );
}
