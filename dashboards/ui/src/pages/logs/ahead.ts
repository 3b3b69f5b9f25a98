/** The next line of a kind, also beyond those that are loaded. */
import type { Row } from '../../api/logs.ts';
import type { RowWindow } from './window.ts';

/** Pages that are loaded in search of it. */
export const PAGES_MAX = 20;

/**
 * The place of the next line that fits, after `at`; those that are not loaded yet are, up to `PAGES_MAX` pages. -1: none.
 * Lines that leave at the other end meanwhile move the place.
 */
export async function nextAhead(window: RowWindow, at: number, fits: (row: Row) => boolean): Promise<number> {
  let from = at + 1;
  for (let page = 0; page <= PAGES_MAX; page += 1) {
    const { rows, isWhole, evicted, error, isCancelled } = window.get();
    for (let index = from; index < rows.length; index += 1) {
      const row = rows[index];
      if (row && fits(row)) return index;
    }
    if (isWhole || error || isCancelled) return -1;
    await window.more();
    const after = window.get();
    // Another load was under way, or nothing came.
    if (after.rows.length + after.evicted === rows.length + evicted) return -1;
    from = rows.length - (after.evicted - evicted);
  }
  return -1;
}
