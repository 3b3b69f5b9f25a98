/** The virtual list of rows: any number of rows, few elements; chosen by keys and by clicks. */
import { useVirtualizer } from '@tanstack/react-virtual';
import {
  type CSSProperties,
  memo,
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useMemo,
  useRef,
} from 'react';
import type { Row } from '../../api/logs.ts';
import { nsToMs, rowTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { Body } from './body.tsx';
import { Minimap } from './Minimap.tsx';
import { LETTERS, valueIn } from './values.ts';

const ROW_PX = 22;
const ROW_NARROW_PX = 46;
const FLAT_MAX = 1_000;
const WRAP_MAX = 4_000;
/** So many rows before the end, the next page is asked for; phones, whose network is dear, ask when half is scrolled. */
const AHEAD = 400;

export interface RowListHandle {
  scrollTo: (index: number) => void;
  scrollTop: () => void;
  /** So that the next key is not one of a button far away. */
  focus: () => void;
}

interface RowListProps {
  rows: readonly Row[];
  columns: string[];
  wrap: boolean;
  isNarrow: boolean;
  /** The chosen row's cursor. */
  chosen: string | null;
  /** Words to mark and ticks for, in lower case; empty for none. */
  find: string;
  /** By cursor. */
  marks: ReadonlyMap<string, Row>;
  onChoose: (row: Row) => void;
  /** With Ctrl one line, with Shift all up to the one that was marked last. */
  onMark: (row: Row, isRange: boolean) => void;
  onEnd?: () => void;
  onStart?: () => void;
  onScrolled?: (isAtTop: boolean) => void;
  /** What is said behind the last row. */
  foot?: ReactNode;
  ref?: Ref<RowListHandle>;
}

const columnWidth = (name: string) => (name === 'host' ? '9ch' : name === 'layer' ? '8ch' : '16ch');

export function RowList(props: RowListProps) {
  const {
    rows,
    columns,
    wrap,
    isNarrow,
    chosen,
    find,
    marks,
    onChoose,
    onMark,
    onEnd,
    onStart,
    onScrolled,
    foot,
    ref,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isNarrow ? ROW_NARROW_PX : ROW_PX),
    overscan: 12,
    // Another function is another order of rows, and places all of them anew.
    getItemKey: useCallback((index: number) => rows[index]?.cursor ?? index, [rows]),
    // Off unless a row asks to be measured: fixed rows stay cheap.
    useAnimationFrameWithResizeObserver: true,
  });
  useImperativeHandle(ref, () => ({
    scrollTo: (index) => virtual.scrollToIndex(index, { align: 'auto' }),
    scrollTop: () => virtual.scrollToOffset(0),
    focus: () => scroller.current?.focus({ preventScroll: true }),
  }));
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const first = items[0]?.index ?? 0;
  useEffect(() => {
    const ahead = isNarrow ? Math.min(AHEAD, rows.length / 2) : AHEAD;
    if (rows.length > 0 && last >= rows.length - ahead) onEnd?.();
  }, [last, rows.length, isNarrow, onEnd]);
  useEffect(() => {
    if (first === 0) onStart?.();
  }, [first, onStart]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights change with these
  useEffect(() => {
    virtual.measure();
  }, [wrap, isNarrow]);

  const newest = nsToMs(rows[0]?.ts_ns ?? '0');
  const oldest = nsToMs(rows.at(-1)?.ts_ns ?? '0');
  const today = new Date().toDateString();
  const withDay = new Date(newest).toDateString() !== today || new Date(oldest).toDateString() !== today;
  const template = [withDay ? '18.5ch' : '12.5ch', '2ch', ...columns.map(columnWidth), 'minmax(0, 1fr)'].join(' ');
  const at = useMemo(() => (chosen === null ? -1 : rows.findIndex((row) => row.cursor === chosen)), [rows, chosen]);

  return (
    <div className="rows-frame">
      <div
        ref={scroller}
        className={`rows ${wrap ? 'wrap' : ''} ${isNarrow ? 'narrow' : ''}`}
        role="listbox"
        tabIndex={0}
        aria-label={t('logs.rows')}
        aria-activedescendant={at >= 0 ? `row-${at}` : undefined}
        data-count={rows.length}
        onScroll={(event) => onScrolled?.(event.currentTarget.scrollTop < 4)}
        style={{ '--template': template } as CSSProperties}
      >
        <div className="rows-height" role="presentation" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <RowView
                  key={item.key}
                  row={row}
                  index={item.index}
                  top={item.start}
                  columns={columns}
                  wrap={wrap}
                  isNarrow={isNarrow}
                  withDay={withDay}
                  isChosen={row.cursor === chosen}
                  isFound={find !== '' && row.body.toLowerCase().includes(find)}
                  isMarked={marks.has(row.cursor)}
                  onChoose={onChoose}
                  onMark={onMark}
                  {...(wrap && { measure: virtual.measureElement })}
                />
              )
            );
          })}
        </div>
        {foot && <div className="rows-foot">{foot}</div>}
      </div>
      {rows.length > 0 && !isNarrow && (
        <Minimap rows={rows} find={find} first={first} last={last} onJump={(index) => virtual.scrollToIndex(index)} />
      )}
    </div>
  );
}

interface RowViewProps {
  row: Row;
  index: number;
  top: number;
  columns: string[];
  wrap: boolean;
  isNarrow: boolean;
  withDay: boolean;
  isChosen: boolean;
  isFound: boolean;
  isMarked: boolean;
  onChoose: (row: Row) => void;
  onMark: (row: Row, isRange: boolean) => void;
  measure?: (element: HTMLElement | null) => void;
}

const RowView = memo(function RowView(props: RowViewProps) {
  const { row, index, top, columns, wrap, isNarrow, withDay, isChosen, isFound, isMarked, onChoose, onMark, measure } =
    props;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys move the choice in the whole list
    <div
      ref={measure}
      id={`row-${index}`}
      data-index={index}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      className={`row ${row.level} ${row.kind} ${isFound ? 'found' : ''} ${isMarked ? 'marked' : ''}`}
      style={{ transform: `translateY(${top}px)` }}
      onMouseDown={(event) => {
        // Shift would select text.
        if (event.shiftKey) event.preventDefault();
      }}
      onClick={(event) => {
        if (event.shiftKey || event.ctrlKey || event.metaKey) onMark(row, event.shiftKey);
        else if (!getSelection()?.toString()) onChoose(row);
      }}
    >
      <span className="row-time">{rowTime(nsToMs(row.ts_ns), withDay)}</span>
      <span className="row-level" title={row.severity_text ?? t(`level.${row.level}`)}>
        {LETTERS[row.level]}
      </span>
      {isNarrow ? (
        <span className="row-field cut">{columns.map((name) => valueIn(row, name)).join(' · ')}</span>
      ) : (
        columns.map((name) => (
          <span key={name} className="row-field" title={valueIn(row, name)}>
            {valueIn(row, name)}
          </span>
        ))
      )}
      <span className="row-body">
        <Body row={row} max={wrap ? WRAP_MAX : FLAT_MAX} isFlat={!wrap} />
      </span>
    </div>
  );
});
