/** The map: what runs where and depends on what, at any moment of the range, played like a film. */
import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { topology } from '../../api/collectors.ts';
import { search } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { usePinnedRange } from '../../app/range.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { useIsNarrow, useMedia } from '../../kit/useMedia.ts';
import { Graph } from './Graph.tsx';
import { heldAt, historyOf, statesOf, stepFrom } from './history.ts';
import { layoutOf, ROW_MAX } from './layout.ts';
import { Replay, SPEEDS, usePlaying } from './Replay.tsx';
import { Thing } from './Thing.tsx';
import { Things } from './Things.tsx';
import { Told } from './Told.tsx';
import './map.css';

const EVERY_MS = 15_000;
/** While it plays, the address follows so often: browsers allow no more. */
const WRITE_MS = 1_000;
const EVENTS = 1_000;
const SPEED_AT_FIRST = 60;

export default function MapPage() {
  const { shared, params, set } = useAddress();
  const { range, run } = usePinnedRange();
  const [fromMs, toMs] = [nsToMs(range.from), nsToMs(range.to)];
  const chosen = params.get('node');
  const wanted = params.get('find') ?? '';
  const onlyUnwell = params.get('unwell') === '1';
  const { data, error, isFetching } = useQuery({
    queryKey: ['topology', range, run],
    queryFn: ({ signal }) =>
      topology({ at: range.to, since: `${Math.max(1, Math.ceil((toMs - fromMs) / 1000))}s` }, signal),
    placeholderData: (before) => before,
    refetchInterval: shared.since && !shared.at ? EVERY_MS : false,
  });
  const events = useQuery({
    queryKey: ['map', 'events', range, run],
    queryFn: async ({ signal }) =>
      (await search({ q: 'kind:event', ...range }, { order: 'newest', limit: EVENTS }, signal)).rows,
    placeholderData: (before) => before,
  });
  const history = useMemo(() => historyOf(data ?? { edges: [] }), [data]);
  const isNarrow = useIsNarrow();
  const isWide = useMedia('(min-width: 1700px)');
  const rowMax = isNarrow ? 2 : isWide ? ROW_MAX : 5;
  const layout = useMemo(() => layoutOf(history.held, rowMax), [history, rowMax]);

  // The moment moves here; the address follows it.
  const given = shared.at === null ? toMs : Math.min(Math.max(nsToMs(shared.at), fromMs), toMs);
  const [atMs, setAtMs] = useState(given);
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(SPEED_AT_FIRST);
  const written = useRef(given);
  useEffect(() => {
    if (Math.abs(given - written.current) >= 1) setAtMs(given);
    written.current = given;
  }, [given]);
  const write = useCallback(
    (ms: number) => {
      written.current = Math.round(ms);
      set({ at: String(msToNs(ms)) }, { replace: true });
    },
    [set],
  );
  const lastWrite = useRef(0);
  const move = useCallback(
    (ms: number) => {
      const next = Math.min(Math.max(ms, fromMs), toMs);
      setAtMs(next);
      if (performance.now() - lastWrite.current < WRITE_MS) return;
      lastWrite.current = performance.now();
      write(next);
    },
    [fromMs, toMs, write],
  );
  // What moved last is in the address also when nothing follows.
  useEffect(() => {
    if (Math.round(atMs) === written.current) return;
    const timer = setTimeout(() => write(atMs), WRITE_MS);
    return () => clearTimeout(timer);
  }, [atMs, write]);
  const shownMs = useRef(atMs);
  useEffect(() => {
    shownMs.current = atMs;
  }, [atMs]);
  const onFrame = useCallback(
    (byMs: number) => {
      const next = shownMs.current + byMs;
      shownMs.current = next;
      move(next);
      if (next >= toMs) setPlaying(false);
    },
    [move, toMs],
  );
  usePlaying(isPlaying, speed, onFrame);
  const play = (is: boolean) => {
    // At the end it begins anew.
    if (is && atMs >= toMs) move(fromMs);
    setPlaying(is);
  };
  const step = (by: 1 | -1) => {
    const next = stepFrom(history, atMs, by);
    setPlaying(false);
    if (!next) return;
    setAtMs(next.ms);
    write(next.ms);
  };
  const choose = (id: string | null) => set({ params: { node: id === chosen ? null : id } }, { replace: true });
  const find = useRef<HTMLInputElement>(null);
  const at = SPEEDS.findIndex((one) => one >= speed);
  useKeys('map', {
    play: () => play(!isPlaying),
    next: () => step(1),
    previous: () => step(-1),
    slower: () => setSpeed(SPEEDS[Math.max(0, at - 1)] ?? speed),
    faster: () => setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, at + 1)] ?? speed),
    unwell: () => set({ params: { unwell: onlyUnwell ? null : '1' } }, { replace: true }),
    query: () => find.current?.focus(),
    close: () => choose(null),
  });

  const now = useMemo(() => heldAt(history, atMs), [history, atMs]);
  const states = useMemo(() => statesOf(now), [now]);
  const isWanted = (id: string) => {
    if (wanted !== '' && !id.toLowerCase().includes(wanted.toLowerCase())) return false;
    return !onlyUnwell || states.get(id)?.health !== 'good';
  };
  const isEmpty = data !== undefined && history.held.length === 0;
  return (
    <div className="page map" data-state={isFetching ? 'busy' : 'ready'}>
      <div className="progress" data-busy={isFetching} />
      {error && <ErrorNotice error={error} />}
      {isEmpty && <Empty icon="map" title={t('map.none')} text={t('map.noneText')} />}
      {!isEmpty && data && (
        <>
          <Replay
            {...{ fromMs, toMs, atMs, isPlaying, speed }}
            steps={history.steps}
            onPlay={play}
            onSpeed={setSpeed}
            onMove={(ms) => {
              setPlaying(false);
              move(ms);
            }}
            onStep={step}
          />
          <div className="line">
            <input
              ref={find}
              type="search"
              aria-label={t('map.find')}
              placeholder={t('map.find')}
              value={wanted}
              onChange={(event) => set({ params: { find: event.target.value } }, { replace: true })}
            />
            <Button
              aria-pressed={onlyUnwell}
              onClick={() => set({ params: { unwell: onlyUnwell ? null : '1' } }, { replace: true })}
            >
              {t('map.unwell')}
            </Button>
            {layout.leftOut > 0 && <span className="caution-text">{t('map.leftOut', { n: layout.leftOut })}</span>}
          </div>
          <div className="map-columns">
            <div className="stack">
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
              <section className="card graph-frame" aria-label={t('page.map')} tabIndex={0}>
                <Graph {...{ layout, now, states, atMs, chosen, isWanted }} onChoose={choose} />
              </section>
              <Things {...{ layout, now, states, chosen, isWanted }} isOpen={isNarrow} onChoose={choose} />
            </div>
            <div className="stack">
              {chosen && (
                <Thing id={chosen} {...{ history, now, states, atMs }} onMove={move} onClose={() => choose(null)} />
              )}
              <Told rows={events.data ?? []} atMs={atMs} about={chosen} onMove={move} />
            </div>
          </div>
        </>
      )}
    </div>
  );
}
