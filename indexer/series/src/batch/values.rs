//! Columns of a batch: differences of numbers of series, runs of differences of times, floats without trailing zeros.
//!
//! Made for speed: a frame is written once and read only after a crash.

use orszem_model::varint;

/// Appends numbers as differences.
pub(super) fn put_series(series: &[u32], out: &mut Vec<u8>) {
    let mut before = 0u32;
    for &number in series {
        varint::put_signed(out, i64::from(number) - i64::from(before));
        before = number;
    }
}

pub(super) fn take_series(input: &mut &[u8], count: usize) -> Option<Vec<u32>> {
    let mut series = Vec::with_capacity(count.min(input.len()));
    let mut before = 0u32;
    for _ in 0..count {
        before = u32::try_from(i64::from(before).checked_add(varint::take_signed(input)?)?).ok()?;
        series.push(before);
    }
    Some(series)
}

/// Appends times as (difference, how often); differences wrap.
pub(super) fn put_times(times: &[i64], out: &mut Vec<u8>) {
    let (mut before, mut run, mut length) = (0i64, 0i64, 0u64);
    for &time in times {
        let step = time.wrapping_sub(before);
        before = time;
        if step == run && length > 0 {
            length += 1;
            continue;
        }
        if length > 0 {
            varint::put_signed(out, run);
            varint::put(out, length);
        }
        (run, length) = (step, 1);
    }
    if length > 0 {
        varint::put_signed(out, run);
        varint::put(out, length);
    }
}

pub(super) fn take_times(input: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let mut times = Vec::with_capacity(count);
    let mut time = 0i64;
    while times.len() < count {
        let step = varint::take_signed(input)?;
        let length = usize::try_from(varint::take(input)?).ok()?;
        if length == 0 || length > count - times.len() {
            return None;
        }
        for _ in 0..length {
            time = time.wrapping_add(step);
            times.push(time);
        }
    }
    Some(times)
}

/// Appends floats in pairs: how many bytes each has before trailing zeros, then those bytes.
pub(super) fn put_values(values: &[f64], out: &mut Vec<u8>) {
    let (pairs, rest) = values.as_chunks::<2>();
    for [first, second] in pairs {
        let (first, second) = (first.to_bits(), second.to_bits());
        let (one, two) = (bytes(first), bytes(second));
        out.push((one << 4 | two) as u8);
        put_bytes(first, one, out);
        put_bytes(second, two, out);
    }
    if let [last] = rest {
        let bits = last.to_bits();
        let one = bytes(bits);
        out.push((one << 4) as u8);
        put_bytes(bits, one, out);
    }
}

#[inline]
fn bytes(bits: u64) -> usize {
    8 - bits.trailing_zeros() as usize / 8
}

#[inline]
fn put_bytes(bits: u64, count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&bits.to_be_bytes());
    out.truncate(out.len() - (8 - count));
}

pub(super) fn take_values(input: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    let mut values = Vec::with_capacity(count.min(input.len() * 2));
    while values.len() < count {
        let lengths = usize::from(varint::take_exact(input, 1)?[0]);
        values.push(take_value(input, lengths >> 4)?);
        if values.len() < count {
            values.push(take_value(input, lengths & 15)?);
        }
    }
    Some(values)
}

fn take_value(input: &mut &[u8], count: usize) -> Option<f64> {
    let mut bits = [0; 8];
    bits.get_mut(..count)?.copy_from_slice(varint::take_exact(input, count)?);
    Some(f64::from_bits(u64::from_be_bytes(bits)))
}
