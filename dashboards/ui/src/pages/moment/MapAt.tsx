/** What ran where at a moment, small; a click leads to the map. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { topology } from '../../api/collectors.ts';
import { useAddress } from '../../app/address.ts';
import { nsToMs } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { fixedRange } from '../../app/shift.ts';
import { useIsNarrow } from '../../kit/useMedia.ts';
import { Graph } from '../map/Graph.tsx';
import { historyOf, statesOf } from '../map/history.ts';
import { layoutOf } from '../map/layout.ts';

/** The map shows so long before and after. */
const BEFORE_NS = 3_600_000_000_000n;
const AFTER_NS = 300_000_000_000n;

export function MapAt({ at }: { at: bigint }) {
  const { go } = useAddress();
  const { data } = useQuery({
    queryKey: ['topology', 'at', String(at)],
    queryFn: ({ signal }) => topology({ at: String(at) }, signal),
    placeholderData: (before) => before,
  });
  const rowMax = useIsNarrow() ? 2 : 3;
  const held = useMemo(() => (data ? historyOf(data).held : []), [data]);
  const layout = useMemo(() => layoutOf(held, rowMax), [held, rowMax]);
  const states = useMemo(() => statesOf(held), [held]);
  if (held.length === 0) return null;
  const range = fixedRange(at - BEFORE_NS, at + AFTER_NS);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <section className="card moment-card graph-frame" id="map-at" aria-label={t('moment.map')} tabIndex={0}>
      <h2>{t('moment.where')}</h2>
      <Graph
        {...{ layout, now: held, states, atMs: nsToMs(at), chosen: null }}
        onChoose={(node) => go('/map', { node }, { at: String(at), ...range })}
      />
    </section>
  );
}
