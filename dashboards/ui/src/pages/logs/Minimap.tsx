/** The strip beside the list: where among all loaded rows the warnings, errors and found words are. */
import { useEffect, useRef } from 'react';
import type { Row } from '../../api/logs.ts';
import { usePrefs } from '../../app/prefs.ts';

interface MinimapProps {
  rows: readonly Row[];
  find: string;
  first: number;
  last: number;
  onJump: (index: number) => void;
}

export function Minimap({ rows, find, first, last, onJump }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { theme } = usePrefs();
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours follow the theme
  useEffect(() => {
    const shown = canvas.current;
    const paint = shown?.getContext('2d');
    if (!shown || !paint) return;
    const { clientWidth: width, clientHeight: height } = shown;
    shown.width = width;
    shown.height = height;
    const style = getComputedStyle(shown);
    const colours = {
      warn: style.getPropertyValue('--warn'),
      error: style.getPropertyValue('--error'),
      fatal: style.getPropertyValue('--fatal'),
    };
    const y = (index: number) => (index / rows.length) * height;
    const tick = Math.max(1.5, height / rows.length);
    rows.forEach((row, index) => {
      if (row.level === 'warn' || row.level === 'error' || row.level === 'fatal') {
        paint.fillStyle = colours[row.level];
        const wide = row.level === 'warn' ? width / 2 : width;
        paint.fillRect(width - wide, y(index), wide, tick);
      }
      if (find !== '' && row.body.toLowerCase().includes(find)) {
        paint.fillStyle = style.getPropertyValue('--focus');
        paint.fillRect(0, y(index), width / 2, tick);
      }
    });
  }, [rows, find, theme]);
  const top = (first / rows.length) * 100;
  const tall = Math.max(1, ((last + 1 - first) / rows.length) * 100);
  return (
    <div
      className="minimap"
      aria-hidden="true"
      onPointerDown={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        onJump(Math.floor(((event.clientY - box.top) / box.height) * rows.length));
      }}
    >
      <div style={{ top: `${Math.min(top, 99)}%`, height: `${tall}%` }} />
      <canvas ref={canvas} />
    </div>
  );
}
