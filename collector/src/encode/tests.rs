//! What was pushed is what an OTLP decoder reads.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use proptest::prelude::*;
use prost::Message;

use super::*;

fn decode(encoded: &Encoded) -> ExportLogsServiceRequest {
    let raw = zstd::decode_all(encoded.payload.as_ref()).expect("zstd");
    assert_eq!((raw.len(), crc32c::crc32c(&raw)), (encoded.raw_len, encoded.hash));
    ExportLogsServiceRequest::decode(raw.as_slice()).expect("protobuf")
}

type Pairs = Vec<(String, String)>;

/// Labels and records by stream.
fn streams(request: ExportLogsServiceRequest) -> Vec<(Pairs, Vec<LogRecord>)> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    };
    let stream = |resource_logs: opentelemetry_proto::tonic::logs::v1::ResourceLogs| {
        let attributes = resource_logs.resource.expect("a resource").attributes;
        let labels = attributes.into_iter().map(|label| (label.key, text(label.value))).collect();
        (labels, resource_logs.scope_logs.into_iter().flat_map(|scope| scope.log_records).collect())
    };
    request.resource_logs.into_iter().map(stream).collect()
}

fn some(value: Any) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn key(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn line<'a>(timestamp: i64, body: &'a [u8]) -> RecordParts<'a> {
    RecordParts {
        timestamp: Timestamp(timestamp),
        observed: None,
        severity: Severity::UNSET,
        severity_text: None,
        body,
        attributes: &[],
        trace_id: None,
        span_id: None,
        kind: Kind::Log,
        entities: &[],
    }
}

#[test]
fn a_record_with_everything_and_a_bare_one() {
    let mut encoder = BatchEncoder::new(3).expect("an encoder");
    let bare = encoder.stream(&[("host", "db1"), ("file", "/var/log/ő"), ("rack", "7"), ("empty", "")]);
    let full = encoder.stream(&[("service", "pay")]);
    assert_eq!(encoder.stream(&[("host", "db1"), ("file", "/var/log/ő"), ("rack", "7"), ("empty", "")]), bare);
    let attributes = [
        ("text".into(), Value::Text("x".into())),
        ("integer".into(), Value::Integer(-7)),
        ("float".into(), Value::Float(1.5)),
        ("bool".into(), Value::Bool(true)),
        ("null".into(), Value::Null),
        ("json".into(), Value::Json(r#"[1,-2.5,"a\n",null,{"b":[true],"a":18446744073709551615}]"#.into())),
        ("broken".into(), Value::Json("[1".into())),
    ];
    let entities = [Cow::Borrowed("host/db1"), Cow::Borrowed("drbd/r0")];
    let record = RecordParts {
        observed: Some(Timestamp(9)),
        severity: Severity::ERROR,
        severity_text: Some("ERR"),
        attributes: &attributes,
        trace_id: Some([1; 16]),
        span_id: Some([2; 8]),
        kind: Kind::Event,
        entities: &entities,
        ..line(5, b"caf\xe9")
    };
    encoder.push(full, &record);
    encoder.push(bare, &line(-3, "kő".as_bytes()));
    encoder.push(bare, &line(7, b""));
    assert_eq!((encoder.records(), encoder.is_empty()), (3, false));
    let told = encoder.raw_len();
    let encoded = encoder.finish().expect("compresses");
    assert!((encoded.raw_len..=encoded.raw_len + 24).contains(&told), "{told} for {}", encoded.raw_len);
    assert_eq!((encoded.records, encoded.first, encoded.last), (3, Timestamp(-3), Timestamp(7)));

    let request = decode(&encoded);
    assert_eq!(request.encoded_len(), encoded.raw_len, "as short as every encoder writes it");
    let list = |values: Vec<Option<AnyValue>>| {
        some(Any::ArrayValue(ArrayValue { values: values.into_iter().map(Option::unwrap_or_default).collect() }))
    };
    let text = |text: &str| some(Any::StringValue(text.to_owned()));
    let object = KeyValueList {
        values: vec![
            key("b", list(vec![some(Any::BoolValue(true))])),
            key("a", some(Any::DoubleValue(18_446_744_073_709_551_615.0))),
        ],
    };
    let expected = LogRecord {
        time_unix_nano: 5,
        observed_time_unix_nano: 9,
        severity_number: 17,
        severity_text: "ERR".to_owned(),
        body: some(Any::BytesValue(b"caf\xe9".to_vec())),
        attributes: vec![
            key("text", text("x")),
            key("integer", some(Any::IntValue(-7))),
            key("float", some(Any::DoubleValue(1.5))),
            key("bool", some(Any::BoolValue(true))),
            key("null", None),
            key(
                "json",
                list(vec![
                    some(Any::IntValue(1)),
                    some(Any::DoubleValue(-2.5)),
                    text("a\n"),
                    None,
                    some(Any::KvlistValue(object)),
                ]),
            ),
            key("broken", text("[1")),
            key("orszem.kind", text("event")),
            key("orszem.entities", list(vec![text("host/db1"), text("drbd/r0")])),
        ],
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        ..LogRecord::default()
    };
    let bare_record = |time: u64, body: &str| LogRecord {
        time_unix_nano: time,
        body: some(Any::StringValue(body.to_owned())),
        ..LogRecord::default()
    };
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let bare_labels = [("host.name", "db1"), ("log.file.path", "/var/log/ő"), ("orszem.label.rack", "7")];
    assert_eq!(
        streams(request),
        [
            (labels(&bare_labels), vec![bare_record(1, "kő"), bare_record(7, "")]),
            (labels(&[("service.name", "pay")]), vec![expected]),
        ]
    );
}

#[test]
fn a_finished_encoder_starts_anew() {
    let mut encoder = BatchEncoder::new(1).expect("an encoder");
    for host in ["a", "b"] {
        let slot = encoder.stream(&[("host", host)]);
        encoder.push(slot, &line(4, host.as_bytes()));
        let encoded = encoder.finish().expect("compresses");
        let got = streams(decode(&encoded));
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].0, [("host.name".to_owned(), host.to_owned())]);
        assert_eq!((encoder.raw_len(), encoder.is_empty()), (0, true));
    }
    let empty = encoder.finish().expect("compresses");
    assert_eq!((empty.raw_len, empty.records, empty.hash, empty.first), (0, 0, 0, Timestamp(0)));
    assert_eq!(decode(&empty), ExportLogsServiceRequest::default());
    encoder.stream(&[("host", "unused")]);
    assert_eq!(encoder.finish().expect("compresses").raw_len, 0, "a stream without records is left out");
}

#[test]
fn json_nested_too_deep_for_a_decoder_stays_text() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut encoder = BatchEncoder::new(1).expect("an encoder");
    let slot = encoder.stream(&[("host", "a")]);
    let value = |depth| [("v".into(), Value::Json(nest(depth).into()))];
    for depth in [24, 25, 200] {
        encoder.push(slot, &RecordParts { attributes: &value(depth), ..line(1, b"") });
    }
    let objects = format!("{}1{}", r#"{"a":"#.repeat(24), "}".repeat(24));
    encoder.push(slot, &RecordParts { attributes: &[("v".into(), Value::Json(objects.into()))], ..line(1, b"") });
    let got = streams(decode(&encoder.finish().expect("compresses")));
    let is_text =
        |record: &LogRecord| matches!(record.attributes[0].value, Some(AnyValue { value: Some(Any::StringValue(_)) }));
    assert_eq!(got[0].1.iter().map(is_text).collect::<Vec<_>>(), [false, true, true, false]);
}

type Pushed = (u8, i64, Vec<u8>, Vec<(String, String)>, String, u8);

proptest! {
    #[test]
    fn all_records_come_back_in_the_order_of_their_stream(
        pushed in prop::collection::vec(
            (
                0u8..5,
                1i64..i64::MAX,
                prop::collection::vec(any::<u8>(), 0..300),
                prop::collection::vec((".{0,9}", ".{0,150}"), 0..4),
                ".{0,3}",
                0u8..=24,
            ),
            0..40,
        )
    ) {
        let mut encoder = BatchEncoder::new(1).expect("an encoder");
        for (host, timestamp, body, attributes, text, severity) in &pushed {
            let slot = encoder.stream(&[("host", format!("h{host}"))]);
            let attributes: Vec<_> =
                attributes.iter().map(|(k, v)| (Cow::from(k.as_str()), Value::Text(v.as_str().into()))).collect();
            let record = RecordParts {
                attributes: &attributes,
                severity_text: Some(text),
                severity: Severity::from_number(*severity).expect("at most 24"),
                ..line(*timestamp, body)
            };
            encoder.push(slot, &record);
        }
        let told = encoder.raw_len();
        let encoded = encoder.finish().expect("compresses");
        prop_assert!(encoded.raw_len <= told);
        let mut got = Vec::new();
        for (labels, records) in streams(decode(&encoded)) {
            for record in records {
                got.push((labels[0].1.clone(), shown(record)));
            }
        }
        let mut expected: Vec<(u8, &Pushed)> = pushed.iter().map(|pushed| (pushed.0, pushed)).collect();
        let mut order: Vec<u8> = Vec::new();
        pushed.iter().for_each(|pushed| if !order.contains(&pushed.0) { order.push(pushed.0) });
        expected.sort_by_key(|(host, _)| order.iter().position(|seen| seen == host));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(host, (_, time, body, attributes, text, severity))| {
                let shown = (*time as u64, body.clone(), attributes.clone(), text.clone(), i32::from(*severity));
                (format!("h{host}"), shown)
            })
            .collect();
        prop_assert_eq!(got, expected);
    }
}

type Shown = (u64, Vec<u8>, Vec<(String, String)>, String, i32);

fn shown(record: LogRecord) -> Shown {
    let body = match record.body.and_then(|body| body.value) {
        Some(Any::StringValue(text)) => text.into_bytes(),
        Some(Any::BytesValue(bytes)) => {
            assert!(std::str::from_utf8(&bytes).is_err());
            bytes
        }
        other => panic!("no body: {other:?}"),
    };
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    };
    let attributes = record.attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect();
    (record.time_unix_nano, body, attributes, record.severity_text, record.severity_number)
}
