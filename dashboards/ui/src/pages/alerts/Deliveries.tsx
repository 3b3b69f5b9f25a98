/** Who was told, how it went, and every attempt. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { hasText, t } from '../../app/i18n.ts';
import { Badge, type Tone } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Time } from '../../kit/Time.tsx';

/** A state in words; one that is not known is shown as it is written. */
function stateText(state: string): string {
  const key = `delivery.${state}`;
  return hasText(key) ? t(key) : state;
}

const TONES: Record<string, Tone> = {
  delivered: 'good',
  waiting: 'caution',
  refused: 'bad',
  expired: 'bad',
};

/** What a later message took the place of is not missing. */
const UNDELIVERED = ['waiting', 'refused', 'expired'];

export function Deliveries({ onIncident }: { onIncident: (id: number) => void }) {
  const [text, setText] = useState('');
  const [onlyUndelivered, setOnlyUndelivered] = useState(false);
  const { data, error, isPending } = useQuery({
    queryKey: ['deliveries'],
    queryFn: ({ signal }) => alerting.deliveries({ limit: 200 }, signal),
    refetchInterval: 10_000,
  });
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <div className="progress" data-busy="true" />;
  if (data.length === 0) return <Empty icon="alerts" title={t('deliveries.none')} text={t('deliveries.noneText')} />;
  const wanted = text.trim().toLowerCase();
  const shown = data.filter(
    (one) =>
      (!onlyUndelivered || UNDELIVERED.includes(one.state)) &&
      [one.contact, one.channel, one.target, one.title].some((value) => value.toLowerCase().includes(wanted)),
  );
  return (
    <div className="stack">
      <div className="line">
        <input
          type="search"
          aria-label={t('deliveries.filter')}
          placeholder={t('deliveries.filter')}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button aria-pressed={onlyUndelivered} onClick={() => setOnlyUndelivered(!onlyUndelivered)}>
          {t('deliveries.undelivered')}
        </Button>
        <span className="dim tabular" role="status">
          {shown.length} / {data.length}
        </span>
      </div>
      <DeliveryTable deliveries={shown} onIncident={onIncident} />
    </div>
  );
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
                <Badge tone={TONES[delivery.state] ?? 'plain'}>{stateText(delivery.state)}</Badge>
                {delivery.attempts.length > 0 && (
                  <details>
                    <summary>{t('deliveries.attempts', { n: delivery.attempts.length })}</summary>
                    <ol className="timeline">
                      {delivery.attempts.map((attempt) => (
                        <li key={attempt.at}>
                          <Time ms={Date.parse(attempt.at)} />
                          <span>
                            {stateText(attempt.outcome)} {attempt.detail}
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
