/** The live tail: rows are gathered and shown in batches; what is too much is counted and said. */
import { openTail, type Row, type TailMessage } from '../../api/logs.ts';

/** Rows kept; older ones leave. */
export const TAIL_MAX = 5_000;
/** Rows shown of one batch; of more, the newest. */
const BATCH_MAX = 400;
const BATCH_MS = 500;
const AGAIN_MS = 2_000;

export interface TailState {
  /** The newest first. */
  rows: readonly Row[];
  arrived: number;
  /** What the server left out, as this page was too slow. */
  dropped: number;
  /** What this page left out, as nobody could have read it. */
  skipped: number;
  isOpen: boolean;
  /** Rows that wait while the reader looks at older ones. */
  waiting: number;
}

const NOTHING: TailState = { rows: [], arrived: 0, dropped: 0, skipped: 0, isOpen: false, waiting: 0 };

export class Tail {
  private state = NOTHING;
  private readonly listeners = new Set<() => void>();
  private readonly q: string;
  private socket: WebSocket | null = null;
  private gathered: Row[] = [];
  private isPaused = false;
  private timer: ReturnType<typeof setInterval> | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(q: string) {
    this.q = q;
  }

  readonly get = (): TailState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  open(): void {
    this.timer = setInterval(() => this.flush(), BATCH_MS);
    this.connect();
  }

  close(): void {
    clearInterval(this.timer);
    clearTimeout(this.again);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** While paused, rows are gathered but not shown. */
  pause(isPaused: boolean): void {
    if (this.isPaused === isPaused) return;
    this.isPaused = isPaused;
    if (!isPaused) this.flush();
  }

  private change(patch: Partial<TailState>): void {
    this.state = { ...this.state, ...patch };
    for (const listener of this.listeners) listener();
  }

  private connect(): void {
    const socket = openTail(this.q);
    this.socket = socket;
    socket.onopen = () => this.change({ isOpen: true });
    socket.onmessage = (event: MessageEvent<string>) => this.take(JSON.parse(event.data) as TailMessage);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.change({ isOpen: false });
      this.again = setTimeout(() => this.connect(), AGAIN_MS);
    };
  }

  private take(message: TailMessage): void {
    if (message.type === 'overload') {
      this.change({ dropped: this.state.dropped + message.dropped });
      return;
    }
    this.gathered.push(...message.rows);
    // Of what nobody looks at, only the newest are kept.
    if (this.gathered.length > TAIL_MAX) this.gathered.splice(0, this.gathered.length - TAIL_MAX);
    this.change({ arrived: this.state.arrived + message.rows.length, waiting: this.gathered.length });
  }

  private flush(): void {
    if (this.isPaused || this.gathered.length === 0) return;
    const shown = this.gathered.slice(-BATCH_MAX).reverse();
    const skipped = this.gathered.length - shown.length;
    this.gathered = [];
    this.change({
      rows: shown.concat(this.state.rows.slice(0, TAIL_MAX - shown.length)),
      skipped: this.state.skipped + skipped,
      waiting: 0,
    });
  }
}
