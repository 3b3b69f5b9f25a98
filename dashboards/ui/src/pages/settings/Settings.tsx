/** Who am I here, what is this server, who reports to it, who is told by what, and this device. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { logOut } from '../../api/client.ts';
import { type Collector, collectors } from '../../api/collectors.ts';
import * as server from '../../api/server.ts';
import { useAddress } from '../../app/address.ts';
import { bytes, count, duration } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { getPrefs } from '../../app/prefs.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice, errorText } from '../../kit/Empty.tsx';
import { Section } from '../../kit/Section.tsx';
import { Time } from '../../kit/Time.tsx';
import { toast } from '../../kit/toast.tsx';
import { Devices } from './Devices.tsx';
import { Pairing } from './Pairing.tsx';
import './settings.css';

const EVERY_MS = 15_000;

export default function Settings() {
  const { data: me, error } = useQuery({ queryKey: ['me'], queryFn: ({ signal }) => server.me(signal) });
  const isAdmin = me?.role === 'admin';
  return (
    <div className="page settings columns">
      {error && <ErrorNotice error={error} />}
      <div className="column">
        <Section title={t('settings.me')} icon="shield" id="me">
          {me && <Me me={me} />}
        </Section>
        <Section title={t('settings.contacts')} icon="alerts" id="contacts">
          <Contacts isAdmin={isAdmin} />
        </Section>
      </div>
      <div className="column">
        <Section title={t('settings.devices')} icon="phone" id="devices">
          <Devices isAdmin={isAdmin} />
        </Section>
        <Section title={t('settings.server')} icon="hosts" id="server">
          <Server me={me} />
        </Section>
      </div>
      <Section title={t('settings.collectors')} icon="logs" id="collectors" wide>
        <Collectors />
      </Section>
    </div>
  );
}

function Me({ me }: { me: server.Me }) {
  return (
    <>
      <dl className="facts">
        <dt>{t('settings.name')}</dt>
        <dd>
          <b>{me.name}</b>
        </dd>
        <dt>{t('settings.role')}</dt>
        <dd>
          <Badge tone={me.role === 'admin' ? 'calm' : 'plain'}>{me.role}</Badge> {t(`role.${me.role}`)}
        </dd>
        {me.tenant !== 0 && (
          <>
            <dt>{t('settings.tenant')}</dt>
            <dd>{me.tenant}</dd>
          </>
        )}
      </dl>
      {me.has_tokens ? (
        <>
          <Pairing />
          <div className="line">
            <Button onClick={() => void logOut().catch((error: unknown) => toast(errorText(error), true))}>
              {t('logout')}
            </Button>
          </div>
        </>
      ) : (
        <p className="dim">{t('settings.noTokens')}</p>
      )}
    </>
  );
}

type Address = server.Contact['addresses'][number];

/** Each address once: of two browsers no more is shown than their push service. */
function counted(addresses: Address[]): [string, Address, number][] {
  const found = new Map<string, [string, Address, number]>();
  for (const address of addresses) {
    const key = `${address.channel} ${address.to} ${address.level_min}`;
    found.set(key, [key, address, (found.get(key)?.[2] ?? 0) + 1]);
  }
  return [...found.values()];
}

function Contacts({ isAdmin }: { isAdmin: boolean }) {
  const { href } = useAddress();
  const client = useQueryClient();
  const { data, error } = useQuery({ queryKey: ['contacts'], queryFn: ({ signal }) => server.contacts(signal) });
  const test = useMutation({
    mutationFn: (contact: string) => server.testContact(contact, getPrefs().name || t('somebody')),
    onSuccess: (_, contact) => {
      toast(t('settings.tested', { contact }));
      return client.invalidateQueries({ queryKey: ['deliveries'] });
    },
    onError: (failure) => toast(errorText(failure), true),
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) return <p className="dim">{t('settings.noContacts')}</p>;
  return (
    <>
      <ul className="plain-list">
        {data?.map(({ name, addresses }) => (
          <li key={name} className="line contact">
            <b>{name}</b>
            <span className="grow line">
              {counted(addresses).map(([address, { channel, to, level_min }, n]) => (
                <span key={address} className="chip">
                  <b>{channel}</b> {to}
                  {n > 1 && <b> ×{n}</b>}
                  {level_min === 'critical' && <b> · {t('alertLevel.critical')}</b>}
                </span>
              ))}
            </span>
            {isAdmin && addresses.length > 0 && (
              <Button
                small
                disabled={test.isPending}
                aria-label={t('settings.testTo', { contact: name })}
                onClick={() => test.mutate(name)}
              >
                {t('settings.test')}
              </Button>
            )}
          </li>
        ))}
      </ul>
      <p>
        <a href={href('/alerts', { tab: 'deliveries' })}>{t('settings.deliveries')}</a>
      </p>
    </>
  );
}

function Server({ me }: { me: server.Me | undefined }) {
  const { data, error } = useQuery({
    queryKey: ['runtime'],
    queryFn: ({ signal }) => server.runtime(signal),
    refetchInterval: EVERY_MS,
  });
  return (
    <>
      {error && <ErrorNotice error={error} />}
      <dl className="facts">
        <dt>{t('settings.version')}</dt>
        <dd>{me?.version ?? '…'}</dd>
        {data && (
          <>
            <dt>{t('settings.host')}</dt>
            <dd>{data.hostname}</dd>
            <dt>{t('settings.up')}</dt>
            <dd>
              <Time ms={Date.parse(data.startTime)} relative />
            </dd>
            <dt>{t('settings.config')}</dt>
            <dd>
              {data.reloadConfigSuccess ? (
                <Badge tone="good" icon="check">
                  {t('settings.inForce')}
                </Badge>
              ) : (
                <Badge tone="bad" icon="error">
                  {t('settings.configWrong')}
                </Badge>
              )}
            </dd>
            <dt>{t('settings.series')}</dt>
            <dd className="tabular">{count(data.timeSeriesCount)}</dd>
            <dt>{t('settings.retention')}</dt>
            <dd>{data.storageRetention || t('settings.forEver')}</dd>
            {data.corruptionCount > 0 && (
              <>
                <dt>{t('settings.damage')}</dt>
                <dd>
                  <Badge tone="bad" icon="error">
                    {count(data.corruptionCount)}
                  </Badge>
                </dd>
              </>
            )}
          </>
        )}
      </dl>
    </>
  );
}

const TONES: Record<Collector['status'], 'good' | 'bad' | 'caution'> = {
  ok: 'good',
  lost: 'bad',
  losing: 'bad',
  late: 'caution',
  skewed: 'caution',
  unsupported: 'caution',
};

function Collectors() {
  const { data, error } = useQuery({
    queryKey: ['collectors'],
    queryFn: ({ signal }) => collectors(signal),
    refetchInterval: EVERY_MS,
  });
  if (error) return <ErrorNotice error={error} />;
  if (data?.length === 0) return <Empty icon="hosts" title={t('settings.noCollectors')} text={t('now.noHostsText')} />;
  const worst = data?.toSorted((a, b) => Number(a.status === 'ok') - Number(b.status === 'ok')) ?? [];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <section className="scroll-x" aria-label={t('settings.collectors')} tabIndex={0}>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{t('hosts.host')}</th>
            <th scope="col">{t('deliveries.state')}</th>
            <th scope="col">{t('settings.version')}</th>
            <th scope="col">{t('settings.seen')}</th>
            <th scope="col" className="number">
              {t('settings.latency')}
            </th>
            <th scope="col" className="number">
              {t('settings.lag')}
            </th>
            <th scope="col" className="number">
              {t('settings.queue')}
            </th>
            <th scope="col" className="number">
              {t('settings.skew')}
            </th>
            <th scope="col" className="number">
              {t('settings.lost')}
            </th>
          </tr>
        </thead>
        <tbody>
          {worst.map((one) => (
            <tr key={one.host}>
              <th scope="row">{one.host}</th>
              <td title={one.sentence}>
                <Badge tone={TONES[one.status]}>{one.status}</Badge>
                {one.status !== 'ok' && <div className="dim">{one.sentence}</div>}
              </td>
              <td>{one.version}</td>
              <td>{one.last_seen_ns ? <Time ms={one.last_seen_ns / 1e6} relative /> : '–'}</td>
              <td className="number">{seconds(one.latency_p50_s)}</td>
              <td className="number">{bytes(one.lag_bytes ?? 0)}</td>
              <td className="number">{bytes(one.queue_bytes ?? 0)}</td>
              <td className="number">{seconds(one.clock_skew_s)}</td>
              <td className="number">{count((one.canary_gaps ?? 0) + (one.rejected ?? 0))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function seconds(s: number | null | undefined): string {
  if (s === null || s === undefined) return '–';
  return Math.abs(s) < 10 ? `${Math.round(s * 1000)} ms` : duration(s * 1000);
}
