/** What rules would have done over the past: those in force, or one that is written here. */
import { useMutation } from '@tanstack/react-query';
import { type CSSProperties, type FormEvent, useRef, useState } from 'react';
import { Link } from 'wouter';
import * as alerting from '../../api/alerting.ts';
import { useAddress } from '../../app/address.ts';
import { count, duration, msToNs, shortTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { spanText } from '../../app/RangePicker.tsx';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { Dialog } from '../../kit/Dialog.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { LabelChips } from '../../kit/Labels.tsx';
import { Time } from '../../kit/Time.tsx';

const SPANS = ['1h', '6h', '1d', '7d', '30d'];
/** Episodes that are listed; the picture has all that were answered. */
const LISTED = 50;

const TEMPLATE = `groups:
  - name: preview
    rules:
      - alert: DiskBusy
        expr: max by (host) (rate(node_disk_io_time_seconds_total[2m])) > 0.4
        for: 1m
        labels: { severity: warning }
`;

interface PreviewProps {
  /** A rule of those in force; nothing: one that is written. */
  rule: alerting.Rule | null;
  onClose: () => void;
}

/** A rule as it stands in a file; texts in JSON's notation, which is YAML's, too. */
export function ruleText({ name, query, duration: forS, labels, annotations }: alerting.Rule): string {
  const map = (title: string, values: Record<string, string> = {}) =>
    Object.keys(values).length ? `        ${title}: ${JSON.stringify(values)}\n` : '';
  const held = forS ? `        for: ${forS}s\n` : '';
  return `groups:
  - name: preview
    rules:
      - alert: ${JSON.stringify(name)}
        expr: ${JSON.stringify(query)}
${held}${map('labels', labels)}${map('annotations', annotations)}`;
}

export function Preview({ rule, onClose }: PreviewProps) {
  const [isWritten, setWritten] = useState(rule === null);
  const [text, setText] = useState(() => (rule ? ruleText(rule) : TEMPLATE));
  const [span, setSpan] = useState('6h');
  const abort = useRef<AbortController | null>(null);
  const run = useMutation({
    mutationFn: (ask: alerting.ReplayAsk) => {
      abort.current?.abort();
      abort.current = new AbortController();
      return alerting.replay(ask, abort.current.signal);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run.mutate({ last: span, ...(isWritten && { files: [{ name: 'preview.yml', text }] }) });
  };
  const isCancelled = run.error instanceof DOMException;
  return (
    <Dialog title={rule ? t('preview.of', { rule: rule.name }) : t('preview.title')} wide onClose={onClose}>
      <form className="stack preview" onSubmit={submit}>
        {rule && (
          <div className="segments">
            <Button small aria-pressed={!isWritten} onClick={() => setWritten(false)}>
              {t('preview.inForce')}
            </Button>
            <Button small aria-pressed={isWritten} onClick={() => setWritten(true)}>
              {t('preview.changed')}
            </Button>
          </div>
        )}
        {isWritten && (
          <label className="field">
            <span>{t('preview.text')}</span>
            <textarea
              className="mono"
              rows={9}
              spellCheck={false}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
        )}
        <div className="line">
          <fieldset className="segments plain-group" aria-label={t('preview.span')}>
            {SPANS.map((one) => (
              <Button key={one} small aria-pressed={one === span} onClick={() => setSpan(one)}>
                {spanText(one)}
              </Button>
            ))}
          </fieldset>
          <span className="grow" />
          {isWritten && (
            <Button icon="copy" onClick={() => copyText(text)}>
              {t('preview.copy')}
            </Button>
          )}
          {run.isPending ? (
            <Button icon="close" onClick={() => abort.current?.abort()}>
              {t('cancel')}
            </Button>
          ) : (
            <Button variant="primary" type="submit" icon="play">
              {t('preview.run')}
            </Button>
          )}
        </div>
        <div className="progress" data-busy={run.isPending} />
        {isCancelled && <p className="caution-text">{t('logs.cancelled')}</p>}
        {run.error && !isCancelled && <ErrorNotice error={run.error} />}
        {run.data && <Answer replayed={run.data} only={rule && !isWritten ? rule.name : null} />}
        <p className="dim hint">{t('preview.hint')}</p>
      </form>
    </Dialog>
  );
}

function Answer({ replayed, only }: { replayed: alerting.Replayed; only: string | null }) {
  const { href } = useAddress();
  const [fromMs, toMs] = [Date.parse(replayed.from), Date.parse(replayed.to)];
  const rules = replayed.rules.filter(({ rule }) => only === null || rule === only);
  const episodes = replayed.episodes.filter(({ rule }) => only === null || rule === only);
  const fired = rules.reduce((sum, rule) => sum + rule.fired, 0);
  const share = (ms: number) => ((ms - fromMs) / Math.max(1, toMs - fromMs)) * 100;
  return (
    <section className="stack" aria-label={t('preview.answer')}>
      {replayed.partial.map((reason) => (
        <p key={reason} className="caution-text">
          {t('preview.partial', { reason })}
        </p>
      ))}
      {fired === 0 && <Empty icon="check" title={t('preview.quiet')} text={t('preview.quietText')} />}
      {rules.map((rule) => (
        <div key={`${rule.file} ${rule.rule}`} className="stack replayed">
          <div className="line">
            <b className="grow">{rule.rule}</b>
            {rule.failing && (
              <Badge tone="bad" icon="error">
                {rule.failing.error}
              </Badge>
            )}
            <span>{t('preview.fired', { n: count(rule.fired) })}</span>
            {rule.critical > 0 && <Badge tone="bad">{t('preview.critical', { n: count(rule.critical) })}</Badge>}
            {rule.pended > 0 && <span className="dim">{t('preview.pended', { n: count(rule.pended) })}</span>}
            {rule.fired > 0 && (
              <span className="dim">
                {t('preview.lasted', { longest: duration(rule.longest_ms), total: duration(rule.total_ms) })}
              </span>
            )}
          </div>
          <div className="episodes" aria-hidden="true">
            {episodes
              .filter((one) => one.rule === rule.rule)
              .map((one) => {
                const begin = share(Date.parse(one.from));
                const end = one.to ? share(Date.parse(one.to)) : 100;
                return (
                  <i
                    key={`${one.from} ${JSON.stringify(one.labels)}`}
                    className={one.level ?? 'pended'}
                    style={{ '--from': `${begin}%`, '--wide': `${Math.max(0.2, end - begin)}%` } as CSSProperties}
                  />
                );
              })}
          </div>
        </div>
      ))}
      {rules.length > 0 && (
        <div className="time-axis" aria-hidden="true">
          <span>{shortTime(fromMs)}</span>
          <span>{shortTime(toMs)}</span>
        </div>
      )}
      {fired > 0 && (
        <table className="plain">
          <thead>
            <tr>
              <th>{t('incidents.since')}</th>
              <th>{t('preview.for')}</th>
              <th>{t('logs.labels')}</th>
            </tr>
          </thead>
          <tbody>
            {episodes
              .filter(({ level }) => level !== null)
              .slice(0, LISTED)
              .map((one) => (
                <tr key={`${one.rule} ${one.from} ${JSON.stringify(one.labels)}`}>
                  <td>
                    <Link href={href('/at', {}, { at: String(msToNs(Date.parse(one.from))) })}>
                      <Time ms={Date.parse(one.from)} />
                    </Link>
                  </td>
                  <td>{one.to ? duration(Date.parse(one.to) - Date.parse(one.from)) : t('alerts.fires')}</td>
                  <td>
                    {one.level && t(`alertLevel.${one.level}`)} <LabelChips labels={one.labels} />
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
      {episodes.length > LISTED && <p className="dim">{t('preview.more', { n: count(LISTED) })}</p>}
      <p className="dim tabular">
        {t('preview.looked', {
          evaluations: count(replayed.looked_at.evaluations),
          samples: count(replayed.looked_at.samples),
          records: count(replayed.looked_at.records),
          span: duration(toMs - fromMs),
        })}
      </p>
    </section>
  );
}
