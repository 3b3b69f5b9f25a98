/** What one does with the list: order, columns, wrapping, live tail, saved searches, taking lines along. */
import { type FormEvent, useState } from 'react';
import { exportHref, type Order, type Row, type Scope } from '../../api/logs.ts';
import { useAddress } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { Button, IconButton } from '../../kit/Button.tsx';
import { copyText } from '../../kit/clipboard.ts';
import { Icon } from '../../kit/Icon.tsx';
import { Popover } from '../../kit/Popover.tsx';
import { asCommand, asCurl } from './command.ts';
import { asMarkdown } from './markdown.ts';

interface ToolbarProps {
  scope: Scope;
  q: string;
  order: Order;
  rows: readonly Row[];
  view: 'lines' | 'patterns';
  isLive: boolean;
  onLive: () => void;
  onFields: () => void;
}

export function Toolbar({ scope, q, order, rows, view, isLive, onLive, onFields }: ToolbarProps) {
  const { set } = useAddress();
  const { wrap } = usePrefs();
  return (
    <div className="toolbar line" role="toolbar" aria-label={t('logs.tools')}>
      <Button small icon="filter" className="narrow-only" onClick={onFields}>
        {t('logs.fields')}
      </Button>
      <Button small icon="live" aria-pressed={isLive} className={isLive ? 'live' : ''} onClick={onLive}>
        {t(isLive ? 'logs.liveStop' : 'logs.live')}
      </Button>
      <span className="segments">
        <Button small aria-pressed={view === 'lines'} onClick={() => set({ params: { view: null } })}>
          {t('logs.lines')}
        </Button>
        <Button small aria-pressed={view === 'patterns'} onClick={() => set({ params: { view: 'patterns' } })}>
          {t('logs.patterns')}
        </Button>
      </span>
      <Button
        small
        icon="down"
        className={order === 'oldest' ? 'turned' : ''}
        onClick={() => set({ params: { order: order === 'newest' ? 'oldest' : null } })}
      >
        {t(order === 'newest' ? 'logs.newest' : 'logs.oldest')}
      </Button>
      <IconButton
        small
        icon="wrap"
        label={t('keys.wrap')}
        aria-pressed={wrap}
        onClick={() => setPrefs({ wrap: !wrap })}
      />
      <Columns />
      <Saved q={q} />
      <Popover label={t('logs.take')} icon="download" small hideLabel>
        {(close) => (
          <div className="menu">
            <Button
              onClick={() => {
                void copyText(asMarkdown(rows, q, location.href));
                close();
              }}
            >
              <Icon name="copy" /> {t('logs.copyMarkdown')}
            </Button>
            <a className="button" href={exportHref(scope, order, 'text')} download onClick={close}>
              <Icon name="download" /> {t('logs.downloadText')}
            </a>
            <a className="button" href={exportHref(scope, order, 'ndjson')} download onClick={close}>
              <Icon name="download" /> {t('logs.downloadJson')}
            </a>
            <Button
              onClick={() => {
                void copyText(asCurl(scope, order, location.origin));
                close();
              }}
            >
              <Icon name="copy" /> {t('logs.copyCurl')}
            </Button>
            <Button
              onClick={() => {
                void copyText(asCommand(scope, location.origin));
                close();
              }}
            >
              <Icon name="copy" /> {t('logs.copyCommand')}
            </Button>
            <Button
              onClick={() => {
                void copyText(location.href);
                close();
              }}
            >
              <Icon name="link" /> {t('logs.copySearchLink')}
            </Button>
          </div>
        )}
      </Popover>
    </div>
  );
}

function Columns() {
  const { columns } = usePrefs();
  const [name, setName] = useState('');
  const add = (event: FormEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted && !columns.includes(wanted)) setPrefs({ columns: [...columns, wanted] });
    setName('');
  };
  const move = (at: number) => {
    const next = [...columns];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at - 1, 0, moved);
    setPrefs({ columns: next });
  };
  return (
    <Popover label={t('logs.columns')} icon="columns" small hideLabel>
      {() => (
        <div className="stack columns-panel">
          <h3>{t('logs.columns')}</h3>
          {columns.map((column, at) => (
            <div key={column} className="line">
              <span className="grow mono">{column}</span>
              {at > 0 && <IconButton small icon="left" label={t('logs.columnLeft')} onClick={() => move(at)} />}
              <IconButton
                small
                icon="close"
                label={t('logs.columnOff', { field: column })}
                onClick={() => setPrefs({ columns: columns.filter((one) => one !== column) })}
              />
            </div>
          ))}
          <form className="line" onSubmit={add}>
            <input
              aria-label={t('logs.columnName')}
              placeholder={t('logs.columnName')}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <IconButton icon="plus" type="submit" label={t('logs.columnAdd')} />
          </form>
        </div>
      )}
    </Popover>
  );
}

function Saved({ q }: { q: string }) {
  const { saved, recent } = usePrefs();
  const { go } = useAddress();
  const [name, setName] = useState('');
  return (
    <Popover label={t('saved.title')} icon="star" small hideLabel>
      {(close) => (
        <div className="stack saved-panel">
          <h3>{t('saved.title')}</h3>
          {saved.length === 0 && <p className="dim">{t('saved.none')}</p>}
          {saved.map((one) => (
            <div key={one.name} className="line">
              <button
                type="button"
                className="plain-button grow"
                onClick={() => {
                  go('/logs', Object.fromEntries(new URLSearchParams(one.search)));
                  close();
                }}
              >
                {one.name}
              </button>
              <IconButton
                small
                icon="close"
                variant="quiet"
                label={t('saved.remove', { name: one.name })}
                onClick={() => setPrefs({ saved: saved.filter((other) => other !== one) })}
              />
            </div>
          ))}
          <form
            className="line"
            onSubmit={(event) => {
              event.preventDefault();
              const wanted = name.trim() || q || t('logs.everything');
              const others = saved.filter((one) => one.name !== wanted);
              setPrefs({ saved: [...others, { name: wanted, search: location.search }] });
              setName('');
            }}
          >
            <input
              aria-label={t('saved.name')}
              placeholder={q || t('saved.name')}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <Button type="submit" icon="star">
              {t('saved.save')}
            </Button>
          </form>
          {recent.length > 0 && (
            <>
              <h3>{t('saved.recent')}</h3>
              <div className="menu">
                {recent.map((one) => (
                  <button
                    key={one}
                    type="button"
                    className="plain-button mono"
                    onClick={() => {
                      go('/logs', { q: one });
                      close();
                    }}
                  >
                    {one}
                  </button>
                ))}
              </div>
            </>
          )}
        </div>
      )}
    </Popover>
  );
}
