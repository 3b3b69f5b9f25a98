/** A moment: short, with everything on hover. */
import { dateTimeMs, duration, shortTime } from '../app/format.ts';
import { t } from '../app/i18n.ts';

export function Time({ ms, relative }: { ms: number; relative?: boolean }) {
  const utc = new Date(ms).toISOString();
  const age = Date.now() - ms;
  const ago = age >= 0 ? t('ago', { span: duration(age) }) : t('in', { span: duration(-age) });
  return (
    <time dateTime={utc} title={`${dateTimeMs(ms)} · ${utc} · ${ago}`} className="tabular">
      {relative ? ago : shortTime(ms)}
    </time>
  );
}
