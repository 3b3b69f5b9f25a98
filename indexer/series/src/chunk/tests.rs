//! Any column round-trips bit by bit, and bytes that are none are refused.

use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, HistogramPoint, STALE};
use proptest::prelude::*;

use super::{CHUNK_SAMPLES_MAX, Scratch, histograms, times, values};

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Encodes, decodes behind other values, and answers the bytes it took.
fn round_trip(column: &[f64]) -> usize {
    let mut payload = Vec::new();
    values::encode(column, &mut payload).expect("encoded");
    let mut out = vec![7.0];
    let count = column.len();
    for range in [0..count, 0..count / 2, count / 3..count, count - count / 100..count, count / 4..count / 2] {
        out.truncate(1);
        values::decode(&payload, count, range.clone(), &mut Scratch::default(), &mut out).expect("decoded");
        assert_eq!(bits(&out[1..]), bits(&column[range]));
    }
    payload.len()
}

/// A sequence of pseudo-random numbers.
fn noise(count: usize) -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
}

#[test]
fn columns_take_about_the_bytes_that_they_should() {
    let counter = |count| noise(count).scan(1e6, |sum, step| Some(std::mem::replace(sum, *sum + (step % 50) as f64)));
    // Column, the most bytes.
    let cases: Vec<(Vec<f64>, usize)> = vec![
        (vec![0.0; 2_048], 6),
        (vec![0.1 + 0.2; 2_048], 16),
        ((0..2_048).map(|at| f64::from(at) * 15.0).collect(), 8),
        ((0..480).map(|at| 1.5e9 + f64::from(at / 100)).collect(), 40),
        (counter(480).collect(), 480),
        (counter(2_048).collect(), 2_048),
        (noise(2_048).map(|step| (step % 1_000) as f64 / 3.0).collect(), 5_000),
        (counter(20).collect(), 60),
        (noise(480).map(|step| (step % 1_000) as f64 / 100.0).collect(), 700),
        (noise(480).map(|step| 1e9 + 4_096.0 * (step % 16) as f64).collect(), 300),
        (noise(480).map(|step| step as f64 / 3.0).collect(), 480 * 8 + 64),
        (noise(480).map(f64::from_bits).collect(), 480 * 8 + 64),
        (vec![f64::NAN; 10], 16),
        (vec![1.0], 3),
        (vec![], 0),
    ];
    for (at, (column, bytes_max)) in cases.iter().enumerate() {
        let bytes = round_trip(column);
        assert!(bytes <= *bytes_max, "case {at} takes {bytes} bytes");
    }
}

#[test]
fn a_stale_marker_costs_no_more_than_itself() {
    let mut column: Vec<f64> = (0..480).map(|at| f64::from(at) * 0.25).collect();
    let without = round_trip(&column);
    column[479] = STALE;
    assert!(round_trip(&column) <= without + 16);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1_000_000i64..1_000_000, 0u32..14)
            .prop_map(|(integer, exponent)| integer as f64 / 10f64.powi(exponent as i32)),
        prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, STALE, f64::MAX, 5e-324]),
    ]
}

fn any_column() -> impl Strategy<Value = Vec<f64>> {
    let runs = prop::collection::vec((any_value(), 1usize..40), 0..12)
        .prop_map(|runs| runs.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value, count)).collect());
    let integers = prop::collection::vec((-50i64..1_000).prop_map(|integer| integer as f64), 0..300);
    prop_oneof![prop::collection::vec(any_value(), 0..150), runs, integers]
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let side = || {
        prop::collection::vec(((-3i32..9), prop::collection::vec(any_value(), 0..4)), 0..3).prop_map(|spans| {
            let mut buckets = Buckets::default();
            for (offset, counts) in spans {
                buckets.spans.push(BucketSpan { offset, length: counts.len() as u32 });
                buckets.counts.extend(counts);
            }
            buckets
        })
    };
    let head = (0u64..4, -53i32..9, any_value(), any_value(), any_value(), any_value());
    (head, side(), side(), prop::collection::vec(any_value(), 0..3)).prop_map(
        |((reset, schema, zero_threshold, zero_count, count, sum), positive, negative, custom_bounds)| Histogram {
            counter_reset: CounterReset::from_code(reset).unwrap_or_default(),
            schema,
            zero_threshold,
            zero_count,
            count,
            sum,
            positive,
            negative,
            custom_bounds,
        },
    )
}

/// Everything of a histogram, NaNs told apart.
fn histogram_bits(of: &Histogram) -> (CounterReset, i32, Vec<u64>, Vec<BucketSpan>) {
    let mut numbers = vec![of.zero_threshold, of.zero_count, of.count, of.sum];
    numbers.extend(&of.positive.counts);
    numbers.push(0.5);
    numbers.extend(&of.negative.counts);
    numbers.push(0.5);
    numbers.extend(&of.custom_bounds);
    let mut spans = of.positive.spans.clone();
    spans.push(BucketSpan::default());
    spans.extend(&of.negative.spans);
    (of.counter_reset, of.schema, bits(&numbers), spans)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_floats_round_trip(column in any_column()) {
        round_trip(&column);
    }

    #[test]
    fn any_ascending_times_round_trip(
        first in any::<i64>(),
        steps in prop::collection::vec(prop_oneof![Just(15_000u64), 14_990u64..15_010, 1u64..=u64::MAX / 64], 0..200),
    ) {
        let mut column = vec![first];
        for step in steps {
            match column[column.len() - 1].checked_add_unsigned(step) {
                Some(next) => column.push(next),
                None => break,
            }
        }
        let mut bytes = Vec::new();
        times::encode(&column, &mut Vec::new(), &mut bytes).expect("encoded");
        let mut out = Vec::new();
        prop_assert_eq!(times::decode(&bytes, &mut Scratch::default(), &mut out), Some(()));
        prop_assert_eq!(out, column);
    }

    #[test]
    fn any_histograms_round_trip(distinct in prop::collection::vec((any_histogram(), 1usize..6), 1..6)) {
        let histograms = distinct.iter().flat_map(|(histogram, count)| std::iter::repeat_n(histogram, *count));
        let points: Vec<HistogramPoint> = histograms
            .enumerate()
            .map(|(at, histogram)| HistogramPoint { time: at as i64, histogram: Arc::new(histogram.clone()) })
            .collect();
        let mut payload = Vec::new();
        histograms::encode(&points, &mut payload).expect("encoded");
        let times: Vec<i64> = points.iter().map(|point| point.time).collect();
        let mut out = Vec::new();
        prop_assert_eq!(histograms::decode(&payload, &times, &mut Scratch::default(), &mut out), Some(()));
        let all = |points: &[HistogramPoint]| {
            points.iter().map(|point| (point.time, histogram_bits(&point.histogram))).collect::<Vec<_>>()
        };
        prop_assert_eq!(all(&out), all(&points));
        out.clear();
        prop_assert_eq!(histograms::decode(&payload, &times[1..], &mut Scratch::default(), &mut out), None);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 0usize..100) {
        let mut out = Vec::new();
        if values::decode(&bytes, count, 0..count, &mut Scratch::default(), &mut out).is_some() {
            prop_assert_eq!(out.len(), count);
        }
        let mut out = Vec::new();
        if times::decode(&bytes, &mut Scratch::default(), &mut out).is_some() {
            prop_assert!(out.len() <= CHUNK_SAMPLES_MAX);
        }
        let times: Vec<i64> = (0..count as i64).collect();
        let mut out = Vec::new();
        if histograms::decode(&bytes, &times, &mut Scratch::default(), &mut out).is_some() {
            prop_assert_eq!(out.len(), count);
        }
    }
}
