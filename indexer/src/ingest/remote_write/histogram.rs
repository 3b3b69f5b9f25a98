//! The `Histogram` message, which is the same in both versions.

use orszem_exposition::HistogramParts;
use orszem_exposition::histogram::BucketParts;
use orszem_exposition::protobuf::{Fields, Malformed, Value, zigzag};
use orszem_model::{BucketSpan, CounterReset};

/// Time in milliseconds, the histogram, and when it began (0: unknown).
pub(super) fn histogram(message: &[u8]) -> Result<(i64, HistogramParts, i64), Malformed> {
    let mut parts = HistogramParts::default();
    let (mut time, mut start) = (0, 0);
    for field in Fields::new(message) {
        let (number, value) = field?;
        match number {
            1 => (parts.count, parts.is_float) = (value.varint()?, false),
            2 => (parts.count_float, parts.is_float) = (value.double()?, true),
            3 => parts.sum = value.double()?,
            4 => parts.schema = value.zigzag()?,
            5 => parts.zero_threshold = value.double()?,
            6 => parts.zero_count = value.varint()?,
            7 => parts.zero_count_float = value.double()?,
            8..=10 => put_buckets(&mut parts.negative, number - 8, value)?,
            11..=13 => put_buckets(&mut parts.positive, number - 11, value)?,
            14 => parts.counter_reset = CounterReset::from_code(value.varint()?).unwrap_or_default(),
            15 => time = value.varint()? as i64,
            16 => value.doubles(&mut parts.custom_bounds)?,
            17 => start = value.varint()? as i64,
            _ => {}
        }
    }
    Ok((time, parts, start))
}

fn put_buckets(parts: &mut BucketParts, field: u64, value: Value<'_>) -> Result<(), Malformed> {
    match field {
        0 => {
            let mut span = BucketSpan::default();
            for field in Fields::new(value.bytes()?) {
                match field? {
                    // Both are of 32 bits; protobuf cuts what is longer.
                    (1, value) => span.offset = value.zigzag()? as i32,
                    (2, value) => span.length = value.varint()? as u32,
                    _ => {}
                }
            }
            parts.spans.push(span);
            Ok(())
        }
        1 => value.varints(|raw| parts.deltas.push(zigzag(raw))),
        _ => value.doubles(&mut parts.counts),
    }
}
