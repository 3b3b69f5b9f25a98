/** A line's text: matches are marked, control characters become visible signs, so that they command nothing. */
import type { ReactNode } from 'react';
import type { Row } from '../../api/logs.ts';

const CONTROLS =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function signOf(code: number): string {
  if (code === 0x7f) return 'DEL';
  return CONTROLS[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

function safe(text: string, key: string): ReactNode {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(UNSAFE)) {
    parts.push(text.slice(at, found.index));
    parts.push(
      <span key={`${key}-${found.index}`} className="control">
        {signOf(found[0].charCodeAt(0))}
      </span>,
    );
    at = found.index + 1;
  }
  if (parts.length === 0) return text;
  parts.push(text.slice(at));
  return parts;
}

/** At most `max` UTF-16 units of the line; `isFlat` writes line ends as signs. */
export function Body({ row, max, isFlat }: { row: Row; max: number; isFlat?: boolean }) {
  const cut = row.body.length > max ? row.body.slice(0, max) : row.body;
  const text = isFlat ? cut.replace(/\r?\n/g, (end) => '⏎'.padEnd(end.length)) : cut;
  const parts: ReactNode[] = [];
  let at = 0;
  for (const [start, end] of row.highlights) {
    if (start >= text.length) break;
    parts.push(safe(text.slice(at, start), `t${at}`));
    parts.push(<mark key={`m${start}`}>{safe(text.slice(start, end), `m${start}`)}</mark>);
    at = end;
  }
  parts.push(safe(text.slice(at), `t${at}`));
  return (
    <>
      {parts}
      {row.body.length > max && '…'}
    </>
  );
}
