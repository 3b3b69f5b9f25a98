/** The keys that work, from the table that the handlers are made of. */
import { Fragment } from 'react';
import { Dialog } from '../kit/Dialog.tsx';
import { type TextKey, t } from './i18n.ts';
import { type Binding, KEYS, keyName, type Place } from './keys.ts';

const TITLES: Record<Place, TextKey> = {
  everywhere: 'keys.everywhere',
  logs: 'page.logs',
  alerts: 'page.alerts',
  explore: 'page.explore',
  moment: 'page.moment',
  map: 'page.map',
  host: 'page.hosts',
};

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('keys.title')} wide onClose={onClose}>
      <div className="key-help">
        {(Object.keys(KEYS) as Place[]).map((place) => (
          <section key={place}>
            <h3>{t(TITLES[place])}</h3>
            <dl>
              {Object.entries<Binding>(KEYS[place]).map(([id, { keys, label }]) => (
                <div key={id}>
                  <dt>{t(label)}</dt>
                  <dd>
                    {keys.map((key, at) => (
                      <Fragment key={key}>
                        {at > 0 && ' '}
                        <kbd>{keyName(key)}</kbd>
                      </Fragment>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
