/** Browsers that are told: this one is added by a button, and all can be removed. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import * as server from '../../api/server.ts';
import { deviceName, obstacle, subscribe, subscription } from '../../app/device.ts';
import { t } from '../../app/i18n.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button } from '../../kit/Button.tsx';
import { ErrorNotice, errorText } from '../../kit/Empty.tsx';
import { Icon } from '../../kit/Icon.tsx';
import { Time } from '../../kit/Time.tsx';
import { toast } from '../../kit/toast.tsx';

export function Devices({ isAdmin }: { isAdmin: boolean }) {
  const client = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ['devices'],
    queryFn: ({ signal }) => server.devices(signal),
    refetchInterval: 5_000,
  });
  const own = useQuery({
    queryKey: ['subscription'],
    queryFn: async () => (await subscription())?.endpoint ?? null,
    staleTime: 0,
  });
  const remove = useMutation({
    mutationFn: (id: number) => server.removeDevice(id),
    onSuccess: () => client.invalidateQueries({ queryKey: ['devices'] }),
    onError: (failure) => toast(errorText(failure), true),
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return null;
  return (
    <>
      {data.devices.length > 0 && (
        <ul className="plain-list">
          {data.devices.map((device) => (
            <li key={device.id} className="line device">
              <Icon name="phone" />
              <b>{device.name}</b>
              <span className="chip">{device.contact}</span>
              {device.level_min === 'critical' && <Badge tone="bad">{t('devices.criticalOnly')}</Badge>}
              <span className="grow dim">
                {device.service} ·{' '}
                {device.seen_at ? (
                  <>
                    {t('devices.seen')} <Time ms={Date.parse(device.seen_at)} relative />
                  </>
                ) : (
                  t('devices.unseen')
                )}
              </span>
              {isAdmin && (
                <Button
                  small
                  aria-label={t('saved.remove', { name: device.name })}
                  onClick={() => remove.mutate(device.id)}
                >
                  {t('silences.removeMatcher')}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      <ThisDevice data={data} isAdmin={isAdmin} isSubscribed={Boolean(own.data)} />
    </>
  );
}

function ThisDevice(props: { data: server.Devices; isAdmin: boolean; isSubscribed: boolean }) {
  const { data, isAdmin, isSubscribed } = props;
  const client = useQueryClient();
  const [name, setName] = useState(deviceName());
  const [contact, setContact] = useState(data.contacts[0] ?? '');
  const [level, setLevel] = useState<'warning' | 'critical'>('warning');
  const add = useMutation({
    mutationFn: async (key: string) => {
      const made = await subscribe(key);
      await server.addDevice({ contact, name, level_min: level, subscription: made });
      await server.testContact(contact, name);
    },
    onSuccess: () => {
      toast(t('devices.added'));
      return Promise.all([
        client.invalidateQueries({ queryKey: ['devices'] }),
        client.invalidateQueries({ queryKey: ['subscription'] }),
        client.invalidateQueries({ queryKey: ['contacts'] }),
      ]);
    },
    onError: (failure) => toast(failure.message === 'denied' ? t('devices.denied') : errorText(failure), true),
  });
  if (data.push === null) return <p className="dim">{t('devices.noChannel')}</p>;
  const hindered = obstacle();
  if (hindered) return <p className="notice">{t(`devices.${hindered}`)}</p>;
  if (!isAdmin) return <p className="dim">{t('devices.adminOnly')}</p>;
  const { key } = data.push;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(key);
  };
  return (
    <form className="stack this-device" onSubmit={submit}>
      <p className="dim">{t(isSubscribed ? 'devices.isSubscribed' : 'devices.explain')}</p>
      <div className="line fields">
        <label className="field">
          <span>{t('devices.name')}</span>
          <input value={name} required maxLength={80} onChange={(event) => setName(event.target.value)} />
        </label>
        <label className="field">
          <span>{t('devices.contact')}</span>
          <select value={contact} onChange={(event) => setContact(event.target.value)}>
            {data.contacts.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t('devices.level')}</span>
          <select
            value={level}
            onChange={(event) => setLevel(event.target.value === 'critical' ? 'critical' : 'warning')}
          >
            <option value="warning">{t('devices.all')}</option>
            <option value="critical">{t('devices.criticalOnly')}</option>
          </select>
        </label>
      </div>
      <div className="line">
        <Button type="submit" variant="primary" icon="alerts" disabled={add.isPending}>
          {t('devices.add')}
        </Button>
      </div>
    </form>
  );
}
