//! Histograms as text, and as the HTTP API shows them.

use std::fmt::Write;

use orszem_model::Histogram;

use super::buckets::{Bucket, all_buckets, negative_buckets, positive_buckets, zero_bucket};

/// `{count:3, sum:4.5, [-0.5,0.5]:2, (0.5,1]:1}`: the buckets that are not empty, ascending.
pub fn text(histogram: &Histogram) -> String {
    let mut negative: Vec<Bucket> = negative_buckets(histogram).collect();
    negative.reverse();
    let buckets = negative.into_iter().chain([zero_bucket(histogram)]).chain(positive_buckets(histogram));
    let mut out = format!("{{count:{}, sum:{}", number(histogram.count), number(histogram.sum));
    for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.includes_lower { '[' } else { '(' };
        let close = if bucket.includes_upper { ']' } else { ')' };
        let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(number);
        // Writing to a string does not fail.
        write!(out, ", {open}{lower},{upper}{close}:{count}").unwrap_or(());
    }
    out.push('}');
    out
}

/// A bucket as the HTTP API shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApiBucket {
    /// 0: `(lower, upper]`, 1: `[lower, upper)`, 2: open on both sides, 3: closed on both.
    pub rule: u8,
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

/// The buckets that are not empty, ascending.
pub fn api_buckets(histogram: &Histogram) -> Vec<ApiBucket> {
    let shown = |bucket: Bucket| ApiBucket {
        rule: match (bucket.includes_lower, bucket.includes_upper) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        },
        lower: bucket.lower,
        upper: bucket.upper,
        count: bucket.count,
    };
    let mut buckets = all_buckets(histogram);
    // Arithmetic may leave less than nothing in it, or no number.
    if histogram.zero_count < 0.0 || histogram.zero_count.is_nan() {
        buckets.insert(negative_buckets(histogram).count(), zero_bucket(histogram));
    }
    buckets.into_iter().filter(|bucket| bucket.count != 0.0).map(shown).collect()
}

/// The first exponent that is written.
const EXPONENT_MAX: i32 = 6;

/// A number in as few digits as tell it from others, with an exponent from 1e+06 on and below 1e-04 (Go's `%g`).
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) if !(-4..EXPONENT_MAX).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
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

    fn sample() -> Histogram {
        Histogram {
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 9.5,
            sum: -1e7,
            positive: buckets(0, &[1.0, 0.0, 2.5]),
            negative: buckets(0, &[3.0, 1.0]),
            ..Histogram::default()
        }
    }

    #[test]
    fn texts_leave_empty_buckets_out() {
        let wanted = "{count:9.5, sum:-1e+07, [-2,-1):1, [-1,-0.5):3, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:2.5}";
        assert_eq!(text(&sample()), wanted);
        assert_eq!(text(&Histogram::default()), "{count:0, sum:0}");
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            positive: buckets(0, &[1.0, 2.0]),
            custom_bounds: vec![5.0],
            ..Histogram::default()
        };
        assert_eq!(text(&custom), "{count:0, sum:0, [-Inf,5]:1, (5,+Inf]:2}");
    }

    #[test]
    fn the_api_tells_which_bounds_are_included() {
        let seen: Vec<_> = api_buckets(&sample()).iter().map(|b| (b.rule, b.lower, b.upper, b.count)).collect();
        let wanted = [
            (1, -2.0, -1.0, 1.0),
            (1, -1.0, -0.5, 3.0),
            (3, -0.001, 0.001, 2.0),
            (0, 0.5, 1.0, 1.0),
            (0, 2.0, 4.0, 2.5),
        ];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn numbers_are_short() {
        let of = [0.0, -0.0, 1.0, 0.1, 123_456.0, 1e6, 1.5e21, 0.0001, 0.000_012, f64::NEG_INFINITY, f64::NAN];
        let wanted = ["0", "-0", "1", "0.1", "123456", "1e+06", "1.5e+21", "0.0001", "1.2e-05", "-Inf", "NaN"];
        assert_eq!(of.map(number), wanted);
    }
}
