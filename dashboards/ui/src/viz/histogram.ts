/** The stacked histogram on a canvas; no React in here. */
import { BANDS, type Histogram } from '../api/logs.ts';
import { axisTime, nsToMs, shortCount } from '../app/format.ts';

const AXIS_PX = 18;
const MARK_PX = 130;

export interface Axis {
  fromMs: number;
  spanMs: number;
  stepMs: number;
}

export function axisOf(data: Histogram): Axis {
  const fromMs = nsToMs(data.from_ns);
  return { fromMs, spanMs: Math.max(1, nsToMs(data.to_ns) - fromMs), stepMs: Number(data.step_ns) / 1e6 };
}

export const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0);

/** The bucket at a moment, and its place in the list. */
export function bucketAt(data: Histogram, ms: number): number {
  const { stepMs } = axisOf(data);
  return data.buckets.findIndex(({ ts_ns }) => {
    const start = nsToMs(ts_ns);
    return start <= ms && ms < start + stepMs;
  });
}

/** Draws all; `hover` is a bucket's place, -1 for none. `atMs` is the cursor of the page. */
export function drawHistogram(canvas: HTMLCanvasElement, data: Histogram, hover: number, atMs: number | null): void {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const paint = canvas.getContext('2d');
  if (!paint || width === 0) return;
  paint.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(`--${name}`);
  const { fromMs, spanMs, stepMs } = axisOf(data);
  const plot = height - AXIS_PX;
  const x = (ms: number) => ((ms - fromMs) / spanMs) * width;
  const most = Math.max(1, ...data.buckets.map((bucket) => sum(bucket.counts)));

  paint.fillStyle = colour('line');
  paint.fillRect(0, Math.round(plot / 2), width, 1);
  data.buckets.forEach((bucket, at) => {
    const start = nsToMs(bucket.ts_ns);
    const left = Math.max(0, x(start));
    const wide = Math.max(1, Math.min(width, x(start + stepMs)) - left - 1);
    let y = plot;
    paint.globalAlpha = hover >= 0 && hover !== at ? 0.5 : 1;
    BANDS.forEach((band, index) => {
      const n = bucket.counts[index] ?? 0;
      if (n === 0) return;
      const tall = Math.max(1.5, (n / most) * (plot - 12));
      y -= tall;
      paint.fillStyle = colour(band);
      paint.fillRect(left, y, wide, tall);
    });
  });
  paint.globalAlpha = 1;
  paint.fillStyle = colour('strong-line');
  paint.fillRect(0, plot, width, 1);
  paint.fillStyle = colour('dim');
  paint.font = '11px system-ui, sans-serif';
  const marks = Math.max(2, Math.floor(width / MARK_PX));
  for (let mark = 0; mark <= marks; mark += 1) {
    const at = (width * mark) / marks;
    paint.textAlign = mark === 0 ? 'left' : mark === marks ? 'right' : 'center';
    paint.fillText(axisTime(fromMs + (spanMs * mark) / marks, spanMs), at, height - 4);
  }
  paint.textAlign = 'left';
  if (data.buckets.length) paint.fillText(shortCount(most), 2, 10);
  if (atMs !== null && atMs >= fromMs && atMs <= fromMs + spanMs) {
    paint.fillStyle = colour('accent');
    paint.fillRect(x(atMs) - 1, 0, 2, plot);
  }
}
