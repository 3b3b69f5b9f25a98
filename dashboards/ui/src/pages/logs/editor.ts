/**
 * The query editor, a chunk of its own. It lives in a shadow root, where CodeMirror uses adopted style sheets: the
 * policy of the page allows no inline styles.
 */
import {
  acceptCompletion,
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeCompletion,
  completionKeymap,
  startCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export interface Suggestion {
  label: string;
  detail?: string;
  /** What is written; the label unless said. */
  apply?: string;
}

export interface EditorOptions {
  value: string;
  label: string;
  placeholder: string;
  language: Extension;
  onChange: (value: string) => void;
  onSubmit: () => void;
}

export interface Editor {
  setValue: (value: string) => void;
  focus: (at?: number) => void;
  close: () => void;
}

const theme = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent', color: 'var(--text)', width: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'var(--mono)', padding: '6px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 2px 0 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--dim)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { background: 'var(--chosen) !important' },
  '.cm-tooltip': {
    background: 'var(--raised)',
    border: '1px solid var(--line)',
    borderRadius: '7px',
    boxShadow: 'var(--shadow)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12.5px', maxHeight: '320px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px', display: 'flex', gap: '16px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--chosen)', color: 'var(--text)' },
  '.cm-completionLabel': { flex: '1' },
  '.cm-completionDetail': { color: 'var(--dim)', fontStyle: 'normal' },
  '.cm-completionIcon': { display: 'none' },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--calm)' },
  { tag: tags.keyword, color: 'var(--fatal-text)', fontWeight: '600' },
  { tag: tags.operator, color: 'var(--bad)' },
  { tag: tags.regexp, color: 'var(--caution)' },
  { tag: tags.number, color: 'var(--calm)' },
]);

/** One line: what is pasted with line ends becomes spaces. */
const singleLine = EditorState.transactionFilter.of((transaction) => {
  if (transaction.newDoc.lines <= 1) return transaction;
  const text = transaction.newDoc.toString().replace(/\s*\n\s*/g, ' ');
  return {
    changes: { from: 0, to: transaction.startState.doc.length, insert: text },
    selection: { anchor: text.length },
  };
});

export function mountEditor(host: HTMLElement, options: EditorOptions): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  root.replaceChildren();
  const submit = () => {
    closeCompletion(view);
    options.onSubmit();
    return true;
  };
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.value,
      extensions: [
        history(),
        closeBrackets(),
        options.language,
        syntaxHighlighting(colours),
        theme,
        placeholder(options.placeholder),
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          'aria-multiline': 'false',
          autocapitalize: 'off',
          spellcheck: 'false',
        }),
        EditorView.lineWrapping,
        singleLine,
        Prec.highest(
          keymap.of([
            { key: 'Tab', run: acceptCompletion },
            { key: 'Ctrl-Space', run: startCompletion },
          ]),
        ),
        keymap.of([...completionKeymap, { key: 'Enter', run: submit }, ...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
        }),
        EditorView.domEventHandlers({
          keydown: (event, editor) => {
            if (event.key === 'Escape') editor.contentDOM.blur();
          },
        }),
      ],
    }),
  });
  return {
    setValue(value) {
      closeCompletion(view);
      if (value !== view.state.doc.toString()) {
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
      }
    },
    focus(at) {
      view.focus();
      const anchor = Math.min(at ?? view.state.doc.length, view.state.doc.length);
      view.dispatch({ selection: { anchor } });
    },
    close: () => view.destroy(),
  };
}

export interface SearchSources {
  fields: (signal: AbortSignal) => Promise<Suggestion[]>;
  values: (field: string, signal: AbortSignal) => Promise<Suggestion[]>;
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'];

/** The search language of docs/search.md: colours, and completion from the data. */
export function searchLanguage(sources: SearchSources): Extension {
  const parser = StreamLanguage.define<Record<string, never>>({
    token(stream) {
      if (stream.eatSpace()) return null;
      if (stream.match(/^"(?:\\.|[^"\\])*"?/)) return 'string';
      if (stream.match(/^\/(?:\\.|[^/\\])+\/(?=\s|\)|$)/)) return 'regexp';
      if (stream.match(/^(?:AND|OR|NOT|TO)(?=[\s()]|$)/)) return 'keyword';
      if (stream.match(/^[\p{L}_@][\p{L}\p{N}_.\-@/]*(?=:(?!:|\/\/))/u)) return 'propertyName';
      if (stream.match(/^[-!:()[\]{}<>=]+/)) return 'operator';
      stream.match(/^[^\s()":]+/) || stream.next();
      return null;
    },
  });
  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const abort = new AbortController();
    context.addEventListener('abort', () => abort.abort());
    const value = context.matchBefore(/[\p{L}_@][\p{L}\p{N}_.\-@/]*:[<>=]*"?[^\s()":]*/u);
    if (value) {
      const [field = ''] = value.text.split(':', 1);
      const typed = /^[^:]*:[<>=]*/.exec(value.text)?.[0].length ?? field.length + 1;
      const isLevel = field === 'level' || field === 'severity';
      const options = isLevel ? LEVELS.map((label) => ({ label })) : await sources.values(field, abort.signal);
      return { from: value.from + typed, options };
    }
    const word = context.matchBefore(/[\p{L}\p{N}_.@-]+/u);
    if (!word && !context.explicit) return null;
    const isNegated = word?.text.startsWith('-') ?? false;
    const fields = await sources.fields(abort.signal);
    return {
      from: (word?.from ?? context.pos) + (isNegated ? 1 : 0),
      options: [
        { label: 'level', apply: 'level:>=', detail: 'level:>=warn' },
        { label: 'kind', apply: 'kind:', detail: 'kind:event' },
        ...fields,
        ...['AND', 'OR', 'NOT'].map((label) => ({ label, boost: -1 })),
      ],
    };
  };
  return [parser, autocompletion({ override: [complete], icons: false })];
}
