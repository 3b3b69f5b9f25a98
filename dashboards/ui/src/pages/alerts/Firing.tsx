/** What fires, in groups of the same name; what keeps an alert from notifying is said. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Annotations } from '../../kit/Annotations.tsx';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { LabelChips } from '../../kit/Labels.tsx';
import { Time } from '../../kit/Time.tsx';
import { SilenceDialog } from './SilenceDialog.tsx';
import { WhyText } from './Why.tsx';

/** Labels that all alerts of a group have, shown once. */
export function sharedLabels(alerts: alerting.FiringAlert[]): Record<string, string> {
  const [first, ...others] = alerts;
  if (!first) return {};
  const isShared = ([name, value]: [string, string]) => others.every((other) => other.labels[name] === value);
  return Object.fromEntries(Object.entries(first.labels).filter(isShared));
}

export function Firing({ onIncident }: { onIncident: (id: number) => void }) {
  const { data, error, isPending } = useQuery({
    queryKey: ['firing'],
    queryFn: ({ signal }) => alerting.firing(signal),
    refetchInterval: 10_000,
  });
  const open = useQuery({
    queryKey: ['incidents', 'open'],
    queryFn: ({ signal }) => alerting.incidents({ open: true }, signal),
  });
  const [silenced, setSilenced] = useState<Record<string, string> | null>(null);
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <div className="progress" data-busy="true" />;
  if (data.length === 0) return <Empty icon="check" title={t('firing.none')} text={t('firing.noneText')} />;
  const groups = Map.groupBy(data, (alert) => alert.labels.alertname ?? '');
  const incidentOf = (labels: Record<string, string>) => {
    const key = JSON.stringify(Object.entries(labels).sort());
    return open.data?.find(({ alerts }) =>
      alerts.some((one) => JSON.stringify(Object.entries(one.labels).sort()) === key),
    );
  };
  return (
    <div className="stack firing">
      {[...groups].map(([name, alerts]) => {
        const shared = sharedLabels(alerts);
        return (
          <section key={name} className="card group">
            <div className="line">
              <h2 className="grow">{name}</h2>
              <span className="dim">{t('incidents.alerts', { n: alerts.length })}</span>
              <Button small icon="silence" onClick={() => setSilenced(shared)}>
                {t('silences.add')}
              </Button>
            </div>
            {alerts.map((alert) => {
              const incident = incidentOf(alert.labels);
              return (
                <div key={alert.fingerprint} className="member">
                  <div className="line">
                    {alert.status.state === 'suppressed' ? (
                      <Badge icon="silence">{t(suppression(alert.status))}</Badge>
                    ) : (
                      <Badge tone="bad" icon="alerts">
                        {t('alerts.fires')}
                      </Badge>
                    )}
                    <span>
                      {t('incidents.since')} <Time ms={Date.parse(alert.startsAt)} />
                    </span>
                    {incident && (
                      <Button small onClick={() => onIncident(incident.id)}>
                        {t('incidents.one', { id: incident.id })}
                      </Button>
                    )}
                    {alerts.length > 1 && (
                      <Button small icon="silence" onClick={() => setSilenced(alert.labels)}>
                        {t('silences.add')}
                      </Button>
                    )}
                  </div>
                  <Annotations of={alert.annotations} />
                  <LabelChips labels={alert.labels} without={alerts.length > 1 ? Object.keys(shared) : ['alertname']} />
                  <WhyText labels={alert.labels} />
                </div>
              );
            })}
            {alerts.length > 1 && (
              <div className="line dim">
                {t('firing.shared')} <LabelChips labels={shared} without={['alertname']} />
              </div>
            )}
          </section>
        );
      })}
      {silenced && <SilenceDialog labels={silenced} onClose={() => setSilenced(null)} />}
    </div>
  );
}

function suppression(status: alerting.FiringAlert['status']) {
  if (status.silencedBy.length) return 'firing.silenced' as const;
  return status.inhibitedBy.length ? ('firing.inhibited' as const) : ('firing.muted' as const);
}
