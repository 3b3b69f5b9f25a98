/** What was told up to the moment that is shown: it moves along, without asking again. */
import { Link } from 'wouter';
import type { Row } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { msToNs, nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Icon } from '../../kit/Icon.tsx';
import { Time } from '../../kit/Time.tsx';
import '../moment/told.css';

const SHOWN = 14;

interface ToldProps {
  /** The newest first. */
  rows: readonly Row[];
  atMs: number;
  /** Only what is about this thing, where it is said. */
  about: string | null;
  onMove: (ms: number) => void;
}

export function Told({ rows, atMs, about, onMove }: ToldProps) {
  const { href } = useAddress();
  const before = rows.filter(
    (row) => nsToMs(row.ts_ns) <= atMs && (about === null || row.entities?.includes(about) === true),
  );
  return (
    <section className="card moment-card" aria-label={t('moment.happened')}>
      <div className="line">
        <h2 className="grow">{t('moment.happened')}</h2>
        <Link className="button small" href={href('/at', {}, { at: String(msToNs(atMs)) })}>
          <Icon name="moment" size={15} /> {t('logs.moment')}
        </Link>
      </div>
      {before.length === 0 && <p className="dim">{t('map.quiet')}</p>}
      <ol className="happened told-list">
        {before.slice(0, SHOWN).map((row) => (
          <li key={row.cursor} className={row.level}>
            <button type="button" onClick={() => onMove(nsToMs(row.ts_ns))}>
              <Time ms={nsToMs(row.ts_ns)} />
              <span className="told">{row.body}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
