//! What a request holds.

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, Labels, STALE, STALE_BITS, Timestamp};
use orszem_scrape::{Exemplar, Metadata, MetricType};

use super::super::encode::{Point, Value, WriteEncoder};
use super::decode::{self, Request, Span};

fn point<'a>(labels: &'a Labels, time: i64, value: Value<'a>) -> Point<'a> {
    Point { labels, time, value, exemplars: &[], metadata: None }
}

#[test]
fn samples_come_back_with_exemplars_and_metadata() {
    let mut encoder = WriteEncoder::new(1).expect("an encoder");
    assert!(encoder.is_empty());
    let (a, b) = (Labels::from([("__name__", "a_total"), ("job", "ő")]), Labels::from([("__name__", "b")]));
    let exemplar = |time| Exemplar { labels: Labels::from([("trace_id", "7f"), ("job", "ő")]), value: 0.5, time };
    let (timed, timeless) = (exemplar(Some(8)), exemplar(None));
    let metadata =
        Metadata { family: "a".into(), kind: MetricType::Counter, help: "What a counts.".into(), unit: "bytes".into() };
    let exemplars = [&timed, &timeless];
    let first = Point { exemplars: &exemplars, metadata: Some(&metadata), ..point(&a, 1_000, Value::Number(1.5)) };
    encoder.push(&first);
    encoder.push(&point(&b, -5, Value::Number(STALE)));
    encoder.push(&Point { exemplars: &[&timed], ..point(&b, 9, Value::None) });
    let encoded = encoder.finish().expect("compresses");
    let raw = zstd::decode_all(encoded.payload.as_ref()).expect("zstd");
    assert_eq!((encoded.raw_len, encoded.hash), (raw.len(), crc32c::crc32c(&raw)));
    assert_eq!((encoded.records, encoded.first, encoded.last), (5, Timestamp(-5_000_000), Timestamp(1_000_000_000)));

    let request = Request::of(&encoded.payload);
    assert_eq!(request.symbols[0], "");
    let unique: std::collections::BTreeSet<_> = request.symbols.iter().collect();
    assert_eq!(unique.len(), request.symbols.len());
    let bits: Vec<_> = request.samples().into_iter().map(|(l, t, value)| (l, t, value.to_bits())).collect();
    assert_eq!(bits, [(a, 1_000, 1.5_f64.to_bits()), (b.clone(), -5, STALE_BITS)]);
    assert_eq!(request.metadata(), [("a_total".to_owned(), 1, "What a counts.", "bytes")]);
    let told = |series: &decode::TimeSeries| -> Vec<(Labels, f64, i64)> {
        series.exemplars.iter().map(|e| (request.labels(&e.labels_refs), e.value, e.timestamp)).collect()
    };
    let of = |time| (timed.labels.clone(), 0.5, time);
    assert_eq!(request.timeseries.iter().map(told).collect::<Vec<_>>(), [vec![of(8), of(0)], vec![], vec![of(8)]]);

    // Nothing of it is left for the next batch.
    encoder.push(&point(&b, 1, Value::Number(0.0)));
    let next = Request::of(&encoder.finish().expect("compresses").payload);
    assert_eq!(next.samples(), [(b, 1, 0.0)]);
    assert_eq!(next.symbols, ["", "__name__", "b"]);
}

#[test]
fn a_batch_is_full_by_samples_and_by_bytes() {
    let mut encoder = WriteEncoder::new(1).expect("an encoder");
    let labels = Labels::from([("__name__", "a")]);
    for time in 0..20_000 {
        assert!(!encoder.is_full(), "{time}");
        encoder.push(&point(&labels, time, Value::Number(1.0)));
    }
    assert!(encoder.is_full());
    assert_eq!(encoder.finish().expect("compresses").records, 20_000);
    let long = "x".repeat(10_000);
    let mut count = 0;
    while !encoder.is_full() {
        let labels = Labels::from([("__name__", format!("a{count}{long}").as_str())]);
        encoder.push(&point(&labels, 1, Value::Number(1.0)));
        count += 1;
    }
    let encoded = encoder.finish().expect("compresses");
    assert!((96..100).contains(&count), "{count}");
    assert!(encoded.raw_len < 1 << 20, "{}", encoded.raw_len);
}

fn histogram(count: f64, counts: &[f64]) -> Histogram {
    let span = |offset, length| BucketSpan { offset, length };
    Histogram {
        counter_reset: CounterReset::NotReset,
        schema: -1,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count,
        sum: -7.25,
        positive: Buckets { spans: vec![span(-3, 1), span(2, 2)], counts: counts.to_vec() },
        negative: Buckets { spans: vec![span(0, 1)], counts: vec![4.0] },
        custom_bounds: Vec::new(),
    }
}

fn told(histogram: &Histogram) -> decode::Histogram {
    let mut encoder = WriteEncoder::new(1).expect("an encoder");
    let labels = Labels::from([("__name__", "h")]);
    encoder.push(&point(&labels, 77, Value::Histogram(histogram)));
    let mut request = Request::of(&encoder.finish().expect("compresses").payload);
    let mut series = request.timeseries.pop().expect("a series");
    series.histograms.pop().expect("a histogram")
}

#[test]
fn histograms_go_as_integers_where_they_are_whole_and_as_floats_else() {
    let span = |offset, length| Span { offset, length };
    let common = decode::Histogram {
        sum: -7.25,
        schema: -1,
        zero_threshold: 0.001,
        positive_spans: vec![span(-3, 1), span(2, 2)],
        negative_spans: vec![span(0, 1)],
        reset_hint: 2,
        timestamp: 77,
        ..decode::Histogram::default()
    };
    let whole = decode::Histogram {
        count_int: Some(16),
        zero_count_int: Some(2),
        positive_deltas: vec![5, -4, 3],
        negative_deltas: vec![4],
        ..common.clone()
    };
    assert_eq!(told(&histogram(16.0, &[5.0, 1.0, 4.0])), whole);
    let broken = decode::Histogram {
        count_float: Some(16.5),
        zero_count_float: Some(2.0),
        positive_counts: vec![5.5, 1.0, 4.0],
        negative_counts: vec![4.0],
        ..common
    };
    assert_eq!(told(&histogram(16.5, &[5.5, 1.0, 4.0])), broken);
    let custom = Histogram { schema: -53, custom_bounds: vec![0.1, 1.0], ..Histogram::default() };
    assert_eq!(told(&custom).custom_values, [0.1, 1.0]);
}
