/** The values of a line, to narrow the query by one of them: by a key, without a mouse. */
import type { Row } from '../../api/logs.ts';
import { t } from '../../app/i18n.ts';
import { term } from '../../app/terms.ts';
import { Button } from '../../kit/Button.tsx';
import { Dialog } from '../../kit/Dialog.tsx';
import { asText } from './values.ts';

/** Longer values say little as a condition. */
const VALUE_MAX = 200;
const HIDDEN = new Set(['simulated']);

/** What a line can be included or left out by. */
export function conditionsOf(row: Row): [string, string][] {
  return [
    ['level', row.level],
    ...Object.entries(row.stream),
    ...Object.entries(row.attributes).map(([name, value]): [string, string] => [name, asText(value)]),
    ...(row.trace_id ? [['trace_id', row.trace_id] satisfies [string, string]] : []),
    ...(row.entities ?? []).map((entity): [string, string] => ['entity', entity]),
  ].filter(([name = '', value = '']) => !HIDDEN.has(name) && value !== '' && value.length <= VALUE_MAX) as [
    string,
    string,
  ][];
}

interface RowValuesProps {
  row: Row;
  isNot: boolean;
  onAdd: (term: string) => void;
  onClose: () => void;
}

export function RowValues({ row, isNot, onAdd, onClose }: RowValuesProps) {
  return (
    <Dialog title={t(isNot ? 'logs.not' : 'logs.only')} onClose={onClose}>
      <div className="menu row-values">
        {conditionsOf(row).map(([name, value], at) => (
          <Button
            key={`${name} ${value}`}
            autoFocus={at === 0}
            onClick={() => {
              onClose();
              onAdd(`${isNot ? '-' : ''}${term(name, value)}`);
            }}
          >
            <span className="dim">{name}</span> <span className="mono cut">{value}</span>
          </Button>
        ))}
      </div>
    </Dialog>
  );
}
