/** Copying a text, with a word about whether it worked. */
import { t } from '../app/i18n.ts';
import { toast } from './toast.tsx';

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('copied'));
  } catch {
    // Without HTTPS browsers offer no clipboard.
    toast(t('copyFailed'), true);
  }
}
