//! A native histogram in a frame.

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, varint};

use super::values::{put_values, take_values};

pub(super) fn put(histogram: &Histogram, out: &mut Vec<u8>) {
    let Histogram { counter_reset, schema, zero_threshold, zero_count, count, sum, positive, negative, custom_bounds } =
        histogram;
    out.push(*counter_reset as u8);
    varint::put_signed(out, i64::from(*schema));
    put_values(&[*zero_threshold, *zero_count, *count, *sum], out);
    put_buckets(positive, out);
    put_buckets(negative, out);
    put_counted(custom_bounds, out);
}

pub(super) fn take(input: &mut &[u8]) -> Option<Histogram> {
    let counter_reset = CounterReset::from_code(varint::take_exact(input, 1)?[0].into())?;
    let schema = i32::try_from(varint::take_signed(input)?).ok()?;
    let [zero_threshold, zero_count, count, sum] = take_values(input, 4)?.try_into().ok()?;
    let positive = take_buckets(input)?;
    let negative = take_buckets(input)?;
    let custom_bounds = take_counted(input)?;
    Some(Histogram { counter_reset, schema, zero_threshold, zero_count, count, sum, positive, negative, custom_bounds })
}

fn put_buckets(buckets: &Buckets, out: &mut Vec<u8>) {
    varint::put(out, buckets.spans.len() as u64);
    for span in &buckets.spans {
        varint::put_signed(out, i64::from(span.offset));
        varint::put(out, u64::from(span.length));
    }
    put_counted(&buckets.counts, out);
}

fn take_buckets(input: &mut &[u8]) -> Option<Buckets> {
    let count = usize::try_from(varint::take(input)?).ok()?;
    let mut spans = Vec::with_capacity(count.min(input.len()));
    for _ in 0..count {
        let offset = i32::try_from(varint::take_signed(input)?).ok()?;
        spans.push(BucketSpan { offset, length: u32::try_from(varint::take(input)?).ok()? });
    }
    Some(Buckets { spans, counts: take_counted(input)? })
}

fn put_counted(values: &[f64], out: &mut Vec<u8>) {
    varint::put(out, values.len() as u64);
    put_values(values, out);
}

fn take_counted(input: &mut &[u8]) -> Option<Vec<f64>> {
    let count = usize::try_from(varint::take(input)?).ok()?;
    take_values(input, count)
}
