/** The same as a list: for readers of screens, for phones, and where there is more than can be drawn. */
import { useState } from 'react';
import { t } from '../../app/i18n.ts';
import { Badge } from '../../kit/Badge.tsx';
import { GLYPHS } from './Graph.tsx';
import type { Held, State } from './history.ts';
import type { Layout } from './layout.ts';
import { TONES } from './Thing.tsx';
import { relationText } from './words.ts';

interface ThingsProps {
  layout: Layout;
  now: readonly Held[];
  states: ReadonlyMap<string, State>;
  chosen: string | null;
  isWanted: (id: string) => boolean;
  /** Whether it is shown at first. */
  isOpen: boolean;
  onChoose: (id: string) => void;
}

const RANK = { bad: 0, caution: 1, good: 2 };

export function Things({ layout, now, states, chosen, isWanted, isOpen, onChoose }: ThingsProps) {
  const [isShown, setShown] = useState(isOpen);
  const ids = new Set([...layout.places.keys(), ...now.flatMap(({ edge }) => [edge.from, edge.to])]);
  const things = [...ids]
    .filter(isWanted)
    .map((id) => ({ id, state: states.get(id) }))
    .sort((a, b) => rank(a.state) - rank(b.state) || a.id.localeCompare(b.id));
  return (
    <details className="card things" open={isOpen} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>{t('map.list', { n: things.length })}</summary>
      <table className="plain">
        <thead>
          <tr>
            <th>{t('map.thing')}</th>
            <th>{t('deliveries.state')}</th>
            <th>{t('map.tied')}</th>
          </tr>
        </thead>
        <tbody>
          {/* While it is closed, nobody waits for its lines. */}
          {(isShown ? things : []).map(({ id, state }) => (
            <tr key={id}>
              <th scope="row">
                <button
                  type="button"
                  className="plain-button mono"
                  aria-pressed={id === chosen}
                  onClick={() => onChoose(id)}
                >
                  {id}
                </button>
              </th>
              <td>
                <Badge tone={state ? TONES[state.health] : 'plain'}>
                  {state ? `${GLYPHS[state.health]} ${state.words.join(', ')}` : t('map.absent')}
                </Badge>
              </td>
              <td>
                {now
                  .filter(({ edge }) => edge.from === id)
                  .map(({ edge }) => `${relationText(edge.relation)} ${edge.to}`)
                  .join(', ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

const rank = (state: State | undefined) => (state ? RANK[state.health] : 3);
