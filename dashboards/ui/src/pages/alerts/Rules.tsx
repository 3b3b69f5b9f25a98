/** The rules that are evaluated here, with their state and what they cost. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Time } from '../../kit/Time.tsx';
import { Preview } from './Preview.tsx';

const TONES = { firing: 'bad', pending: 'caution', inactive: 'good', unknown: 'plain' } as const;

export function Rules() {
  const [previewed, setPreviewed] = useState<alerting.Rule | 'new' | null>(null);
  const { data, error, isPending } = useQuery({
    queryKey: ['rules'],
    queryFn: ({ signal }) => alerting.ruleGroups(signal),
    refetchInterval: 15_000,
  });
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <div className="progress" data-busy="true" />;
  return (
    <div className="stack">
      <div className="line">
        <Button icon="play" onClick={() => setPreviewed('new')}>
          {t('preview.title')}
        </Button>
      </div>
      {data.length === 0 && <Empty icon="shield" title={t('rules.none')} text={t('rules.noneText')} />}
      {data.map((group) => (
        <section key={`${group.file} ${group.name}`} className="card group">
          <div className="line">
            <h2 className="grow">{group.name}</h2>
            <span className="dim">
              {group.file} · {group.interval} s
            </span>
          </div>
          {group.rules.map((rule) => (
            <details key={`${rule.name} ${rule.query}`} className="member">
              <summary className="line">
                <b className="grow">{rule.name}</b>
                {rule.health !== 'ok' && <Badge tone="bad">{rule.health}</Badge>}
                <Badge tone={TONES[rule.state ?? 'unknown']}>
                  {rule.type === 'recording' ? t('rules.recording') : t(`rules.${rule.state ?? 'unknown'}`)}
                </Badge>
              </summary>
              <pre>{rule.query}</pre>
              {rule.type === 'alerting' && (
                <div>
                  <Button small icon="play" onClick={() => setPreviewed(rule)}>
                    {t('preview.one')}
                  </Button>
                </div>
              )}
              {rule.lastError && <p className="notice bad">{rule.lastError}</p>}
              <p className="dim">
                {t('rules.last')} <Time ms={Date.parse(rule.lastEvaluation)} /> ·{' '}
                {(rule.evaluationTime * 1000).toFixed(1)} ms
              </p>
            </details>
          ))}
        </section>
      ))}
      {previewed && <Preview rule={previewed === 'new' ? null : previewed} onClose={() => setPreviewed(null)} />}
    </div>
  );
}
