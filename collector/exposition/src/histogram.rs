//! Native histograms as they are sent, and the rules that they have to keep.
//!
//! Source of rules and texts: `model/histogram/{generic,histogram,float_histogram}.go` of Prometheus 3.

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram};

use crate::number::canonical;

/// The finest schema that is stored; finer ones are reduced to it.
const SCHEMA_MAX: i32 = 8;
const SCHEMA_MIN: i32 = -4;
/// Schemas beyond the stored ones that are known to be of the same kind.
const RESERVED_SCHEMAS: std::ops::RangeInclusive<i32> = -9..=52;

/// What is wrong with a histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramProblem {
    #[error(
        "histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or -53 for custom \
         buckets, got schema {0}"
    )]
    UnknownSchema(i64),
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom \
         buckets, got schema {0}"
    )]
    InvalidSchema(i32),
    #[error(
        "{side}spans need {need} buckets, have {have} buckets: histogram spans specify different number of buckets \
             than provided"
    )]
    SpansBucketsMismatch { side: &'static str, need: u64, have: usize },
    #[error("{side}span number {number} with offset {offset}: histogram has a span whose offset is negative")]
    NegativeOffset { side: &'static str, number: usize, offset: i32 },
    #[error("{side}span number {number} goes beyond the buckets that can be numbered")]
    IndexOverflow { side: &'static str, number: usize },
    #[error(
        "{side}bucket number {number} has observation count of {count}: histogram has a bucket whose observation \
             count is negative"
    )]
    NegativeBucket { side: &'static str, number: usize, count: String },
    #[error("zero bucket has observation count of {0}: histogram has a bucket whose observation count is negative")]
    NegativeZeroBucket(String),
    #[error("observation count is {0}: histogram's observation count is negative")]
    NegativeCount(String),
    #[error(
        "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation count \
             should be at least the number of observations found in the buckets"
    )]
    CountNotBigEnough { buckets: u128, count: u64 },
    #[error(
        "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation count \
             should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch { buckets: u128, count: u64 },
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    CustomBoundNaN,
    #[error(
        "custom buckets: previous bound is {previous} and current is {current}: histogram custom bounds must be in \
             strictly increasing order"
    )]
    CustomBoundsOrder { previous: String, current: String },
    #[error("custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite")]
    CustomBoundInfinite,
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of \
             {length}: histogram custom bounds are too few"
    )]
    CustomBoundsTooFew { bounds: usize, length: u64 },
    #[error("histogram with exponential schema must not have custom bounds")]
    CustomBoundsOfExponential,
}

/// Buckets of one sign as they are sent: deltas of integers, or counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BucketParts {
    pub spans: Vec<BucketSpan>,
    /// Each count less the one before it.
    pub deltas: Vec<i64>,
    pub counts: Vec<f64>,
}

/// A native histogram as it is sent. Of both kinds of counts the one that `is_float` says counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramParts {
    pub counter_reset: CounterReset,
    /// Not yet known to be of `i32`.
    pub schema: i64,
    pub is_float: bool,
    pub count: u64,
    pub count_float: f64,
    pub sum: f64,
    pub zero_threshold: f64,
    pub zero_count: u64,
    pub zero_count_float: f64,
    pub positive: BucketParts,
    pub negative: BucketParts,
    pub custom_bounds: Vec<f64>,
}

impl HistogramParts {
    /// The histogram, if it keeps the rules; a finer schema than 8 is reduced to 8.
    pub fn finish(self) -> Result<Histogram, HistogramProblem> {
        let schema = i32::try_from(self.schema).map_err(|_| HistogramProblem::UnknownSchema(self.schema))?;
        let is_custom = schema == CUSTOM_BUCKETS_SCHEMA;
        if !is_custom && !RESERVED_SCHEMAS.contains(&schema) {
            return Err(HistogramProblem::UnknownSchema(self.schema));
        }
        if !is_custom && schema < SCHEMA_MIN {
            return Err(HistogramProblem::InvalidSchema(schema));
        }
        if is_custom {
            self.check_custom()?;
        } else if !self.custom_bounds.is_empty() {
            return Err(HistogramProblem::CustomBoundsOfExponential);
        }
        let [negative_side, positive_side] =
            if is_custom { ["", "custom buckets: "] } else { ["negative side: ", "positive side: "] };
        let mut in_buckets = u128::from(self.zero_count);
        let negative = buckets(self.negative, negative_side, self.is_float, &mut in_buckets)?;
        let positive = buckets(self.positive, positive_side, self.is_float, &mut in_buckets)?;
        let (count, zero_count) = if self.is_float {
            if self.zero_count_float < 0.0 {
                return Err(HistogramProblem::NegativeZeroBucket(canonical(self.zero_count_float)));
            }
            if self.count_float < 0.0 {
                return Err(HistogramProblem::NegativeCount(canonical(self.count_float)));
            }
            (self.count_float, self.zero_count_float)
        } else {
            if in_buckets > u128::from(self.count) {
                return Err(HistogramProblem::CountNotBigEnough { buckets: in_buckets, count: self.count });
            }
            // Observations of NaN are in no bucket.
            if !self.sum.is_nan() && in_buckets != u128::from(self.count) {
                return Err(HistogramProblem::CountMismatch { buckets: in_buckets, count: self.count });
            }
            (self.count as f64, self.zero_count as f64)
        };
        let histogram = Histogram {
            counter_reset: self.counter_reset,
            schema,
            zero_threshold: self.zero_threshold,
            zero_count,
            count,
            sum: self.sum,
            positive,
            negative,
            custom_bounds: self.custom_bounds,
        };
        Ok(if !is_custom && schema > SCHEMA_MAX { reduce(histogram) } else { histogram })
    }

    fn check_custom(&self) -> Result<(), HistogramProblem> {
        let mut previous = f64::NEG_INFINITY;
        for &current in &self.custom_bounds {
            if current.is_nan() {
                return Err(HistogramProblem::CustomBoundNaN);
            }
            if current <= previous {
                let (previous, current) = (canonical(previous), canonical(current));
                return Err(HistogramProblem::CustomBoundsOrder { previous, current });
            }
            previous = current;
        }
        if previous == f64::INFINITY {
            return Err(HistogramProblem::CustomBoundInfinite);
        }
        if let Some(span) = self.positive.spans.first().filter(|span| span.offset < 0) {
            let side = "custom buckets: ";
            return Err(HistogramProblem::NegativeOffset { side, number: 1, offset: span.offset });
        }
        let length = |span: &BucketSpan| u64::from(span.length) + u64::try_from(span.offset).unwrap_or(0);
        let length: u64 = self.positive.spans.iter().map(length).sum();
        if self.custom_bounds.len() as u64 + 1 < length {
            return Err(HistogramProblem::CustomBoundsTooFew { bounds: self.custom_bounds.len(), length });
        }
        if self.zero_count != 0 || self.zero_count_float != 0.0 {
            return Err(HistogramProblem::CustomZeroCount);
        }
        if self.zero_threshold != 0.0 {
            return Err(HistogramProblem::CustomZeroThreshold);
        }
        if !self.negative.spans.is_empty() {
            return Err(HistogramProblem::CustomNegativeSpans);
        }
        if !self.negative.deltas.is_empty() || !self.negative.counts.is_empty() {
            return Err(HistogramProblem::CustomNegativeBuckets);
        }
        Ok(())
    }
}

fn buckets(
    parts: BucketParts,
    side: &'static str,
    is_float: bool,
    in_buckets: &mut u128,
) -> Result<Buckets, HistogramProblem> {
    let have = if is_float { parts.counts.len() } else { parts.deltas.len() };
    check_spans(&parts.spans, have, side)?;
    let negative = |at: usize, count: String| HistogramProblem::NegativeBucket { side, number: at + 1, count };
    if is_float {
        if let Some((at, &count)) = parts.counts.iter().enumerate().find(|(_, count)| **count < 0.0) {
            return Err(negative(at, canonical(count)));
        }
        return Ok(Buckets { spans: parts.spans, counts: parts.counts });
    }
    let mut counts = Vec::with_capacity(have);
    let mut count = 0_i64;
    for (at, delta) in parts.deltas.iter().enumerate() {
        count = count.wrapping_add(*delta);
        let Ok(unsigned) = u64::try_from(count) else { return Err(negative(at, count.to_string())) };
        *in_buckets += u128::from(unsigned);
        counts.push(count as f64);
    }
    Ok(Buckets { spans: parts.spans, counts })
}

fn check_spans(spans: &[BucketSpan], have: usize, side: &'static str) -> Result<(), HistogramProblem> {
    let mut need = 0_u64;
    let mut end = 0_i64;
    for (at, span) in spans.iter().enumerate() {
        let number = at + 1;
        if at > 0 && span.offset < 0 {
            return Err(HistogramProblem::NegativeOffset { side, number, offset: span.offset });
        }
        need += u64::from(span.length);
        end = end.saturating_add(i64::from(span.offset)).saturating_add(i64::from(span.length));
        if end > i64::from(i32::MAX) {
            return Err(HistogramProblem::IndexOverflow { side, number });
        }
    }
    if need == have as u64 {
        return Ok(());
    }
    Err(HistogramProblem::SpansBucketsMismatch { side, need, have })
}

/// The histogram with the finest schema that is stored.
fn reduce(mut histogram: Histogram) -> Histogram {
    let shift = histogram.schema - SCHEMA_MAX;
    for side in [&mut histogram.positive, &mut histogram.negative] {
        let mut merged: Vec<(i32, f64)> = Vec::with_capacity(side.counts.len());
        for (index, count) in numbered(side) {
            let index = coarser(index, shift);
            match merged.last_mut() {
                Some(last) if last.0 == index => last.1 += count,
                _ => merged.push((index, count)),
            }
        }
        *side = spanned(merged.into_iter());
    }
    histogram.schema = SCHEMA_MAX;
    histogram
}

/// The number of the bucket that takes the one with `index`, where the schema gets smaller by `shift`.
fn coarser(index: i32, shift: i32) -> i32 {
    let shifted = (i64::from(index) - 1) >> shift.min(62);
    // Shifting right cannot leave the range of i32.
    (shifted + 1) as i32
}

/// Leaves empty buckets out.
pub(crate) fn compact(histogram: &mut Histogram) {
    for side in [&mut histogram.positive, &mut histogram.negative] {
        let is_compact = side.counts.iter().all(|count| *count != 0.0)
            && side.spans.iter().enumerate().all(|(at, span)| span.length > 0 && (at == 0 || span.offset > 0));
        if !is_compact {
            let filled: Vec<_> = numbered(side).filter(|(_, count)| *count != 0.0).collect();
            *side = spanned(filled.into_iter());
        }
    }
}

/// The buckets with their numbers; the spans are checked already.
fn numbered(side: &Buckets) -> impl Iterator<Item = (i32, f64)> + '_ {
    let mut counts = side.counts.iter().copied();
    let mut next = 0_i32;
    side.spans.iter().flat_map(move |span| {
        let first = next.saturating_add(span.offset);
        next = first.saturating_add(span.length as i32);
        counts
            .by_ref()
            .take(span.length as usize)
            .enumerate()
            .map(|(at, count)| (first + at as i32, count))
            .collect::<Vec<_>>()
    })
}

/// Buckets of ascending numbers as spans.
fn spanned(buckets: impl Iterator<Item = (i32, f64)>) -> Buckets {
    let mut out = Buckets::default();
    let mut next = 0_i32;
    for (index, count) in buckets {
        match out.spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => out.spans.push(BucketSpan { offset: index.saturating_sub(next), length: 1 }),
        }
        next = index.saturating_add(1);
        out.counts.push(count);
    }
    out
}
