/** The list of incidents as it was last seen: what the page shows while the server can't be reached. */
import type { Incident } from '../api/alerting.ts';

export interface Last {
  at: number;
  incidents: Incident[];
}

const KEY = 'orszem.last';

export function keepLast(incidents: Incident[], now = Date.now()): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ at: now, incidents } satisfies Last));
  } catch (error) {
    console.warn('the last alerts are not kept', error);
  }
}

export function readLast(): Last | null {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Last | null;
    return stored && typeof stored.at === 'number' && Array.isArray(stored.incidents) ? stored : null;
  } catch {
    // What another version wrote, or a browser that stores nothing.
    return null;
  }
}

/** Whoever is not logged in sees nothing of it. */
export function forgetLast(): void {
  localStorage.removeItem(KEY);
}
