/** The one table of keys: handlers and the help are made from it. */
import { useEffect, useRef } from 'react';
import type { TextKey } from './i18n.ts';

export interface Binding {
  /** As `KeyboardEvent.key`, after `mod+` for Ctrl or ⌘; several that do the same. A space leads to two strokes. */
  keys: string[];
  label: TextKey;
}

export const KEYS = {
  everywhere: {
    palette: { keys: ['mod+k'], label: 'keys.palette' },
    help: { keys: ['?'], label: 'keys.help' },
    rangePicker: { keys: ['t'], label: 'keys.range' },
    refresh: { keys: ['r'], label: 'keys.refresh' },
    earlier: { keys: ['['], label: 'keys.earlier' },
    later: { keys: [']'], label: 'keys.later' },
    zoomOut: { keys: ['Z'], label: 'keys.zoomOut' },
    zoomIn: { keys: ['z'], label: 'keys.zoomIn' },
    fullScreen: { keys: ['f'], label: 'keys.fullScreen' },
    goNow: { keys: ['g n'], label: 'keys.goNow' },
    goLogs: { keys: ['g l'], label: 'keys.goLogs' },
    goAlerts: { keys: ['g a'], label: 'keys.goAlerts' },
    goHosts: { keys: ['g h'], label: 'keys.goHosts' },
    goMap: { keys: ['g p'], label: 'keys.goMap' },
    goMoment: { keys: ['g m'], label: 'keys.goMoment' },
    goStatus: { keys: ['g s'], label: 'keys.goStatus' },
    goSettings: { keys: ['g ,'], label: 'keys.goSettings' },
    goExplore: { keys: ['g e'], label: 'keys.goExplore' },
  },
  logs: {
    query: { keys: ['/'], label: 'keys.query' },
    next: { keys: ['j', 'ArrowDown'], label: 'keys.next' },
    previous: { keys: ['k', 'ArrowUp'], label: 'keys.previous' },
    open: { keys: ['Enter'], label: 'keys.open' },
    close: { keys: ['Escape'], label: 'keys.close' },
    nextError: { keys: ['e'], label: 'keys.nextError' },
    previousError: { keys: ['E'], label: 'keys.previousError' },
    nextWarning: { keys: ['w'], label: 'keys.nextWarning' },
    previousWarning: { keys: ['W'], label: 'keys.previousWarning' },
    nextMatch: { keys: ['n'], label: 'keys.nextMatch' },
    previousMatch: { keys: ['N'], label: 'keys.previousMatch' },
    include: { keys: ['i'], label: 'keys.include' },
    exclude: { keys: ['x'], label: 'keys.exclude' },
    follow: { keys: ['o'], label: 'keys.follow' },
    mark: { keys: ['p'], label: 'keys.mark' },
    layer1: { keys: ['1'], label: 'keys.layer1' },
    layer2: { keys: ['2'], label: 'keys.layer2' },
    layer3: { keys: ['3'], label: 'keys.layer3' },
    layer4: { keys: ['4'], label: 'keys.layer4' },
    layer5: { keys: ['5'], label: 'keys.layer5' },
    layer6: { keys: ['6'], label: 'keys.layer6' },
    layer7: { keys: ['7'], label: 'keys.layer7' },
    first: { keys: ['Home'], label: 'keys.first' },
    context: { keys: ['c'], label: 'keys.context' },
    live: { keys: ['l'], label: 'keys.live' },
    copyLink: { keys: ['y'], label: 'keys.copyLink' },
    wrap: { keys: ['v'], label: 'keys.wrap' },
    find: { keys: ['mod+f'], label: 'keys.find' },
  },
  alerts: {
    next: { keys: ['j', 'ArrowDown'], label: 'keys.next' },
    previous: { keys: ['k', 'ArrowUp'], label: 'keys.previous' },
    open: { keys: ['Enter'], label: 'keys.open' },
    close: { keys: ['Escape'], label: 'keys.close' },
    ack: { keys: ['a'], label: 'keys.ack' },
  },
  moment: {
    next: { keys: ['j', 'ArrowRight'], label: 'moment.next' },
    previous: { keys: ['k', 'ArrowLeft'], label: 'moment.previous' },
  },
  map: {
    play: { keys: [' '], label: 'keys.play' },
    next: { keys: ['.', 'j'], label: 'map.next' },
    previous: { keys: [',', 'k'], label: 'map.previous' },
    slower: { keys: ['-'], label: 'map.slower' },
    faster: { keys: ['+'], label: 'map.faster' },
    unwell: { keys: ['e'], label: 'map.unwell' },
    query: { keys: ['/'], label: 'map.find' },
    close: { keys: ['Escape'], label: 'keys.close' },
  },
  host: {
    close: { keys: ['Escape'], label: 'hosts.all' },
  },
  explore: {
    query: { keys: ['/'], label: 'keys.query' },
  },
} as const satisfies Record<string, Record<string, Binding>>;

export type Place = keyof typeof KEYS;
export type Handlers<P extends Place> = Record<keyof (typeof KEYS)[P], () => void>;

/** How long the second stroke of a pair may take. */
const PAIR_MS = 1200;

const isSlider = (target: Element) => target instanceof HTMLInputElement && target.type === 'range';

function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (isSlider(target)) return false;
  return target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}

/** What a stroke is called in the table. */
export function strokeOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey'>): string {
  return event.ctrlKey || event.metaKey ? `mod+${event.key.toLowerCase()}` : event.key;
}

/** A button has its own Enter, and a menu its own arrows; the rows have those of the table. */
function ownsKey(event: KeyboardEvent, stroke: string): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if ((stroke === 'Enter' || stroke === ' ') && target.closest('button, a, summary')) return true;
  if (isSlider(target) && /^(Arrow|Home|End|Page)/.test(stroke)) return true;
  return (
    stroke.startsWith('Arrow') &&
    target.closest('[role="tablist"], [role="listbox"]:not(.rows), [role="menu"]') !== null
  );
}

/** Runs the handlers of a place while it is mounted; not while somebody types or a dialog is open. */
export function useKeys<P extends Place>(place: P, handlers: Handlers<P>): void {
  const current = useRef(handlers);
  useEffect(() => {
    current.current = handlers;
  });
  useEffect(() => {
    const table = new Map<string, keyof Handlers<P>>();
    for (const [id, binding] of Object.entries<Binding>(KEYS[place])) {
      for (const key of binding.keys) table.set(key, id as keyof Handlers<P>);
    }
    let first = '';
    let firstAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const stroke = strokeOf(event);
      const withModifier = stroke.startsWith('mod+');
      if (!withModifier && (isTyping(event) || document.querySelector('dialog:modal'))) return;
      if (ownsKey(event, stroke)) return;
      const pair = event.timeStamp - firstAt < PAIR_MS ? table.get(`${first} ${stroke}`) : undefined;
      first = stroke;
      firstAt = event.timeStamp;
      const id = pair ?? table.get(stroke);
      if (id === undefined) return;
      event.preventDefault();
      current.current[id]();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [place]);
}

/** As people read it: `Ctrl K`, `g l`, `↓`. */
export function keyName(key: string): string {
  const names: Record<string, string> = {
    ArrowDown: '↓',
    ArrowUp: '↑',
    ArrowLeft: '←',
    ArrowRight: '→',
    Escape: 'Esc',
    ' ': 'Space',
  };
  if (key.startsWith('mod+')) return `Ctrl ${key.slice(4).toUpperCase()}`;
  return names[key] ?? key;
}
