/** Finding a word in the rows that are loaded: the browser's own search sees only those on the screen. */
import { type KeyboardEvent, useMemo, useState } from 'react';
import type { Row } from '../../api/logs.ts';
import { count } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { IconButton } from '../../kit/Button.tsx';

interface FindBarProps {
  rows: readonly Row[];
  text: string;
  onText: (text: string) => void;
  onGo: (index: number) => void;
  onClose: () => void;
}

export function FindBar({ rows, text, onText, onGo, onClose }: FindBarProps) {
  const [at, setAt] = useState(-1);
  const found = useMemo(() => {
    const wanted = text.toLowerCase();
    if (wanted === '') return [];
    return rows.flatMap((row, index) => (row.body.toLowerCase().includes(wanted) ? [index] : []));
  }, [rows, text]);
  const step = (by: number) => {
    if (found.length === 0) return;
    const next = (at + by + found.length) % found.length;
    setAt(next);
    onGo(found[next] ?? 0);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      step(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      onClose();
    }
  };
  return (
    <search className="find-bar line">
      <input
        // biome-ignore lint/a11y/noAutofocus: it was asked for to type into it
        autoFocus
        aria-label={t('find.label')}
        placeholder={t('find.label')}
        value={text}
        onChange={(event) => {
          onText(event.target.value);
          setAt(-1);
        }}
        onKeyDown={onKeyDown}
      />
      <span className="dim tabular" role="status">
        {text !== '' && t('find.found', { at: at + 1, n: count(found.length) })}
      </span>
      <IconButton small icon="left" label={t('find.previous')} onClick={() => step(-1)} />
      <IconButton small icon="right" label={t('find.next')} onClick={() => step(1)} />
      <IconButton small icon="close" variant="quiet" label={t('close')} onClick={onClose} />
    </search>
  );
}
