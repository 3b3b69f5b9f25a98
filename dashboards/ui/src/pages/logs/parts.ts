/** Parts of the log page that are not needed for the first lines: loaded when they are shown, or in an idle moment. */
import { type ComponentType, lazy } from 'react';

const LOADERS: (() => Promise<unknown>)[] = [];

function part<P>(load: () => Promise<ComponentType<P>>) {
  LOADERS.push(load);
  return lazy(async () => ({ default: await load() }));
}

export const Fields = part(async () => (await import('./Fields.tsx')).Fields);
export const Detail = part(async () => (await import('./Detail.tsx')).Detail);
export const Context = part(async () => (await import('./Context.tsx')).Context);
export const Patterns = part(async () => (await import('./Patterns.tsx')).Patterns);
export const Changes = part(async () => (await import('./Patterns.tsx')).Changes);
export const SelectionMenu = part(async () => (await import('./SelectionMenu.tsx')).SelectionMenu);
export const RowValues = part(async () => (await import('./RowValues.tsx')).RowValues);

/** Loads all of them, so that none is waited for. What can't be loaded now is tried again when it is shown. */
export function loadParts(): void {
  for (const load of LOADERS) load().catch(() => undefined);
}
