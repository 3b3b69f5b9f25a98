/** A moment, through all layers: lanes of layer and host with one cursor, what happened in words, the lines around it. */
import { useQuery } from '@tanstack/react-query';
import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import * as alerting from '../../api/alerting.ts';
import { type Row, search } from '../../api/logs.ts';
import { parseSpan, useAddress } from '../../app/address.ts';
import { axisTime, dateTimeMs, duration, msToNs, nsToMs, rowTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { readMoment } from '../../app/RangePicker.tsx';
import { fixedRange } from '../../app/shift.ts';
import { within } from '../../app/terms.ts';
import { Button, IconButton } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { incidentTitle, LevelBadge } from '../alerts/look.tsx';
import { Body } from '../logs/body.tsx';
import { LETTERS } from '../logs/values.ts';
import { type Lane, lanesOf, parseAt } from './lanes.ts';
import { MapAt } from './MapAt.tsx';
import { Moved } from './Moved.tsx';
import '../logs/context.css';
import './told.css';
import './moment.css';

const TELLING = 'kind:event OR level:>=warn';
const HALVES = 1_000;
const LINES = 150;
/** The map is shown from so long before the moment until so long after it. */
const HOUR_NS = 3_600_000_000_000n;
const MINUTES_NS = 300_000_000_000n;
const LINES_NS = 30_000_000_000n;
const SPANS = ['1m', '5m', '15m', '1h'];
const MARKS = 5;
const EVERY_MS = 5_000;

/** The rows nearest to a moment, on both sides of it, oldest first. */
async function around(q: string, at: bigint, span: bigint, limit: number, signal: AbortSignal): Promise<Row[]> {
  const [before, after] = await Promise.all([
    search({ q, from: String(at - span), to: String(at) }, { order: 'newest', limit }, signal),
    search({ q, from: String(at), to: String(at + span) }, { order: 'oldest', limit }, signal),
  ]);
  return [...before.rows.reverse(), ...after.rows];
}

/** What ends later than now is still being told. */
const whileOpen = (untilMs: number) => (untilMs > Date.now() ? EVERY_MS : false);

export default function Moment() {
  const { path, shared, params, set, go, href } = useAddress();
  const inPath = path.startsWith('/at/') ? parseAt(decodeURIComponent(path.slice(4))) : null;
  const [opened] = useState(() => String(msToNs(Date.now() - 60_000)));
  const at = BigInt(shared.at ?? inPath ?? opened);
  const atMs = nsToMs(at);
  const given = params.get('w');
  const span = given !== null && SPANS.includes(given) ? given : '5m';
  const spanMs = parseSpan(span) ?? 300_000;
  // The window stays while the cursor moves within it.
  const [centre, setCentre] = useState(at);
  const offset = at > centre ? at - centre : centre - at;
  const isOutside = offset > msToNs(spanMs);
  useEffect(() => {
    if (isOutside) setCentre(at);
  }, [isOutside, at]);
  // The time goes to where the other pages look for it.
  useEffect(() => {
    if (inPath !== null) go('/at', { w: given ?? undefined }, { at: inPath });
  }, [inPath, given, go]);

  const telling = useQuery({
    queryKey: ['lanes', String(centre), span, shared.scope],
    queryFn: ({ signal }) => around(within(TELLING, shared.scope), centre, msToNs(spanMs), HALVES, signal),
    placeholderData: (before) => before,
    refetchInterval: () => whileOpen(nsToMs(centre) + spanMs),
  });
  const rows = telling.data ?? [];
  const lanes = lanesOf(rows);
  const fromMs = nsToMs(centre) - spanMs;
  const moveTo = (ms: number) => set({ at: String(msToNs(ms)) }, { replace: true });
  const step = (by: 1 | -1) => {
    const next = by > 0 ? rows.find((row) => BigInt(row.ts_ns) > at) : rows.findLast((row) => BigInt(row.ts_ns) < at);
    if (next) set({ at: next.ts_ns }, { replace: true });
  };
  useKeys('moment', { next: () => step(1), previous: () => step(-1) });
  const logs = href('/logs', {}, { ...fixedRange(at - LINES_NS, at + LINES_NS) });

  return (
    <div className="page moment" data-state={telling.isFetching ? 'busy' : 'ready'}>
      <div className="line">
        <IconButton icon="left" label={t('moment.previous')} onClick={() => step(-1)} />
        <AtField key={String(at)} ms={atMs} onChange={(ms) => set({ at: String(msToNs(ms)) })} />
        <IconButton icon="right" label={t('moment.next')} onClick={() => step(1)} />
        <fieldset className="segments plain-group" aria-label={t('context.span')}>
          {SPANS.map((one) => (
            <Button
              key={one}
              small
              aria-pressed={one === span}
              onClick={() => {
                setCentre(at);
                set({ params: { w: one === '5m' ? null : one } });
              }}
            >
              ±{duration(parseSpan(one) ?? 0)}
            </Button>
          ))}
        </fieldset>
        <span className="grow" />
        <Link
          className="button"
          href={href('/map', {}, { at: String(at), ...fixedRange(at - HOUR_NS, at + MINUTES_NS) })}
        >
          <Icon name="map" /> {t('moment.map')}
        </Link>
        <Link className="button" href={logs}>
          <Icon name="logs" /> {t('moment.logs')}
        </Link>
      </div>
      <div className="progress" data-busy={telling.isFetching} />
      {telling.error && <ErrorNotice error={telling.error} />}
      <Lanes lanes={lanes} fromMs={fromMs} spanMs={2 * spanMs} atMs={atMs} onMove={moveTo} />
      {telling.data?.length === 0 && <Empty icon="moment" title={t('moment.none')} text={t('moment.noneText')} />}
      <div className="moment-columns">
        <div className="stack">
          <Incidents fromMs={fromMs} toMs={fromMs + 2 * spanMs} />
          <Moved at={at} />
          <Happened rows={rows} atMs={atMs} onMove={moveTo} />
          <MapAt at={at} />
        </div>
        <Lines at={at} q={within('', shared.scope)} onMove={moveTo} />
      </div>
    </div>
  );
}

function AtField({ ms, onChange }: { ms: number; onChange: (ms: number) => void }) {
  const [text, setText] = useState(() => dateTimeMs(ms));
  const read = readMoment(text, Date.now());
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (read !== null) onChange(read);
      }}
    >
      <input
        className="at-field mono"
        aria-label={t('moment.at')}
        aria-invalid={read === null}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  );
}

interface LanesProps {
  lanes: Lane[];
  fromMs: number;
  spanMs: number;
  atMs: number;
  onMove: (ms: number) => void;
}

function Lanes({ lanes, fromMs, spanMs, atMs, onMove }: LanesProps) {
  const share = (ms: number) => `${((ms - fromMs) / spanMs) * 100}%`;
  const marks = lanes.reduce((all, lane) => all + lane.marks.length, 0);
  return (
    <div
      className="card lanes"
      role="img"
      aria-label={t('moment.lanes', { n: marks, lanes: lanes.length })}
      style={{ '--at': share(atMs) } as CSSProperties}
      onPointerDown={(event) => {
        const strip = event.currentTarget.querySelector('.lane-strip')?.getBoundingClientRect();
        if (!strip || event.clientX < strip.left || event.clientX > strip.right) return;
        onMove(fromMs + ((event.clientX - strip.left) / strip.width) * spanMs);
      }}
    >
      {lanes.map(({ layer, host, marks: own }) => (
        <div key={`${layer} ${host}`} className="lane">
          <span className="lane-name cut">
            <b>{layer || '–'}</b> {host}
          </span>
          <span className="lane-strip">
            {own.map(({ row, ms }) => (
              <i
                key={row.cursor}
                className={`${row.level} ${row.kind}`}
                style={{ left: share(ms) }}
                title={`${rowTime(ms, false)} ${row.body.slice(0, 200)}`}
              />
            ))}
          </span>
        </div>
      ))}
      <div className="lane axis">
        <span />
        <span className="lane-strip">
          {Array.from({ length: MARKS }, (_, at) => fromMs + (at * spanMs) / (MARKS - 1)).map((ms) => (
            <span key={ms} style={{ left: share(ms) }}>
              {axisTime(ms, Math.min(spanMs, 500_000))}
            </span>
          ))}
        </span>
      </div>
    </div>
  );
}

function Incidents({ fromMs, toMs }: { fromMs: number; toMs: number }) {
  const { href } = useAddress();
  const { data } = useQuery({
    queryKey: ['incidents', 'all'],
    queryFn: ({ signal }) => alerting.incidents({ limit: 200 }, signal),
  });
  const then = data?.filter(
    ({ started_at, ended_at }) =>
      Date.parse(started_at) <= toMs && (ended_at === null || Date.parse(ended_at) >= fromMs),
  );
  if (!then?.length) return null;
  return (
    <section className="card moment-card">
      <h2>{t('alerts.incidents')}</h2>
      <ul className="cards">
        {then.map((one) => (
          <li key={one.id}>
            <Link className="line plain-link" href={href('/alerts', { incident: String(one.id) })}>
              <LevelBadge level={one.level} isOver={one.state !== 'open'} />
              <b className="grow">{incidentTitle(one)}</b>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `−12.3 s`, `+2 min`: how far from the cursor. */
function distance(ms: number): string {
  const sign = ms < 0 ? '−' : '+';
  const size = Math.abs(ms);
  if (size < 60_000) return `${sign}${(size / 1000).toFixed(1)} s`;
  const s = Math.round(size / 1000);
  return size < 3_600_000 ? `${sign}${Math.floor(s / 60)} min ${s % 60} s` : `${sign}${duration(size)}`;
}

/** Events in words: facts of several hosts where there are any. */
function Happened({ rows, atMs, onMove }: { rows: Row[]; atMs: number; onMove: (ms: number) => void }) {
  const facts = rows.filter((row) => row.stream.service === 'orszem-facts');
  const told = facts.length > 0 ? facts : rows.filter((row) => row.kind === 'event');
  if (told.length === 0) return null;
  return (
    <section className="card moment-card">
      <h2>{t('moment.happened')}</h2>
      <ol className="happened">
        {told.map((row) => {
          const ms = nsToMs(row.ts_ns);
          return (
            <li key={row.cursor} className={row.level}>
              <button
                type="button"
                aria-current={Math.abs(ms - atMs) < 1 ? 'true' : undefined}
                onClick={() => onMove(ms)}
              >
                <span className="dim tabular">{distance(ms - atMs)}</span>
                <span className="told">{row.body}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** All lines around the cursor, of all hosts and layers as one. */
function Lines({ at, q, onMove }: { at: bigint; q: string; onMove: (ms: number) => void }) {
  const { data, error, isFetching } = useQuery({
    queryKey: ['moment', String(at), q],
    queryFn: ({ signal }) => around(q, at, LINES_NS, LINES, signal),
    placeholderData: (before) => before,
    refetchInterval: () => whileOpen(nsToMs(at + LINES_NS)),
  });
  const list = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: other lines move it
  useEffect(() => {
    const shown = list.current;
    const own = shown?.querySelector<HTMLElement>('.own');
    if (shown && own) shown.scrollTop = own.offsetTop - shown.clientHeight / 3;
  }, [data]);
  return (
    <section className="card moment-card">
      <h2>{t('moment.lines')}</h2>
      <div className="progress" data-busy={isFetching} />
      {error && <ErrorNotice error={error} />}
      <ol ref={list} className="context-rows moment-lines">
        {data?.map((row, index) => {
          const isFirstAfter = BigInt(row.ts_ns) >= at && BigInt(data[index - 1]?.ts_ns ?? '0') < at;
          return (
            <li key={row.cursor} className={`${row.level} ${isFirstAfter ? 'own' : ''}`}>
              <button type="button" onClick={() => onMove(nsToMs(row.ts_ns))}>
                <span className="row-time">{rowTime(nsToMs(row.ts_ns), false)}</span>
                <span className="row-level">{LETTERS[row.level]}</span>
                <span className="dim cut">
                  {row.stream.host ?? ''} {row.stream.service ?? ''}
                </span>
                <span className="row-body">
                  <Body row={row} max={600} isFlat />
                </span>
              </button>
            </li>
          );
        })}
      </ol>
      {data?.length === 0 && <p className="dim">{t('logs.end')}</p>}
    </section>
  );
}
