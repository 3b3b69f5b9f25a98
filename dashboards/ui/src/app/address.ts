/** The state of the page is its address. Time range, scope and cursor go along from page to page. */
import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';

/** What every page shares. */
export interface Shared {
  /** A span up to now, such as `1h`; where it is missing, `from` and `to` count. */
  since: string | null;
  /** Nanoseconds. */
  from: string | null;
  to: string | null;
  /** Conditions that are added to every question, such as `host:db1`. */
  scope: string[];
  /** The moment looked at, in nanoseconds. */
  at: string | null;
}

export const DEFAULT_SINCE = '1h';
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const SHARED = ['since', 'from', 'to', 'scope', 'at'];

/** `15m` in milliseconds; `null` for what is no span. */
export function parseSpan(text: string): number | null {
  const match = /^(\d{1,6})([smhdw])$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? ''];
  return match && unit ? Number(match[1]) * unit * 1000 : null;
}

const isNs = (text: string | null): text is string => text !== null && /^-?\d{1,19}$/.test(text);

/** What an address says, with what it may not say left out, so that any address shows something. */
export function readShared(params: URLSearchParams): Shared {
  const given = (name: string) => {
    const text = params.get(name);
    return isNs(text) ? text : null;
  };
  const [from, to] = [given('from'), given('to')];
  const isFixed = from !== null && (to === null || BigInt(from) < BigInt(to));
  const since = params.get('since');
  const span = since !== null && parseSpan(since) !== null ? since : DEFAULT_SINCE;
  return {
    since: isFixed ? null : span,
    from: isFixed ? from : null,
    to: isFixed ? to : null,
    scope: params.getAll('scope').filter((term) => term !== ''),
    at: given('at'),
  };
}

/** The shared part of an address; the default is not said. */
export function writeShared(shared: Shared, into: URLSearchParams): void {
  for (const name of SHARED) into.delete(name);
  if (shared.since === null && shared.from !== null) {
    into.set('from', shared.from);
    if (shared.to !== null) into.set('to', shared.to);
  } else if (shared.since !== null && shared.since !== DEFAULT_SINCE) {
    into.set('since', shared.since);
  }
  for (const term of shared.scope) into.append('scope', term);
  if (shared.at !== null) into.set('at', shared.at);
}

/** Where a link to `path` goes that keeps range, scope and cursor. */
export function hrefOf(path: string, shared: Shared, more: Record<string, string | undefined> = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(more)) if (value) params.set(name, value);
  writeShared(shared, params);
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export type Patch = Partial<Shared> & { params?: Record<string, string | null> };

export interface Address {
  path: string;
  shared: Shared;
  params: URLSearchParams;
  /** Changes the address; `null` removes a parameter. */
  set: (patch: Patch, options?: { replace?: boolean }) => void;
  /** Goes to another page with range, scope and cursor. */
  go: (path: string, more?: Record<string, string | undefined>, patch?: Partial<Shared>) => void;
  href: (path: string, more?: Record<string, string | undefined>, patch?: Partial<Shared>) => string;
}

export function useAddress(): Address {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const shared = useMemo(() => readShared(params), [params]);
  const set = useCallback(
    (patch: Patch, options?: { replace?: boolean }) => {
      const { params: changed, ...sharedPatch } = patch;
      // The address may have moved on since the last render.
      const current = new URLSearchParams(window.location.search);
      const next = new URLSearchParams(current);
      writeShared({ ...readShared(current), ...sharedPatch }, next);
      for (const [name, value] of Object.entries(changed ?? {})) {
        if (value === null || value === '') next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      if (text !== current.toString())
        navigate(text ? `${path}?${text}` : path, { replace: options?.replace ?? false });
    },
    [navigate, path],
  );
  const href = useCallback(
    (to: string, more?: Record<string, string | undefined>, patch?: Partial<Shared>) =>
      hrefOf(to, { ...shared, ...patch }, more),
    [shared],
  );
  const go = useCallback(
    (to: string, more?: Record<string, string | undefined>, patch?: Partial<Shared>) => navigate(href(to, more, patch)),
    [href, navigate],
  );
  return { path, shared, params, set, go, href };
}
