//! The rules of native histograms.

use orszem_model::{BucketSpan, Buckets, Histogram};

use crate::histogram::{BucketParts, HistogramParts};

fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
    spans.iter().map(|&(offset, length)| BucketSpan { offset, length }).collect()
}

fn side(of: &[(i32, u32)], deltas: &[i64]) -> BucketParts {
    BucketParts { spans: spans(of), deltas: deltas.to_vec(), counts: Vec::new() }
}

fn integers() -> HistogramParts {
    HistogramParts {
        schema: 1,
        count: 12,
        sum: 20.0,
        zero_threshold: 0.01,
        zero_count: 2,
        positive: side(&[(-1, 2), (3, 1)], &[1, 1, 2]),
        negative: side(&[(0, 1)], &[3]),
        ..HistogramParts::default()
    }
}

fn floats() -> HistogramParts {
    HistogramParts {
        is_float: true,
        count_float: 1.5,
        positive: BucketParts { spans: spans(&[(0, 1)]), deltas: Vec::new(), counts: vec![1.5] },
        ..HistogramParts::default()
    }
}

fn custom() -> HistogramParts {
    HistogramParts {
        schema: -53,
        count: 3,
        positive: side(&[(0, 2)], &[1, 1]),
        custom_bounds: vec![0.5],
        ..HistogramParts::default()
    }
}

#[test]
fn deltas_become_counts() {
    let expected = Histogram {
        schema: 1,
        zero_threshold: 0.01,
        zero_count: 2.0,
        count: 12.0,
        sum: 20.0,
        positive: Buckets { spans: spans(&[(-1, 2), (3, 1)]), counts: vec![1.0, 2.0, 4.0] },
        negative: Buckets { spans: spans(&[(0, 1)]), counts: vec![3.0] },
        ..Histogram::default()
    };
    assert_eq!(integers().finish(), Ok(expected));
    let counts = floats().finish().map(|histogram| histogram.positive.counts);
    assert_eq!(counts, Ok(vec![1.5]));
    assert_eq!(custom().finish().map(|histogram| histogram.custom_bounds), Ok(vec![0.5]));
    // Observations of NaN are counted, but in no bucket.
    assert_eq!(HistogramParts { sum: f64::NAN, count: 13, ..integers() }.finish().map(|h| h.count), Ok(13.0));
}

#[test]
fn a_finer_schema_is_reduced() {
    // Buckets -1..=4 of schema 9 are 0,0,1,1,2,2 of schema 8.
    let parts = HistogramParts {
        schema: 9,
        count: 6,
        positive: side(&[(-1, 2), (0, 4)], &[1, 0, 0, 0, 0, 0]),
        ..HistogramParts::default()
    };
    let expected = Buckets { spans: spans(&[(0, 3)]), counts: vec![2.0, 2.0, 2.0] };
    assert_eq!(parts.finish().map(|histogram| (histogram.schema, histogram.positive)), Ok((8, expected)));
}

#[test]
fn each_broken_rule_is_told() {
    let cases: [(HistogramParts, &str); 17] = [
        (
            HistogramParts { schema: 53, ..integers() },
            "histogram has an unknown schema, which must be between -9 and 52",
        ),
        (
            HistogramParts { schema: -5, ..integers() },
            "histogram has an invalid schema, which must be between -4 and 8",
        ),
        (HistogramParts { schema: 1 << 40, ..integers() }, "histogram has an unknown schema"),
        (
            HistogramParts { positive: side(&[(0, 4)], &[1]), ..integers() },
            "positive side: spans need 4 buckets, have 1 buckets: histogram spans specify different number of buckets",
        ),
        (
            HistogramParts { negative: side(&[(0, 1), (-1, 1)], &[1, 0]), ..integers() },
            "negative side: span number 2 with offset -1: histogram has a span whose offset is negative",
        ),
        (
            HistogramParts { positive: side(&[(i32::MAX, 1), (1, 0)], &[1]), ..integers() },
            "positive side: span number 1 goes beyond the buckets",
        ),
        (
            HistogramParts { positive: side(&[(0, 2)], &[1, -2]), ..integers() },
            "positive side: bucket number 2 has observation count of -1: histogram has a bucket whose",
        ),
        (
            HistogramParts { count: 11, ..integers() },
            "12 observations found in buckets, but the Count field is 11: histogram's observation count should be at",
        ),
        (
            HistogramParts { count: 13, ..integers() },
            "12 observations found in buckets, but the Count field is 13: histogram's observation count should equal",
        ),
        (HistogramParts { custom_bounds: vec![1.0], ..integers() }, "histogram with exponential schema must not have"),
        (HistogramParts { count_float: -1.0, ..floats() }, "observation count is -1.0: histogram's observation count"),
        (HistogramParts { zero_count_float: -1.0, ..floats() }, "zero bucket has observation count of -1.0"),
        (HistogramParts { custom_bounds: vec![], ..custom() }, "custom buckets: only 0 custom bounds defined which is"),
        (
            HistogramParts { custom_bounds: vec![1.0, 1.0], ..custom() },
            "custom buckets: previous bound is 1.0 and current is 1.0: histogram custom bounds must be in strictly",
        ),
        (
            HistogramParts { custom_bounds: vec![f64::NAN], ..custom() },
            "custom buckets: histogram custom bounds must not",
        ),
        (HistogramParts { custom_bounds: vec![f64::INFINITY], ..custom() }, "custom buckets: last +Inf bound must not"),
        (HistogramParts { zero_count: 1, ..custom() }, "custom buckets: must have zero count of 0"),
    ];
    for (parts, expected) in cases {
        let told = parts.finish().expect_err(expected).to_string();
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn empty_buckets_are_left_out() {
    let mut histogram = Histogram {
        positive: Buckets {
            spans: spans(&[(2, 3), (0, 1), (1, 0), (1, 2)]),
            counts: vec![0.0, 1.0, 0.0, 2.0, 3.0, 0.0],
        },
        negative: Buckets { spans: spans(&[(0, 0)]), counts: Vec::new() },
        ..Histogram::default()
    };
    crate::histogram::compact(&mut histogram);
    let positive = Buckets { spans: spans(&[(3, 1), (1, 1), (2, 1)]), counts: vec![1.0, 2.0, 3.0] };
    assert_eq!(histogram, Histogram { positive, ..Histogram::default() });
}
