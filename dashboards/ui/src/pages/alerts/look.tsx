/** How levels and incidents are shown, here and on the phone. */
import type { AlertLevel, Incident } from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Badge } from '../../kit/Badge.tsx';

export function LevelBadge({ level, isOver }: { level: AlertLevel; isOver?: boolean }) {
  if (isOver) return <Badge icon="check">{t(`alertLevel.${level}`)}</Badge>;
  return (
    <Badge tone={level === 'critical' ? 'bad' : 'caution'} icon={level === 'critical' ? 'error' : 'warning'}>
      {t(`alertLevel.${level}`)}
    </Badge>
  );
}

const WHERE = ['host', 'instance', 'resource', 'drbd', 'service', 'database', 'entity', 'cluster'];

/** Where an alert is, from its labels. */
export function whereOf(labels: Record<string, string>): string {
  const name = WHERE.find((one) => labels[one]);
  return name ? (labels[name] ?? '') : '';
}

/** An incident in words: its first alert, where that is, and how many more there are. */
export function incidentTitle(incident: Incident): string {
  const first = incident.alerts[0];
  if (!first) return incident.group || t('incidents.empty');
  const name = first.labels.alertname ?? first.rule;
  const where = whereOf(first.labels);
  return where ? `${name} · ${where}` : name;
}
