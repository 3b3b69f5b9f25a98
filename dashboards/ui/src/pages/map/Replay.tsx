/** Time under the graph: a slider, a strip of what changed when, play and single steps. */
import { type CSSProperties, useEffect, useMemo } from 'react';
import { axisTime, count, dateTimeMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Button, IconButton } from '../../kit/Button.tsx';
import { type Health, type Step, worseOf } from './history.ts';

export const SPEEDS = [1, 10, 60, 600] as const;
const STRIP = 240;
const MARKS = 5;
const FRAME_MS = 66;

/** Moves time on while it plays. */
export function usePlaying(isPlaying: boolean, speed: number, onFrame: (byMs: number) => void): void {
  useEffect(() => {
    if (!isPlaying) return;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      onFrame((now - last) * speed);
      last = now;
    }, FRAME_MS);
    return () => clearInterval(timer);
  }, [isPlaying, speed, onFrame]);
}

interface ReplayProps {
  fromMs: number;
  toMs: number;
  atMs: number;
  steps: readonly Step[];
  isPlaying: boolean;
  speed: number;
  onPlay: (is: boolean) => void;
  onSpeed: (speed: number) => void;
  onMove: (ms: number) => void;
  onStep: (by: 1 | -1) => void;
}

export function Replay(props: ReplayProps) {
  const { fromMs, toMs, atMs, steps, isPlaying, speed, onPlay, onSpeed, onMove, onStep } = props;
  const spanMs = Math.max(1, toMs - fromMs);
  return (
    <section className="card replay" aria-label={t('map.replay')}>
      <div className="line">
        <IconButton icon="left" label={t('map.previous')} onClick={() => onStep(-1)} />
        <Button
          variant="primary"
          icon={isPlaying ? 'pause' : 'play'}
          aria-pressed={isPlaying}
          onClick={() => onPlay(!isPlaying)}
        >
          {t(isPlaying ? 'map.pause' : 'map.play')}
        </Button>
        <IconButton icon="right" label={t('map.next')} onClick={() => onStep(1)} />
        <fieldset className="segments plain-group" aria-label={t('map.speed')}>
          {SPEEDS.map((one) => (
            <Button key={one} small aria-pressed={one === speed} onClick={() => onSpeed(one)}>
              {one}×
            </Button>
          ))}
        </fieldset>
        <output className="mono tabular grow">{dateTimeMs(atMs)}</output>
        <span className="dim">{t('map.changes', { n: count(steps.length) })}</span>
      </div>
      <div className="replay-time" style={{ '--at': `${((atMs - fromMs) / spanMs) * 100}%` } as CSSProperties}>
        <Strip steps={steps} fromMs={fromMs} spanMs={spanMs} />
        <input
          type="range"
          min={fromMs}
          max={toMs}
          step={Math.max(1, Math.round(spanMs / 2_000))}
          value={atMs}
          aria-label={t('map.time')}
          aria-valuetext={dateTimeMs(atMs)}
          onChange={(event) => onMove(Number(event.target.value))}
        />
        <div className="time-axis" aria-hidden="true">
          {Array.from({ length: MARKS }, (_, at) => fromMs + (at * spanMs) / (MARKS - 1)).map((ms) => (
            <span key={ms}>{axisTime(ms, spanMs)}</span>
          ))}
        </div>
      </div>
    </section>
  );
}

/** How much changed when, and whether for the worse. */
function Strip({ steps, fromMs, spanMs }: { steps: readonly Step[]; fromMs: number; spanMs: number }) {
  const { bars, most } = useMemo(() => barsOf(steps, fromMs, spanMs), [steps, fromMs, spanMs]);
  return (
    <svg viewBox={`0 0 ${STRIP} 20`} preserveAspectRatio="none" aria-hidden="true">
      {bars.map(({ at, n, health }) => {
        const tall = 4 + 16 * Math.sqrt(n / most);
        return <rect key={at} className={health} x={at} y={20 - tall} width="1" height={tall} />;
      })}
    </svg>
  );
}

interface Bar {
  at: number;
  n: number;
  health: Health;
}

/** The strip's bars, and how much the tallest is about. */
export function barsOf(steps: readonly Step[], fromMs: number, spanMs: number): { bars: Bar[]; most: number } {
  const bars = new Map<number, Bar>();
  for (const { ms, changes, health } of steps) {
    const at = Math.min(STRIP - 1, Math.max(0, Math.floor(((ms - fromMs) / spanMs) * STRIP)));
    const bar = bars.get(at) ?? { at, n: 0, health: 'good' as const };
    bars.set(at, { at, n: bar.n + changes.length, health: worseOf(bar.health, health) });
  }
  return { bars: [...bars.values()], most: Math.max(1, ...[...bars.values()].map(({ n }) => n)) };
}
