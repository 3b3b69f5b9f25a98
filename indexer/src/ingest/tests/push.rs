//! Loki's push protocol.

use prost::Message;

use super::*;

fn decode(body: &str) -> Result<Decoded, IngestError> {
    let limits = Limits::default();
    with(&limits, |context| loki::decode_json(body.as_bytes(), context))
}

/// What a push becomes, or the refusal's code.
fn check(body: &str, expected: Result<&[&str], &str>) {
    let got = decode(body).map(|decoded| records(&decoded.batches).iter().map(shown).collect::<Vec<_>>());
    let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
    assert_eq!(got.map_err(|error| error.code), expected, "{body}");
}

#[test]
fn json_pushes_keep_the_stream_exactly() {
    check(
        r#"{"streams":[{"stream":{"app":"web","level":"warn"},"values":[["1795341600000000000","a\tb"],["1795341601000000000","c",{"user":"u","level":"error"}]]},
            {"values":[["1795341600000000001","level=debug x"]],"stream":{"a.b":"c"}}]}"#,
        Ok(&[
            "0s {app=web,level=warn} 13 [] a\tb",
            "1s {app=web,level=warn} 17 [user=\"u\" level=\"error\"] c",
            "0.000000001s {a.b=c} 5 [] level=debug x",
        ]),
    );
    check(r#"{"streams":[]}"#, Ok(&[]));
    check(r#"{"streams":[{"stream":{"n":1},"values":[[1795341600000000000,"x"]]}]}"#, Ok(&["0s {n=1} 0 [] x"]));
    for (body, code) in [
        (r#"{"streams":[{"stream":{},"values":[]}]}"#, "ingest.bad_labels"),
        (r#"{"streams":[{"stream":{"a-b":"c"},"values":[]}]}"#, "ingest.bad_labels"),
        (r#"{"streams":[{"stream":{"9":"c"},"values":[]}]}"#, "ingest.bad_labels"),
        (r#"{"streams":[{"stream":"x","values":[]}]}"#, "ingest.bad_json"),
        (r#"{"streams":[{"stream":{"a":"b"},"values":[["1"]]}]}"#, "ingest.bad_json"),
        (r#"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{},1]]}]}"#, "ingest.bad_json"),
        (r#"{"streams":[{"stream":{"a":"b"},"values":[["1","x","y"]]}]}"#, "ingest.bad_json"),
        (r#"{"stream":1}"#, "ingest.bad_json"),
        ("{", "ingest.bad_json"),
        ("", "ingest.bad_json"),
    ] {
        check(body, Err(code));
    }
    let long = format!(r#"{{"streams":[{{"stream":{{"a":"{}"}},"values":[]}}]}}"#, "x".repeat(2049));
    check(&long, Err("ingest.label_value_too_long"));
    let many: Vec<String> = (0..65).map(|n| format!("\"l{n}\":\"x\"")).collect();
    check(
        &format!(r#"{{"streams":[{{"stream":{{{}}},"values":[]}}]}}"#, many.join(",")),
        Err("ingest.too_many_labels"),
    );
}

#[test]
fn entries_with_impossible_times_are_rejected_alone() {
    let decoded = decode(
        r#"{"streams":[{"stream":{"a":"b"},"values":[["x","1"],["1795342201000000000","2"],["1795341600000000000","3"],["99999999999999999999","4"]]}]}"#,
    )
    .expect("decodes");
    assert_eq!((decoded.accepted, reasons(&decoded)), (1, vec![("bad_timestamp", 2), ("too_far_in_future", 1)]));
    assert!(decoded.rejected[0].sample.starts_with("entry 1: "), "{}", decoded.rejected[0].sample);
}

/// Loki's messages as a client writes them, apart from the ones under test.
#[derive(Clone, PartialEq, prost::Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<PushStream>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushStream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<PushEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushEntry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<PushTime>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<PushPair>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct PushTime {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// A protobuf push of one entry, not compressed.
pub(super) fn push(labels: &str, line: &str) -> Vec<u8> {
    let metadata = vec![PushPair { name: "traceID".into(), value: "000102030405060708090a0b0c0d0e0f".into() }];
    let timestamp = Some(PushTime { seconds: 1_795_341_600, nanos: 5 });
    let entries = vec![PushEntry { timestamp, line: line.into(), metadata }];
    Push { streams: vec![PushStream { labels: labels.into(), entries }] }.encode_to_vec()
}

#[test]
fn protobuf_pushes_are_read() {
    let limits = Limits::default();
    let decode = |body: &[u8]| with(&limits, |context| loki::decode(body, context));
    let decoded = decode(&push(r#"{app="web", host="db1"}"#, "x [warn] y")).expect("decodes");
    let record = records(&decoded.batches).remove(0);
    assert_eq!(
        shown(&record),
        "0.000000005s {app=web,host=db1} 13 [traceID=\"000102030405060708090a0b0c0d0e0f\"] x [warn] y"
    );
    assert_eq!(record.trace_id, Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
    let code = |body: &[u8]| decode(body).map_err(|error| (error.code, error.status));
    assert_eq!(code(&push("{app=}", "x")), Err(("ingest.bad_labels", 400)));
    assert_eq!(code(b"noise"), Err(("ingest.bad_protobuf", 400)));
}
