/** Is it reachable? Targets of probes with their verdicts, availability and outages, and certificates that end soon. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { vector } from '../../api/metrics.ts';
import * as api from '../../api/probes.ts';
import { useAddress } from '../../app/address.ts';
import { duration, figure, msToNs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Badge, type Tone } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon, type IconName } from '../../kit/Icon.tsx';
import { Section } from '../../kit/Section.tsx';
import { Time } from '../../kit/Time.tsx';
import { share } from './share.ts';
import './status.css';

const BARS = 48;
const EVERY_MS = 15_000;
const DAY_MS = 86_400_000;
/** Certificates that end within so long are shown as about to end, and as soon to. */
const SOON_MS = [14 * DAY_MS, 45 * DAY_MS] as const;
const SPANS = ['1h', '24h', '7d', '30d'] as const;
const PERIODS: Record<(typeof SPANS)[number], string> = { '1h': '24h', '24h': '30d', '7d': '30d', '30d': '90d' };

const LOOK: Record<api.Verdict, { tone: Tone; icon: IconName }> = {
  down: { tone: 'bad', icon: 'error' },
  suspect: { tone: 'caution', icon: 'warning' },
  recovering: { tone: 'caution', icon: 'refresh' },
  unknown: { tone: 'plain', icon: 'more' },
  up: { tone: 'good', icon: 'check' },
};
const WORST_FIRST = Object.keys(LOOK) as api.Verdict[];

export default function Status() {
  const { params, set } = useAddress();
  const span = SPANS.find((one) => one === params.get('span')) ?? '24h';
  const { data, error, isPending } = useQuery({
    queryKey: ['probes', span],
    queryFn: ({ signal }) => api.probes({ span, bars: BARS, period: PERIODS[span] }, signal),
    refetchInterval: EVERY_MS,
    placeholderData: (before) => before,
  });
  const latencies = useLatencies();
  const targets = data?.targets.toSorted(
    (a, b) =>
      WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict) ||
      `${a.probe} ${a.instance}`.localeCompare(`${b.probe} ${b.instance}`),
  );
  const isEmpty = targets?.length === 0;
  return (
    <div className="page status-page">
      {isPending && <div className="progress" data-busy="true" />}
      {error && <ErrorNotice error={error} />}
      {isEmpty && <Empty icon="status" title={t('status.none')} text={t('status.noneText')} />}
      {targets && !isEmpty && (
        <>
          <div className="line">
            <Summary targets={targets} />
            <span className="grow" />
            <fieldset className="segments plain-group" aria-label={t('status.span')}>
              {SPANS.map((one) => (
                <Button key={one} small aria-pressed={one === span} onClick={() => set({ params: { span: one } })}>
                  {one}
                </Button>
              ))}
            </fieldset>
            <a className="button small" href="/app/v1/report?period=month&format=html" target="_blank" rel="noreferrer">
              <Icon name="download" size={15} /> {t('status.report')}
            </a>
          </div>
          <Isolated />
          <ul className="cards">
            {targets.map((target) => (
              <TargetCard
                key={target.id}
                target={target}
                period={PERIODS[span]}
                latency={latencies.get(`${target.probe} ${target.instance}`)}
              />
            ))}
          </ul>
          {data && data.left_out > 0 && <p className="dim">{t('status.leftOut', { n: data.left_out })}</p>}
          <Certificates />
        </>
      )}
    </div>
  );
}

function Summary({ targets }: { targets: api.Target[] }) {
  const notUp = targets.filter(({ verdict }) => verdict !== 'up').length;
  return notUp === 0 ? (
    <p className="all-well">
      <Icon name="check" size={22} /> {t('status.allUp', { n: targets.length })}
    </p>
  ) : (
    <p className="status-bad">
      <Icon name="warning" size={22} /> {t('status.notUp', { n: notUp, all: targets.length })}
    </p>
  );
}

/** How long the last probe of each target took, of all collectors the longest. */
function useLatencies(): Map<string, number> {
  const { data } = useQuery({
    queryKey: ['probes', 'latency'],
    queryFn: ({ signal }) => vector('max by (probe, instance) (probe_duration_seconds)', Date.now() / 1000, signal),
    refetchInterval: EVERY_MS,
  });
  return new Map(
    data?.map(({ metric, value }) => [`${metric.probe ?? ''} ${metric.instance ?? ''}`, Number(value[1])]),
  );
}

function TargetCard(props: { target: api.Target; period: string; latency: number | undefined }) {
  const { target, period, latency } = props;
  const { href } = useAddress();
  const [isOpen, setOpen] = useState(false);
  const { tone, icon } = LOOK[target.verdict];
  const counted = target.availability;
  const expr = `probe_duration_seconds{probe=${JSON.stringify(target.probe)},instance=${JSON.stringify(target.instance)}}`;
  const down = target.bars.reduce((all, bar) => all + bar.down_ms, 0);
  return (
    <li className={`card target ${target.verdict}`}>
      <div className="target-head">
        <Badge tone={tone} icon={icon}>
          {t(`verdict.${target.verdict}`)}
        </Badge>
        <b className="target-name">{target.instance}</b>
        <span className="chip">{target.probe}</span>
        <span className="dim">
          {t('status.since')} <Time ms={Date.parse(target.since)} relative />
        </span>
        {target.dissent > 0 && <Badge tone="caution">{t('status.dissent', { n: target.dissent })}</Badge>}
      </div>
      <span className="beats" role="img" aria-label={t('status.bars', { down: duration(down) })}>
        {target.bars.map((bar) => (
          <i key={bar.from} className={toneOfBar(bar)} title={titleOfBar(bar)} />
        ))}
      </span>
      <div className="line target-facts">
        <span className="tabular">
          <b>{share(counted.ratio)}</b> <span className="dim">{t('status.in', { span: period })}</span>
        </span>
        {counted.budget_left_ms !== null && counted.ratio !== null && (
          <span className={`tabular ${counted.budget_left_ms < 0 ? 'bad-text' : 'dim'}`}>
            {counted.budget_left_ms < 0
              ? t('status.overBudget', { span: duration(-counted.budget_left_ms) })
              : t('status.budget', { span: duration(counted.budget_left_ms) })}
          </span>
        )}
        {latency !== undefined && (
          <Link className="tabular" href={href('/explore', { expr })}>
            {figure(latency * 1000)} ms
          </Link>
        )}
        <span className="grow" />
        <Button small aria-expanded={isOpen} icon={isOpen ? 'down' : 'right'} onClick={() => setOpen(!isOpen)}>
          {t('status.outages', { n: counted.outages })}
        </Button>
      </div>
      {isOpen && <Details target={target} period={period} />}
    </li>
  );
}

const toneOfBar = ({ up_ms: up, down_ms: down, excluded_ms: excluded }: api.Bar) =>
  down > 0 ? 'error' : up > 0 ? 'fine full' : excluded > 0 ? 'excluded' : 'silent';

function titleOfBar({ from, up_ms: up, down_ms: down, unknown_ms: unknown }: api.Bar): string {
  const parts = [
    down > 0 ? `${t('verdict.down')} ${duration(down)}` : '',
    up > 0 ? `${t('verdict.up')} ${duration(up)}` : '',
    unknown > 0 ? `${t('verdict.unknown')} ${duration(unknown)}` : '',
  ].filter(Boolean);
  return `${new Date(from).toLocaleString()} · ${parts.join(', ')}`;
}

/** Who says what, and what was. */
function Details({ target, period }: { target: api.Target; period: string }) {
  const { href } = useAddress();
  const { data, error } = useQuery({
    queryKey: ['probes', 'outages', target.id, period],
    queryFn: ({ signal }) => api.outages(target.id, period, signal),
    refetchInterval: EVERY_MS,
  });
  return (
    <div className="target-details">
      <ul className="plain-list" aria-label={t('status.votes')}>
        {target.votes.map(({ collector, vote, at, reason }) => (
          <li key={collector} className="line">
            <Badge tone={vote === 'up' ? 'good' : vote === 'down' ? 'bad' : 'plain'}>{vote}</Badge>
            <b>{collector}</b>
            <span className="grow dim">{reason}</span>
            <Time ms={Date.parse(at)} relative />
          </li>
        ))}
      </ul>
      {error && <ErrorNotice error={error} />}
      {data?.outages.length === 0 && <p className="dim">{t('status.noOutage', { span: period })}</p>}
      <ul className="plain-list">
        {data?.outages.toReversed().map((outage) => (
          <li key={outage.from}>
            <Link
              className="line"
              href={href('/at', {}, { at: String(msToNs(Date.parse(outage.from))) })}
              title={t('incidents.moment')}
            >
              <Time ms={Date.parse(outage.from)} />
              <b className="tabular">{duration(outage.lasted_ms)}</b>
              <span className="grow">{outage.reason}</span>
              {outage.until === null && <Badge tone="bad">{t('status.lasts')}</Badge>}
              {outage.excluded && <Badge>{t('status.excluded')}</Badge>}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Collectors that are held to be cut off have no vote. */
function Isolated() {
  const { data } = useQuery({
    queryKey: ['probes', 'collectors'],
    queryFn: ({ signal }) => api.votingCollectors(signal),
    refetchInterval: EVERY_MS,
  });
  const cutOff = data?.filter(({ isolated }) => isolated !== null) ?? [];
  return cutOff.map(({ collector, isolated }) => (
    <p key={collector} className="notice">
      <Icon name="warning" /> {t('status.isolated', { host: collector })} {isolated}
    </p>
  ));
}

/** Certificates by their ends, the next one first. */
function Certificates() {
  const { data, error } = useQuery({
    queryKey: ['probes', 'certificates'],
    queryFn: ({ signal }) => vector('min by (instance) (probe_ssl_earliest_cert_expiry)', Date.now() / 1000, signal),
    refetchInterval: 4 * EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data || data.length === 0) return null;
  const now = Date.now();
  const ends = data
    .map(({ metric, value }) => ({ instance: metric.instance ?? '', at: Number(value[1]) * 1000 }))
    .sort((a, b) => a.at - b.at);
  return (
    <Section title={t('status.certificates')} icon="shield">
      <ul className="plain-list">
        {ends.map(({ instance, at }) => {
          const left = at - now;
          const tone = left < SOON_MS[0] ? 'bad' : left < SOON_MS[1] ? 'caution' : 'good';
          return (
            <li key={instance} className="line">
              <Badge tone={tone} icon={tone === 'good' ? 'check' : 'warning'}>
                {left < 0 ? t('status.ended') : t('status.daysLeft', { n: Math.floor(left / DAY_MS) })}
              </Badge>
              <span className="grow target-name">{instance}</span>
              <time className="dim tabular" dateTime={new Date(at).toISOString()}>
                {new Date(at).toISOString().slice(0, 10)}
              </time>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
