/** The rows that are loaded: pages are added at one end and, past the limit, leave at the other. */
import { ApiError } from '../../api/client.ts';
import type { Order, Page, Row } from '../../api/logs.ts';

/** Rows held at once; the page stays smooth and small with so many. */
export const ROWS_MAX = 100_000;
/** More than a screen; what is more comes behind it. */
const FIRST_PAGE = 100;
const NEXT_PAGE = 2_000;

export interface Ask {
  order: Order;
  limit: number;
  cursor?: string;
}

export interface WindowState {
  rows: readonly Row[];
  /** Rows that left at the beginning. */
  evicted: number;
  isBusy: boolean;
  error: unknown;
  /** Nothing follows the last row. */
  isWhole: boolean;
  partial: Page['partial_reason'];
  bytesScanned: number;
  tookMs: number;
  isCancelled: boolean;
}

const NOTHING: WindowState = {
  rows: [],
  evicted: 0,
  isBusy: false,
  error: null,
  isWhole: false,
  partial: undefined,
  bytesScanned: 0,
  tookMs: 0,
  isCancelled: false,
};

const opposite = (order: Order): Order => (order === 'newest' ? 'oldest' : 'newest');

export class RowWindow {
  private state = NOTHING;
  private readonly listeners = new Set<() => void>();
  private readonly ask: (ask: Ask, signal: AbortSignal) => Promise<Page>;
  private readonly order: Order;
  private readonly max: number;
  private abort: AbortController | null = null;

  constructor(ask: (ask: Ask, signal: AbortSignal) => Promise<Page>, order: Order, max = ROWS_MAX) {
    this.ask = ask;
    this.order = order;
    this.max = max;
  }

  readonly get = (): WindowState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private change(patch: Partial<WindowState>): void {
    this.state = { ...this.state, ...patch };
    for (const listener of this.listeners) listener();
  }

  /** The next page at the end; nothing where one is under way or nothing follows. */
  async more(): Promise<void> {
    const { rows, isBusy, isWhole, isCancelled } = this.state;
    if (isBusy || isWhole || isCancelled) return;
    const cursor = rows.at(-1)?.cursor;
    const limit = rows.length ? NEXT_PAGE : FIRST_PAGE;
    const page = await this.load(cursor ? { order: this.order, limit, cursor } : { order: this.order, limit });
    if (!page) return;
    const all = rows.concat(page.rows);
    const over = Math.max(0, all.length - this.max);
    this.change({
      rows: over ? all.slice(over) : all,
      evicted: this.state.evicted + over,
      isWhole: page.next === null,
    });
  }

  /** The page before the first row, where rows have left. */
  async back(): Promise<void> {
    const { rows, isBusy, evicted } = this.state;
    const cursor = rows[0]?.cursor;
    if (isBusy || evicted === 0 || cursor === undefined) return;
    const limit = Math.min(NEXT_PAGE, evicted);
    const page = await this.load({ order: opposite(this.order), limit, cursor });
    if (!page) return;
    const all = page.rows.reverse().concat(rows);
    const isCut = all.length > this.max;
    this.change({
      rows: isCut ? all.slice(0, this.max) : all,
      evicted: evicted - page.rows.length,
      isWhole: this.state.isWhole && !isCut,
    });
  }

  /** Stops what is under way; what is shown stays. */
  cancel(): void {
    if (!this.abort) return;
    this.abort.abort();
    this.change({ isBusy: false, isCancelled: true });
  }

  /** Nobody looks any more. */
  close(): void {
    this.listeners.clear();
    this.abort?.abort();
  }

  private async load(ask: Ask): Promise<Page | null> {
    const own = new AbortController();
    this.abort = own;
    this.change({ isBusy: true, error: null });
    const begun = performance.now();
    try {
      const page = await this.ask(ask, own.signal);
      if (own.signal.aborted) return null;
      this.change({
        isBusy: false,
        partial: this.state.partial ?? page.partial_reason,
        bytesScanned: this.state.bytesScanned + page.stats.bytes_scanned,
        tookMs: performance.now() - begun,
      });
      return page;
    } catch (error) {
      if (own.signal.aborted) return null;
      this.change({ isBusy: false, error: error instanceof Error ? error : new ApiError(0, null) });
      return null;
    } finally {
      if (this.abort === own) this.abort = null;
    }
  }
}
