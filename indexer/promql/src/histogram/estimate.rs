//! What native histograms tell of their observations: mean, variance, quantiles, fractions (`promql/quantile.go`).

use std::cmp::Ordering;

use orszem_model::Histogram;
use orszem_vector::kahan::Sum;

use super::buckets::{Bucket, all_buckets, has_custom_bounds};

/// The mean, NaN when there are no observations.
pub fn avg(histogram: &Histogram) -> f64 {
    histogram.sum / histogram.count
}

/// The standard deviation, see [`stdvar`].
pub fn stddev(histogram: &Histogram) -> f64 {
    stdvar(histogram).sqrt()
}

/// The variance, as if observations were in the middle of their buckets: the geometric one of exponential buckets.
pub fn stdvar(histogram: &Histogram) -> f64 {
    let mean = avg(histogram);
    let mut variance = Sum::default();
    for bucket in all_buckets(histogram).iter().filter(|bucket| bucket.count != 0.0) {
        let middle = if has_custom_bounds(histogram) {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let distance = middle - mean;
        variance.add(bucket.count * distance * distance);
    }
    variance.value() / histogram.count
}

/// What NaN observations do to a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanEffect {
    /// It is NaN.
    Result,
    /// It is higher than that of the numbers.
    Skew,
}

/// The `q`-quantile: -Inf and +Inf beyond 0 and 1, NaN when there are no observations.
///
/// Within a bucket observations are taken to be distributed evenly over the logarithm, over the values with custom
/// bounds and in the zero bucket.
pub fn quantile(q: f64, histogram: &Histogram) -> (f64, Option<NanEffect>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    // NaN observations count, but are in no bucket: ranks hold from below alone.
    let is_ascending = histogram.sum.is_nan() || q < 0.5;
    let mut buckets = all_buckets(histogram);
    if !is_ascending {
        buckets.reverse();
    }
    let mut rank = if is_ascending { q * histogram.count } else { (1.0 - q) * histogram.count };
    let mut count = 0.0;
    let mut rest = buckets.iter();
    let mut bucket = Bucket { lower: 0.0, upper: 0.0, includes_lower: false, includes_upper: false, count: 0.0 };
    for next in rest.by_ref() {
        bucket = *next;
        count += bucket.count;
        if bucket.count != 0.0 && count >= rank {
            break;
        }
    }
    if !has_custom_bounds(histogram) {
        let is_zero_bucket = bucket.lower < 0.0 && bucket.upper > 0.0;
        one_sided(&mut bucket, histogram, is_zero_bucket);
    } else if bucket.lower == f64::NEG_INFINITY {
        if bucket.upper <= 0.0 {
            return (bucket.upper, None);
        }
        bucket.lower = 0.0;
    } else if bucket.upper == f64::INFINITY {
        return (bucket.lower, None);
    }
    count = count.min(histogram.count);
    if count < rank {
        // In no bucket. It is a NaN observation, or counts are not precise.
        return if histogram.sum.is_nan() { (f64::NAN, Some(NanEffect::Result)) } else { (bucket.upper, None) };
    }
    rank = if is_ascending { rank - (count - bucket.count) } else { count - rank };
    let in_buckets = rest.fold(count, |count, bucket| count + bucket.count);
    let skew = (histogram.sum.is_nan() && in_buckets < histogram.count).then_some(NanEffect::Skew);
    let fraction = rank / bucket.count;
    let value = if has_custom_bounds(histogram) || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        bucket.lower + (bucket.upper - bucket.lower) * fraction
    } else {
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            (lower + (upper - lower) * fraction).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - fraction)).exp2()
        }
    };
    (value, skew)
}

/// The zero bucket of a histogram with buckets of one sign starts or ends at 0.
fn one_sided(bucket: &mut Bucket, histogram: &Histogram, is_zero_bucket: bool) {
    if !is_zero_bucket {
        return;
    }
    match (histogram.negative.counts.is_empty(), histogram.positive.counts.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        (true, true) | (false, false) => {}
    }
}

/// The fraction of observations between `lower` and `upper`, and whether there are NaN observations, which are in no
/// fraction. NaN when there are no observations, or for NaN bounds.
pub fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> (f64, bool) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let buckets = all_buckets(histogram);
    let (mut below_lower, mut below_upper) = (None, None);
    let mut rank = 0.0;
    for mut bucket in buckets.iter().copied() {
        let is_zero_bucket = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        one_sided(&mut bucket, histogram, is_zero_bucket);
        let is_linear = has_custom_bounds(histogram) || is_zero_bucket;
        for (value, below) in [(lower, &mut below_lower), (upper, &mut below_upper)] {
            if below.is_none() && bucket.lower >= value {
                *below = Some(rank);
            } else if below.is_none() && bucket.upper > value {
                *below = Some(rank_within(value, rank, &bucket, is_linear));
            }
        }
        if below_lower.is_some() && below_upper.is_some() {
            break;
        }
        rank += bucket.count;
    }
    let (mut count, mut has_nan) = (histogram.count, false);
    if histogram.sum.is_nan() {
        count = buckets.iter().map(|bucket| bucket.count).sum();
        has_nan = count < histogram.count;
    }
    let is_within = |rank: &f64| rank.partial_cmp(&count) != Some(Ordering::Greater);
    let capped = |rank: Option<f64>| rank.filter(is_within).unwrap_or(count);
    ((capped(below_upper) - capped(below_lower)) / histogram.count, has_nan)
}

/// How many observations are below `value`, with `rank` below its bucket.
fn rank_within(value: f64, rank: f64, bucket: &Bucket, is_linear: bool) -> f64 {
    if is_linear {
        if bucket.lower == f64::NEG_INFINITY {
            return bucket.count;
        }
        return rank + bucket.count * (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let [lower, upper, value_log] = [bucket.lower, bucket.upper, value].map(|bound| bound.abs().log2());
    let fraction =
        if value > 0.0 { (value_log - lower) / (upper - lower) } else { 1.0 - (value_log - upper) / (lower - upper) };
    rank + bucket.count * fraction
}

#[cfg(test)]
mod tests {
    use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
    use orszem_model::{BucketSpan, Buckets};

    use super::*;

    fn buckets(offset: i32, counts: &[f64]) -> Buckets {
        Buckets { spans: vec![BucketSpan { offset, length: counts.len() as u32 }], counts: counts.to_vec() }
    }

    /// 4 in (1, 2], 4 in (4, 8], 4 in [-2, -1).
    fn both_sides() -> Histogram {
        Histogram {
            count: 12.0,
            sum: 24.0,
            positive: buckets(1, &[4.0, 0.0, 4.0]),
            negative: buckets(1, &[4.0]),
            ..Histogram::default()
        }
    }

    fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
        Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: counts.iter().sum(),
            positive: buckets(0, counts),
            custom_bounds: bounds.to_vec(),
            ..Histogram::default()
        }
    }

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12 || got == wanted || (got.is_nan() && wanted.is_nan()), "{got} {wanted}");
    }

    #[test]
    fn quantiles_are_even_over_the_logarithm() {
        let of = |q| quantile(q, &both_sides());
        for (q, wanted) in [
            (0.0, -2.0),
            (1.0 / 6.0, -2.0_f64.sqrt()),
            (0.5, 2.0_f64.sqrt()),
            (5.0 / 6.0, 32.0_f64.sqrt()),
            (1.0, 8.0),
            (1.1, f64::INFINITY),
            (-0.1, f64::NEG_INFINITY),
            (f64::NAN, f64::NAN),
        ] {
            close(of(q).0, wanted);
        }
        close(quantile(0.5, &Histogram::default()).0, f64::NAN);
    }

    #[test]
    fn nan_observations_are_above_all_buckets() {
        let histogram = Histogram { count: 16.0, sum: f64::NAN, ..both_sides() };
        let (value, effect) = quantile(0.375, &histogram);
        close(value, 2.0_f64.sqrt());
        assert_eq!(effect, Some(NanEffect::Skew));
        assert_eq!(
            (quantile(0.9, &histogram).0.is_nan(), quantile(0.9, &histogram).1),
            (true, Some(NanEffect::Result))
        );
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, &histogram), (0.75, true));
    }

    #[test]
    fn custom_bounds_are_interpolated_like_classic_ones() {
        let histogram = custom(&[10.0, 20.0], &[4.0, 4.0, 2.0]);
        assert_eq!([0.2, 0.6, 0.95].map(|q| quantile(q, &histogram).0), [5.0, 15.0, 20.0]);
        assert_eq!(quantile(0.1, &custom(&[-5.0], &[4.0, 1.0])).0, -5.0);
        assert_eq!(fraction(0.0, 15.0, &histogram), (0.6, false));
    }

    #[test]
    fn fractions_are_the_inverse_of_quantiles() {
        let histogram = Histogram { zero_threshold: 0.5, zero_count: 4.0, count: 16.0, ..both_sides() };
        for q in [0.1, 0.3, 0.4, 0.6, 0.8, 0.95] {
            close(fraction(f64::NEG_INFINITY, quantile(q, &histogram).0, &histogram).0, q);
        }
        assert_eq!(fraction(2.0, 2.0, &histogram), (0.0, false));
        assert!(fraction(f64::NAN, 2.0, &histogram).0.is_nan());
    }

    #[test]
    fn a_zero_bucket_beside_positive_ones_starts_at_zero() {
        let histogram = Histogram {
            zero_threshold: 0.5,
            zero_count: 4.0,
            count: 8.0,
            positive: buckets(1, &[4.0]),
            ..Histogram::default()
        };
        assert_eq!(quantile(0.25, &histogram), (0.25, None));
        assert_eq!(fraction(0.0, 0.25, &histogram), (0.25, false));
    }

    #[test]
    fn the_variance_is_that_of_the_middles() {
        assert_eq!(avg(&both_sides()), 2.0);
        let middles = [2.0_f64.sqrt(), 32.0_f64.sqrt(), -2.0_f64.sqrt()];
        close(stdvar(&both_sides()), middles.iter().map(|middle| (middle - 2.0).powi(2)).sum::<f64>() / 3.0);
        close(stddev(&custom(&[10.0, 20.0], &[0.0, 4.0, 0.0])), 15.0);
        assert!(stdvar(&Histogram::default()).is_nan());
    }
}
