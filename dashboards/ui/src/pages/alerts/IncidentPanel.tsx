/** One incident: what belongs to it and why, what happened, who was told, and what one does about it. */
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import * as alerting from '../../api/alerting.ts';
import { useAddress } from '../../app/address.ts';
import { duration, msToNs, shortTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { fixedRange } from '../../app/shift.ts';
import { Annotations } from '../../kit/Annotations.tsx';
import { Badge } from '../../kit/Badge.tsx';
import { Button, IconButton } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { LabelChips } from '../../kit/Labels.tsx';
import { Popover } from '../../kit/Popover.tsx';
import { Time } from '../../kit/Time.tsx';
import { type Act, useAct } from './act.ts';
import { Beginning } from './Beginning.tsx';
import { DeliveryTable } from './Deliveries.tsx';
import { incidentTitle, LevelBadge } from './look.tsx';
import { WhyText } from './Why.tsx';

const SNOOZES = ['15m', '1h', '4h', '12h', '1d'];
/** So long before and behind its beginning, the logs of an incident are looked at. */
const AROUND_MS = 120_000;

export function IncidentPanel({ id, onClose }: { id: number; onClose: () => void }) {
  const { data, error, isPending } = useQuery({
    queryKey: ['incident', id],
    queryFn: ({ signal }) => alerting.incident(id, signal),
    refetchInterval: 10_000,
  });
  return (
    <aside className="card incident-panel" aria-label={t('incidents.one', { id })}>
      <div className="line panel-title">
        <h2 className="grow">{data ? incidentTitle(data.incident) : `#${id}`}</h2>
        <IconButton icon="close" variant="quiet" label={t('close')} onClick={onClose} />
      </div>
      {isPending && <div className="progress" data-busy="true" />}
      {error && <ErrorNotice error={error} />}
      {data && <Incident detail={data} />}
    </aside>
  );
}

const isSame = (a: Record<string, string>, b: Record<string, string>) =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);

export function Incident({ detail }: { detail: alerting.IncidentDetail }) {
  const { incident, timeline, deliveries } = detail;
  const { href } = useAddress();
  const firing = useQuery({ queryKey: ['firing'], queryFn: ({ signal }) => alerting.firing(signal) });
  // What fires still has what its rule says about it.
  const annotationsOf = (labels: Record<string, string>) =>
    firing.data?.find((alert) => isSame(alert.labels, labels))?.annotations ?? {};
  const began = Date.parse(incident.started_at);
  const ended = incident.ended_at ? Date.parse(incident.ended_at) : null;
  const until = Math.min(ended ?? Date.now(), began + 10 * AROUND_MS);
  const logs = href('/logs', {}, { ...fixedRange(msToNs(began - AROUND_MS), msToNs(until + AROUND_MS)), scope: [] });
  return (
    <div className="stack incident-body">
      <div className="line">
        <LevelBadge level={incident.level} isOver={incident.state !== 'open'} />
        <span className="dim">#{incident.id}</span>
        <span>
          {t('incidents.since')} <Time ms={began} />
        </span>
        <span className="dim">{duration((ended ?? Date.now()) - began)}</span>
        {incident.acknowledged_by && (
          <Badge tone="calm" icon="check">
            {t('incidents.ackedBy', { by: incident.acknowledged_by })}
          </Badge>
        )}
        {incident.snoozed_until && incident.state === 'open' && (
          <Badge>
            {t('incidents.snoozedUntil')} <Time ms={Date.parse(incident.snoozed_until)} />
          </Badge>
        )}
        {incident.merged_into !== null && <Badge>{t('incidents.mergedInto', { id: incident.merged_into })}</Badge>}
      </div>
      {incident.state === 'open' && <Actions incident={incident} />}
      <Beginning beganMs={began} most={6} title={t('incidents.beginning')} />
      <div className="line">
        <Link className="button" href={href('/at', {}, { at: String(msToNs(began)) })}>
          <Icon name="moment" /> {t('incidents.moment')}
        </Link>
        <Link className="button" href={logs}>
          <Icon name="logs" /> {t('incidents.logs')}
        </Link>
        <Button icon="copy" onClick={() => copyText(handover(detail))}>
          {t('incidents.handover')}
        </Button>
      </div>
      <section className="stack">
        <h3>{t('incidents.members')}</h3>
        {incident.alerts.map((member) => (
          <div key={JSON.stringify(member.labels)} className="member">
            <div className="line">
              <b className="grow">{member.labels.alertname ?? member.rule}</b>
              {member.is_flapping && <Badge tone="caution">{t('alerts.flapping')}</Badge>}
              <Badge tone={member.is_firing ? (member.level === 'critical' ? 'bad' : 'caution') : 'good'}>
                {t(member.is_firing ? 'alerts.fires' : 'alerts.over')}
              </Badge>
            </div>
            <LabelChips labels={member.labels} without={['alertname']} />
            <Annotations of={annotationsOf(member.labels)} />
            {member.why && <p className="dim">{member.why}</p>}
            <WhyText labels={member.labels} />
          </div>
        ))}
      </section>
      <section className="stack">
        <h3>{t('incidents.timeline')}</h3>
        <ol className="timeline">
          {timeline.map((event) => (
            <li key={`${event.at} ${event.text}`}>
              <Time ms={Date.parse(event.at)} />
              <span>{withOwnTimes(event.text)}</span>
            </li>
          ))}
        </ol>
        {timeline.length === 0 && <p className="dim">–</p>}
      </section>
      <section className="stack">
        <h3>{t('alerts.deliveries')}</h3>
        {deliveries.length === 0 ? (
          <p className="dim">{t('deliveries.noneOfIncident')}</p>
        ) : (
          <DeliveryTable deliveries={deliveries} />
        )}
      </section>
    </div>
  );
}

/** A text of the server with its times as the reader has them. */
const withOwnTimes = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => shortTime(Date.parse(time)));

/** Acknowledge, snooze, note, escalate. */
export function Actions({ incident }: { incident: alerting.Incident }) {
  const act = useAct();
  const { name } = usePrefs();
  const [note, setNote] = useState('');
  const run = (action: Act['action'], more: Partial<Act> = {}) => act.mutate({ id: incident.id, action, ...more });
  const addNote = (event: FormEvent) => {
    event.preventDefault();
    if (note.trim() === '') return;
    run('note', { note: note.trim() });
    setNote('');
  };
  return (
    <div className="stack">
      <div className="line actions">
        {incident.acknowledged_by === null ? (
          <Button variant="primary" icon="check" disabled={act.isPending} onClick={() => run('ack')}>
            {t('incidents.ack')}
          </Button>
        ) : (
          <Button disabled={act.isPending} onClick={() => run('unack')}>
            {t('incidents.unack')}
          </Button>
        )}
        <Popover label={t('incidents.snooze')} icon="clock">
          {(close) => (
            <div className="menu">
              {SNOOZES.map((span) => (
                <Button
                  key={span}
                  onClick={() => {
                    run('snooze', { for: span });
                    close();
                  }}
                >
                  {span}
                </Button>
              ))}
            </div>
          )}
        </Popover>
        <Button disabled={act.isPending} onClick={() => run('escalate')}>
          {t('incidents.escalate')}
        </Button>
      </div>
      <form className="line" onSubmit={addNote}>
        <input
          className="name"
          aria-label={t('incidents.name')}
          placeholder={t('incidents.name')}
          value={name}
          autoComplete="name"
          onChange={(event) => setPrefs({ name: event.target.value })}
        />
        <input
          className="grow"
          aria-label={t('incidents.note')}
          placeholder={t('incidents.note')}
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
        <Button type="submit" disabled={note.trim() === ''}>
          {t('incidents.addNote')}
        </Button>
      </form>
    </div>
  );
}

/** The incident as Markdown, for whoever takes over. */
function handover({ incident, timeline, deliveries }: alerting.IncidentDetail): string {
  const alerts = incident.alerts.map(
    ({ labels, rule, is_firing, why }) =>
      `- **${labels.alertname ?? rule}** ${is_firing ? t('alerts.fires') : t('alerts.over')} ${JSON.stringify(labels)} ${why}`,
  );
  const events = timeline.map(({ at, text }) => `- ${at} ${text}`);
  const told = deliveries.map(
    ({ created_at: at, contact, channel, state }) => `- ${at} ${contact} (${channel}): ${state}`,
  );
  return [
    `## #${incident.id} ${incidentTitle(incident)} (${incident.level}, ${incident.state})`,
    location.href,
    `### ${t('incidents.members')}`,
    ...alerts,
    `### ${t('incidents.timeline')}`,
    ...events,
    `### ${t('alerts.deliveries')}`,
    ...told,
  ].join('\n');
}
