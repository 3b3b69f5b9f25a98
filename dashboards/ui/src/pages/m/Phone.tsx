/** The page for whoever is woken by a message: what is wrong, a large Acknowledge, and the lines around it. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import * as alerting from '../../api/alerting.ts';
import { ApiError } from '../../api/client.ts';
import { histogram } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { duration, msToNs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { keepLast, readLast } from '../../app/last.ts';
import { fixedRange } from '../../app/shift.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button, IconButton } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { Later } from '../../kit/Later.tsx';
import { Settled } from '../../kit/Settled.tsx';
import { Time } from '../../kit/Time.tsx';
import { useAct } from '../alerts/act.ts';
import { Beginning } from '../alerts/Beginning.tsx';
import { Incident } from '../alerts/IncidentPanel.tsx';
import { incidentTitle, LevelBadge } from '../alerts/look.tsx';
import '../alerts/alerts.css';
import { State } from './State.tsx';
import './m.css';

const MINUTE_NS = 60_000_000_000n;

export default function Phone() {
  const { params, set, href } = useAddress();
  const chosen = Number(params.get('incident') ?? '0');
  const [showsPast, setShowsPast] = useState(false);
  const {
    data: answered,
    error,
    isPending,
  } = useQuery({
    queryKey: ['incidents', showsPast ? 'all' : 'open'],
    queryFn: async ({ signal }) => {
      const found = await alerting.incidents(showsPast ? { limit: 50 } : { open: true }, signal);
      if (!showsPast) keepLast(found);
      return found;
    },
    refetchInterval: 10_000,
    networkMode: 'always',
  });
  const isOffline = error instanceof ApiError && error.status === 0;
  const last = isOffline ? readLast() : null;
  const data = last?.incidents ?? answered;
  const waiting = data?.filter((one) => one.state === 'open' && one.acknowledged_by === null).length ?? 0;
  return (
    <div className="phone">
      <header className="top">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        <h1 className="grow">{waiting > 0 ? t('phone.waiting', { n: waiting }) : t('phone.title')}</h1>
        <Link className="button" href={href('/')}>
          {t('phone.whole')}
        </Link>
      </header>
      <main id="main">
        {last ? (
          <p className="notice" role="alert">
            <Icon name="warning" /> {t('phone.offline', { ago: t('ago', { span: duration(Date.now() - last.at) }) })}
          </p>
        ) : (
          error && <ErrorNotice error={error} />
        )}
        {isPending && !last && <div className="progress" data-busy="true" />}
        <Settled className="phone-parts">
          {chosen > 0 ? (
            <One id={chosen} onClose={() => set({ params: { incident: null } })} />
          ) : (
            <>
              {data?.length === 0 && (
                <Empty icon="check" title={t('incidents.noneOpen')} text={t('incidents.noneText')} />
              )}
              <ul className="cards">
                {data?.map((incident) => (
                  <Card
                    key={incident.id}
                    incident={incident}
                    onOpen={() => set({ params: { incident: String(incident.id) } })}
                  />
                ))}
              </ul>
              <Button onClick={() => setShowsPast(!showsPast)}>{t(showsPast ? 'incidents.open' : 'phone.past')}</Button>
            </>
          )}
        </Settled>
        {chosen === 0 && (
          <>
            <Later>
              <Pulse />
            </Later>
            <State />
            <Later>
              <Link className="card pulse" href={href('/settings')}>
                <Icon name="phone" /> {t('phone.told')}
              </Link>
            </Later>
          </>
        )}
      </main>
    </div>
  );
}

function One({ id, onClose }: { id: number; onClose: () => void }) {
  const { data, error } = useQuery({
    queryKey: ['incident', id],
    queryFn: ({ signal }) => alerting.incident(id, signal),
    refetchInterval: 10_000,
  });
  return (
    <section className="card phone-one">
      <div className="line">
        <IconButton icon="left" label={t('back')} onClick={onClose} />
        <h2 className="grow">{data ? incidentTitle(data.incident) : `#${id}`}</h2>
      </div>
      {error && <ErrorNotice error={error} />}
      {data && <Incident detail={data} />}
    </section>
  );
}

function Card({ incident, onOpen }: { incident: alerting.Incident; onOpen: () => void }) {
  const { href } = useAddress();
  const act = useAct();
  const isOpen = incident.state === 'open';
  const began = Date.parse(incident.started_at);
  const at = msToNs(began);
  const around = { from: at - 2n * MINUTE_NS, to: at + 2n * MINUTE_NS };
  return (
    <li className={`card incident-card ${isOpen ? incident.level : 'over'}`}>
      <button type="button" className="plain-button" onClick={onOpen}>
        <span className="line">
          <LevelBadge level={incident.level} isOver={!isOpen} />
          <Time ms={began} />
          <span className="dim">{isOpen && duration(Date.now() - began)}</span>
          {incident.acknowledged_by && (
            <Badge tone="calm">{t('incidents.ackedBy', { by: incident.acknowledged_by })}</Badge>
          )}
        </span>
        <b>{incidentTitle(incident)}</b>
        {incident.alerts.length > 1 && (
          <span className="dim">{t('incidents.alerts', { n: incident.alerts.length })}</span>
        )}
      </button>
      <Beginning beganMs={began} most={2} />
      <div className="phone-actions">
        {isOpen &&
          (incident.acknowledged_by === null ? (
            <Button
              variant="primary"
              icon="check"
              disabled={act.isPending}
              onClick={() => act.mutate({ id: incident.id, action: 'ack' })}
            >
              {t('incidents.ack')}
            </Button>
          ) : (
            <Button disabled={act.isPending} onClick={() => act.mutate({ id: incident.id, action: 'unack' })}>
              {t('incidents.unack')}
            </Button>
          ))}
        {isOpen && (
          <Button
            icon="clock"
            disabled={act.isPending}
            onClick={() => act.mutate({ id: incident.id, action: 'snooze', for: '1h' })}
          >
            {t('phone.snooze')}
          </Button>
        )}
        <Link className="button" href={href('/logs', {}, { ...fixedRange(around.from, around.to), scope: [] })}>
          <Icon name="logs" /> {t('phone.logs')}
        </Link>
      </div>
    </li>
  );
}

/** The last hour in one number: errors, with the way to them. */
function Pulse() {
  const { href } = useAddress();
  const { data } = useQuery({
    queryKey: ['pulse'],
    queryFn: ({ signal }) => {
      const now = msToNs(Date.now());
      return histogram({ q: 'level:>=error', from: String(now - 60n * MINUTE_NS), to: String(now) }, signal);
    },
    refetchInterval: 30_000,
  });
  const total = data?.buckets.reduce((all, bucket) => all + bucket.counts.reduce((a, b) => a + b, 0), 0);
  if (total === undefined) return null;
  return (
    <Link className="card pulse" href={href('/logs', { q: 'level:>=error' })}>
      <Icon name="logs" /> {t('phone.errors', { n: total })}
    </Link>
  );
}
