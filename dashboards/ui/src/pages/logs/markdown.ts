/** Rows as Markdown, for a ticket or a chat: the query, the link, the lines. */
import type { Row } from '../../api/logs.ts';
import { t } from '../../app/i18n.ts';

/** Rows of one copy, at most. */
export const MARKDOWN_ROWS = 200;

export function asMarkdown(rows: readonly Row[], q: string, link: string): string {
  const told = rows.slice(0, MARKDOWN_ROWS);
  const text = told
    .map(
      (row) =>
        `${row.ts} ${row.level.toUpperCase().padEnd(5)} ${row.stream.host ?? '-'} ${row.stream.service ?? '-'}: ${row.body}`,
    )
    .join('\n');
  // A fence that is longer than any in the lines.
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  const what = q ? `\`${q.replace(/`/g, "'")}\`` : t('logs.everything');
  const rest = rows.length > told.length ? `\n${t('logs.markdownCut', { n: told.length, all: rows.length })}\n` : '';
  return `**${what}** – [${t('logs.openInPage')}](${link})\n\n${fence}text\n${text}\n${fence}\n${rest}`;
}
