/** The query: a plain field at once; the editor with completion after the first rows, on phones when it is gone to. */
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { facets, fields, type Scope } from '../../api/logs.ts';
import { count } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Button } from '../../kit/Button.tsx';
import type { Editor } from './editor.ts';

export interface QueryBarHandle {
  focus: (at?: number) => void;
}

interface QueryBarProps {
  value: string;
  isWrong: boolean;
  isBusy: boolean;
  /** Whether the first rows came, or a word why there are none: what the editor costs is spent behind them. */
  isAnswered: boolean;
  /** What completion looks at. */
  scope: Scope;
  onSubmit: (q: string) => void;
  onCancel: () => void;
  ref?: Ref<QueryBarHandle>;
}

const VALUES = 50;

const isPhone = () => matchMedia('(max-width: 700px)').matches;

/** What may be written, where there is room to say so. */
const placeholder = () => t(isPhone() ? 'logs.placeholderShort' : 'logs.placeholder');

export function QueryBar(props: QueryBarProps) {
  const { value, isWrong, isBusy, isAnswered, scope, onSubmit, onCancel, ref } = props;
  const [draft, setDraft] = useState(value);
  const [wantsEditor, setWantsEditor] = useState(false);
  const [hasEditor, setHasEditor] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const editor = useRef<Editor | null>(null);
  const client = useQueryClient();
  const latest = useRef({ draft, scope, onSubmit });
  useEffect(() => {
    latest.current = { draft, scope, onSubmit };
  });
  useEffect(() => {
    setDraft(value);
    editor.current?.setValue(value);
  }, [value]);
  useImperativeHandle(ref, () => ({
    focus: (at) => {
      if (editor.current) editor.current.focus(at);
      else input.current?.focus();
    },
  }));

  useEffect(() => {
    if (isAnswered && !isPhone()) setWantsEditor(true);
  }, [isAnswered]);
  useEffect(() => {
    if (!wantsEditor) return;
    let isGone = false;
    const load = async () => {
      const { mountEditor, searchLanguage } = await import('./editor.ts');
      if (isGone || !host.current) return;
      const language = searchLanguage({
        fields: async (signal) => {
          const asked = { ...latest.current.scope, q: '' };
          const known = await client.fetchQuery({
            queryKey: ['completion', 'fields', asked.from],
            queryFn: () => fields(asked, signal),
            staleTime: 60_000,
          });
          return known.fields.map(({ name, count: n }) => ({ label: name, apply: `${name}:`, detail: count(n) }));
        },
        values: async (field, signal) => {
          const asked = { ...latest.current.scope, q: '' };
          const known = await client.fetchQuery({
            queryKey: ['completion', 'values', field, asked.from],
            queryFn: () => facets(asked, field, VALUES, signal),
            staleTime: 60_000,
          });
          return known.values.map(({ value: label, count: n }) => ({
            label,
            detail: count(n),
            ...(/^[\p{L}\p{N}_.@/-]+$/u.test(label) && !label.startsWith('/') ? {} : { apply: JSON.stringify(label) }),
          }));
        },
      });
      const wasFocused = document.activeElement === input.current;
      const at = input.current?.selectionStart ?? undefined;
      editor.current = mountEditor(host.current, {
        value: latest.current.draft,
        label: t('logs.query'),
        placeholder: placeholder(),
        language,
        onChange: setDraft,
        onSubmit: () => latest.current.onSubmit(latest.current.draft.trim()),
      });
      setHasEditor(true);
      if (wasFocused) editor.current.focus(at);
    };
    load().catch((error: unknown) => console.warn('the plain field stays', error));
    return () => {
      isGone = true;
      editor.current?.close();
      editor.current = null;
    };
  }, [client, wantsEditor]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(draft.trim());
  };
  return (
    <form className="query-bar" aria-label={t('logs.query')} onSubmit={submit}>
      <div className={`query ${isWrong ? 'wrong' : ''}`} data-editor={hasEditor}>
        <div ref={host} hidden={!hasEditor} className="query-editor" />
        {!hasEditor && (
          <input
            ref={input}
            aria-label={t('logs.query')}
            placeholder={placeholder()}
            value={draft}
            spellCheck={false}
            autoCapitalize="off"
            autoComplete="off"
            onFocus={() => setWantsEditor(true)}
            onChange={(event) => setDraft(event.target.value)}
          />
        )}
        <kbd>/</kbd>
      </div>
      {isBusy ? (
        <Button icon="close" onClick={onCancel}>
          {t('cancel')}
        </Button>
      ) : (
        <Button variant="primary" icon="search" type="submit">
          {t('logs.run')}
        </Button>
      )}
    </form>
  );
}
