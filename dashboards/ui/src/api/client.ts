/** Asking the server: one function, one kind of error, and whether somebody has to log in. */

/** What the server says of a request that it does not answer. */
interface Refusal {
  code?: string;
  message?: string;
  error?: string;
  position?: number;
  expected?: string;
  found?: string;
}

export class ApiError extends Error {
  /** 0: the server can't be reached. */
  readonly status: number;
  readonly code: string;
  /** Where a query is wrong, in characters from 0. */
  readonly position: number | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(status: number, refusal: Refusal | null) {
    super(refusal?.message ?? refusal?.error ?? '');
    this.name = 'ApiError';
    this.status = status;
    this.code = refusal?.code ?? (status === 0 ? 'unreachable' : `http.${status}`);
    this.position = refusal?.position;
    this.expected = refusal?.expected;
    this.found = refusal?.found;
  }
}

type Listener = () => void;
let loginNeeded = false;
const listeners = new Set<Listener>();

export const login = {
  isNeeded: () => loginNeeded,
  subscribe(listener: Listener) {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
};

function setLoginNeeded(is: boolean): void {
  if (loginNeeded === is) return;
  loginNeeded = is;
  for (const listener of listeners) listener();
}

export type Params = Record<string, string | number | boolean | undefined>;

export function queryString(params: Params): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== '');
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { accept: 'application/json', ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, null);
  }
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text === '' ? null : JSON.parse(text);
  } catch {
    // An answer that is no JSON, such as a proxy's error page: its status says enough.
  }
  if (response.status === 401) setLoginNeeded(true);
  if (!response.ok) {
    const refusal = typeof answer === 'string' ? { message: answer } : (answer as Refusal | null);
    throw new ApiError(response.status, refusal);
  }
  return answer as T;
}

/** GET with parameters; long ones go as a form, which the query endpoints take alike. */
export function ask<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const query = queryString(params);
  const abort = signal ? { signal } : {};
  if (query.length > 4000) {
    return request<T>(path, {
      method: 'POST',
      body: query,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      ...abort,
    });
  }
  return request<T>(query ? `${path}?${query}` : path, { method: 'GET', ...abort });
}

/** POST or DELETE with a JSON body. */
export function send<T>(
  path: string,
  body?: unknown,
  method: 'POST' | 'DELETE' = 'POST',
  signal?: AbortSignal,
): Promise<T> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  return request<T>(path, { method, ...json, ...(signal && { signal }) });
}

export async function logIn(token: string): Promise<void> {
  await send('/app/v1/login', { token });
  setLoginNeeded(false);
}

/** A code that another device shows, in exchange for a login. */
export async function pair(code: string): Promise<void> {
  await send('/app/v1/login/pair', { code });
  setLoginNeeded(false);
}

export async function logOut(): Promise<void> {
  await send('/app/v1/logout');
  setLoginNeeded(true);
}
