/** What this browser remembers: theme, language, zone, columns, saved searches. */
import { useSyncExternalStore } from 'react';

export interface SavedSearch {
  name: string;
  /** The address after `/logs`, beginning with `?`. */
  search: string;
}

export interface Prefs {
  theme: 'auto' | 'light' | 'dark';
  language: 'auto' | 'en' | 'hu';
  zone: 'local' | 'utc';
  columns: string[];
  wrap: boolean;
  saved: SavedSearch[];
  /** Queries asked lately, the newest first. */
  recent: string[];
  /** Who acknowledges; the server asks for a name. */
  name: string;
}

const KEY = 'orszem.prefs';
const DEFAULTS: Prefs = {
  theme: 'auto',
  language: 'auto',
  zone: 'local',
  columns: ['host', 'service'],
  wrap: false,
  saved: [],
  recent: [],
  name: '',
};

function load(): Prefs {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return { ...DEFAULTS, ...(stored as Partial<Prefs>) };
  } catch {
    // What another version wrote, or a browser that stores nothing: begin anew.
    return DEFAULTS;
  }
}

let prefs = load();
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function getPrefs(): Prefs {
  return prefs;
}

export function setPrefs(patch: Partial<Prefs>): void {
  prefs = { ...prefs, ...patch };
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch (error) {
    console.warn('preferences are not kept', error);
  }
  for (const listener of listeners) listener();
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, getPrefs);
}

/** Puts the chosen theme on the document; `auto` follows the system. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = prefs.theme;
}
