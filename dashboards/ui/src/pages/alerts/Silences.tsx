/** Silences: those that hold, how to make and to end one. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice, errorText } from '../../kit/Empty.tsx';
import { Time } from '../../kit/Time.tsx';
import { toast } from '../../kit/toast.tsx';
import { operator, SilenceDialog } from './SilenceDialog.tsx';

const TONES = { active: 'caution', pending: 'calm', expired: 'plain' } as const;
const LONGER_MS = 3_600_000;
const ENDLESS_MS = Date.UTC(2200, 0);

/** Of the configuration: without an end, and at times that stand there. */
const isEndless = ({ endsAt }: alerting.Silence) => Date.parse(endsAt) > ENDLESS_MS;

export function Silences() {
  const client = useQueryClient();
  const [isAdding, setAdding] = useState(false);
  const { data, error, isPending } = useQuery({
    queryKey: ['silences'],
    queryFn: ({ signal }) => alerting.silences(signal),
    refetchInterval: 20_000,
  });
  const end = useMutation({
    mutationFn: alerting.endSilence,
    onSuccess: () => {
      toast(t('silences.ended'));
      return client.invalidateQueries({ queryKey: ['silences'] });
    },
    onError: (problem) => toast(errorText(problem), true),
  });
  const prolong = useMutation({
    mutationFn: ({ id, matchers, startsAt, endsAt, createdBy, comment }: alerting.Silence) =>
      alerting.addSilence({
        ...{ id, matchers, startsAt, createdBy, comment },
        endsAt: new Date(Date.parse(endsAt) + LONGER_MS).toISOString(),
      }),
    onSuccess: () => {
      toast(t('silences.made'));
      return client.invalidateQueries({ queryKey: ['silences'] });
    },
    onError: (problem) => toast(errorText(problem), true),
  });
  return (
    <div className="stack">
      <div className="line">
        <Button icon="plus" variant="primary" onClick={() => setAdding(true)}>
          {t('silences.new')}
        </Button>
      </div>
      {error && <ErrorNotice error={error} />}
      {isPending && <div className="progress" data-busy="true" />}
      {data?.length === 0 && <Empty icon="silence" title={t('silences.none')} text={t('silences.noneText')} />}
      <ul className="cards">
        {data?.map((silence) => (
          <li key={silence.id} className="card silence">
            <div className="line">
              <Badge tone={TONES[silence.status.state]}>{t(`silences.${silence.status.state}`)}</Badge>
              <span className="line chips grow">
                {silence.matchers.map((matcher) => (
                  <span key={matcher.name + matcher.value} className="chip">
                    <span>
                      <b>
                        {matcher.name}
                        {operator(matcher)}
                      </b>
                      {matcher.value}
                    </span>
                  </span>
                ))}
              </span>
              {silence.status.state === 'active' && !isEndless(silence) && (
                <Button small disabled={prolong.isPending} onClick={() => prolong.mutate(silence)}>
                  {t('silences.longer')}
                </Button>
              )}
              {silence.status.state !== 'expired' && (
                <Button small variant="danger" disabled={end.isPending} onClick={() => end.mutate(silence.id)}>
                  {t('silences.end')}
                </Button>
              )}
            </div>
            <p>{silence.comment}</p>
            <p className="dim">
              {silence.createdBy} ·{' '}
              {isEndless(silence) ? (
                t('silences.configured')
              ) : (
                <>
                  <Time ms={Date.parse(silence.startsAt)} /> – <Time ms={Date.parse(silence.endsAt)} />
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
      {isAdding && <SilenceDialog labels={{}} onClose={() => setAdding(false)} />}
    </div>
  );
}
