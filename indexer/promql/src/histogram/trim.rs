//! Histograms cut off at a value (`</` and `>/`).

use orszem_model::Histogram;

use super::buckets::{Bucket, compact, has_custom_bounds, negative_buckets, positive_buckets, zero_bucket};

/// `histogram </ bound`: keeps what is below. Count and sum are estimated anew from the buckets where any is cut.
pub fn trim_upper(histogram: &Histogram, bound: f64) -> Histogram {
    trim(histogram, Cut { bound, keeps_below: true })
}

/// `histogram >/ bound`: keeps what is above.
pub fn trim_lower(histogram: &Histogram, bound: f64) -> Histogram {
    trim(histogram, Cut { bound, keeps_below: false })
}

#[derive(Clone, Copy)]
struct Cut {
    bound: f64,
    keeps_below: bool,
}

/// What is left of a bucket.
#[derive(Clone, Copy, Default)]
struct Rest {
    count: f64,
    /// A value in the middle of it.
    middle: f64,
}

fn trim(histogram: &Histogram, cut: Cut) -> Histogram {
    let mut trimmed = histogram.clone();
    let is_linear = has_custom_bounds(histogram);
    let (mut count, mut sum, mut is_cut) = (0.0, 0.0, false);
    let mut has = [false, false];
    let sides = [
        (positive_buckets(histogram).collect::<Vec<_>>(), &mut trimmed.positive.counts),
        (negative_buckets(histogram).collect::<Vec<_>>(), &mut trimmed.negative.counts),
    ];
    for ((side, (buckets, counts)), has) in sides.into_iter().enumerate().zip(&mut has) {
        for (bucket, kept) in buckets.iter().zip(counts).filter(|pair| pair.0.count != 0.0) {
            *has = true;
            let rest = cut.bucket(bucket, side == 0, is_linear);
            is_cut |= rest.count != *kept;
            *kept = rest.count;
            count += rest.count;
            sum += rest.middle * rest.count;
        }
    }
    if histogram.zero_count > 0.0 {
        let mut zero = zero_bucket(histogram);
        match has {
            [true, false] => zero.lower = 0.0,
            [false, true] => zero.upper = 0.0,
            [true, true] | [false, false] => {}
        }
        let rest = cut.zero_bucket(&zero);
        is_cut |= rest.count != histogram.zero_count;
        trimmed.zero_count = rest.count;
        count += rest.count;
        sum += rest.middle * rest.count;
    }
    if is_cut {
        trimmed.count = count;
        trimmed.sum = sum;
        compact(&mut trimmed, 0);
    }
    trimmed
}

impl Cut {
    fn bucket(self, bucket: &Bucket, is_positive: bool, is_linear: bool) -> Rest {
        let (lower, upper) = (bucket.lower, bucket.upper);
        let is_kept = if self.keeps_below { upper <= self.bound } else { lower >= self.bound };
        let is_dropped = if self.keeps_below { lower >= self.bound } else { upper <= self.bound };
        if is_kept {
            return Rest { count: bucket.count, middle: middle(lower, upper, is_positive, is_linear) };
        }
        if is_dropped || self.bound.is_nan() {
            return Rest::default();
        }
        if lower == f64::NEG_INFINITY || upper == f64::INFINITY {
            return self.endless(bucket);
        }
        let below = bucket.count * share_below(self.bound, bucket, is_positive, is_linear);
        if self.keeps_below {
            Rest { count: below, middle: middle(lower, self.bound, is_positive, is_linear) }
        } else {
            Rest { count: bucket.count - below, middle: middle(self.bound, upper, is_positive, is_linear) }
        }
    }

    /// Of a bucket without an end, where nobody knows how observations are distributed.
    fn endless(self, bucket: &Bucket) -> Rest {
        let (lower, upper, bound) = (bucket.lower, bucket.upper, self.bound);
        if lower == f64::NEG_INFINITY {
            // Up to a positive bound, custom buckets are taken to start at 0.
            let starts_at_zero = upper > 0.0 && upper != f64::INFINITY;
            return match self.keeps_below {
                true if bound > 0.0 && starts_at_zero => {
                    Rest { count: bucket.count * bound / upper, middle: bound / 2.0 }
                }
                true if upper <= 0.0 => Rest { count: bucket.count, middle: bound },
                false if bound >= 0.0 && starts_at_zero => {
                    Rest { count: bucket.count * (1.0 - bound / upper), middle: (bound + upper) / 2.0 }
                }
                true | false => Rest::default(),
            };
        }
        if self.keeps_below { Rest::default() } else { Rest { count: bucket.count, middle: bound } }
    }

    fn zero_bucket(self, bucket: &Bucket) -> Rest {
        let (lower, upper, bound) = (bucket.lower, bucket.upper, self.bound);
        let all = Rest { count: bucket.count, middle: (lower + upper) / 2.0 };
        let part = |from: f64, to: f64| Rest {
            count: bucket.count * ((to - from) / (upper - lower)),
            middle: (from + to) / 2.0,
        };
        if self.keeps_below {
            if bound <= lower {
                Rest::default()
            } else if bound >= upper {
                all
            } else {
                part(lower, bound)
            }
        } else if bound <= lower {
            all
        } else if bound >= upper {
            Rest::default()
        } else {
            part(bound, upper)
        }
    }
}

/// The share of a bucket's observations that are below a value within it.
fn share_below(value: f64, bucket: &Bucket, is_positive: bool, is_linear: bool) -> f64 {
    if is_linear {
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let [lower, upper, value] = [bucket.lower, bucket.upper, value].map(|bound| bound.abs().log2());
    if is_positive { (value - lower) / (upper - lower) } else { 1.0 - (value - upper) / (lower - upper) }
}

/// The middle of an interval: the geometric mean of exponential buckets.
fn middle(lower: f64, upper: f64, is_positive: bool, is_linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if is_linear => (lower + upper) / 2.0,
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if is_positive { mean } else { -mean }
        }
    }
}

#[cfg(test)]
mod tests {
    use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
    use orszem_model::{BucketSpan, Buckets};

    use super::*;

    fn buckets(offset: i32, counts: &[f64]) -> Buckets {
        Buckets { spans: vec![BucketSpan { offset, length: counts.len() as u32 }], counts: counts.to_vec() }
    }

    #[test]
    fn a_cut_bucket_is_shared_over_the_logarithm() {
        let histogram = Histogram { count: 6.0, sum: 99.0, positive: buckets(1, &[2.0, 4.0]), ..Histogram::default() };
        let below = trim_upper(&histogram, 8.0_f64.sqrt());
        assert!((below.count - 4.0).abs() < 1e-12, "{below:?}");
        assert!((below.sum - 2.0 * (2.0_f64.sqrt() + 32.0_f64.sqrt().sqrt())).abs() < 1e-12, "{below:?}");
        let above = trim_lower(&histogram, 2.0);
        assert_eq!((above.count, above.positive), (4.0, buckets(2, &[4.0])));
        assert_eq!(trim_upper(&histogram, 4.0), histogram);
        assert_eq!(trim_lower(&histogram, 4.0), Histogram::default());
    }

    #[test]
    fn the_zero_bucket_is_cut_evenly() {
        let histogram = Histogram { zero_threshold: 0.5, zero_count: 4.0, count: 4.0, ..Histogram::default() };
        let part = |zero_count, sum| Histogram { zero_count, count: zero_count, sum, ..histogram.clone() };
        assert_eq!(trim_upper(&histogram, 0.25), part(3.0, -0.375));
        assert_eq!(trim_lower(&histogram, 0.0), part(2.0, 0.5));
        assert_eq!(trim_lower(&histogram, 0.5), part(0.0, 0.0));
    }

    #[test]
    fn the_first_custom_bucket_starts_at_zero() {
        let of = |counts: &[f64], count, sum| Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum,
            positive: buckets(0, counts),
            custom_bounds: vec![10.0, 20.0],
            ..Histogram::default()
        };
        let histogram = of(&[4.0, 2.0, 3.0], 9.0, 100.0);
        assert_eq!(trim_upper(&histogram, 5.0), of(&[2.0], 2.0, 5.0));
        assert_eq!(trim_upper(&histogram, 15.0), of(&[4.0, 1.0], 5.0, 32.5));
        assert_eq!(trim_lower(&histogram, 5.0), of(&[2.0, 2.0, 3.0], 7.0, 105.0));
    }
}
