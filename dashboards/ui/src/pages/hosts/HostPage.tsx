/** One host: its cluster state over the range, and the courses of its resources and databases with one cursor. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { query, queryRange } from '../../api/metrics.ts';
import { useAddress } from '../../app/address.ts';
import { dateTime, msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { usePinnedRange } from '../../app/range.tsx';
import { fixedRange } from '../../app/shift.ts';
import { term } from '../../app/terms.ts';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { Plot, type PlotLine } from '../../viz/Plot.tsx';
import { shown } from './measures.ts';
import { lineName, ofHost, PANELS, type Panel } from './panels.ts';
import { States } from './States.tsx';
import '../explore/explore.css';

const POINTS = 240;
const HEIGHT_PX = 150;
/** Lines of one plot; the tallest are drawn. */
const LINES = 12;

const last = ({ values }: PlotLine) => Number(values.at(-1)?.[1] ?? 0);

export default function HostPage({ host, onClose }: { host: string; onClose: () => void }) {
  const { href, set } = useAddress();
  const { range, run } = usePinnedRange();
  const [fromS, toS] = [nsToMs(range.from) / 1000, nsToMs(range.to) / 1000];
  const stepS = Math.max(5, Math.ceil((toS - fromS) / POINTS));
  const rate = `${Math.max(120, 2 * stepS)}s`;
  const asked = useQueries({
    queries: PANELS.map((panel) => ({
      queryKey: ['host', host, panel.id, range, run],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const answers = await Promise.all(
          panel.queries.map(async ({ name, expr }) => {
            const { data } = await queryRange(expr(host, rate), { startS: fromS, endS: toS, stepS }, signal);
            const series = data.resultType === 'matrix' ? data.result : [];
            return series.map(({ metric, values = [] }): PlotLine => ({ name: lineName(name, metric), values }));
          }),
        );
        return unique(answers.flat());
      },
      placeholderData: (before: PlotLine[] | undefined) => before,
    })),
  });
  useKeys('host', { close: onClose });
  const isBusy = asked.some((one) => one.isFetching);
  const error = asked.find((one) => one.error)?.error;
  const isEmpty = !isBusy && asked.every(({ data }) => (data?.length ?? 0) === 0);
  const zoom = (from: number, to: number) => set(fixedRange(msToNs(from * 1000), msToNs(to * 1000)));
  return (
    <div className="page hosts" data-state={isBusy ? 'busy' : 'ready'}>
      <div className="line">
        <Link className="button" href={href('/hosts')}>
          <Icon name="left" /> {t('hosts.all')}
        </Link>
        <h2 className="grow mono">{host}</h2>
        <Started host={host} />
        <Link className="button" href={href('/logs', { q: term('host', host) })}>
          <Icon name="logs" /> {t('hosts.logs')}
        </Link>
      </div>
      <div className="progress" data-busy={isBusy} />
      {error && <ErrorNotice error={error} />}
      <States {...{ host, range, run }} />
      {isEmpty && <Empty icon="hosts" title={t('hosts.none')} text={t('hosts.noneText')} />}
      <div className="panels">
        {PANELS.map((panel, at) => (
          <Course key={panel.id} panel={panel} lines={asked[at]?.data ?? []} {...{ fromS, toS }} onZoom={zoom} />
        ))}
      </div>
    </div>
  );
}

/** A name twice, as of two jobs that measure the same, would be one line. */
function unique(lines: PlotLine[]): PlotLine[] {
  const seen = new Map<string, number>();
  return lines
    .toSorted((a, b) => last(b) - last(a))
    .slice(0, LINES)
    .map((line) => {
      const times = (seen.get(line.name) ?? 0) + 1;
      seen.set(line.name, times);
      return times === 1 ? line : { ...line, name: `${line.name} (${times})` };
    });
}

interface CourseProps {
  panel: Panel;
  lines: PlotLine[];
  fromS: number;
  toS: number;
  onZoom: (fromS: number, toS: number) => void;
}

function Course({ panel, lines, fromS, toS, onZoom }: CourseProps) {
  if (lines.length === 0) return null;
  return (
    <section className="card plot-card" id={panel.id} aria-label={t(panel.label)}>
      <h2>{t(panel.label)}</h2>
      <Plot
        {...{ lines, fromS, toS, onZoom }}
        height={HEIGHT_PX}
        format={(value) => shown(value, panel.unit)}
        sync="host"
      />
    </section>
  );
}

/** When it was started: after a fault, the first thing to know. */
function Started({ host }: { host: string }) {
  const { data } = useQuery({
    queryKey: ['host', host, 'boot'],
    queryFn: async ({ signal }) => {
      const expr = ofHost(host, (selector) => `max(node_boot_time_seconds{${selector}})`);
      const { data: answer } = await query(expr, Date.now() / 1000, signal);
      const value = answer.resultType === 'vector' ? answer.result[0]?.value[1] : undefined;
      // Never "not a number", which equals nothing: it would be asked without end.
      return value === undefined ? null : Number(value);
    },
  });
  if (data === undefined || data === null) return null;
  return <span className="dim tabular">{t('hosts.started', { at: dateTime(data * 1000) })}</span>;
}
