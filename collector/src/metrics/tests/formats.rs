//! A frozen batch of metrics as it lies in the queue: what version 1 wrote is read for ever.
//!
//! `tests/formats/queue-metrics-v1/payload` is remote write 2.0 compressed with zstd; bytes before compression are still
//! what is written, those behind it may differ. `ORSZEM_FREEZE=1` writes it anew, which is for a new version of the
//! format and its new directory alone.

use std::fs;
use std::path::{Path, PathBuf};

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, Labels, STALE, STALE_BITS};
use orszem_scrape::{Exemplar, Metadata, MetricType};

use super::super::encode::{Point, Value, WriteEncoder};
use super::decode::{self, Request};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats/queue-metrics-v1/payload")
}

fn up() -> Labels {
    Labels::from([("__name__", "up"), ("instance", "a:9100"), ("job", "ő")])
}

fn latency() -> Labels {
    Labels::from([("__name__", "latency_seconds"), ("job", "ő")])
}

fn histogram() -> Histogram {
    Histogram {
        counter_reset: CounterReset::NotReset,
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: 1.0,
        count: 13.0,
        sum: 7.25,
        positive: Buckets {
            spans: vec![BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 3, length: 1 }],
            counts: vec![2.0, 5.0, 1.0],
        },
        negative: Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![4.0] },
        custom_bounds: Vec::new(),
    }
}

/// A sample, one with exemplar and metadata, a stale marker, and histograms of whole numbers and of others.
fn write() -> Vec<u8> {
    let (up, latency) = (up(), latency());
    let exemplar = Exemplar { labels: Labels::from([("trace_id", "7f")]), value: 0.5, time: Some(1_795_341_600_001) };
    let metadata =
        Metadata { family: "up".into(), kind: MetricType::Gauge, help: "Is it there?".into(), unit: "bool".into() };
    let halved = Histogram { count: 6.5, zero_count: 0.5, ..histogram() };
    let custom = Histogram {
        schema: -53,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 8.0,
        negative: Buckets::default(),
        custom_bounds: vec![0.1, 2.5, 10.0],
        ..histogram()
    };
    let point = |labels, value| Point { labels, time: 1_795_341_600_000, value, exemplars: &[], metadata: None };
    let mut encoder = WriteEncoder::new(1).expect("an encoder");
    encoder.push(&Point { exemplars: &[&exemplar], metadata: Some(&metadata), ..point(&up, Value::Number(-0.0)) });
    encoder.push(&point(&up, Value::Number(STALE)));
    for histogram in [&histogram(), &halved, &custom] {
        encoder.push(&point(&latency, Value::Histogram(histogram)));
    }
    encoder.finish().expect("compresses").payload.to_vec()
}

#[test]
fn version_1_is_read_and_still_written() {
    if std::env::var_os("ORSZEM_FREEZE").is_some() {
        fs::write(frozen(), write()).expect("written");
    }
    let frozen = fs::read(frozen()).expect("reads");
    let raw = |payload: &[u8]| zstd::decode_all(payload).expect("zstd");
    assert!(raw(&write()) == raw(&frozen), "the batch changed: a new format needs a new version");

    let request = Request::of(&frozen);
    let samples: Vec<_> = request.samples().into_iter().map(|(l, t, value)| (l, t, value.to_bits())).collect();
    assert_eq!(samples, [(up(), 1_795_341_600_000, 1 << 63), (up(), 1_795_341_600_000, STALE_BITS)]);
    assert_eq!(request.metadata(), [("up".to_owned(), 2, "Is it there?", "bool")]);
    let exemplars: Vec<_> = request.timeseries.iter().flat_map(|series| &series.exemplars).collect();
    let exemplars: Vec<_> = exemplars.iter().map(|e| (request.labels(&e.labels_refs), e.value, e.timestamp)).collect();
    assert_eq!(exemplars, [(Labels::from([("trace_id", "7f")]), 0.5, 1_795_341_600_001)]);
    let histograms: Vec<&decode::Histogram> = request.timeseries.iter().flat_map(|series| &series.histograms).collect();
    let told: Vec<_> = histograms.iter().map(|one| (one.schema, one.sum, one.timestamp, one.reset_hint)).collect();
    assert_eq!(told, [3, 3, -53].map(|schema| (schema, 7.25, 1_795_341_600_000, 2)));
    let spans: Vec<_> = histograms[0].positive_spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!(spans, [(-2, 2), (3, 1)]);
}
