/** Relations in words. */
import { hasText, t } from '../../app/i18n.ts';

/** `runs on`; what is not known is shown as it is written. */
export function relationText(relation: string): string {
  const key = `relation.${relation}`;
  return hasText(key) ? t(key) : relation;
}
