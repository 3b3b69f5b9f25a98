/** The range as moments: a span up to now is pinned once for all parts of a page, until it is asked again. */
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import type { Range } from '../api/logs.ts';
import { DEFAULT_SINCE, parseSpan, type Shared, useAddress } from './address.ts';
import { msToNs } from './format.ts';

interface Pinned {
  range: Range;
  /** Counts how often it was asked again: part of query keys. */
  run: number;
  refresh: () => void;
}

const PinnedRange = createContext<Pinned | null>(null);

function pin({ since, from, to }: Shared, now: number): Range {
  if (since === null && from !== null) return { from, to: to ?? String(msToNs(now)) };
  const span = parseSpan(since ?? DEFAULT_SINCE) ?? 3_600_000;
  return { from: String(msToNs(now - span)), to: String(msToNs(now + 1000)) };
}

export function RangeProvider({ children }: { children: ReactNode }) {
  const { shared } = useAddress();
  const [run, setRun] = useState(0);
  const refresh = useCallback(() => setRun((n) => n + 1), []);
  const { since, from, to } = shared;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `run` asks for a new "now"
  const range = useMemo(() => pin({ since, from, to, scope: [], at: null }, Date.now()), [since, from, to, run]);
  const pinned = useMemo(() => ({ range, run, refresh }), [range, run, refresh]);
  return <PinnedRange value={pinned}>{children}</PinnedRange>;
}

export function usePinnedRange(): Pinned {
  const pinned = useContext(PinnedRange);
  if (!pinned) throw new Error('no RangeProvider around');
  return pinned;
}
