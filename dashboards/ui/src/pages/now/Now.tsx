/** Is anything wrong? Open incidents, hosts with their last hour, what changed, whether everything still reports. */
import { useQuery } from '@tanstack/react-query';
import { type PointerEvent, useState } from 'react';
import { Link } from 'wouter';
import * as alerting from '../../api/alerting.ts';
import { collectors } from '../../api/collectors.ts';
import { facets, type Histogram, histogram, type Row, search } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { count, duration, msToNs, nsToMs, shortTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { term } from '../../app/terms.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { Section } from '../../kit/Section.tsx';
import { Time } from '../../kit/Time.tsx';
import { axisOf, sum } from '../../viz/histogram.ts';
import { incidentTitle, LevelBadge } from '../alerts/look.tsx';
import { Clusters } from './Clusters.tsx';
import { Tight } from './Tight.tsx';
import './now.css';

const HOUR_NS = 3_600_000_000_000n;
const BEATS = 60;
const HOSTS = 24;
const EVENTS = 12;
const EVERY_MS = 15_000;

const lastHour = () => {
  const now = msToNs(Date.now());
  return { from: String(now - HOUR_NS), to: String(now) };
};

export default function Now() {
  return (
    <div className="page now columns">
      <div className="column">
        <Section title={t('now.incidents')} icon="alerts">
          <OpenIncidents />
        </Section>
        <Section title={t('now.cluster')} icon="map" id="clusters" later>
          <Clusters />
        </Section>
        <Section title={t('now.events')} icon="moment" later>
          <Events />
        </Section>
      </div>
      <div className="column">
        <Section title={t('now.hosts')} icon="hosts" later>
          <Hosts />
        </Section>
        <Section title={t('now.tight')} icon="explore" id="tight" later>
          <Tight />
        </Section>
        <Section title={t('now.ingest')} icon="shield" later>
          <Ingest />
        </Section>
      </div>
    </div>
  );
}

function OpenIncidents() {
  const { href } = useAddress();
  const { data, error } = useQuery({
    queryKey: ['incidents', 'open'],
    queryFn: ({ signal }) => alerting.incidents({ open: true }, signal),
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) {
    return (
      <p className="all-well">
        <Icon name="check" size={22} /> {t('incidents.noneOpen')}
      </p>
    );
  }
  return (
    <ul className="plain-list">
      {data?.map((incident) => (
        <li key={incident.id}>
          <Link className="line" href={href('/alerts', { incident: String(incident.id) })}>
            <LevelBadge level={incident.level} />
            <b className="grow">{incidentTitle(incident)}</b>
            {incident.acknowledged_by && (
              <Badge tone="calm">{t('incidents.ackedBy', { by: incident.acknowledged_by })}</Badge>
            )}
            <Time ms={Date.parse(incident.started_at)} relative />
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Hosts() {
  const { data, error } = useQuery({
    queryKey: ['now', 'hosts'],
    queryFn: ({ signal }) => facets({ q: '', ...lastHour() }, 'host', HOSTS, signal),
    refetchInterval: 4 * EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.values.length === 0) return <Empty icon="hosts" title={t('now.noHosts')} text={t('now.noHostsText')} />;
  return (
    <div className="tiles">
      {data?.values.map(({ value, count: lines }) => (
        <HostTile key={value} host={value} lines={lines} />
      ))}
    </div>
  );
}

interface Beat {
  at: number;
  errors: number;
  warnings: number;
  lines: number;
}

/** An hour in `BEATS` beats; a beat without a line has none of all. */
export function beatsOf(data: Histogram): Beat[] {
  const { fromMs, spanMs } = axisOf(data);
  const beats = Array.from({ length: BEATS }, (_, n) => ({
    at: fromMs + (n * spanMs) / BEATS,
    errors: 0,
    warnings: 0,
    lines: 0,
  }));
  for (const { ts_ns, counts } of data.buckets) {
    const place = Math.floor(((nsToMs(ts_ns) - fromMs) / spanMs) * BEATS);
    const beat = beats[Math.min(BEATS - 1, Math.max(0, place))];
    if (!beat) continue;
    beat.lines += sum(counts);
    beat.warnings += counts[4] ?? 0;
    beat.errors += (counts[5] ?? 0) + (counts[6] ?? 0);
  }
  return beats;
}

const toneOf = ({ errors, warnings, lines }: Beat) =>
  errors > 0 ? 'error' : warnings > 0 ? 'warn' : lines > 0 ? 'fine' : 'silent';

const told = (errors: number, lines: number) => t('now.beats', { errors: count(errors), lines: count(lines) });

function HostTile({ host, lines }: { host: string; lines: number }) {
  const { href } = useAddress();
  const q = term('host', host);
  const { data } = useQuery({
    queryKey: ['now', 'beats', host],
    queryFn: ({ signal }) => histogram({ q, ...lastHour() }, signal),
    refetchInterval: 2 * EVERY_MS,
  });
  const beats = data ? beatsOf(data) : [];
  const errors = beats.reduce((all, beat) => all + beat.errors, 0);
  const recent = beats.slice(-5).reduce((all, beat) => all + beat.errors, 0);
  const silentFor = beats.toReversed().findIndex((beat) => beat.lines > 0);
  return (
    <Link className={`tile ${recent > 0 ? 'bad' : ''}`} href={href('/logs', { q })}>
      <span className="line">
        <b className="grow cut">{host}</b>
        {silentFor > 5 ? (
          <Badge tone="caution" icon="warning">
            {t('now.silent', { n: silentFor })}
          </Badge>
        ) : recent > 0 ? (
          <Badge tone="bad" icon="error">
            {t('now.errorsNow', { n: count(recent) })}
          </Badge>
        ) : (
          <Badge tone="good" icon="check">
            {t('now.calm')}
          </Badge>
        )}
      </span>
      <Beats beats={beats} label={told(errors, lines)} />
      <span className="dim">{told(errors, lines)}</span>
    </Link>
  );
}

/** The beats as bars; what one of them stands for is told where the pointer is. */
function Beats({ beats, label }: { beats: Beat[]; label: string }) {
  const [pointed, setPointed] = useState<Beat>();
  const point = ({ currentTarget, clientX }: PointerEvent) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    setPointed(beats[Math.floor(((clientX - left) / width) * beats.length)]);
  };
  const title = pointed && `${shortTime(pointed.at)} · ${told(pointed.errors, pointed.lines)}`;
  return (
    <span className="beats" role="img" aria-label={label} title={title} onPointerMove={point}>
      {beats.map((beat) => (
        <i key={beat.at} className={toneOf(beat)} />
      ))}
    </span>
  );
}

function Events() {
  const { href } = useAddress();
  const { data, error } = useQuery({
    queryKey: ['now', 'events'],
    queryFn: async ({ signal }) => {
      const facts = await search(
        { q: 'kind:event service:orszem-facts', ...lastHour() },
        { order: 'newest', limit: EVENTS },
        signal,
      );
      if (facts.rows.length > 0) return facts.rows;
      return (await search({ q: 'kind:event', ...lastHour() }, { order: 'newest', limit: EVENTS }, signal)).rows;
    },
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) return <p className="dim">{t('now.noEvents')}</p>;
  const around = (row: Row) => href('/at', {}, { at: row.ts_ns });
  return (
    <ol className="plain-list events">
      {data?.map((row) => (
        <li key={row.cursor}>
          <Link href={around(row)} className={row.level}>
            <Time ms={nsToMs(row.ts_ns)} />
            <span>{row.body}</span>
          </Link>
        </li>
      ))}
    </ol>
  );
}

function Ingest() {
  const { data, error } = useQuery({
    queryKey: ['collectors'],
    queryFn: ({ signal }) => collectors(signal),
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) return <p className="dim">{t('now.noCollectors')}</p>;
  const worst = data?.toSorted((a, b) => Number(a.status === 'ok') - Number(b.status === 'ok')) ?? [];
  return (
    <ul className="plain-list">
      {worst.map(({ host, status, sentence, latency_p50_s: latency }) => (
        <li key={host} className="line">
          <Badge tone={status === 'ok' ? 'good' : status === 'lost' || status === 'losing' ? 'bad' : 'caution'}>
            {status}
          </Badge>
          <b>{host}</b>
          <span className="grow dim">{sentence}</span>
          {typeof latency === 'number' && <span className="dim tabular">{duration(latency * 1000)}</span>}
        </li>
      ))}
    </ul>
  );
}
