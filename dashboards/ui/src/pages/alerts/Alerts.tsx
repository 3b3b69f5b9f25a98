/** The alert page: incidents, what fires, silences, deliveries, rules; an incident opens beside the list. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { useAddress } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { useKeys } from '../../app/keys.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { TabPanel, Tabs } from '../../kit/Tabs.tsx';
import { Time } from '../../kit/Time.tsx';
import { useAct } from './act.ts';
import { Deliveries } from './Deliveries.tsx';
import { Firing } from './Firing.tsx';
import { IncidentPanel } from './IncidentPanel.tsx';
import { incidentTitle, LevelBadge } from './look.tsx';
import { Rules } from './Rules.tsx';
import { Silences } from './Silences.tsx';
import './alerts.css';

const TABS = ['incidents', 'firing', 'silences', 'deliveries', 'rules'] as const;
type TabId = (typeof TABS)[number];

export default function Alerts() {
  const { params, set } = useAddress();
  const tab: TabId = TABS.find((id) => id === params.get('tab')) ?? 'incidents';
  const given = params.get('incident');
  const incident = given !== null && /^\d+$/.test(given) ? Number(given) : null;
  const showIncident = (id: number | null) => set({ params: { incident: id === null ? null : String(id) } });
  return (
    <div className={`page alerts ${incident !== null ? 'with-incident' : ''}`}>
      <div className="alerts-list">
        <Tabs
          label={t('page.alerts')}
          chosen={tab}
          onChoose={(id) => set({ params: { tab: id === 'incidents' ? null : id } })}
          tabs={TABS.map((id) => ({ id, label: t(`alerts.${id}`) }))}
        />
        <TabPanel of={tab}>
          {tab === 'incidents' && <Incidents chosen={incident} onChoose={showIncident} />}
          {tab === 'firing' && <Firing onIncident={showIncident} />}
          {tab === 'silences' && <Silences />}
          {tab === 'deliveries' && <Deliveries onIncident={showIncident} />}
          {tab === 'rules' && <Rules />}
        </TabPanel>
      </div>
      {incident !== null && <IncidentPanel key={incident} id={incident} onClose={() => showIncident(null)} />}
    </div>
  );
}

function Incidents({ chosen, onChoose }: { chosen: number | null; onChoose: (id: number | null) => void }) {
  const [isOpenOnly, setOpenOnly] = useState(false);
  const act = useAct();
  const { data, error, isPending } = useQuery({
    queryKey: ['incidents', isOpenOnly ? 'open' : 'all'],
    queryFn: ({ signal }) => alerting.incidents(isOpenOnly ? { open: true } : { limit: 200 }, signal),
    refetchInterval: 10_000,
  });
  const incidents = data ?? [];
  const at = incidents.findIndex(({ id }) => id === chosen);
  const go = (index: number) => {
    const next = incidents[Math.min(Math.max(index, 0), incidents.length - 1)];
    if (next) onChoose(next.id);
  };
  useKeys('alerts', {
    next: () => go(at + 1),
    previous: () => go(at < 0 ? 0 : at - 1),
    open: () => go(at),
    close: () => onChoose(null),
    ack: () => {
      const one = incidents[at];
      if (one?.state === 'open') act.mutate({ id: one.id, action: one.acknowledged_by === null ? 'ack' : 'unack' });
    },
  });
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <div className="progress" data-busy="true" />;
  return (
    <div className="stack">
      <div className="segments">
        <Button small aria-pressed={!isOpenOnly} onClick={() => setOpenOnly(false)}>
          {t('incidents.all')}
        </Button>
        <Button small aria-pressed={isOpenOnly} onClick={() => setOpenOnly(true)}>
          {t('incidents.open')}
        </Button>
      </div>
      {incidents.length === 0 && <Empty icon="check" title={t('incidents.none')} text={t('incidents.noneText')} />}
      <ul className="cards">
        {incidents.map((one) => (
          <li key={one.id}>
            <button
              type="button"
              className={`card incident ${one.state === 'open' ? one.level : 'over'}`}
              aria-current={one.id === chosen ? 'true' : undefined}
              onClick={() => onChoose(one.id)}
            >
              <span className="line">
                <LevelBadge level={one.level} isOver={one.state !== 'open'} />
                <b className="grow cut">{incidentTitle(one)}</b>
                <Time ms={Date.parse(one.started_at)} />
              </span>
              <span className="line dim">
                <span>#{one.id}</span>
                <span>{t('incidents.alerts', { n: one.alerts.length })}</span>
                {one.acknowledged_by && (
                  <Badge tone="calm">{t('incidents.ackedBy', { by: one.acknowledged_by })}</Badge>
                )}
                {one.snoozed_until && one.state === 'open' && <Badge>{t('incidents.snoozed')}</Badge>}
                {one.state !== 'open' && <Badge tone="good">{t(`incidents.${one.state}`)}</Badge>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
