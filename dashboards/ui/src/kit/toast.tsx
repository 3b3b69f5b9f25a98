/** Short messages that pass. */
import { useSyncExternalStore } from 'react';

interface Toast {
  id: number;
  text: string;
  isBad: boolean;
}

const SHOWN_MS = 4000;
let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function toast(text: string, isBad = false): void {
  last += 1;
  const id = last;
  change([...toasts.slice(-3), { id, text, isBad }]);
  setTimeout(() => change(toasts.filter((one) => one.id !== id)), isBad ? 2 * SHOWN_MS : SHOWN_MS);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={`toast ${one.isBad ? 'bad' : ''}`}>
          {one.text}
        </div>
      ))}
    </div>
  );
}
