/** Texts in the reader's language. `{n}` is filled in; `{n|line|lines}` chooses by the number. */
import { getPrefs } from './prefs.ts';
import { en } from './texts/en.ts';

export type TextKey = keyof typeof en;
export type Texts = Record<TextKey, string>;
export type Language = 'en' | 'hu';

let texts: Texts = en;
let language: Language = 'en';

/** The language that is wanted: the chosen one, or the browser's first that there is. */
function wanted(): Language {
  const chosen = getPrefs().language;
  if (chosen !== 'auto') return chosen;
  const first = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === 'hu' || tag === 'en');
  return first === 'hu' ? 'hu' : 'en';
}

/** Loads the catalogue; call before the first render and when the choice changes. */
export async function loadTexts(): Promise<void> {
  language = wanted();
  texts = language === 'hu' ? (await import('./texts/hu.ts')).hu : en;
  document.documentElement.lang = language;
}

export function currentLanguage(): Language {
  return language;
}

export type Values = Record<string, string | number>;

export function fill(text: string, values: Values): string {
  return text
    .replace(/\{(\w+)\|([^|}]*)\|([^}]*)\}/g, (_, name: string, one: string, many: string) =>
      values[name] === 1 || values[name] === '1' ? one : many,
    )
    .replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function t(key: TextKey, values?: Values): string {
  return values ? fill(texts[key], values) : texts[key];
}

/** Whether there is such a text: for codes that the server sends. */
export function hasText(key: string): key is TextKey {
  return key in texts;
}
