/** Lines that somebody marked to take along; they stay while searches and pages change. */
import type { Row } from '../../api/logs.ts';

/** Lines that are marked at once, at most. */
export const MARKS_MAX = 5_000;

export type Marks = ReadonlyMap<string, Row>;

let marks: Marks = new Map();
const listeners = new Set<() => void>();

function change(next: Marks): void {
  marks = next;
  for (const listener of listeners) listener();
}

export const getMarks = (): Marks => marks;

export function subscribeMarks(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Marks a line, or takes its mark away. */
export function toggleMark(row: Row): void {
  const next = new Map(marks);
  if (!next.delete(row.cursor) && next.size < MARKS_MAX) next.set(row.cursor, row);
  change(next);
}

/** Marks all of them, as far as there is room. */
export function markAll(rows: readonly Row[]): void {
  const next = new Map(marks);
  for (const row of rows) if (next.size < MARKS_MAX) next.set(row.cursor, row);
  change(next);
}

export function clearMarks(): void {
  change(new Map());
}

/** Marked lines as they happened, the oldest first. */
export function inOrder(marked: Marks): Row[] {
  const rows = [...marked.values()].map((row) => ({ row, ns: BigInt(row.ts_ns), seq: BigInt(row.seq) }));
  rows.sort((a, b) => (a.ns === b.ns ? Number(a.seq - b.seq) : a.ns < b.ns ? -1 : 1));
  return rows.map(({ row }) => row);
}
