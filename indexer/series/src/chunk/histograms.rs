//! Columns of native histograms: what is alike in consecutive points once, every count and sum as a column of floats.

use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, HistogramPoint, varint};

use super::{Scratch, values};
use crate::error::Result;

/// A chunk of more than one histogram has at most so many buckets in all, so that reading one point stays cheap.
pub const CHUNK_BUCKETS_MAX: usize = 16_384;
/// The most buckets that are read; one histogram may have many.
const BUCKETS_MAX: usize = 1 << 24;

/// Buckets of both signs.
pub fn buckets(histogram: &Histogram) -> usize {
    histogram.positive.counts.len() + histogram.negative.counts.len()
}

/// Appends the histograms of a chunk, their times apart.
///
/// # Errors
/// When pco refuses, which it has no reason to.
pub fn encode(points: &[HistogramPoint], out: &mut Vec<u8>) -> Result<()> {
    let histograms: Vec<&Histogram> = points.iter().map(|point| &*point.histogram).collect();
    let groups: Vec<&[&Histogram]> = histograms.chunk_by(|a, b| is_alike(a, b)).collect();
    varint::put(out, groups.len() as u64);
    for group in &groups {
        varint::put(out, group.len() as u64);
        put_layout(group[0], out);
    }
    for run in histograms.chunk_by(|a, b| a.counter_reset == b.counter_reset) {
        varint::put(out, (run.len() as u64) << 2 | run[0].counter_reset as u64);
    }
    for of in [|of: &Histogram| of.count, |of: &Histogram| of.zero_count, |of: &Histogram| of.sum] {
        put_column(&histograms.iter().map(|histogram| of(histogram)).collect::<Vec<_>>(), out)?;
    }
    // Bucket by bucket over the points of a group: neighbours then differ by what was counted in between.
    let mut counts = Vec::with_capacity(histograms.iter().map(|histogram| buckets(histogram)).sum());
    for group in &groups {
        for at in 0..group[0].positive.counts.len() {
            counts.extend(group.iter().map(|histogram| histogram.positive.counts[at]));
        }
        for at in 0..group[0].negative.counts.len() {
            counts.extend(group.iter().map(|histogram| histogram.negative.counts[at]));
        }
    }
    put_column(&counts, out)
}

/// Appends the histograms at `times` to `out`, which is cut by the caller. `None` when the bytes are no such chunk.
pub fn decode(mut input: &[u8], times: &[i64], scratch: &mut Scratch, out: &mut Vec<HistogramPoint>) -> Option<()> {
    let groups = usize::try_from(varint::take(&mut input)?).ok().filter(|&groups| groups <= times.len())?;
    let mut layouts = Vec::with_capacity(groups);
    let (mut points, mut total) = (0usize, 0usize);
    for _ in 0..groups {
        let length = usize::try_from(varint::take(&mut input)?).ok()?;
        let layout = take_layout(&mut input)?;
        points = points.checked_add(length)?;
        total = total.checked_add(length.checked_mul(buckets(&layout))?).filter(|&total| total <= BUCKETS_MAX)?;
        layouts.push((length, layout));
    }
    if points != times.len() {
        return None;
    }
    let mut histograms = Vec::with_capacity(points);
    for (length, layout) in &layouts {
        histograms.extend(std::iter::repeat_n(layout, *length).cloned());
    }
    take_resets(&mut input, &mut histograms)?;
    let mut column = Vec::new();
    take_column(&mut input, points, scratch, &mut column)?;
    histograms.iter_mut().zip(&column).for_each(|(histogram, value)| histogram.count = *value);
    take_column(&mut input, points, scratch, &mut column)?;
    histograms.iter_mut().zip(&column).for_each(|(histogram, value)| histogram.zero_count = *value);
    take_column(&mut input, points, scratch, &mut column)?;
    histograms.iter_mut().zip(&column).for_each(|(histogram, value)| histogram.sum = *value);
    take_column(&mut input, total, scratch, &mut column)?;
    spread(&layouts, &column, &mut histograms);
    let points = times.iter().zip(histograms);
    out.extend(points.map(|(&time, histogram)| HistogramPoint { time, histogram: Arc::new(histogram) }));
    Some(())
}

/// Hands the counts of all groups to their histograms.
fn spread(layouts: &[(usize, Histogram)], mut counts: &[f64], mut histograms: &mut [Histogram]) {
    for (length, layout) in layouts {
        let (group, behind) = histograms.split_at_mut(*length);
        histograms = behind;
        let positive = layout.positive.counts.len();
        for at in 0..buckets(layout) {
            let (column, behind) = counts.split_at(*length);
            counts = behind;
            for (histogram, &count) in group.iter_mut().zip(column) {
                match at.checked_sub(positive) {
                    None => histogram.positive.counts[at] = count,
                    Some(at) => histogram.negative.counts[at] = count,
                }
            }
        }
    }
}

fn take_resets(input: &mut &[u8], histograms: &mut [Histogram]) -> Option<()> {
    let mut at = 0;
    while at < histograms.len() {
        let run = varint::take(input)?;
        let length = usize::try_from(run >> 2).ok()?;
        let reset = CounterReset::from_code(run & 3)?;
        let end = at.checked_add(length).filter(|&end| end > at && end <= histograms.len())?;
        histograms[at..end].iter_mut().for_each(|histogram| histogram.counter_reset = reset);
        at = end;
    }
    Some(())
}

fn put_column(column: &[f64], out: &mut Vec<u8>) -> Result<()> {
    let mut payload = Vec::new();
    values::encode(column, &mut payload)?;
    varint::put_bytes(out, &payload);
    Ok(())
}

fn take_column(input: &mut &[u8], count: usize, scratch: &mut Scratch, out: &mut Vec<f64>) -> Option<()> {
    out.clear();
    values::decode(varint::take_bytes(input)?, count, 0..count, scratch, out)
}

/// Whether all but the numbers is the same.
fn is_alike(a: &Histogram, b: &Histogram) -> bool {
    let bits = |of: &Histogram| of.custom_bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
    let is_same = |a: &Buckets, b: &Buckets| a.spans == b.spans && a.counts.len() == b.counts.len();
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && is_same(&a.positive, &b.positive)
        && is_same(&a.negative, &b.negative)
        && bits(a) == bits(b)
}

fn put_layout(histogram: &Histogram, out: &mut Vec<u8>) {
    varint::put_signed(out, i64::from(histogram.schema));
    out.extend_from_slice(&histogram.zero_threshold.to_bits().to_le_bytes());
    varint::put(out, histogram.custom_bounds.len() as u64);
    for bound in &histogram.custom_bounds {
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
    for side in [&histogram.positive, &histogram.negative] {
        varint::put(out, side.counts.len() as u64);
        varint::put(out, side.spans.len() as u64);
        for span in &side.spans {
            varint::put_signed(out, i64::from(span.offset));
            varint::put(out, u64::from(span.length));
        }
    }
}

/// A histogram with all counts zero.
fn take_layout(input: &mut &[u8]) -> Option<Histogram> {
    let schema = i32::try_from(varint::take_signed(input)?).ok()?;
    let zero_threshold = take_float(input)?;
    let bounds = varint::take(input)?;
    if bounds > (input.len() / 8) as u64 {
        return None;
    }
    let custom_bounds = (0..bounds).map(|_| take_float(input)).collect::<Option<_>>()?;
    let positive = take_buckets(input)?;
    let negative = take_buckets(input)?;
    Some(Histogram { schema, zero_threshold, custom_bounds, positive, negative, ..Histogram::default() })
}

fn take_buckets(input: &mut &[u8]) -> Option<Buckets> {
    let counts = usize::try_from(varint::take(input)?).ok().filter(|&counts| counts <= BUCKETS_MAX)?;
    let spans = varint::take(input)?;
    if spans > input.len() as u64 {
        return None;
    }
    let mut buckets = Buckets { spans: Vec::with_capacity(spans as usize), counts: vec![0.0; counts] };
    for _ in 0..spans {
        let offset = i32::try_from(varint::take_signed(input)?).ok()?;
        let length = u32::try_from(varint::take(input)?).ok()?;
        buckets.spans.push(BucketSpan { offset, length });
    }
    Some(buckets)
}

fn take_float(input: &mut &[u8]) -> Option<f64> {
    let bits = varint::take_exact(input, 8)?.try_into().ok()?;
    Some(f64::from_bits(u64::from_le_bytes(bits)))
}
