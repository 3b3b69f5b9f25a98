/** What happened around a line: in its own stream, or across hosts and layers. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { type Row, search, streamContext } from '../../api/logs.ts';
import { duration, nsToMs, rowTime } from '../../app/format.ts';
import { t } from '../../app/i18n.ts';
import { term } from '../../app/terms.ts';
import { Button } from '../../kit/Button.tsx';
import { Empty, ErrorNotice } from '../../kit/Empty.tsx';
import { Body } from './body.tsx';
import { LETTERS } from './values.ts';
import './context.css';

const NEIGHBOURS = 100;
const SPANS_S = [5, 30, 120, 600] as const;
const BODY_MAX = 2_000;

interface Around {
  id: string;
  label: string;
  /** `null`: the row's own stream. */
  q: string | null;
}

/** What one can look around by; only what the row has. */
function arounds(row: Row): Around[] {
  const of = (field: string): Around[] => {
    const value = row.stream[field];
    return value === undefined ? [] : [{ id: field, label: `${field}: ${value}`, q: term(field, value) }];
  };
  const entities = (row.entities ?? [])
    .filter((entity) => !entity.startsWith('host/'))
    .slice(0, 3)
    .map((entity): Around => ({ id: entity, label: entity, q: `entity:"${entity}"` }));
  return [
    { id: 'all', label: t('context.all'), q: '' },
    ...of('host'),
    ...of('layer'),
    ...of('service'),
    ...entities,
    { id: 'stream', label: t('context.stream'), q: null },
  ];
}

async function load(row: Row, q: string | null, spanS: number, signal: AbortSignal): Promise<Row[]> {
  if (q === null) {
    const { before, row: own, after } = await streamContext(row, NEIGHBOURS, signal);
    return [...before, own, ...after];
  }
  const at = BigInt(row.ts_ns);
  const span = BigInt(spanS) * 1_000_000_000n;
  const { cursor } = row;
  const [before, after] = await Promise.all([
    search({ q, from: String(at - span), to: String(at + 1n) }, { order: 'newest', limit: NEIGHBOURS, cursor }, signal),
    search({ q, from: String(at), to: String(at + span) }, { order: 'oldest', limit: NEIGHBOURS, cursor }, signal),
  ]);
  return [...before.rows.reverse(), row, ...after.rows];
}

export function Context({ row, onShow }: { row: Row; onShow: (row: Row) => void }) {
  const options = arounds(row);
  const [chosenId, setChosenId] = useState('all');
  const [spanS, setSpanS] = useState<number>(30);
  const chosen = options.find(({ id }) => id === chosenId) ?? options[0];
  const { data, error, isFetching } = useQuery({
    queryKey: ['context', row.cursor, chosen?.q, spanS],
    queryFn: ({ signal }) => load(row, chosen?.q ?? null, spanS, signal),
    placeholderData: (before) => before,
  });
  const own = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: other rows move it
  useEffect(() => {
    own.current?.scrollIntoView({ block: 'center' });
  }, [data]);
  return (
    <div className="context stack">
      <fieldset className="line plain-group" aria-label={t('context.around')}>
        {options.map(({ id, label }) => (
          <Button key={id} small aria-pressed={id === chosen?.id} onClick={() => setChosenId(id)}>
            {label}
          </Button>
        ))}
      </fieldset>
      {chosen?.q !== null && (
        <fieldset className="segments plain-group" aria-label={t('context.span')}>
          {SPANS_S.map((s) => (
            <Button key={s} small aria-pressed={s === spanS} onClick={() => setSpanS(s)}>
              ±{duration(s * 1000)}
            </Button>
          ))}
        </fieldset>
      )}
      {error && <ErrorNotice error={error} />}
      <div className="progress" data-busy={isFetching} />
      {data?.length === 1 && <Empty icon="logs" title={t('context.alone')} text={t('context.aloneText')} />}
      {data && data.length > 1 && (
        <ol className="context-rows">
          {data.map((one) => {
            const isOwn = one.cursor === row.cursor;
            return (
              <li key={one.cursor} ref={isOwn ? own : null} className={`${one.level} ${isOwn ? 'own' : ''}`}>
                <button type="button" onClick={() => onShow(one)} aria-current={isOwn ? 'true' : undefined}>
                  <span className="row-time">{rowTime(nsToMs(one.ts_ns), false)}</span>
                  <span className="row-level">{LETTERS[one.level]}</span>
                  <span className="dim cut">
                    {one.stream.host ?? ''} {one.stream.service ?? ''}
                  </span>
                  <span className="row-body">
                    <Body row={one} max={BODY_MAX} isFlat />
                  </span>
                </button>
              </li>
            );
          })}
        </ol>
      )}
    </div>
  );
}
