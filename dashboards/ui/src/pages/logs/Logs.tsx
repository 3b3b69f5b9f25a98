/** The log page: query, histogram, fields, rows, and a panel beside them for one row and its surroundings. */
import { useQuery } from '@tanstack/react-query';
import { Suspense, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { ApiError } from '../../api/client.ts';
import { histogram as askHistogram, type Band, type Order, type Row, type Scope, search } from '../../api/logs.ts';
import { parseSpan, useAddress } from '../../app/address.ts';
import { bytes, count, duration, msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { getPrefs, setPrefs, usePrefs } from '../../app/prefs.ts';
import { spanText } from '../../app/RangePicker.tsx';
import { usePinnedRange } from '../../app/range.tsx';
import { fixedRange, zoomRange } from '../../app/shift.ts';
import { addTerm, phrase, term, toggleTerm, within } from '../../app/terms.ts';
import { Button, IconButton } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Later, whenIdle } from '../../kit/Later.tsx';
import { TabPanel, Tabs } from '../../kit/Tabs.tsx';
import { toast } from '../../kit/toast.tsx';
import { useIsNarrow } from '../../kit/useMedia.ts';
import { Histogram } from '../../viz/Histogram.tsx';
import { sum } from '../../viz/histogram.ts';
import { LAYERS } from '../moment/lanes.ts';
import { nextAhead } from './ahead.ts';
import { FindBar } from './FindBar.tsx';
import { MarkBar } from './MarkBar.tsx';
import { getMarks, markAll, subscribeMarks, toggleMark } from './marks.ts';
import { Changes, Context, Detail, Fields, loadParts, Patterns, RowValues, SelectionMenu } from './parts.ts';
import { QueryBar, type QueryBarHandle } from './QueryBar.tsx';
import { RowList, type RowListHandle } from './RowList.tsx';
import { Toolbar } from './Toolbar.tsx';
import { Tail } from './tail.ts';
import { sameId } from './values.ts';
import { ROWS_MAX, RowWindow } from './window.ts';
import './context.css';
import './logs.css';
import './query.css';

const RECENT_MAX = 12;
const WIDER = ['15m', '1h', '6h', '1d', '7d', '30d'];

/** The rows of a search; `null` while the live tail runs. */
function useRowWindow(scope: Scope, order: Order, run: number): RowWindow {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each run is a new search
  const window = useMemo(
    () => new RowWindow((ask, signal) => search(scope, ask, signal), order),
    [scope.q, scope.from, scope.to, order, run],
  );
  useEffect(() => {
    void window.more();
    return () => window.close();
  }, [window]);
  return window;
}

export default function Logs() {
  const { shared, params, set } = useAddress();
  const { range, run, refresh } = usePinnedRange();
  const { columns, wrap } = usePrefs();
  const isNarrow = useIsNarrow();
  const q = params.get('q') ?? '';
  const order: Order = params.get('order') === 'oldest' ? 'oldest' : 'newest';
  const view = params.get('view') === 'patterns' ? 'patterns' : 'lines';
  const chosen = params.get('line');
  const asked = within(q, shared.scope);
  const scope = useMemo<Scope>(() => ({ q: asked, ...range }), [asked, range]);

  const [tail, setTail] = useState<Tail | null>(null);
  const window = useRowWindow(scope, order, run);
  const loaded = useSyncExternalStore(window.subscribe, window.get);
  const tailed = useTailState(tail);
  const rows = tail ? tailed.rows : loaded.rows;

  const histogram = useQuery({
    queryKey: ['histogram', scope, run],
    queryFn: ({ signal }) => askHistogram(scope, signal),
    placeholderData: (before) => before,
  });

  const queryBar = useRef<QueryBarHandle>(null);
  const list = useRef<RowListHandle>(null);
  const [panelTab, setPanelTab] = useState<'detail' | 'context'>('detail');
  const [opened, setOpened] = useState<Row | null>(null);
  const [find, setFind] = useState<string | null>(null);
  const [showsFields, setShowsFields] = useState(false);
  const [compared, setCompared] = useState<Scope | null>(null);
  const [narrowing, setNarrowing] = useState<'only' | 'not' | null>(null);
  const marks = useSyncExternalStore(subscribeMarks, getMarks);
  const lastMark = useRef<string | null>(null);

  // A permalink names a row: it opens once it is loaded, or when asked for by its place in time.
  const linked = useQuery({
    queryKey: ['line', chosen],
    enabled: chosen !== null && opened?.cursor !== chosen,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const known = rows.find((row) => row.cursor === chosen);
      return known ?? (await rowAt(chosen ?? '', signal));
    },
  });
  useEffect(() => {
    if (linked.data && linked.data.cursor === chosen) setOpened(linked.data);
  }, [linked.data, chosen]);

  const stopTail = useCallback(() => {
    tail?.close();
    setTail(null);
  }, [tail]);
  useEffect(() => () => tail?.close(), [tail]);
  // Another question ends the tail of the one before.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the question counts
  useEffect(() => stopTail(), [asked, order, range.from]);
  const toggleLive = () => {
    if (tail) {
      stopTail();
      refresh();
      return;
    }
    window.cancel();
    const live = new Tail(asked);
    live.open();
    setTail(live);
    list.current?.scrollTop();
  };

  const ask = (wanted: string) => {
    const recent = wanted ? [wanted, ...getPrefs().recent.filter((one) => one !== wanted)].slice(0, RECENT_MAX) : null;
    if (recent) setPrefs({ recent });
    set({ params: { q: wanted, line: null } });
    setOpened(null);
    refresh();
  };
  const add = (term: string) => ask(addTerm(q, term));
  const choose = useCallback(
    (row: Row) => {
      setOpened(row);
      set({ params: { line: row.cursor } }, { replace: true });
    },
    [set],
  );
  const close = () => {
    setOpened(null);
    set({ params: { line: null } }, { replace: true });
  };
  const at = opened ? rows.findIndex((row) => row.cursor === opened.cursor) : -1;
  const goTo = (index: number) => {
    const row = rows[index];
    if (!row) return;
    choose(row);
    list.current?.scrollTo(index);
    list.current?.focus();
  };
  const goToNext = async (step: 1 | -1, fits: (row: Row) => boolean) => {
    if (step > 0 && !tail) {
      const next = await nextAhead(window, at, fits);
      const row = window.get().rows[next];
      if (row) {
        choose(row);
        // A line that was loaded just now is in the list with the next frame.
        requestAnimationFrame(() => list.current?.scrollTo(next));
      } else toast(t('logs.noMore'));
      return;
    }
    const next =
      step > 0
        ? rows.findIndex((row, index) => index > at && fits(row))
        : rows.slice(0, Math.max(at, 0)).findLastIndex(fits);
    if (next < 0) toast(t('logs.noMore'));
    else goTo(next);
  };
  const goToLevel = (step: 1 | -1, bands: readonly Band[]) => void goToNext(step, ({ level }) => bands.includes(level));
  const sought = (find ?? '').toLowerCase();
  const goToMatch = (step: 1 | -1) => {
    if (sought !== '') void goToNext(step, ({ body }) => body.toLowerCase().includes(sought));
    else setFind('');
  };
  const mark = useCallback(
    (row: Row, isRange: boolean) => {
      const [a, b] = [lastMark.current, rows.findIndex(({ cursor }) => cursor === row.cursor)];
      const first = isRange && a !== null ? rows.findIndex(({ cursor }) => cursor === a) : -1;
      if (first >= 0) markAll(rows.slice(Math.min(first, b), Math.max(first, b) + 1));
      else toggleMark(row);
      lastMark.current = row.cursor;
    },
    [rows],
  );
  const follow = () => {
    const same = opened && sameId(opened);
    if (same) add(same);
    else toast(t('logs.noId'));
  };
  const toggleLayer = (n: number) => ask(toggleTerm(q, `-${term('layer', LAYERS[n - 1] ?? '')}`));
  const lineLink = () => location.href;
  useKeys('logs', {
    query: () => queryBar.current?.focus(),
    next: () => goTo(Math.min(at + 1, rows.length - 1)),
    previous: () => goTo(Math.max(at - 1, 0)),
    open: () => setPanelTab('detail'),
    close: () => (find !== null ? setFind(null) : opened ? close() : window.cancel()),
    nextError: () => goToLevel(1, ['error', 'fatal']),
    previousError: () => goToLevel(-1, ['error', 'fatal']),
    nextWarning: () => goToLevel(1, ['warn']),
    previousWarning: () => goToLevel(-1, ['warn']),
    nextMatch: () => goToMatch(1),
    previousMatch: () => goToMatch(-1),
    include: () => opened && setNarrowing('only'),
    exclude: () => opened && setNarrowing('not'),
    follow: () => opened && follow(),
    mark: () => opened && mark(opened, false),
    layer1: () => toggleLayer(1),
    layer2: () => toggleLayer(2),
    layer3: () => toggleLayer(3),
    layer4: () => toggleLayer(4),
    layer5: () => toggleLayer(5),
    layer6: () => toggleLayer(6),
    layer7: () => toggleLayer(7),
    first: () => list.current?.scrollTop(),
    context: () => setPanelTab('context'),
    live: toggleLive,
    copyLink: () => void copyText(lineLink()),
    wrap: () => setPrefs({ wrap: !wrap }),
    find: () => setFind(''),
  });

  const problem = loaded.error ?? histogram.error;
  const syntax = problem instanceof ApiError && problem.position !== undefined ? problem : null;
  useEffect(() => {
    if (syntax?.position !== undefined) queryBar.current?.focus(syntax.position);
  }, [syntax]);
  const isBusy = !tail && (loaded.isBusy || histogram.isFetching);
  const isAnswered = loaded.rows.length > 0 || loaded.isWhole || Boolean(loaded.error) || tail !== null;
  useEffect(() => {
    if (isAnswered) whenIdle(loadParts);
  }, [isAnswered]);
  const total = histogram.data?.buckets.reduce((all, bucket) => all + sum(bucket.counts), 0);
  const onEnd = useCallback(() => void window.more(), [window]);
  const onStart = useCallback(() => void window.back(), [window]);

  return (
    <div
      className={`logs ${opened ? 'with-panel' : ''} ${showsFields ? 'shows-fields' : ''}`}
      data-state={tail ? 'live' : isBusy ? 'busy' : problem ? 'error' : 'ready'}
    >
      <QueryBar
        ref={queryBar}
        value={q}
        isWrong={syntax !== null}
        isBusy={isBusy && loaded.rows.length === 0}
        isAnswered={isAnswered}
        scope={scope}
        onSubmit={ask}
        onCancel={() => window.cancel()}
      />
      {syntax ? <SyntaxNotice error={syntax} q={asked} /> : problem ? <ErrorNotice error={problem} /> : null}
      <Histogram
        data={histogram.data}
        atMs={opened ? nsToMs(opened.ts_ns) : shared.at ? nsToMs(shared.at) : null}
        onZoom={(from, to) => set(fixedRange(msToNs(from), msToNs(to)))}
        onCompare={(from, to) => setCompared({ ...scope, from: String(msToNs(from)), to: String(msToNs(to)) })}
        onBack={() => set(zoomRange(range, 3))}
      />
      <div className="progress" data-busy={isBusy} />
      <div className="line logs-bar">
        <StatusLine
          isBusy={isBusy}
          total={total}
          window={loaded}
          tail={tail ? tailed : null}
          isPartial={histogram.data?.partial ?? false}
          onCancel={() => window.cancel()}
          onResume={refresh}
        />
        <span className="grow" />
        <Toolbar
          scope={scope}
          q={q}
          order={order}
          rows={rows}
          view={view}
          isLive={tail !== null}
          onLive={toggleLive}
          onFields={() => setShowsFields(!showsFields)}
        />
      </div>
      <MarkBar q={asked} />
      {find !== null && <FindBar rows={rows} text={find} onText={setFind} onGo={goTo} onClose={() => setFind(null)} />}
      <div className="logs-columns">
        {(!isNarrow || showsFields) && (
          <aside className="fields" aria-label={t('logs.fields')}>
            <Later>
              <Suspense>
                <Fields scope={scope} histogram={histogram.data} onAdd={add} />
              </Suspense>
            </Later>
          </aside>
        )}
        <div className="logs-main">
          {view === 'patterns' && !tail ? (
            <Suspense>
              <Patterns scope={scope} onAdd={add} />
            </Suspense>
          ) : rows.length === 0 ? (
            <NoRows
              isBusy={isBusy}
              isLive={tail !== null}
              hasError={problem !== null && problem !== undefined}
              isNarrowed={asked !== ''}
              onClear={() => set({ scope: [], params: { q: null } })}
            />
          ) : (
            <RowList
              ref={list}
              rows={rows}
              columns={columns}
              wrap={wrap}
              isNarrow={isNarrow}
              chosen={opened?.cursor ?? null}
              find={sought}
              marks={marks}
              onChoose={choose}
              onMark={mark}
              {...(tail ? { onScrolled: (isAtTop: boolean) => tail.pause(!isAtTop) } : { onEnd, onStart })}
              foot={!tail && loaded.isWhole ? <span className="dim">{t('logs.end')}</span> : undefined}
            />
          )}
          {tail && tailed.waiting > 0 && (
            <Button variant="primary" className="waiting" onClick={() => list.current?.scrollTop()}>
              {t('logs.waiting', { n: count(tailed.waiting) })}
            </Button>
          )}
        </div>
        {opened && (
          <aside className="panel" aria-label={t('logs.panel')}>
            <div className="panel-head">
              <Tabs
                label={t('logs.panel')}
                chosen={panelTab}
                onChoose={setPanelTab}
                tabs={[
                  { id: 'detail', label: t('logs.detail') },
                  { id: 'context', label: t('logs.context') },
                ]}
              />
              <span className="grow" />
              <IconButton icon="close" variant="quiet" label={t('close')} onClick={close} />
            </div>
            <TabPanel of={panelTab}>
              <Suspense>
                {panelTab === 'detail' ? (
                  <Detail row={opened} link={location.href} onAdd={add} />
                ) : (
                  <Context key={opened.cursor} row={opened} onShow={choose} />
                )}
              </Suspense>
            </TabPanel>
          </aside>
        )}
      </div>
      <Suspense>
        {isAnswered && (
          <SelectionMenu
            within=".row-body, .detail-body"
            onAdd={(text, isNot) => add(`${isNot ? '-' : ''}${phrase(text)}`)}
          />
        )}
        {narrowing && opened && (
          <RowValues row={opened} isNot={narrowing === 'not'} onAdd={add} onClose={() => setNarrowing(null)} />
        )}
        {compared && <Changes scope={compared} onAdd={add} onClose={() => setCompared(null)} />}
      </Suspense>
    </div>
  );
}

/** The row that a cursor names: the one behind the place just before it. */
async function rowAt(cursor: string, signal: AbortSignal): Promise<Row | null> {
  if (!/^[0-9a-f]{17,32}$/.test(cursor)) return null;
  const ns = BigInt.asIntN(64, BigInt(`0x${cursor.slice(0, 16)}`));
  const scope = { q: '', from: String(ns), to: String(ns + 1n) };
  const page = await search(scope, { order: 'oldest', limit: 1000 }, signal);
  return page.rows.find((row) => row.cursor === cursor) ?? null;
}

const NO_TAIL = new Tail('');

function useTailState(tail: Tail | null) {
  const shown = tail ?? NO_TAIL;
  return useSyncExternalStore(shown.subscribe, shown.get);
}

function SyntaxNotice({ error, q }: { error: ApiError; q: string }) {
  const at = error.position ?? 0;
  return (
    <div className="notice bad" role="alert" id="syntax">
      <span>{error.message}</span>
      <pre>
        {q}
        {'\n'}
        {' '.repeat(at)}^ {t('error.expected', { expected: error.expected ?? '', found: error.found ?? '' })}
      </pre>
    </div>
  );
}

interface StatusProps {
  isBusy: boolean;
  total: number | undefined;
  window: ReturnType<RowWindow['get']>;
  tail: ReturnType<Tail['get']> | null;
  isPartial: boolean;
  onCancel: () => void;
  onResume: () => void;
}

function StatusLine({ isBusy, total, window, tail, isPartial, onCancel, onResume }: StatusProps) {
  const elapsed = useElapsed(isBusy);
  if (tail) {
    const left = tail.dropped + tail.skipped;
    return (
      <p className="status" role="status">
        <b>{tail.isOpen ? t('logs.following', { n: count(tail.arrived) }) : t('logs.tailAgain')}</b>
        {left > 0 && <span className="caution-text"> {t('logs.tailSkipped', { n: count(left) })}</span>}
      </p>
    );
  }
  const partial = window.partial ?? (isPartial ? 'deadline' : undefined);
  return (
    <p className="status" role="status">
      {total !== undefined && <b className="tabular">{t('logs.total', { n: count(total) })}</b>}
      <span className="tabular">
        {total !== undefined && ' · '}
        {t('logs.loaded', { n: count(window.rows.length) })}
        {window.evicted > 0 && ` ${t('logs.evicted', { n: count(ROWS_MAX) })}`}
        {isBusy
          ? ` · ${t('logs.searching', { s: (elapsed / 1000).toFixed(1) })}`
          : ` · ${Math.round(window.tookMs)} ms`}
        {window.bytesScanned > 0 && ` · ${t('logs.scanned', { bytes: bytes(window.bytesScanned) })}`}
      </span>
      {isBusy && elapsed > 700 && (
        <Button small onClick={onCancel}>
          {t('cancel')}
        </Button>
      )}
      {window.isCancelled && (
        <>
          <span className="caution-text"> {t('logs.cancelled')}</span>{' '}
          <Button small onClick={onResume}>
            {t('again')}
          </Button>
        </>
      )}
      {partial && <span className="caution-text"> {t(`partial.${partial}`)}</span>}
    </p>
  );
}

/** Milliseconds since it became busy, told a few times a second. */
function useElapsed(isBusy: boolean): number {
  const [elapsed, setElapsed] = useState(0);
  useEffect(() => {
    setElapsed(0);
    if (!isBusy) return;
    const begun = performance.now();
    const timer = setInterval(() => setElapsed(performance.now() - begun), 200);
    return () => clearInterval(timer);
  }, [isBusy]);
  return elapsed;
}

interface NoRowsProps {
  isBusy: boolean;
  isLive: boolean;
  hasError: boolean;
  isNarrowed: boolean;
  onClear: () => void;
}

/** Why there are no rows, and what to do: each case says another thing. */
function NoRows({ isBusy, isLive, hasError, isNarrowed, onClear }: NoRowsProps) {
  const { shared, set } = useAddress();
  const { refresh } = usePinnedRange();
  if (isLive) return <Empty icon="live" title={t('logs.liveWaiting')} text={t('logs.liveWaitingText')} />;
  if (isBusy) return null;
  if (hasError) {
    return (
      <Empty icon="error" title={t('logs.failed')} text={t('logs.failedText')}>
        <Button onClick={refresh}>{t('again')}</Button>
      </Empty>
    );
  }
  const span = parseSpan(shared.since ?? '') ?? 0;
  const wider = shared.since ? WIDER.find((one) => (parseSpan(one) ?? 0) > span) : undefined;
  return (
    <Empty
      icon="search"
      title={isNarrowed ? t('logs.none') : t('logs.nothing')}
      text={isNarrowed ? t('logs.noneText') : t('logs.nothingText', { span: duration(span || 3_600_000) })}
    >
      {wider && <Button onClick={() => set({ since: wider })}>{spanText(wider)}</Button>}
      {isNarrowed && <Button onClick={onClear}>{t('logs.clear')}</Button>}
    </Empty>
  );
}
