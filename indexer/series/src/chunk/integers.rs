//! Columns of integers: runs of equal differences, plain differences, or `pco`, whichever is shortest.

use std::ops::Range;

use orszem_model::varint;
use pco::DecompressorScratch;

use super::pcodec::{self, Effort, Paging};
use crate::error::Result;

/// (difference, how often) pairs: constant and linear columns.
const RUNS: u8 = 0;
/// Differences to the value before.
const DIFFERENCES: u8 = 1;
/// Differences of the differences.
const SECOND_DIFFERENCES: u8 = 2;
const PCO: u8 = 3;
/// First value, common factor of all differences to it, and the quotients as a column.
const MULTIPLES: u8 = 4;
/// As [`PCO`], in pages.
const PCO_PAGES: u8 = 5;

/// pco is not tried on shorter columns, nor when the others need at most so many bytes: it can't win.
const PCO_COUNT_MIN: usize = 24;
const PCO_BYTES_MIN: usize = 24;
/// Nor is a common factor looked for when so many bytes do.
const MULTIPLES_BYTES_MIN: usize = 16;

/// Appends a column. All arithmetic wraps, so that any values go.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) -> Result<()> {
    let (kind, size) = Sizes::of(values).least();
    let start = out.len();
    if size >= MULTIPLES_BYTES_MIN
        && let Some((first, factor)) = common_factor(values)
    {
        let quotients: Vec<i64> = values.iter().map(|value| (value - first) / factor).collect();
        out.push(MULTIPLES);
        varint::put_signed(out, first);
        varint::put_signed(out, factor);
        // Their factor is 1: this goes no deeper.
        return encode(&quotients, out);
    }
    if values.len() >= PCO_COUNT_MIN && size >= PCO_BYTES_MIN {
        let paging = Paging::of(values.len());
        out.push(match paging {
            Paging::One => PCO,
            Paging::Many => PCO_PAGES,
        });
        pcodec::encode(values, paging, Effort::Integers, out)?;
        if out.len() - start <= size {
            return Ok(());
        }
        out.truncate(start);
    }
    out.push(kind);
    match kind {
        RUNS => encode_runs(values, out),
        DIFFERENCES => differences(values).for_each(|step| varint::put_signed(out, step)),
        _ => second_differences(values).for_each(|step| varint::put_signed(out, step)),
    }
    Ok(())
}

/// Appends only runs, and only when they take at most `bytes_max` bytes.
pub(super) fn encode_runs_within(values: &[i64], bytes_max: usize, out: &mut Vec<u8>) -> bool {
    if Sizes::of(values).runs > bytes_max {
        return false;
    }
    out.push(RUNS);
    encode_runs(values, out);
    true
}

/// Replaces what is in `out` by those in `range` of the `count` values of a column.
pub(super) fn decode(
    mut input: &[u8],
    count: usize,
    range: Range<usize>,
    scratch: &mut DecompressorScratch,
    out: &mut Vec<i64>,
) -> Option<()> {
    out.clear();
    match varint::take_exact(&mut input, 1)?[0] {
        PCO => pcodec::decode(input, Paging::One, count, range, scratch, out),
        PCO_PAGES => pcodec::decode(input, Paging::Many, count, range, scratch, out),
        MULTIPLES => {
            let first = varint::take_signed(&mut input)?;
            let factor = varint::take_signed(&mut input)?;
            if input.first() == Some(&MULTIPLES) {
                return None;
            }
            decode(input, count, range, scratch, out)?;
            out.iter_mut().for_each(|value| *value = value.wrapping_mul(factor).wrapping_add(first));
            Some(())
        }
        kind => {
            decode_steps(kind, input, count, out)?;
            out.truncate(range.end);
            out.drain(..range.start.min(out.len()));
            Some(())
        }
    }
}

/// The encodings that are read from their beginning.
fn decode_steps(kind: u8, mut input: &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    match kind {
        RUNS => decode_runs(input, count, out),
        DIFFERENCES => {
            let mut value = 0i64;
            for _ in 0..count {
                value = value.wrapping_add(varint::take_signed(&mut input)?);
                out.push(value);
            }
            Some(())
        }
        SECOND_DIFFERENCES => {
            let (mut value, mut step) = (0i64, 0i64);
            for _ in 0..count {
                step = step.wrapping_add(varint::take_signed(&mut input)?);
                value = value.wrapping_add(step);
                out.push(value);
            }
            Some(())
        }
        _ => None,
    }
}

/// The first value, and what divides the differences of all others to it, if that is more than 1.
fn common_factor(values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    let mut factor = 0u64;
    for value in values {
        let (mut a, mut b) = (value.checked_sub(first)?.unsigned_abs(), factor);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        factor = a;
        if factor == 1 {
            return None;
        }
    }
    i64::try_from(factor).ok().filter(|&factor| factor > 1).map(|factor| (first, factor))
}

fn differences(values: &[i64]) -> impl Iterator<Item = i64> + '_ {
    values.iter().scan(0i64, |before, &value| Some(value.wrapping_sub(std::mem::replace(before, value))))
}

fn second_differences(values: &[i64]) -> impl Iterator<Item = i64> + '_ {
    differences(values).scan(0i64, |before, step| Some(step.wrapping_sub(std::mem::replace(before, step))))
}

fn encode_runs(values: &[i64], out: &mut Vec<u8>) {
    let mut steps = differences(values);
    let Some(mut run) = steps.next() else { return };
    let mut length = 1u64;
    for step in steps {
        if step == run {
            length += 1;
            continue;
        }
        varint::put_signed(out, run);
        varint::put(out, length);
        (run, length) = (step, 1);
    }
    varint::put_signed(out, run);
    varint::put(out, length);
}

fn decode_runs(mut input: &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    let mut value = 0i64;
    while out.len() < count {
        let step = varint::take_signed(&mut input)?;
        let length = usize::try_from(varint::take(&mut input)?).ok()?;
        if length == 0 || length > count - out.len() {
            return None;
        }
        if step == 0 {
            out.resize(out.len() + length, value);
            continue;
        }
        let first = value;
        out.extend((1..=length as i64).map(|at| first.wrapping_add(step.wrapping_mul(at))));
        value = first.wrapping_add(step.wrapping_mul(length as i64));
    }
    Some(())
}

/// What each of the cheap encodings would take, in bytes.
struct Sizes {
    runs: usize,
    differences: usize,
    second_differences: usize,
}

impl Sizes {
    fn of(values: &[i64]) -> Self {
        let mut sizes = Self { runs: 0, differences: 0, second_differences: 0 };
        let mut before = 0i64;
        let mut run: Option<(i64, u64)> = None;
        for step in differences(values) {
            sizes.differences += signed_size(step);
            sizes.second_differences += signed_size(step.wrapping_sub(before));
            before = step;
            run = match run {
                Some((of, length)) if of == step => Some((of, length + 1)),
                other => {
                    sizes.runs += other.map_or(0, run_size);
                    Some((step, 1))
                }
            };
        }
        sizes.runs += run.map_or(0, run_size);
        sizes
    }

    fn least(&self) -> (u8, usize) {
        let mut least = (RUNS, self.runs);
        for other in [(DIFFERENCES, self.differences), (SECOND_DIFFERENCES, self.second_differences)] {
            if other.1 < least.1 {
                least = other;
            }
        }
        (least.0, least.1 + 1)
    }
}

fn run_size((step, length): (i64, u64)) -> usize {
    signed_size(step) + size(length)
}

fn signed_size(value: i64) -> usize {
    size(((value << 1) ^ (value >> 63)) as u64)
}

fn size(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}
