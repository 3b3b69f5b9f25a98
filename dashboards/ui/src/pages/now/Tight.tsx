/** The resources that are nearest to full right now. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { vector } from '../../api/metrics.ts';
import { useAddress } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { Badge, type Tone } from '../../kit/Badge.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';
import {
  allOf,
  hostName,
  MEASURES,
  type Measure,
  shown,
  strain,
  type Tightness,
  tightness,
} from '../hosts/measures.ts';

const SHOWN = 5;
const EVERY_MS = 30_000;
const TONES: Record<Tightness, Tone> = { fine: 'good', tight: 'caution', full: 'bad' };

interface Found {
  host: string;
  measure: Measure;
  value: number;
}

const BOUNDED = MEASURES.filter(({ bounds }) => bounds);

/** All bounded measures of all hosts, the nearest to full first. */
async function load(signal: AbortSignal): Promise<Found[]> {
  const samples = await vector(allOf(BOUNDED), Date.now() / 1000, signal);
  return samples
    .flatMap(({ metric, value }): Found[] => {
      const measure = BOUNDED.find(({ id }) => id === metric.measure);
      return measure ? [{ host: hostName(metric), measure, value: Number(value[1]) }] : [];
    })
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => strain(b.value, b.measure.bounds) - strain(a.value, a.measure.bounds))
    .slice(0, SHOWN);
}

export function Tight() {
  const { href } = useAddress();
  const { data, error } = useQuery({
    queryKey: ['now', 'tight'],
    queryFn: ({ signal }) => load(signal),
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) return <p className="dim">{t('hosts.none')}</p>;
  return (
    <ul className="plain-list tightest">
      {data?.map(({ host, measure, value }) => {
        const is = tightness(value, measure.bounds);
        return (
          <li key={`${host} ${measure.id}`}>
            <Link className="line" href={href('/hosts', { host })}>
              <Badge tone={TONES[is]} icon={is === 'fine' ? 'check' : 'warning'}>
                {shown(value, measure.unit)}
              </Badge>
              <b>{host}</b>
              <span className="grow dim">{t(measure.label)}</span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
