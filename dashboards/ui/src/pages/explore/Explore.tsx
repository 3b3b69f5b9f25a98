/** Asking for series: PromQL with completion, drawn over the range or as a table at its end. */
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { ApiError } from '../../api/client.ts';
import { type Labels, metricNames, type QueryAnswer, query, queryRange } from '../../api/metrics.ts';
import { useAddress } from '../../app/address.ts';
import { count, figure, msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { usePinnedRange } from '../../app/range.tsx';
import { fixedRange } from '../../app/shift.ts';
import { Button } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { TabPanel, Tabs } from '../../kit/Tabs.tsx';
import type { Editor } from '../logs/editor.ts';
import '../logs/query.css';
import './explore.css';

const Plot = lazy(async () => ({ default: (await import('../../viz/Plot.tsx')).Plot }));

/** Points of a line, at most: about one for each two pixels. */
const POINTS = 400;
/** Lines of one plot, at most; of more, the table tells. */
export const SERIES_MAX = 60;
const ROWS_MAX = 1_000;

/** `name{label="value"}` */
export function seriesName(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length || !name ? `${name}{${pairs.join(', ')}}` : name;
}

/** A step that gives at most `POINTS` points, of whole seconds. */
export function stepOf(spanS: number): number {
  return Math.max(1, Math.ceil(spanS / POINTS));
}

export default function Explore() {
  const { params, set } = useAddress();
  const { range, run, refresh } = usePinnedRange();
  const expr = params.get('expr') ?? '';
  const tab = params.get('view') === 'table' ? 'table' : 'graph';
  const bar = useRef<{ focus: () => void }>(null);
  const [startS, endS] = [nsToMs(range.from) / 1000, nsToMs(range.to) / 1000];
  const { data, error, isFetching } = useQuery({
    queryKey: ['explore', expr, tab, range, run],
    enabled: expr !== '',
    queryFn: ({ signal }) =>
      tab === 'graph'
        ? queryRange(expr, { startS, endS, stepS: stepOf(endS - startS) }, signal)
        : query(expr, endS, signal),
    placeholderData: (before) => before,
  });
  useKeys('explore', { query: () => bar.current?.focus() });
  const ask = (wanted: string) => {
    set({ params: { expr: wanted } });
    refresh();
  };
  return (
    <div className="page explore" data-state={isFetching ? 'busy' : error ? 'error' : 'ready'}>
      <PromqlBar ref={bar} value={expr} isWrong={error instanceof ApiError && error.status === 400} onSubmit={ask} />
      <div className="progress" data-busy={isFetching} />
      {error && <ErrorNotice error={error} />}
      {[...(data?.warnings ?? []), ...(data?.infos ?? [])].map((text) => (
        <p key={text} className="notice">
          {text}
        </p>
      ))}
      <Tabs
        label={t('page.explore')}
        chosen={tab}
        onChoose={(id) => set({ params: { view: id === 'table' ? id : null } })}
        tabs={[
          { id: 'graph', label: t('explore.graph') },
          { id: 'table', label: t('explore.table') },
        ]}
      />
      <TabPanel of={tab}>
        {expr === '' ? (
          <Beginnings onAsk={ask} />
        ) : data && tab === 'graph' ? (
          <Graph
            data={data}
            fromS={startS}
            toS={endS}
            onZoom={(from, to) => set(fixedRange(msToNs(from * 1000), msToNs(to * 1000)))}
          />
        ) : (
          data && <Table data={data} />
        )}
      </TabPanel>
    </div>
  );
}

function PromqlBar(props: {
  value: string;
  isWrong: boolean;
  onSubmit: (expr: string) => void;
  ref: React.Ref<{ focus: () => void }>;
}) {
  const { value, isWrong, onSubmit, ref } = props;
  const [draft, setDraft] = useState(value);
  const [hasEditor, setHasEditor] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const latest = useRef({ draft, onSubmit });
  useEffect(() => {
    latest.current = { draft, onSubmit };
  });
  useEffect(() => {
    setDraft(value);
    editor.current?.setValue(value);
  }, [value]);
  useEffect(() => {
    const handle = { focus: () => editor.current?.focus() };
    if (typeof ref === 'function') ref(handle);
    else if (ref) ref.current = handle;
  }, [ref]);
  useEffect(() => {
    let isGone = false;
    const load = async () => {
      const [{ mountEditor }, { promqlLanguage }] = await Promise.all([
        import('../logs/editor.ts'),
        import('./promql.ts'),
      ]);
      if (isGone || !host.current) return;
      editor.current = mountEditor(host.current, {
        value: latest.current.draft,
        label: 'PromQL',
        placeholder: t('explore.placeholder'),
        language: promqlLanguage(),
        onChange: setDraft,
        onSubmit: () => latest.current.onSubmit(latest.current.draft.trim()),
      });
      setHasEditor(true);
    };
    load().catch((error: unknown) => console.warn('the plain field stays', error));
    return () => {
      isGone = true;
      editor.current?.close();
      editor.current = null;
    };
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(draft.trim());
  };
  return (
    <form className="query-bar" aria-label="PromQL" onSubmit={submit}>
      <div className={`query ${isWrong ? 'wrong' : ''}`} data-editor={hasEditor}>
        <div ref={host} hidden={!hasEditor} className="query-editor" />
        {!hasEditor && (
          <input
            aria-label="PromQL"
            placeholder={t('explore.placeholder')}
            value={draft}
            spellCheck={false}
            onChange={(event) => setDraft(event.target.value)}
          />
        )}
        <kbd>/</kbd>
      </div>
      <Button variant="primary" icon="explore" type="submit">
        {t('explore.run')}
      </Button>
    </form>
  );
}

interface Line {
  name: string;
  labels: Labels;
  values: [number, string][];
}

function linesOf({ data }: QueryAnswer): Line[] {
  if (data.resultType !== 'matrix') return [];
  return data.result.map(({ metric, values }) => ({ name: seriesName(metric), labels: metric, values: values ?? [] }));
}

function Graph(props: { data: QueryAnswer; fromS: number; toS: number; onZoom: (fromS: number, toS: number) => void }) {
  const { data, fromS, toS, onZoom } = props;
  const lines = useMemo(() => linesOf(data), [data]);
  const shown = useMemo(() => lines.slice(0, SERIES_MAX), [lines]);
  if (lines.length === 0) return <Empty icon="explore" title={t('explore.none')} text={t('explore.noneText')} />;
  return (
    <div className="stack">
      {lines.length > shown.length && (
        <p className="notice">{t('explore.cut', { n: count(shown.length), all: count(lines.length) })}</p>
      )}
      <div className="card plot-card">
        <Suspense fallback={<div className="progress" data-busy="true" />}>
          <Plot lines={shown} fromS={fromS} toS={toS} onZoom={onZoom} />
        </Suspense>
      </div>
    </div>
  );
}

function Table({ data: { data } }: { data: QueryAnswer }) {
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    return <p className="card plot-card mono">{data.result[1]}</p>;
  }
  if (data.resultType !== 'vector') return null;
  if (data.result.length === 0) return <Empty icon="explore" title={t('explore.none')} text={t('explore.noneText')} />;
  const rows = data.result.slice(0, ROWS_MAX);
  const tsv = () => rows.map(({ metric, value }) => `${seriesName(metric)}\t${value[1]}`).join('\n');
  return (
    <div className="stack">
      <div className="line">
        <span className="dim">{t('explore.series', { n: count(data.result.length) })}</span>
        <Button small icon="copy" onClick={() => copyText(tsv())}>
          {t('explore.copy')}
        </Button>
      </div>
      <div className="card scroll-x">
        <table className="plain">
          <thead>
            <tr>
              <th>{t('explore.name')}</th>
              <th className="number">{t('silences.value')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ metric, value }) => (
              <tr key={seriesName(metric)}>
                <td className="mono">{seriesName(metric)}</td>
                <td className="number" title={value[1]}>
                  {figure(Number(value[1]))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Where to begin: the metrics that there are. */
function Beginnings({ onAsk }: { onAsk: (expr: string) => void }) {
  const [filter, setFilter] = useState('');
  const { data, error } = useQuery({
    queryKey: ['metrics'],
    queryFn: ({ signal }) => metricNames(signal),
    // The first ones come soon after a collector was set up.
    refetchInterval: ({ state }) => (state.data?.length === 0 ? 5_000 : false),
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0)
    return <Empty icon="explore" title={t('explore.noMetrics')} text={t('explore.noMetricsText')} />;
  const shown = data?.filter((name) => name.includes(filter.toLowerCase())).slice(0, 300) ?? [];
  const exprOf = (name: string) => (/_(total|count|sum|bucket)$/.test(name) ? `rate(${name}[5m])` : name);
  return (
    <div className="stack">
      <p className="dim">{t('explore.begin')}</p>
      <input
        className="metric-filter"
        aria-label={t('explore.filter')}
        placeholder={t('explore.filter')}
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <div className="metrics">
        {shown.map((name) => (
          <button key={name} type="button" className="plain-button mono" onClick={() => onAsk(exprOf(name))}>
            {name}
          </button>
        ))}
      </div>
    </div>
  );
}
