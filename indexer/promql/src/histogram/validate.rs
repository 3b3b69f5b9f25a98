//! Whether a histogram that came from outside is one (Prometheus, `FloatHistogram.Validate`).

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{BucketSpan, Buckets, Histogram};

use super::bounds::{SCHEMA_MAX, SCHEMA_MIN};
use super::text::number;

/// What is wrong with a histogram.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom \
         buckets, got schema {0}"
    )]
    Schema(i32),
    #[error("{side}: span number {at} with offset {offset}: histogram has a span whose offset is negative")]
    SpanOffset { side: Side, at: usize, offset: i32 },
    #[error(
        "{side}: spans need {needed} buckets, have {given} buckets: histogram spans specify different number of \
         buckets than provided"
    )]
    SpanLength { side: Side, needed: u64, given: usize },
    #[error(
        "{side}: bucket number {at} has observation count of {}: histogram has a bucket whose observation \
         count is negative",
        number(*.count)
    )]
    NegativeBucket { side: Side, at: usize, count: f64 },
    #[error(
        "zero bucket has observation count of {}: histogram has a bucket whose observation count is negative",
        number(*.0)
    )]
    NegativeZeroBucket(f64),
    #[error("observation count is  {}: histogram's observation count is negative", number(*.0))]
    NegativeCount(f64),
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithBounds,
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    NanBound,
    #[error(
        "custom buckets: previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds must be \
         in strictly increasing order"
    )]
    BoundOrder { previous: f64, current: f64 },
    #[error("custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite")]
    InfiniteBound,
    #[error(
        "custom buckets: only {given} custom bounds defined which is insufficient to cover total span length of \
         {needed}: histogram custom bounds are too few"
    )]
    TooFewBounds { given: usize, needed: u64 },
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
}

/// Where in a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Positive,
    Negative,
    Custom,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive side",
            Self::Negative => "negative side",
            Self::Custom => "custom buckets",
        })
    }
}

/// Whether spans, counts and bounds fit together and no count is negative. That the count is no less than the buckets'
/// is not looked at: it may be off by rounding.
///
/// # Errors
/// In Prometheus' words.
pub fn validate(histogram: &Histogram) -> Result<(), Invalid> {
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        custom(histogram)?;
    } else if (SCHEMA_MIN..=SCHEMA_MAX).contains(&histogram.schema) {
        exponential(histogram)?;
    } else {
        return Err(Invalid::Schema(histogram.schema));
    }
    if histogram.count < 0.0 {
        return Err(Invalid::NegativeCount(histogram.count));
    }
    counts(Side::Positive, &histogram.positive)
}

fn exponential(histogram: &Histogram) -> Result<(), Invalid> {
    spans(Side::Positive, &histogram.positive)?;
    spans(Side::Negative, &histogram.negative)?;
    counts(Side::Negative, &histogram.negative)?;
    if histogram.zero_count < 0.0 {
        return Err(Invalid::NegativeZeroBucket(histogram.zero_count));
    }
    if !histogram.custom_bounds.is_empty() {
        return Err(Invalid::ExponentialWithBounds);
    }
    Ok(())
}

fn custom(histogram: &Histogram) -> Result<(), Invalid> {
    let bounds = &histogram.custom_bounds;
    if bounds.iter().any(|bound| bound.is_nan()) {
        return Err(Invalid::NanBound);
    }
    if let Some(pair) = bounds.windows(2).find(|pair| pair[1] <= pair[0]) {
        return Err(Invalid::BoundOrder { previous: pair[0], current: pair[1] });
    }
    if bounds.last() == Some(&f64::INFINITY) {
        return Err(Invalid::InfiniteBound);
    }
    spans(Side::Custom, &histogram.positive)?;
    // No offset is negative.
    let reach = |span: &BucketSpan| u64::from(span.length) + u64::from(span.offset.unsigned_abs());
    let needed: u64 = histogram.positive.spans.iter().map(reach).sum();
    if needed > bounds.len() as u64 + 1 {
        return Err(Invalid::TooFewBounds { given: bounds.len(), needed });
    }
    if histogram.zero_count != 0.0 {
        return Err(Invalid::CustomZeroCount);
    }
    if histogram.zero_threshold != 0.0 {
        return Err(Invalid::CustomZeroThreshold);
    }
    if !histogram.negative.spans.is_empty() {
        return Err(Invalid::CustomNegativeSpans);
    }
    if !histogram.negative.counts.is_empty() {
        return Err(Invalid::CustomNegativeBuckets);
    }
    Ok(())
}

fn spans(side: Side, buckets: &Buckets) -> Result<(), Invalid> {
    let first = usize::from(side != Side::Custom);
    if let Some((at, span)) = buckets.spans.iter().enumerate().skip(first).find(|(_, span)| span.offset < 0) {
        return Err(Invalid::SpanOffset { side, at: at + 1, offset: span.offset });
    }
    let needed = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
    let given = buckets.counts.len();
    if needed != given as u64 {
        return Err(Invalid::SpanLength { side, needed, given });
    }
    Ok(())
}

fn counts(side: Side, buckets: &Buckets) -> Result<(), Invalid> {
    match buckets.counts.iter().enumerate().find(|(_, count)| **count < 0.0) {
        Some((at, &count)) => Err(Invalid::NegativeBucket { side, at: at + 1, count }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(schema: i32) -> Histogram {
        let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![1.0, 2.0] };
        let custom_bounds = if schema == CUSTOM_BUCKETS_SCHEMA { vec![1.0, 2.0] } else { Vec::new() };
        Histogram { schema, count: 3.0, positive, custom_bounds, ..Histogram::default() }
    }

    fn check(schema: i32, spoil: impl Fn(&mut Histogram), wanted: &str) {
        let mut histogram = sample(schema);
        assert_eq!(validate(&histogram), Ok(()));
        spoil(&mut histogram);
        assert_eq!(validate(&histogram).map_err(|error| error.to_string()), Err(wanted.into()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        check(
            0,
            |h| h.schema = 9,
            "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for \
             custom buckets, got schema 9",
        );
        check(
            8,
            |h| h.positive.counts.push(1.0),
            "positive side: spans need 2 buckets, have 3 buckets: histogram spans specify different number of buckets \
             than provided",
        );
        check(
            -4,
            |h| h.positive.spans.push(BucketSpan { offset: -1, length: 0 }),
            "positive side: span number 2 with offset -1: histogram has a span whose offset is negative",
        );
        check(
            0,
            |h| h.positive.counts[1] = -2.5,
            "positive side: bucket number 2 has observation count of -2.5: histogram has a bucket whose observation \
             count is negative",
        );
        check(
            0,
            |h| h.zero_count = -1.0,
            "zero bucket has observation count of -1: histogram has a bucket whose observation count is negative",
        );
        check(0, |h| h.count = -1.0, "observation count is  -1: histogram's observation count is negative");
        check(0, |h| h.custom_bounds.push(1.0), "histogram with exponential schema must not have custom bounds");
    }

    #[test]
    fn what_is_wrong_with_custom_bounds_is_told() {
        let check = |spoil: fn(&mut Histogram), wanted: &str| check(CUSTOM_BUCKETS_SCHEMA, spoil, wanted);
        check(
            |h| h.custom_bounds[1] = 1.0,
            "custom buckets: previous bound is 1.000000 and current is 1.000000: histogram custom bounds must be in \
             strictly increasing order",
        );
        check(|h| h.custom_bounds[0] = f64::NAN, "custom buckets: histogram custom bounds must not be NaN");
        check(
            |h| h.custom_bounds.push(f64::INFINITY),
            "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite",
        );
        check(
            |h| h.positive.spans[0].offset = 2,
            "custom buckets: only 2 custom bounds defined which is insufficient to cover total span length of 4: \
             histogram custom bounds are too few",
        );
        check(|h| h.zero_count = 1.0, "custom buckets: must have zero count of 0");
        check(|h| h.zero_threshold = 1.0, "custom buckets: must have zero threshold of 0");
        check(|h| h.negative.spans.push(BucketSpan::default()), "custom buckets: must not have negative spans");
        check(|h| h.negative.counts.push(1.0), "custom buckets: must not have negative buckets");
    }
}
