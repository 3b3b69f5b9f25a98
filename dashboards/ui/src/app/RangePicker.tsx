/** The time range: spans up to now, or two moments; stepping and asking again beside it. */
import { type FormEvent, useState } from 'react';
import { Button, IconButton } from '../kit/Button.tsx';
import { Popover } from '../kit/Popover.tsx';
import { parseSpan, useAddress } from './address.ts';
import { dateTime, duration, msToNs, nsToMs, shortTime } from './format.ts';
import { t } from './i18n.ts';
import { getPrefs } from './prefs.ts';
import { usePinnedRange } from './range.tsx';
import { fixedRange, shiftRange } from './shift.ts';

const SPANS = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '1d', '2d', '7d', '14d', '30d'];

export function spanText(span: string): string {
  return t('range.last', { span: duration(parseSpan(span) ?? 0) });
}

export function RangePicker() {
  const { shared, set } = useAddress();
  const { range, refresh } = usePinnedRange();
  const label = shared.since
    ? spanText(shared.since)
    : `${shortTime(nsToMs(range.from))} – ${shortTime(nsToMs(range.to))}`;
  return (
    <div className="line range">
      <IconButton
        icon="left"
        label={t('keys.earlier')}
        className="wide-only"
        onClick={() => set(shiftRange(range, -0.5))}
      />
      <Popover label={label} icon="clock" buttonId="range-picker">
        {(close) => (
          <div className="range-panel">
            <div className="range-spans">
              {SPANS.map((span) => (
                <Button
                  key={span}
                  small
                  aria-pressed={span === shared.since}
                  onClick={() => {
                    set({ since: span, from: null, to: null });
                    refresh();
                    close();
                  }}
                >
                  {spanText(span)}
                </Button>
              ))}
            </div>
            <FromTo close={close} />
          </div>
        )}
      </Popover>
      <IconButton
        icon="right"
        label={t('keys.later')}
        className="wide-only"
        onClick={() => set(shiftRange(range, 0.5))}
      />
      <IconButton icon="refresh" label={t('keys.refresh')} onClick={refresh} />
    </div>
  );
}

const DAY_MS = 86_400_000;

/** A moment as people write it: `2026-11-22 14:00`, `14:00`, `yesterday 14:00`, `-2h`, `now`; in the chosen zone. */
export function readMoment(text: string, now: number): number | null {
  const wanted = text.trim();
  if (wanted === '' || wanted === 'now') return wanted === 'now' ? now : null;
  const ago = /^-(\w+)$/.exec(wanted);
  const span = ago?.[1] ? parseSpan(ago[1]) : null;
  if (span !== null) return now - span;
  const day = /^(today|ma|yesterday|tegnap)\b\s*/i.exec(wanted);
  if (day) {
    const begin = now - (/^(yesterday|tegnap)/i.test(wanted) ? DAY_MS : 0);
    return readMoment(
      `${dateTime(begin).slice(0, 10)} ${(wanted.slice(day[0].length) || '0:00').padStart(5, '0')}`,
      now,
    );
  }
  const clockOnly = /^\d{1,2}:\d{2}(:\d{2})?$/.test(wanted);
  const full = clockOnly ? `${dateTime(now).slice(0, 10)} ${wanted.padStart(5, '0')}` : wanted;
  const iso = full.replace(' ', 'T');
  const hasZone = /(Z|[+-]\d{2}:?\d{2})$/.test(iso);
  const ms = Date.parse(
    hasZone || getPrefs().zone === 'local' ? (iso.length === 10 ? `${iso}T00:00` : iso) : `${iso}Z`,
  );
  return Number.isNaN(ms) ? null : ms;
}

function FromTo({ close }: { close: () => void }) {
  const { set } = useAddress();
  const { range } = usePinnedRange();
  const [from, setFrom] = useState(() => dateTime(nsToMs(range.from)));
  const [to, setTo] = useState(() => dateTime(nsToMs(range.to)));
  const [isWrong, setWrong] = useState(false);
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const now = Date.now();
    const [begin, end] = [readMoment(from, now), readMoment(to, now)];
    if (begin === null || end === null || begin >= end) {
      setWrong(true);
      return;
    }
    set(fixedRange(msToNs(begin), msToNs(end)));
    close();
  };
  return (
    <form className="stack" onSubmit={apply}>
      <label className="field">
        <span>{t('range.from')}</span>
        <input value={from} spellCheck={false} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label className="field">
        <span>{t('range.to')}</span>
        <input value={to} spellCheck={false} onChange={(event) => setTo(event.target.value)} />
      </label>
      <p className="dim hint">{t('range.hint')}</p>
      {isWrong && (
        <p role="alert" className="notice bad">
          {t('range.wrong')}
        </p>
      )}
      <Button variant="primary" type="submit">
        {t('range.apply')}
      </Button>
    </form>
  );
}
