import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMoment } from '../src/app/RangePicker.tsx';

const now = new Date(2026, 10, 22, 15, 4, 5).getTime();
const at = (day: number, h: number, min: number) => new Date(2026, 10, day, h, min).getTime();

test('moments are written as people do', () => {
  for (const [text, expected] of [
    ['now', now],
    ['-2h', now - 7_200_000],
    ['14:00', at(22, 14, 0)],
    ['9:05', at(22, 9, 5)],
    ['today', at(22, 0, 0)],
    ['yesterday 14:30', at(21, 14, 30)],
    ['Tegnap 9:05', at(21, 9, 5)],
    ['tegnap', at(21, 0, 0)],
    ['2026-11-20 08:00', at(20, 8, 0)],
    ['2026-11-20', at(20, 0, 0)],
    ['', null],
    ['yesterday at noon', null],
    ['soon', null],
  ] as const)
    assert.equal(readMoment(text, now), expected, text);
});
