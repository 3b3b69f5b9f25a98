//! Frames read back, and those that are none are refused.

use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, Labels, STALE};
use proptest::prelude::*;

use super::*;

/// All but the lease, floats as bits.
fn shown(batch: &Batch) -> String {
    let Batch { store, tenant, definitions, series, times, values, histograms, exemplars, metadata, lease: _ } = batch;
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    format!("{store} {tenant} {definitions:?} {series:?} {times:?} {bits:?} {histograms:?} {exemplars:?} {metadata:?}")
}

/// What the frames of a batch decode to, put together.
fn joined(batch: &Batch) -> Batch {
    let mut joined = Batch { store: batch.store, tenant: batch.tenant, ..Batch::default() };
    for frame in batch.encode() {
        assert!(frame.len() <= 1 << 20);
        let part = Batch::decode(&frame).expect("decodes");
        joined.definitions.extend(part.definitions);
        joined.series.extend(part.series);
        joined.times.extend(part.times);
        joined.values.extend(part.values);
        joined.histograms.extend(part.histograms);
        joined.exemplars.extend(part.exemplars);
        joined.metadata.extend(part.metadata);
    }
    joined
}

fn full() -> Batch {
    let labels = Labels::from([("__name__", "up"), ("job", "ő"), ("up", "up")]);
    let histogram = Histogram {
        counter_reset: CounterReset::Gauge,
        schema: -53,
        zero_threshold: 1e-128,
        zero_count: 0.5,
        count: 7.0,
        sum: f64::NEG_INFINITY,
        positive: Buckets {
            spans: vec![BucketSpan { offset: -3, length: 2 }, BucketSpan { offset: 0, length: 1 }],
            counts: vec![1.0, 2.0, 3.0],
        },
        negative: Buckets::default(),
        custom_bounds: vec![0.1, 10.0],
    };
    Batch {
        store: u64::MAX,
        tenant: 9,
        definitions: vec![(7, labels.clone()), (3, Labels::from([("a", "b")]))],
        series: vec![7, 3, u32::MAX, 0],
        times: vec![i64::MIN, i64::MAX, 0, 0],
        values: vec![STALE, -0.0, 1.0, f64::MIN_POSITIVE],
        histograms: vec![HistogramSample { series: 7, time: -1, histogram: Arc::new(histogram) }],
        exemplars: vec![(3, Exemplar { time: 5, value: 0.25, labels })],
        metadata: vec![("up".into(), Metadata { kind: "gauge".into(), unit: "s".into(), help: "Is it?".into() })],
        lease: None,
    }
}

#[test]
fn every_part_reads_back_and_cut_or_foreign_frames_are_refused() {
    let batch = full();
    assert_eq!(shown(&joined(&batch)), shown(&batch));
    assert!(Batch::default().encode().is_empty());
    let frame = batch.encode().remove(0);
    for length in 0..frame.len() {
        assert!(Batch::decode(&frame[..length]).is_err(), "{length} bytes");
    }
    let mut longer = frame.to_vec();
    longer.push(0);
    assert_eq!(Batch::decode(&longer).map(|_| ()), Err(DecodeError::Malformed { part: "end" }));
    longer[0] = 2;
    assert_eq!(Batch::decode(&longer).map(|_| ()), Err(DecodeError::Version { found: 2 }));
}

/// Version 1 as it was first written: journals hold it.
const FROZEN: &str = "\
    01ffffffffffffffff0906085f5f6e616d655f5f027570036a6f6202c59101610162020e030001020301010701040504\
    0e07f8ffffff1ffdffffff1fffffffffffffffffff01010101fdffffffffffffffff01010001817ff000000000000280\
    223ff00010010701036982255bba08cf8c979d3fe022401cfff0020502000103213ff040204008000002823fb9999999\
    99999a402401030a000000000000d03f03085f5f6e616d655f5f027570036a6f6202c591027570027570010275700567\
    6175676501730649732069743f";

#[test]
fn frames_of_version_1_are_read_for_ever() {
    let byte = |at: usize| FROZEN.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).expect("hex");
    let frame: Vec<u8> = (0..FROZEN.len()).step_by(2).map(byte).collect();
    assert_eq!(shown(&Batch::decode(&frame).expect("decodes")), shown(&full()));
    assert_eq!(full().encode(), [bytes::Bytes::from(frame)]);
}

#[test]
fn a_large_batch_takes_several_frames() {
    let count = 100_000u32;
    let batch = Batch {
        definitions: (0..count / 4)
            .map(|at| (at, Labels::from([("instance", format!("host-{at}:9100").as_str()), ("job", "node")])))
            .collect(),
        series: (0..count).map(|at| at.wrapping_mul(2_654_435_761)).collect(),
        times: (0..count).map(|at| i64::from(at) * 1_001 % 77_777).collect(),
        values: (0..count).map(|at| f64::from(at).sqrt()).collect(),
        ..Batch::default()
    };
    assert!(batch.encode().len() > 2);
    assert_eq!(shown(&joined(&batch)), shown(&batch));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_columns_read_back(samples in proptest::collection::vec((any::<u32>(), any::<i64>(), any::<u64>()), 0..200)) {
        let mut batch = Batch::default();
        for (series, time, bits) in samples {
            batch.series.push(series);
            batch.times.push(time);
            batch.values.push(f64::from_bits(bits));
        }
        prop_assert_eq!(shown(&joined(&batch)), shown(&batch));
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..200, flip in 1u8..) {
        let mut frame = full().encode().remove(0).to_vec();
        if let Some(byte) = frame.get_mut(at) {
            *byte ^= flip;
        }
        for candidate in [frame, [&[1][..], &bytes].concat()] {
            if let Ok(batch) = Batch::decode(&candidate) {
                prop_assert!(batch.samples() <= candidate.len() * 64 + (1 << 20));
            }
        }
    }
}
