/** The header of every page: its name, the scope, the range, search, appearance. */
import { Button, IconButton } from '../kit/Button.tsx';
import { Popover } from '../kit/Popover.tsx';
import { useAddress } from './address.ts';
import { t } from './i18n.ts';
import type { PageEntry } from './pages.tsx';
import { type Prefs, setPrefs, usePrefs } from './prefs.ts';
import { RangePicker } from './RangePicker.tsx';
import { ScopePicker } from './ScopePicker.tsx';

interface HeaderProps {
  page: PageEntry | undefined;
  onPalette: () => void;
  onHelp: () => void;
}

export function Header({ page, onPalette, onHelp }: HeaderProps) {
  const { shared, set } = useAddress();
  return (
    <header className="top">
      <h1>{page ? t(page.label) : t('page.missing')}</h1>
      {page?.hasScope && (
        <div className="line scope">
          {shared.scope.map((term) => (
            <Button
              key={term}
              small
              icon="close"
              title={t('scope.remove')}
              onClick={() => set({ scope: shared.scope.filter((other) => other !== term) })}
            >
              {term}
            </Button>
          ))}
          <ScopePicker />
        </div>
      )}
      <span className="grow" />
      {page?.hasRange && <RangePicker />}
      <IconButton icon="search" label={t('palette.title')} className="wide-only" onClick={onPalette} />
      <Appearance onHelp={onHelp} />
    </header>
  );
}

function Choice<K extends 'theme' | 'language' | 'zone'>(props: {
  name: K;
  label: string;
  options: [Prefs[K], string][];
}) {
  const chosen = usePrefs()[props.name];
  return (
    <fieldset className="choice">
      <legend>{props.label}</legend>
      <div className="segments">
        {props.options.map(([value, label]) => (
          <Button
            key={value}
            small
            aria-pressed={value === chosen}
            onClick={() => setPrefs({ [props.name]: value } as Partial<Prefs>)}
          >
            {label}
          </Button>
        ))}
      </div>
    </fieldset>
  );
}

function Appearance({ onHelp }: { onHelp: () => void }) {
  const auto = t('auto');
  return (
    <Popover label={t('appearance')} icon="theme" hideLabel>
      {(close) => (
        <div className="stack">
          <Choice
            name="theme"
            label={t('theme')}
            options={[
              ['auto', auto],
              ['light', t('theme.light')],
              ['dark', t('theme.dark')],
            ]}
          />
          <Choice
            name="language"
            label={t('language')}
            options={[
              ['auto', auto],
              ['en', 'English'],
              ['hu', 'Magyar'],
            ]}
          />
          <Choice
            name="zone"
            label={t('zone')}
            options={[
              ['local', t('zone.local')],
              ['utc', 'UTC'],
            ]}
          />
          <Button
            onClick={() => {
              close();
              onHelp();
            }}
          >
            {t('keys.title')} <kbd>?</kbd>
          </Button>
        </div>
      )}
    </Popover>
  );
}
