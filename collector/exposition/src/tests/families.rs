//! Prometheus protobuf.

use orszem_model::varint::put;

use super::entries;
use crate::{Classic, Format};

/// A message under construction.
#[derive(Clone, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        put(&mut self.0, field << 3 | 2);
        put(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub(super) fn varint(mut self, field: u64, value: u64) -> Self {
        put(&mut self.0, field << 3);
        put(&mut self.0, value);
        self
    }

    pub(super) fn double(mut self, field: u64, value: f64) -> Self {
        put(&mut self.0, field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }
}

pub(super) fn new() -> Message {
    Message::default()
}

fn label(name: &str, value: &str) -> Message {
    new().bytes(1, name.as_bytes()).bytes(2, value.as_bytes())
}

pub(super) fn delimited(families: &[Message]) -> Vec<u8> {
    let mut body = Vec::new();
    for family in families {
        put(&mut body, family.0.len() as u64);
        body.extend_from_slice(&family.0);
    }
    body
}

fn family(name: &str, kind: u64, metrics: &[Message]) -> Message {
    let start = new().bytes(1, name.as_bytes()).bytes(2, b"a help").varint(3, kind);
    metrics.iter().fold(start, |family, metric| family.message(4, metric))
}

fn exemplar(trace: &str, time: Option<(u64, u64)>) -> Message {
    let exemplar = new().message(1, &label("trace_id", trace)).double(2, 0.25);
    match time {
        Some((seconds, nanos)) => exemplar.message(3, &new().varint(1, seconds).varint(2, nanos)),
        None => exemplar,
    }
}

fn classic_histogram() -> Message {
    let bucket = |count, bound| new().varint(1, count).double(2, bound);
    new()
        .varint(1, 7)
        .double(2, 9.5)
        .message(3, &bucket(2, 1.0).message(3, &exemplar("ab", None)))
        .message(3, &bucket(5, 2.5).message(3, &exemplar("cd", Some((1, 5_000_000)))))
}

fn native_histogram() -> Message {
    classic_histogram()
        .varint(5, 3 << 1)
        .double(6, 0.001)
        .varint(7, 1)
        .message(12, &new().varint(1, 1).varint(2, 2))
        .message(12, &new().varint(1, 2).varint(2, 1))
        .bytes(13, &[2, 2, 2])
        .message(15, &new().varint(1, 77))
}

pub(super) fn sample_body() -> Vec<u8> {
    let counter = new()
        .message(1, &label("job", "x"))
        .message(1, &label("a.b", "ő"))
        .message(3, &new().double(1, 5.0).message(2, &exemplar("ef", None)).message(3, &new().varint(1, 60)))
        .varint(6, 1234);
    let quantile = |quantile, value| new().double(1, quantile).double(2, value);
    let summary = new().varint(1, 3).double(2, 4.5).message(3, &quantile(0.5, 1.0)).message(3, &quantile(0.99, 2.0));
    delimited(&[
        family("c_bytes_total", 0, &[counter]).bytes(5, b"bytes"),
        family("empty", 0, &[]),
        family("g", 1, &[new().message(2, &new().double(1, -1.5)), new().message(2, &new())]),
        family("s", 2, &[new().message(4, &summary)]),
        family("h", 4, &[new().message(7, &classic_histogram())]),
        family("n", 5, &[new().message(1, &label("x", "y")).message(7, &native_histogram())]),
    ])
}

const BEFORE_NATIVE: [&str; 19] = [
    "help c_bytes_total \"a help\"",
    "unit c_bytes_total \"bytes\"",
    "type c_bytes_total counter",
    r#"{"__name__": "c_bytes_total", "a.b": "ő", "job": "x"} 5 @1234 since 60000 # {"trace_id": "ef"} 0.25"#,
    "help g \"a help\"",
    "type g gauge",
    r#"{"__name__": "g"} -1.5"#,
    r#"{"__name__": "g"} 0"#,
    "help s \"a help\"",
    "type s summary",
    r#"{"__name__": "s_count"} 3"#,
    r#"{"__name__": "s_sum"} 4.5"#,
    r#"{"__name__": "s", "quantile": "0.5"} 1"#,
    r#"{"__name__": "s", "quantile": "0.99"} 2"#,
    "help h \"a help\"",
    "type h histogram",
    r#"{"__name__": "h_count"} 7"#,
    r#"{"__name__": "h_sum"} 9.5"#,
    r#"{"__name__": "h_bucket", "le": "1.0"} 2 # {"trace_id": "ab"} 0.25"#,
];

const NATIVE: &str = "{\"__name__\": \"n\", \"x\": \"y\"} Gauge schema 3 zero 1 of 0.001 count 7 sum 9.5 \
                      + [(-1, 2), (1, 1)] [1.0, 2.0, 3.0] - [] [] since 77000 # {\"trace_id\": \"cd\"} 0.25 @1005";

#[test]
fn all_types_give_their_samples() {
    let rest = [
        r#"{"__name__": "h_bucket", "le": "2.5"} 5 # {"trace_id": "cd"} 0.25 @1005"#,
        r#"{"__name__": "h_bucket", "le": "+Inf"} 7"#,
        "help n \"a help\"",
        "type n gaugehistogram",
    ];
    let common: Vec<_> = BEFORE_NATIVE.into_iter().chain(rest).collect();
    let classic = [
        r#"{"__name__": "n_count", "x": "y"} 7 since 77000"#,
        r#"{"__name__": "n_sum", "x": "y"} 9.5 since 77000"#,
        r#"{"__name__": "n_bucket", "le": "1.0", "x": "y"} 2 since 77000 # {"trace_id": "ab"} 0.25"#,
        r#"{"__name__": "n_bucket", "le": "2.5", "x": "y"} 5 since 77000 # {"trace_id": "cd"} 0.25 @1005"#,
        r#"{"__name__": "n_bucket", "le": "+Inf", "x": "y"} 7 since 77000"#,
    ];
    let body = sample_body();
    let native = [NATIVE];
    for (mode, more) in [
        (Classic::Unless, native.to_vec()),
        (Classic::Always, native.into_iter().chain(classic).collect()),
        (Classic::Only, classic.to_vec()),
    ] {
        let expected: Vec<_> = common.iter().copied().chain(more).collect();
        assert_eq!(entries(Format::Protobuf, &body, mode), expected, "{mode:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_family() {
    let gauge = [new().message(2, &new().double(1, 1.0))];
    let broken = [new().message(7, &new().varint(1, 2).message(12, &new().varint(1, 0).varint(2, 3)))];
    let cases = [
        (family("", 1, &gauge), "metric family 2: invalid metric name: "),
        (family("g", 9, &gauge), "metric family 2: unknown metric type for metric \"g\": 9"),
        (family("g", 1, &gauge).bytes(5, b"s"), "metric family 2: unit \"s\" not a suffix of metric \"g\""),
        (family("g", 1, &gauge).bytes(2, b"\xff"), "metric family 2: invalid help: \"\\xff\""),
        (family("g", 1, &[new().bytes(1, b"\x0a\x01\xff")]), "metric family 2: invalid label name: \"\\xff\""),
        (family("g", 1, &[new().varint(2, 1)]), "metric family 2: a field is cut short or of the wrong type"),
        (
            family("h", 4, &broken),
            "metric family 2: positive side: spans need 3 buckets, have 0 buckets: histogram spans specify different \
             number of buckets than provided in \"h\"",
        ),
    ];
    for (bad, expected) in cases {
        let body = delimited(&[family("ok", 1, &gauge), bad, family("ok", 1, &gauge)]);
        let told = entries(Format::Protobuf, &body, Classic::Unless);
        assert_eq!(told.last(), Some(&format!("error: {expected}")));
    }
    assert_eq!(
        entries(Format::Protobuf, b"\x05a", Classic::Unless),
        ["error: metric family 1: a message is cut short"]
    );
}
