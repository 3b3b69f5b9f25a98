//! OTLP logs.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use orszem_model::Kind;
use prost::Message;

use super::*;

fn text(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.into())) })
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.into()))
}

/// A request of these records from host db1, as protobuf.
pub(super) fn request(log_records: Vec<LogRecord>) -> Vec<u8> {
    let resource = Resource {
        attributes: vec![
            attribute("container.name", "c2"),
            attribute("service.name", "pg"),
            attribute("host.name", "db1"),
            attribute("k8s.container.name", "c1"),
            attribute("orszem.label.ring", "r1"),
            attribute("service.instance.id", "i"),
            pair("process.pid", Value::IntValue(7)),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: "lib".into(), version: "1".into(), ..InstrumentationScope::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, schema_url: String::new() }];
    let resource_logs = vec![ResourceLogs { resource: Some(resource), scope_logs, schema_url: String::new() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// A record at [`NOW`].
pub(super) fn record(body: &str) -> LogRecord {
    LogRecord { time_unix_nano: NOW.0 as u64, body: text(body), ..LogRecord::default() }
}

fn decode(body: &[u8]) -> Decoded {
    let limits = Limits::default();
    with(&limits, |context| otlp::decode(body, context)).expect("decodes")
}

const LABELS: &str = "{container=c1,host=db1,ring=r1,service=pg}";
const INHERITED: &str =
    "container.name=\"c2\" service.instance.id=\"i\" process.pid=7 otel.scope.name=\"lib\" otel.scope.version=\"1\"";

#[test]
fn records_keep_what_they_came_with() {
    let list = |values: Vec<Value>| {
        Value::ArrayValue(ArrayValue { values: values.into_iter().map(|v| AnyValue { value: Some(v) }).collect() })
    };
    let map = Value::KvlistValue(KeyValueList {
        values: vec![attribute("a", "b\""), pair("n", list(vec![Value::DoubleValue(1.0), Value::BytesValue(vec![1])]))],
    });
    let mut full = record("x");
    full.severity_number = 18;
    full.severity_text = "ERR2".into();
    full.observed_time_unix_nano = 5;
    full.trace_id = vec![7; 16];
    full.span_id = vec![8; 8];
    full.attributes = vec![
        pair("ok", Value::BoolValue(true)),
        pair("f", Value::DoubleValue(0.1)),
        pair("m", map.clone()),
        pair("orszem.kind", Value::StringValue("probe".into())),
        pair("orszem.entities", list(vec![Value::StringValue("host/db1".into())])),
        KeyValue { key: "none".into(), ..KeyValue::default() },
    ];
    let mapped = LogRecord { body: Some(AnyValue { value: Some(map) }), severity_text: "warn".into(), ..record("") };
    let bytes = LogRecord { body: Some(AnyValue { value: Some(Value::BytesValue(vec![0xff])) }), ..record("") };
    let timeless = LogRecord { time_unix_nano: 0, ..record("t") };
    let observed =
        LogRecord { time_unix_nano: 0, observed_time_unix_nano: NOW.0 as u64 + 1_000_000_000, ..record("o") };
    let event = LogRecord { event_name: "boot".into(), trace_id: vec![1], ..record("e") };
    let decoded = decode(&request(vec![full, mapped, bytes, timeless, observed, event]));
    let records = records(&decoded.batches);
    let shown: Vec<String> = records.iter().map(shown).collect();
    let expected = [
        format!(r#"0s {LABELS} 18 [ok=true f=0.1 m.a="b\"" m.n=[1.0,"AQ=="] none=null {INHERITED}] x"#),
        format!(r#"0s {LABELS} 13 [{INHERITED}] {{"a":"b\"","n":[1.0,"AQ=="]}}"#),
        format!("0s {LABELS} 0 [{INHERITED}] \u{fffd}"),
        format!("0s {LABELS} 0 [orszem.time_inferred=true {INHERITED}] t"),
        format!("1s {LABELS} 0 [orszem.time_inferred=true {INHERITED}] o"),
        format!("0s {LABELS} 0 [event.name=\"boot\" trace_id=[1] {INHERITED}] e"),
    ];
    assert_eq!(shown, expected);
    assert_eq!((records[0].trace_id, records[0].span_id), (Some([7; 16]), Some([8; 8])));
    assert_eq!((records[0].kind, records[5].kind), (Kind::Probe, Kind::Event));
    assert_eq!(records[0].entities, ["host/db1"]);
    assert_eq!((records[0].observed, records[0].severity_text.as_deref()), (Some(Timestamp(5)), Some("ERR2")));
    assert_eq!(records[2].body, [0xff]);
}

#[test]
fn impossible_records_are_rejected_alone() {
    let late = LogRecord { time_unix_nano: u64::MAX, ..record("a") };
    let future = LogRecord { time_unix_nano: NOW.0 as u64 + 601_000_000_000, ..record("b") };
    let keys = LogRecord { attributes: (0..1001).map(|n| attribute(&n.to_string(), "x")).collect(), ..record("c") };
    let long = LogRecord { attributes: vec![attribute(&"k".repeat(1025), "x")], ..record("d") };
    let decoded = decode(&request(vec![late, future, record("ok"), keys, long]));
    assert_eq!(decoded.accepted, 1);
    let expected = [("bad_timestamp", 1), ("too_far_in_future", 1), ("too_many_keys", 1), ("key_too_long", 1)];
    assert_eq!(reasons(&decoded), expected);
}

#[test]
fn a_collector_s_times_from_the_future_are_replaced_and_told() {
    let ahead = |seconds: u64| LogRecord { time_unix_nano: NOW.0 as u64 + seconds * 1_000_000_000, ..record("x") };
    let body = request(vec![ahead(600), ahead(601)]);
    let limits = Limits::default();
    assert_eq!(decode(&body).rejected_count(), 1);
    let corrected = with(&limits, |context| otlp::decode(&body, &Context { corrects_times: true, ..*context }));
    let corrected = corrected.expect("decodes");
    let found: Vec<(i64, Option<AttributeValue>)> = records(&corrected.batches)
        .into_iter()
        .map(|record| {
            let written = record.attributes.into_iter().find(|attribute| attribute.key == TIME_WRITTEN);
            (record.timestamp.0 - NOW.0, written.map(|attribute| attribute.value))
        })
        .collect();
    let written = AttributeValue::String("2026-11-22T10:10:01Z".to_owned());
    assert_eq!((found, corrected.rejected_count()), (vec![(600_000_000_000, None), (0, Some(written))], 0));
}

#[test]
fn json_is_read_in_every_spelling() {
    let limits = Limits::default();
    let decode = |body: &str| {
        with(&limits, |context| otlp::decode_json(body.as_bytes(), context))
            .map(|decoded| records(&decoded.batches).iter().map(shown).collect::<Vec<_>>())
            .map_err(|error| error.code)
    };
    let in_request = |record: &str| {
        format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"host.name","value":{{"stringValue":"h"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{record}]}}],"schemaUrl":"u"}}]}}"#
        )
    };
    for (record, expected) in [
        (
            r#"{"timeUnixNano":"1795341600000000000","severityNumber":13,"body":{"stringValue":"x"},"unknown":1}"#,
            "0s {host=h} 13 [] x",
        ),
        (
            r#"{"timeUnixNano":1795341600000000000,"severityNumber":"SEVERITY_NUMBER_ERROR2","body":{"intValue":"7"}}"#,
            "0s {host=h} 18 [] 7",
        ),
        (
            r#"{"time_unix_nano":"1795341600000000000","severity_text":"info","body":{"string_value":"x"}}"#,
            "0s {host=h} 9 [] x",
        ),
        (
            r#"{"timeUnixNano":"1795341600000000000","body":{"arrayValue":{}},"attributes":[{"key":"a"},{"key":"b","value":{}},{"key":"c","value":{"doubleValue":"NaN"}},{"key":"d","value":{"bytesValue":"AQI="}},{"key":"e","value":{"kvlistValue":{"values":[{"key":"f","value":{"boolValue":true}}]}}}]}"#,
            "0s {host=h} 0 [a=null b=null c=NaN d=[1, 2] e.f=true] []",
        ),
        (r#"{"timeUnixNano":"","body":null}"#, "0s {host=h} 0 [orszem.time_inferred=true] "),
        (r#"{"timeUnixNano":"1795341600000000000","traceId":"xyz"}"#, "0s {host=h} 0 [trace_id=[120, 121, 122, 63]] "),
    ] {
        assert_eq!(decode(&in_request(record)), Ok(vec![expected.to_owned()]), "{record}");
    }
    assert_eq!(decode("{}"), Ok(Vec::new()));
    for bad in
        [r#"{"timeUnixNano":"soon"}"#, r#"{"timeUnixNano":-1}"#, r#"{"body":"x"}"#, r#"{"severityNumber":"LOUD"}"#, "7"]
    {
        assert_eq!(decode(&in_request(bad)), Err("ingest.bad_json"), "{bad}");
    }
    assert_eq!(decode("{"), Err("ingest.bad_json"));
}

#[test]
fn json_and_protobuf_ids_agree() {
    let limits = Limits::default();
    let body = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795341600000000000","traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}]}]}]}"#;
    let decoded = with(&limits, |context| otlp::decode_json(body, context)).expect("decodes");
    let record = records(&decoded.batches).remove(0);
    assert_eq!(record.trace_id, Some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
    assert_eq!(record.span_id, Some([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(
        with(&limits, |context| otlp::decode(b"noise!", context)).map_err(|e| e.code),
        Err("ingest.bad_protobuf")
    );
}

#[test]
fn a_million_empty_records_and_a_huge_one_are_counted() {
    let empty = request(vec![LogRecord::default(); 1_000_000]);
    let decoded = decode(&empty);
    assert_eq!((decoded.accepted, decoded.rejected_count()), (1_000_000, 0));
    let huge = decode(&request(vec![record(&"x".repeat(7 << 20)), record("ok")]));
    assert_eq!((huge.accepted, reasons(&huge)), (1, vec![("record_too_large", 1)]));
}
