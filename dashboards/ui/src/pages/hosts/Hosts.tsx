/** Where it is tight: hosts by resources, the worst first, each with its course over the range. */
import { useQueries } from '@tanstack/react-query';
import { lazy } from 'react';
import { Link } from 'wouter';
import { type MatrixSeries, queryRange } from '../../api/metrics.ts';
import { useAddress } from '../../app/address.ts';
import { nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { usePinnedRange } from '../../app/range.tsx';
import { Badge } from '../../kit/Badge.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { hostName, MEASURES, type Measure, shown, strain, tightness } from './measures.ts';
import './hosts.css';

const POINTS = 60;
const WIDTH = 84;
const HEIGHT = 20;

interface Cell {
  measure: Measure;
  /** The last value; not a number where there is none. */
  value: number;
  values: number[];
}

interface Host {
  name: string;
  cells: Map<string, Cell>;
}

function hostsOf(answers: (MatrixSeries[] | undefined)[]): Host[] {
  const hosts = new Map<string, Host>();
  answers.forEach((series, at) => {
    const measure = MEASURES[at];
    if (!measure) return;
    for (const { metric, values = [] } of series ?? []) {
      const name = hostName(metric);
      const host = hosts.get(name) ?? { name, cells: new Map<string, Cell>() };
      hosts.set(name, host);
      const numbers = values.map(([, text]) => Number(text));
      host.cells.set(measure.id, { measure, value: numbers.at(-1) ?? Number.NaN, values: numbers });
    }
  });
  return [...hosts.values()].sort((a, b) => worst(b) - worst(a) || a.name.localeCompare(b.name));
}

const worst = ({ cells }: Host) =>
  Math.max(0, ...[...cells.values()].map(({ value, measure }) => strain(value, measure.bounds)));

const HostPage = lazy(() => import('./HostPage.tsx'));

export default function Hosts() {
  const { params, set } = useAddress();
  const host = params.get('host');
  return host ? <HostPage host={host} onClose={() => set({ params: { host: null } })} /> : <Matrix />;
}

function Matrix() {
  const { range, run } = usePinnedRange();
  const [startS, endS] = [nsToMs(range.from) / 1000, nsToMs(range.to) / 1000];
  const stepS = Math.max(5, Math.ceil((endS - startS) / POINTS));
  const asked = useQueries({
    queries: MEASURES.map(({ id, expr }) => ({
      queryKey: ['hosts', id, range, run],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const { data } = await queryRange(expr, { startS, endS, stepS }, signal);
        return data.resultType === 'matrix' ? data.result : [];
      },
      placeholderData: (before: MatrixSeries[] | undefined) => before,
    })),
  });
  const error = asked.find((one) => one.error)?.error;
  const isBusy = asked.some((one) => one.isFetching);
  const hosts = hostsOf(asked.map((one) => one.data));
  const measures = MEASURES.filter(({ id }) => hosts.some(({ cells }) => cells.has(id)));
  return (
    <div className="page hosts" data-state={isBusy ? 'busy' : 'ready'}>
      <div className="progress" data-busy={isBusy} />
      {error && <ErrorNotice error={error} />}
      {!isBusy && hosts.length === 0 && <Empty icon="hosts" title={t('hosts.none')} text={t('hosts.noneText')} />}
      <Reasons hosts={hosts} />
      {hosts.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
        <section className="card scroll-x" aria-label={t('page.hosts')} tabIndex={0}>
          <table className="plain matrix">
            <thead>
              <tr>
                <th scope="col">{t('hosts.host')}</th>
                {measures.map(({ id, label }) => (
                  <th key={id} scope="col">
                    {t(label)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {hosts.map((host) => (
                <HostRow key={host.name} host={host} measures={measures} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}

/** What is tight, in words, the worst first. */
function Reasons({ hosts }: { hosts: Host[] }) {
  const { href } = useAddress();
  const tight = hosts
    .flatMap(({ name, cells }) => [...cells.values()].map((cell) => ({ name, ...cell })))
    .filter(({ value, measure }) => tightness(value, measure.bounds) !== 'fine')
    .sort((a, b) => strain(b.value, b.measure.bounds) - strain(a.value, a.measure.bounds));
  if (hosts.length === 0) return null;
  if (tight.length === 0) {
    return (
      <p className="card reasons good-text">
        <Icon name="check" /> {t('hosts.fine')}
      </p>
    );
  }
  return (
    <ul className="card reasons">
      {tight.map(({ name, measure, value }) => (
        <li key={`${name} ${measure.id}`} className="line">
          <Badge tone={tightness(value, measure.bounds) === 'full' ? 'bad' : 'caution'} icon="warning">
            {t(`hosts.${tightness(value, measure.bounds)}`)}
          </Badge>
          <Link href={href('/hosts', { host: name })}>{name}</Link>
          <span>
            {t(measure.label)} {shown(value, measure.unit)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function HostRow({ host, measures }: { host: Host; measures: readonly Measure[] }) {
  const { href } = useAddress();
  return (
    <tr>
      <th scope="row">
        <Link href={href('/hosts', { host: host.name })}>{host.name}</Link>
      </th>
      {measures.map((measure) => {
        const cell = host.cells.get(measure.id);
        const is = cell ? tightness(cell.value, measure.bounds) : 'fine';
        return (
          <td key={measure.id} className={is}>
            {cell && (
              <Link className="cell" href={href('/explore', { expr: measure.expr })} title={t('hosts.explore')}>
                <Sparkline values={cell.values} bounds={measure.bounds} />
                <span className="tabular">
                  {is !== 'fine' && <Icon name="warning" size={13} />} {shown(cell.value, measure.unit)}
                </span>
              </Link>
            )}
          </td>
        );
      })}
    </tr>
  );
}

function Sparkline({ values, bounds }: { values: number[]; bounds: Measure['bounds'] }) {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return <svg width={WIDTH} height={HEIGHT} aria-hidden="true" />;
  // Small changes of what is far from full stay small.
  const top = Math.max(...finite, bounds ? bounds[0] : 0) || 1;
  const points = finite.map((value, at) => {
    const x = (at / (finite.length - 1)) * WIDTH;
    const y = HEIGHT - 1 - (Math.max(0, value) / top) * (HEIGHT - 2);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.3" />
    </svg>
  );
}
