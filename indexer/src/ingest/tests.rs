//! The decoders as functions, and what all protocols share.

mod documents;
mod export;
mod lines;
mod push;
mod router;

use orszem_model::wire::Batch;
use orszem_model::{AttributeValue, Record, Timestamp};

use super::*;

/// 2026-11-22T10:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_341_600_000_000_000);

/// Decodes with a context at [`NOW`].
pub(super) fn with<T>(limits: &Limits, decode: impl FnOnce(&Context<'_>) -> T) -> T {
    let streams = StreamLimiter::new(limits);
    decode(&Context { tenant: 3, now: NOW, corrects_times: false, limits, streams: &streams })
}

/// The records of batches, in order.
pub(super) fn records(batches: &[Vec<u8>]) -> Vec<Record> {
    let mut out = Vec::new();
    for bytes in batches {
        assert!(bytes.len() <= limits::BATCH_BYTES_MAX, "{} bytes", bytes.len());
        let batch = Batch::decode(bytes).expect("a batch");
        let before = out.len();
        out.extend(batch.records().map(|raw| raw.view(&batch.streams[raw.stream as usize], 0).to_record()));
        assert_eq!(out.len() - before, batch.record_count);
        let mut streams = batch.streams.clone();
        streams.sort();
        streams.dedup();
        assert_eq!(streams.len(), batch.streams.len(), "each stream once");
    }
    out
}

/// A record in one line: time after [`NOW`] in seconds, labels, severity, attributes, body.
pub(super) fn shown(record: &Record) -> String {
    let labels: Vec<String> = record.stream.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let attributes: Vec<String> = record
        .attributes
        .iter()
        .map(|attribute| {
            let value = match &attribute.value {
                AttributeValue::String(text) => format!("{text:?}"),
                AttributeValue::Integer(text) | AttributeValue::Float(text) | AttributeValue::Json(text) => {
                    text.clone()
                }
                AttributeValue::Bool(truth) => truth.to_string(),
                AttributeValue::Null => "null".into(),
                AttributeValue::Bytes(bytes) => format!("{bytes:?}"),
            };
            format!("{}={value}", attribute.key)
        })
        .collect();
    format!(
        "{}s {{{}}} {} [{}] {}",
        (record.timestamp.0 - NOW.0) as f64 / 1e9,
        labels.join(","),
        record.severity.number(),
        attributes.join(" "),
        String::from_utf8_lossy(&record.body)
    )
}

/// The reasons with their counts.
pub(super) fn reasons(decoded: &Decoded) -> Vec<(&'static str, usize)> {
    decoded.rejected.iter().map(|rejection| (rejection.reason.name(), rejection.count)).collect()
}

#[test]
fn batches_stay_below_a_frame_and_lose_nothing() {
    let body: String = (0..20_000)
        .map(|n| {
            format!(
                "{{\"ts\":{},\"host\":\"h{}\",\"msg\":\"line {n} {}\"}}\n",
                1_795_341_600 - n,
                n % 50,
                "x".repeat(200)
            )
        })
        .collect();
    let limits = Limits::default();
    let decoded = with(&limits, |context| ndjson::decode(body.as_bytes(), context, &ndjson::Options::default()))
        .expect("decodes");
    let records = records(&decoded.batches);
    assert_eq!((decoded.batches.len(), decoded.accepted, records.len()), (5, 20_000, 20_000));
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.stream.labels.get("host"), Some(format!("h{}", n % 50).as_str()));
        assert!(record.body.starts_with(format!("line {n} ").as_bytes()));
    }
}

#[test]
fn beyond_the_tenants_limit_records_go_to_the_overflow_stream() {
    let limits = Limits { tenant_streams_max: 2, ..Limits::default() };
    let body = b"{\"ts\":1795341600,\"host\":\"a\",\"msg\":\"1\"}\n{\"ts\":1795341600,\"host\":\"b\",\"msg\":\"2\"}\n\
        {\"ts\":1795341600,\"host\":\"c\",\"app\":\"x\",\"msg\":\"3\",\"k\":1}\n{\"ts\":1795341600,\"host\":\"d\",\"msg\":\"4\"}\n\
        {\"ts\":1795341600,\"host\":\"a\",\"msg\":\"5\"}";
    let decoded = with(&limits, |context| ndjson::decode(body, context, &ndjson::Options::default())).expect("decodes");
    let shown: Vec<String> = records(&decoded.batches).iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "0s {host=a} 0 [] 1",
            "0s {host=b} 0 [] 2",
            "0s {__overflow__=true} 0 [host=\"c\" app=\"x\" k=1] 3",
            "0s {__overflow__=true} 0 [host=\"d\"] 4",
            "0s {host=a} 0 [] 5",
        ]
    );
    assert_eq!((decoded.accepted, decoded.overflowed), (5, 2));
}

#[test]
fn a_request_of_too_many_streams_is_refused() {
    let limits = Limits { request_streams_max: 10, ..Limits::default() };
    let body =
        |streams: usize| -> String { (0..100).map(|n| format!("{{\"host\":\"h{}\"}}\n", n % streams)).collect() };
    let decode =
        |body: String| with(&limits, |context| ndjson::decode(body.as_bytes(), context, &ndjson::Options::default()));
    assert_eq!(decode(body(10)).map(|decoded| decoded.accepted), Ok(100));
    assert_eq!(decode(body(11)).map_err(|error| (error.code, error.status)), Err(("ingest.too_many_streams", 400)));
}

#[test]
fn the_retention_class_is_decided_here() {
    let rule = limits::ClassRule { class: "audit".into(), labels: [("app".to_owned(), "sudo".to_owned())].into() };
    let limits = Limits { classes: vec![rule], ..Limits::default() };
    let body = b"{\"app\":\"sudo\",\"msg\":\"x\"}\n{\"app\":\"web\",\"msg\":\"x\"}";
    let decoded = with(&limits, |context| ndjson::decode(body, context, &ndjson::Options::default())).expect("decodes");
    let classes: Vec<(u32, String)> =
        records(&decoded.batches).into_iter().map(|record| (record.stream.tenant, record.stream.class)).collect();
    assert_eq!(classes, [(3, "audit".to_owned()), (3, "default".to_owned())]);
}
