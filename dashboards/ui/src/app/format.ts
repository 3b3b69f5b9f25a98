/** Numbers, sizes and times as people read them. */
import { currentLanguage } from './i18n.ts';
import { getPrefs } from './prefs.ts';

export const NS_PER_MS = 1_000_000n;

export function nsToMs(ns: string | bigint): number {
  return Number(BigInt(ns) / NS_PER_MS);
}

export function msToNs(ms: number): bigint {
  return BigInt(Math.round(ms)) * NS_PER_MS;
}

/** What stands between thousands; the browser's formatter takes longer to make than a page to draw. */
const BETWEEN = { en: ',', hu: '\u00a0' };

/** A whole number: `12,345`; Hungarian parts thousands from five digits on. */
export function count(n: number): string {
  const language = currentLanguage();
  const digits = String(n);
  return language === 'hu' && Math.abs(n) < 10_000 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, BETWEEN[language]);
}

const POINT = { en: '.', hu: ',' };

/** `1.2k`, `3.4M`: where there is no room. */
export function shortCount(n: number): string {
  const units = ['', 'k', 'M', 'G'];
  let unit = 0;
  let rest = n;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  const digits = rest < 100 && unit ? rest.toFixed(1).replace('.0', '') : String(Math.round(rest));
  return `${digits.replace('.', POINT[currentLanguage()])}${units[unit]}`;
}

export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = n;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${rest < 10 && unit ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`;
}

const two = (n: number, width = 2) => String(n).padStart(width, '0');

interface Parts {
  year: number;
  day: string;
  clock: string;
  ms: string;
}

function parts(ms: number): Parts {
  const d = new Date(ms);
  if (getPrefs().zone === 'utc') {
    return {
      year: d.getUTCFullYear(),
      day: `${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`,
      clock: `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`,
      ms: two(d.getUTCMilliseconds(), 3),
    };
  }
  return {
    year: d.getFullYear(),
    day: `${two(d.getMonth() + 1)}-${two(d.getDate())}`,
    clock: `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`,
    ms: two(d.getMilliseconds(), 3),
  };
}

/** `2026-11-22 23:19:49` */
export function dateTime(ms: number): string {
  const { year, day, clock } = parts(ms);
  return `${year}-${day} ${clock}`;
}

/** `2026-11-22 23:19:49.053` */
export function dateTimeMs(ms: number): string {
  return `${dateTime(ms)}.${parts(ms).ms}`;
}

/** `23:19:49`, with the day where it is not today. */
export function shortTime(ms: number, now = Date.now()): string {
  const at = parts(ms);
  const today = parts(now);
  if (at.year !== today.year) return `${at.year}-${at.day} ${at.clock}`;
  return at.day === today.day ? at.clock : `${at.day} ${at.clock}`;
}

/** A row's time: with milliseconds, and the day where the list spans days. */
export function rowTime(ms: number, withDay: boolean): string {
  const { day, clock, ms: millis } = parts(ms);
  return withDay ? `${day} ${clock}.${millis}` : `${clock}.${millis}`;
}

/** A mark on an axis that spans `spanMs`. */
export function axisTime(ms: number, spanMs: number): string {
  const { day, clock } = parts(ms);
  if (spanMs > 3 * 86_400_000) return day;
  if (spanMs > 86_400_000) return `${day} ${clock.slice(0, 5)}`;
  return spanMs > 600_000 ? clock.slice(0, 5) : clock;
}

/** `3 min`, `2 h 5 min`, `4 d 1 h` */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`;
}

/** Plain figures with at most three digits that matter, for measurements. */
export function figure(n: number): string {
  if (!Number.isFinite(n)) return String(n);
  const size = Math.abs(n);
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return n.toExponential(2);
  return formatter(currentLanguage(), size >= 1000 ? 6 : 4, size >= 1e6 ? 'compact' : 'standard').format(n);
}

const formatters = new Map<string, Intl.NumberFormat>();

/** To make one takes milliseconds. */
function formatter(language: string, maximumSignificantDigits: number, notation: 'compact' | 'standard') {
  const key = `${language} ${maximumSignificantDigits} ${notation}`;
  const made = formatters.get(key) ?? new Intl.NumberFormat(language, { maximumSignificantDigits, notation });
  formatters.set(key, made);
  return made;
}
