//! Classic histograms: cumulative counts below bounds (`promql/quantile.go`).

use std::cmp::Ordering;

use super::close::is_close;

/// A bucket of a classic histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassicBucket {
    /// The value of `le`.
    pub upper: f64,
    /// Observations up to `upper`.
    pub count: f64,
}

/// What was mended so that counts do not fall.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mended {
    /// By more than rounding explains.
    pub is_forced: bool,
    /// The lowest and the highest bound at which it was, for `is_forced`.
    pub lowest_bucket: f64,
    pub highest_bucket: f64,
    /// By how much a count had fallen at most.
    pub difference_max: f64,
}

/// How far, relatively, rounding may set counts apart.
const TOLERANCE: f64 = 1e-12;

/// The `q`-quantile: -Inf and +Inf beyond 0 and 1, NaN when there are no observations or no bucket for +Inf.
///
/// Takes buckets in any order; sorts, merges and mends them.
pub fn bucket_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Mended) {
    if q.is_nan() {
        return (f64::NAN, Mended::default());
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, Mended::default());
    }
    if q > 1.0 {
        return (f64::INFINITY, Mended::default());
    }
    if !sort(buckets) {
        return (f64::NAN, Mended::default());
    }
    let mended = mend(buckets);
    let [head @ .., last] = buckets.as_slice() else { return (f64::NAN, mended) };
    let Some(highest) = head.last() else { return (f64::NAN, mended) };
    if last.count == 0.0 {
        return (f64::NAN, mended);
    }
    let rank = q * last.count;
    let at = head.partition_point(|bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    let Some(bucket) = head.get(at) else { return (highest.upper, mended) };
    let value = match at.checked_sub(1).map(|before| head[before]) {
        None if bucket.upper <= 0.0 => bucket.upper,
        None => bucket.upper * (rank / bucket.count),
        Some(before) => {
            let fraction = (rank - before.count) / (bucket.count - before.count);
            before.upper + (bucket.upper - before.upper) * fraction
        }
    };
    (value, mended)
}

/// The fraction of observations between `lower` and `upper`; NaN when there are none, or no bucket for +Inf.
///
/// Takes buckets in any order; sorts and merges them.
pub fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !sort(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |bucket| bucket.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |value: f64| {
        let rank = rank_of(value, buckets);
        if rank > count { count } else { rank }
    };
    (below(upper) - below(lower)) / count
}

/// How many observations are below `value`.
fn rank_of(value: f64, buckets: &[ClassicBucket]) -> f64 {
    // With positive bounds alone there are no negative observations.
    let mut lower = if buckets.first().is_some_and(|first| first.upper <= 0.0) { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    for bucket in buckets {
        if lower >= value {
            return rank;
        }
        if bucket.upper > value {
            if lower == f64::NEG_INFINITY {
                return bucket.count;
            }
            return rank + (bucket.count - rank) * (value - lower) / (bucket.upper - lower);
        }
        rank = bucket.count;
        lower = bucket.upper;
    }
    f64::INFINITY
}

/// Sorts by bound and merges buckets of one bound; false when the last is not for +Inf.
fn sort(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        let is_same = next.upper == kept.upper;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    true
}

/// Lifts counts that are below those of lower bounds, and levels those that differ by rounding alone.
fn mend(buckets: &mut [ClassicBucket]) -> Mended {
    let mut mended = Mended { lowest_bucket: f64::INFINITY, highest_bucket: f64::NEG_INFINITY, ..Mended::default() };
    let Some((first, rest)) = buckets.split_first_mut() else { return mended };
    let mut before = first.count;
    for bucket in rest {
        if is_close(before, bucket.count, TOLERANCE) {
            bucket.count = before;
        } else if bucket.count < before {
            mended.is_forced = true;
            mended.lowest_bucket = mended.lowest_bucket.min(bucket.upper);
            mended.highest_bucket = mended.highest_bucket.max(bucket.upper);
            mended.difference_max = mended.difference_max.max(before - bucket.count);
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<ClassicBucket> {
        pairs.iter().map(|&(upper, count)| ClassicBucket { upper, count }).collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles_are_even_within_buckets() {
        let of = |q| bucket_quantile(q, &mut buckets(&[(INF, 10.0), (1.0, 4.0), (3.0, 8.0)])).0;
        assert_eq!([0.0, 0.2, 0.6, 0.9, -0.1, 1.1].map(of), [0.0, 0.5, 2.0, 3.0, -INF, INF]);
        assert!(of(f64::NAN).is_nan());
        assert_eq!(bucket_quantile(0.1, &mut buckets(&[(-1.0, 4.0), (INF, 8.0)])).0, -1.0);
        for none in [&[][..], &[(1.0, 4.0)], &[(INF, 4.0)], &[(1.0, 0.0), (INF, 0.0)]] {
            assert!(bucket_quantile(0.5, &mut buckets(none)).0.is_nan(), "{none:?}");
        }
    }

    #[test]
    fn counts_that_fall_are_lifted() {
        let mut fallen = buckets(&[(1.0, 4.0), (2.0, 3.0), (3.0, 8.0), (4.0, 6.0), (INF, 8.0)]);
        let (value, mended) = bucket_quantile(0.75, &mut fallen);
        assert_eq!(value, 2.5);
        let expected = Mended { is_forced: true, lowest_bucket: 2.0, highest_bucket: 4.0, difference_max: 2.0 };
        assert_eq!(mended, expected);
        let mut rounded = buckets(&[(1.0, 4.0), (2.0, 4.0 - 1e-13), (INF, 8.0)]);
        assert!(!bucket_quantile(0.75, &mut rounded).1.is_forced);
        assert_eq!(rounded[1].count, 4.0);
    }

    #[test]
    fn buckets_of_one_bound_are_merged() {
        let mut twice = buckets(&[(1.0, 2.0), (INF, 4.0), (1.0, 2.0), (INF, 4.0)]);
        assert_eq!(bucket_quantile(0.25, &mut twice).0, 0.5);
        assert_eq!(twice, buckets(&[(1.0, 4.0), (INF, 8.0)]));
    }

    #[test]
    fn fractions_are_even_within_buckets() {
        let of = |lower, upper| bucket_fraction(lower, upper, &mut buckets(&[(1.0, 4.0), (3.0, 8.0), (INF, 10.0)]));
        assert_eq!(of(0.5, 2.0), 0.4);
        assert_eq!(of(-INF, 3.0), 0.8);
        assert_eq!(of(-INF, INF), 1.0);
        assert_eq!(of(3.0, 1.0), 0.0);
        assert!(of(f64::NAN, 1.0).is_nan());
        assert!(bucket_fraction(0.0, 1.0, &mut buckets(&[(1.0, 4.0)])).is_nan());
    }
}
