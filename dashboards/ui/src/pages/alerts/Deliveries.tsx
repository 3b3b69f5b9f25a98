/** Who was told, how it went, and every attempt. */
import { useQuery } from '@tanstack/react-query';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Badge, type Tone } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Time } from '../../kit/Time.tsx';

const TONES: Record<string, Tone> = {
  delivered: 'good',
  sent: 'good',
  waiting: 'caution',
  retry: 'caution',
  failed: 'bad',
};

export function Deliveries({ onIncident }: { onIncident: (id: number) => void }) {
  const { data, error, isPending } = useQuery({
    queryKey: ['deliveries'],
    queryFn: ({ signal }) => alerting.deliveries({ limit: 200 }, signal),
    refetchInterval: 10_000,
  });
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <div className="progress" data-busy="true" />;
  if (data.length === 0) return <Empty icon="alerts" title={t('deliveries.none')} text={t('deliveries.noneText')} />;
  return <DeliveryTable deliveries={data} onIncident={onIncident} />;
}

interface DeliveryTableProps {
  deliveries: alerting.Delivery[];
  onIncident?: (id: number) => void;
}

export function DeliveryTable({ deliveries, onIncident }: DeliveryTableProps) {
  return (
    <div className="card scroll-x">
      <table className="plain">
        <thead>
          <tr>
            <th>{t('logs.time')}</th>
            <th>{t('deliveries.to')}</th>
            <th>{t('deliveries.what')}</th>
            <th>{t('deliveries.state')}</th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <tr key={delivery.key}>
              <td>
                <Time ms={Date.parse(delivery.created_at)} />
              </td>
              <td>
                {delivery.contact} <span className="dim">{delivery.channel}</span>
                <div className="dim">{delivery.target}</div>
              </td>
              <td>
                {delivery.title}
                {onIncident && delivery.incident !== null && (
                  <div>
                    <Button small onClick={() => delivery.incident !== null && onIncident(delivery.incident)}>
                      {t('incidents.one', { id: delivery.incident })}
                    </Button>
                  </div>
                )}
              </td>
              <td>
                <Badge tone={TONES[delivery.state] ?? 'plain'}>{delivery.state}</Badge>
                {delivery.attempts.length > 0 && (
                  <details>
                    <summary>{t('deliveries.attempts', { n: delivery.attempts.length })}</summary>
                    <ol className="timeline">
                      {delivery.attempts.map((attempt) => (
                        <li key={attempt.at}>
                          <Time ms={Date.parse(attempt.at)} />
                          <span>
                            {attempt.outcome} {attempt.detail}
                          </span>
                        </li>
                      ))}
                    </ol>
                  </details>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
