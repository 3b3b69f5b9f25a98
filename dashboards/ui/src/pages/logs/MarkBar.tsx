/** What one does with marked lines: copy them for a handover, download them, let them go. */
import { useSyncExternalStore } from 'react';
import type { Row } from '../../api/logs.ts';
import { count } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Button } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { asMarkdown } from './markdown.ts';
import { clearMarks, getMarks, inOrder, subscribeMarks } from './marks.ts';

const asLine = (row: Row) => `${row.ts} ${row.stream.host ?? '-'} ${row.stream.service ?? '-'}: ${row.body}`;

function download(name: string, type: string, lines: string[]): void {
  const url = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export function MarkBar({ q }: { q: string }) {
  const marks = useSyncExternalStore(subscribeMarks, getMarks);
  if (marks.size === 0) return null;
  const rows = inOrder(marks);
  return (
    <div className="line mark-bar" role="toolbar" aria-label={t('marks.title')}>
      <b role="status">{t('marks.count', { n: count(marks.size) })}</b>
      <Button small icon="copy" onClick={() => copyText(asMarkdown(rows, q, location.href))}>
        {t('logs.copyMarkdown')}
      </Button>
      <Button small icon="download" onClick={() => download('lines.txt', 'text/plain', rows.map(asLine))}>
        {t('logs.downloadText')}
      </Button>
      <Button
        small
        icon="download"
        onClick={() =>
          download(
            'lines.ndjson',
            'application/x-ndjson',
            rows.map((row) => JSON.stringify(row)),
          )
        }
      >
        {t('logs.downloadJson')}
      </Button>
      <Button small icon="close" variant="quiet" onClick={clearMarks}>
        {t('marks.clear')}
      </Button>
    </div>
  );
}
