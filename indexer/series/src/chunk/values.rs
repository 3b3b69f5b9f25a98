//! Columns of floats. Those that are decimals (integers, seconds, ratios written by hand) are scaled to integers, with
//! the odd NaN among them put right afterwards; others are compressed as floats.

use std::ops::Range;

use orszem_model::varint;

use super::pcodec::{self, Effort, Paging};
use super::{Scratch, integers, xor};
use crate::error::Result;

/// `integers / 10^n` for codes 0 to `EXPONENT_MAX`.
const EXPONENT_MAX: usize = 12;
/// The same, followed by the places where it is wrong.
const PATCHED: u8 = 0x20;
/// Bits of floats as runs of integers: the same few values over and over.
const BITS: u8 = 0x40;
const XOR: u8 = 0x41;
const PCO: u8 = 0x42;
/// As [`PCO`], in pages.
const PCO_PAGES: u8 = 0x43;

/// Integers beyond this are not scaled: their neighbours may not be told apart in floats.
const INTEGER_MAX: f64 = (1u64 << 51) as f64;
/// Columns up to here are tried as XOR, those from `PCO_COUNT_MIN` on with pco.
const XOR_COUNT_MAX: usize = 96;
const PCO_COUNT_MIN: usize = 24;

const POWERS: [f64; EXPONENT_MAX + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// Appends a column.
///
/// # Errors
/// When pco refuses, which it has no reason to.
pub fn encode(values: &[f64], out: &mut Vec<u8>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    if let Some(scaled) = Scaled::of(values) {
        return scaled.encode(out);
    }
    let start = out.len();
    let mut best: Option<Vec<u8>> = None;
    if values.len() <= XOR_COUNT_MAX {
        out.push(XOR);
        xor::encode(values, out);
        best = Some(out.split_off(start));
    }
    let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
    out.push(BITS);
    // Not worth a look beyond 2 bytes a sample: pco is better then.
    let bytes_max = best.as_ref().map_or(values.len() * 2, Vec::len);
    if integers::encode_runs_within(&bits, bytes_max, out) {
        best = Some(out.split_off(start));
    }
    out.truncate(start);
    if values.len() >= PCO_COUNT_MIN && best.as_ref().is_none_or(|best| best.len() > PCO_COUNT_MIN) {
        let paging = Paging::of(values.len());
        out.push(match paging {
            Paging::One => PCO,
            Paging::Many => PCO_PAGES,
        });
        pcodec::encode(values, paging, Effort::Floats, out)?;
        if best.as_ref().is_none_or(|best| out.len() - start <= best.len()) {
            return Ok(());
        }
        out.truncate(start);
    }
    out.extend_from_slice(&best.unwrap_or_default());
    Ok(())
}

/// Appends those in `range` of the `count` values of a column to `out`; `scratch` is for reuse. `None` when the bytes are
/// no such column.
pub fn decode(
    mut payload: &[u8],
    count: usize,
    range: Range<usize>,
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) -> Option<()> {
    if count == 0 || range.is_empty() {
        return Some(());
    }
    let start = out.len();
    let Scratch { integers: scaled, pco } = scratch;
    match varint::take_exact(&mut payload, 1)?[0] {
        BITS => {
            integers::decode(payload, count, range, pco, scaled)?;
            out.extend(scaled.iter().map(|&bits| f64::from_bits(bits as u64)));
            Some(())
        }
        XOR => {
            xor::decode(payload, count, out)?;
            out.truncate(start + range.end);
            out.drain(start..start + range.start);
            Some(())
        }
        PCO => pcodec::decode(payload, Paging::One, count, range, pco, out),
        PCO_PAGES => pcodec::decode(payload, Paging::Many, count, range, pco, out),
        code => {
            let power = *POWERS.get(usize::from(code & !PATCHED))?;
            let patches = if code & PATCHED != 0 { varint::take_bytes(&mut payload)? } else { &[] };
            integers::decode(payload, count, range.clone(), pco, scaled)?;
            if power == 1.0 {
                out.extend(scaled.iter().map(|&integer| integer as f64));
            } else {
                out.extend(scaled.iter().map(|&integer| integer as f64 / power));
            }
            patch(patches, range.start, &mut out[start..])
        }
    }
}

/// Puts right those of `values`, which begin at `start` of the column.
fn patch(mut patches: &[u8], start: usize, values: &mut [f64]) -> Option<()> {
    let mut at = 0usize;
    while !patches.is_empty() {
        at = at.checked_add(usize::try_from(varint::take(&mut patches)?).ok()?)?;
        let bits = varint::take_exact(&mut patches, 8)?.try_into().ok()?;
        if let Some(value) = at.checked_sub(start).and_then(|at| values.get_mut(at)) {
            *value = f64::from_bits(u64::from_le_bytes(bits));
        }
    }
    Some(())
}

/// A column as integers over a power of ten.
struct Scaled {
    exponent: usize,
    integers: Vec<i64>,
    /// Position after the one before, and bits.
    patches: Vec<u8>,
}

impl Scaled {
    /// `None` when too many of `values` are no decimals.
    fn of(values: &[f64]) -> Option<Self> {
        let odd_max = 1 + values.len() / 32;
        let exponent = exponent(values, odd_max)?;
        let power = POWERS[exponent];
        let mut scaled = Self { exponent, integers: Vec::with_capacity(values.len()), patches: Vec::new() };
        let (mut odd, mut patched, mut before) = (0, 0, 0);
        for (at, &value) in values.iter().enumerate() {
            match scale(value, power) {
                Some(integer) => before = integer,
                None if odd == odd_max => return None,
                None => {
                    odd += 1;
                    varint::put(&mut scaled.patches, (at - patched) as u64);
                    patched = at;
                    scaled.patches.extend_from_slice(&value.to_bits().to_le_bytes());
                }
            }
            scaled.integers.push(before);
        }
        Some(scaled)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let code = self.exponent as u8;
        if self.patches.is_empty() {
            out.push(code);
        } else {
            out.push(code | PATCHED);
            varint::put_bytes(out, &self.patches);
        }
        integers::encode(&self.integers, out)
    }
}

/// The least exponent that makes integers of all values but `odd_max`.
fn exponent(values: &[f64], odd_max: usize) -> Option<usize> {
    let (mut exponent, mut odd) = (0, 0);
    for &value in values {
        if scale(value, POWERS[exponent]).is_some() {
            continue;
        }
        match (exponent + 1..=EXPONENT_MAX).find(|&at| scale(value, POWERS[at]).is_some()) {
            Some(at) => exponent = at,
            None if odd == odd_max => return None,
            None => odd += 1,
        }
    }
    Some(exponent)
}

/// The integer that gives back exactly `value` when divided by `power`.
#[inline]
fn scale(value: f64, power: f64) -> Option<i64> {
    let product = value * power;
    if product.is_nan() || product.abs() >= INTEGER_MAX {
        return None;
    }
    let integer = if power == 1.0 { product as i64 } else { product.round() as i64 };
    ((integer as f64 / power).to_bits() == value.to_bits()).then_some(integer)
}
