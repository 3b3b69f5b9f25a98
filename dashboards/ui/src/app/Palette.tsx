/** The palette: pages, saved searches and actions by typing a part of their name. */
import { type KeyboardEvent, useState } from 'react';
import { logOut } from '../api/client.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { Icon, type IconName } from '../kit/Icon.tsx';
import { useAddress } from './address.ts';
import { t } from './i18n.ts';
import { PAGES } from './pages.tsx';
import { setPrefs, usePrefs } from './prefs.ts';

interface Entry {
  id: string;
  label: string;
  icon: IconName;
  run: () => void;
}

export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const { go } = useAddress();
  const { saved } = usePrefs();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const entries: Entry[] = [
    ...PAGES.map((page): Entry => ({ id: page.path, label: t(page.label), icon: page.icon, run: () => go(page.path) })),
    ...saved.map(
      ({ name, search }): Entry => ({
        id: `saved ${name}`,
        label: name,
        icon: 'star',
        run: () => go('/logs', Object.fromEntries(new URLSearchParams(search))),
      }),
    ),
    {
      id: 'light',
      label: `${t('theme')}: ${t('theme.light')}`,
      icon: 'theme',
      run: () => setPrefs({ theme: 'light' }),
    },
    { id: 'dark', label: `${t('theme')}: ${t('theme.dark')}`, icon: 'theme', run: () => setPrefs({ theme: 'dark' }) },
    { id: 'keys', label: t('keys.title'), icon: 'settings', run: onHelp },
    { id: 'logout', label: t('logout'), icon: 'close', run: () => void logOut().catch(console.error) },
  ];
  const found = entries.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const asQuery: Entry[] = typed.trim()
    ? [
        {
          id: 'query',
          label: t('palette.search', { q: typed.trim() }),
          icon: 'search',
          run: () => go('/logs', { q: typed.trim() }),
        },
      ]
    : [];
  const shown = [...found, ...asQuery];
  const chosen = Math.min(at, shown.length - 1);
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && shown.length) {
      event.preventDefault();
      setAt((chosen + step + shown.length) % shown.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(shown[chosen]);
    }
  };
  return (
    <Dialog title={t('palette.title')} onClose={onClose}>
      <div className="palette">
        <input
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={`palette-${chosen}`}
          aria-label={t('palette.placeholder')}
          placeholder={t('palette.placeholder')}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        <div role="listbox" id="palette-list" aria-label={t('palette.title')} tabIndex={-1}>
          {shown.map((entry, index) => (
            <div
              key={entry.id}
              id={`palette-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              onPointerEnter={() => setAt(index)}
              onClick={() => run(entry)}
              onKeyDown={onKeyDown}
            >
              <Icon name={entry.icon} />
              <span className="cut">{entry.label}</span>
            </div>
          ))}
        </div>
      </div>
    </Dialog>
  );
}
