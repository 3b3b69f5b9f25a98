/** One row with all that it has: text, labels, attributes; each value narrows the query or becomes a column. */
import { Link } from 'wouter';
import type { Row } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { dateTimeMs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { term } from '../../app/terms.ts';
import { Button, IconButton } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { Icon } from '../../kit/Icon.tsx';
import { Body } from './body.tsx';
import { asText } from './values.ts';

interface DetailProps {
  row: Row;
  link: string;
  onAdd: (term: string) => void;
}

const WHOLE = 1_000_000;

export function Detail({ row, link, onAdd }: DetailProps) {
  const { href } = useAddress();
  const attributes = Object.entries(row.attributes).map(([name, value]): [string, string] => [name, asText(value)]);
  const ids: [string, string][] = [
    ['kind', row.kind],
    ['trace_id', row.trace_id ?? ''],
    ['span_id', row.span_id ?? ''],
    ...(row.entities ?? []).map((entity): [string, string] => ['entity', entity]),
  ];
  return (
    <div className="detail stack">
      <div className="line">
        <Button small icon="copy" onClick={() => copyText(row.body)}>
          {t('logs.copyLine')}
        </Button>
        <Button small icon="link" onClick={() => copyText(link)}>
          {t('logs.copyLink')}
        </Button>
        <Link className="button small" href={href('/at', {}, { at: row.ts_ns })}>
          <Icon name="moment" size={15} /> {t('logs.moment')}
        </Link>
      </div>
      <pre className={`detail-body ${row.level}`}>
        <Body row={row} max={WHOLE} />
      </pre>
      <dl className="detail-times">
        <dt>{t('logs.time')}</dt>
        <dd>{dateTimeMs(nsToMs(row.ts_ns))}</dd>
        <dt>UTC</dt>
        <dd>{row.ts}</dd>
        <dt>{t('logs.level')}</dt>
        <dd>
          {t(`level.${row.level}`)}
          {row.severity_text && ` · ${row.severity_text}`}
        </dd>
      </dl>
      <Values title={t('logs.labels')} values={Object.entries(row.stream)} onAdd={onAdd} />
      <Values title={t('logs.attributes')} values={attributes} onAdd={onAdd} />
      <Values title={t('logs.more')} values={ids.filter(([, value]) => value !== '')} onAdd={onAdd} />
    </div>
  );
}

function Values({
  title,
  values,
  onAdd,
}: {
  title: string;
  values: [string, string][];
  onAdd: (term: string) => void;
}) {
  const { columns } = usePrefs();
  if (values.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <table className="detail-values">
        <tbody>
          {values.map(([name, value]) => {
            const isColumn = columns.includes(name);
            return (
              <tr key={`${name} ${value}`}>
                <th scope="row">{name}</th>
                <td>{value}</td>
                <td className="detail-actions">
                  <IconButton
                    icon="plus"
                    small
                    variant="quiet"
                    label={t('logs.include', { value: `${name}=${value}` })}
                    onClick={() => onAdd(term(name, value))}
                  />
                  <IconButton
                    icon="minus"
                    small
                    variant="quiet"
                    label={t('logs.exclude', { value: `${name}=${value}` })}
                    onClick={() => onAdd(`-${term(name, value)}`)}
                  />
                  <IconButton
                    icon="columns"
                    small
                    variant="quiet"
                    aria-pressed={isColumn}
                    label={t(isColumn ? 'logs.columnOff' : 'logs.columnOn', { field: name })}
                    onClick={() =>
                      setPrefs({ columns: isColumn ? columns.filter((one) => one !== name) : [...columns, name] })
                    }
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
