//! Native histograms as remote write has them.
//!
//! Source: `io/prometheus/write/v2/types.proto`, message `Histogram`.

use orszem_model::varint::{put, put_bytes, put_signed};
use orszem_model::{Buckets, Histogram};

/// Whole numbers beyond are no longer exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends the fields of a `Histogram`. One whose counts are all whole is sent as one of integers, which is shorter.
pub(super) fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram, time: i64) {
    let Histogram { counter_reset, schema, zero_threshold, zero_count, count, sum, positive, negative, custom_bounds } =
        histogram;
    let counts = positive.counts.iter().chain(&negative.counts).chain([zero_count, count]);
    let is_whole = counts.into_iter().all(|count| (0.0..EXACT_MAX).contains(count) && count.fract() == 0.0);
    if is_whole {
        put_varint(out, 1, *count as u64);
    } else {
        put_double(out, 2, *count);
    }
    put_double(out, 3, *sum);
    put_tag(out, 4, 0);
    put_signed(out, i64::from(*schema));
    put_double(out, 5, *zero_threshold);
    if is_whole {
        put_varint(out, 6, *zero_count as u64);
    } else {
        put_double(out, 7, *zero_count);
    }
    put_buckets(out, 8, negative, is_whole);
    put_buckets(out, 11, positive, is_whole);
    put_varint(out, 14, *counter_reset as u64);
    put_varint(out, 15, time as u64);
    put_doubles(out, 16, custom_bounds);
}

/// Spans as `first`, then deltas as the field behind it or counts as the one behind that.
fn put_buckets(out: &mut Vec<u8>, first: u64, buckets: &Buckets, is_whole: bool) {
    let mut span_bytes = Vec::new();
    for span in &buckets.spans {
        span_bytes.clear();
        put_tag(&mut span_bytes, 1, 0);
        put_signed(&mut span_bytes, i64::from(span.offset));
        put_varint(&mut span_bytes, 2, u64::from(span.length));
        put_tag(out, first, 2);
        put_bytes(out, &span_bytes);
    }
    if !is_whole {
        put_doubles(out, first + 2, &buckets.counts);
        return;
    }
    if buckets.counts.is_empty() {
        return;
    }
    let mut deltas = Vec::new();
    let mut before = 0;
    for count in &buckets.counts {
        let count = *count as i64;
        put_signed(&mut deltas, count - before);
        before = count;
    }
    put_tag(out, first + 1, 2);
    put_bytes(out, &deltas);
}

fn put_tag(out: &mut Vec<u8>, field: u64, wire: u64) {
    put(out, field << 3 | wire);
}

fn put_varint(out: &mut Vec<u8>, field: u64, value: u64) {
    put_tag(out, field, 0);
    put(out, value);
}

fn put_double(out: &mut Vec<u8>, field: u64, value: f64) {
    put_tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_doubles(out: &mut Vec<u8>, field: u64, values: &[f64]) {
    if values.is_empty() {
        return;
    }
    put_tag(out, field, 2);
    put(out, values.len() as u64 * 8);
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}
