/** Which lines tell how something began. No React in here. */
import type { Row } from '../../api/logs.ts';
import { nsToMs } from '../../app/format.ts';

/** What is further apart has rather to do with something else. */
const PAUSE_MS = 15_000;

/** The first `most` of the lines, oldest first, that came one upon the other up to the last one. */
export function firstSigns(rows: readonly Row[], most: number): Row[] {
  const ms = (at: number) => nsToMs(rows[at]?.ts_ns ?? '0');
  let first = Math.max(0, rows.length - 1);
  while (first > 0 && ms(first) - ms(first - 1) <= PAUSE_MS) first -= 1;
  return rows.slice(first, first + most);
}

/** A line without the time and the host that syslog puts before it, which stand beside it already. */
export function withoutHead(row: Row): Row {
  const head = /^\d{4}-\d\d-\d\dT\S+\s+(\S+)\s+/.exec(row.body);
  const isOwn = head !== null && head[1] === row.stream.host;
  return isOwn ? { ...row, body: row.body.slice(head[0].length), highlights: [] } : row;
}
