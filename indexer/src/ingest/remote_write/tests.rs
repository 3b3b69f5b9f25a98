//! Requests of both versions, good and bad, against a sink that remembers all.

mod encoder;
mod noise;
mod refused;

use std::collections::BTreeMap;

use orszem_exposition::Exemplar;
use orszem_model::{Histogram, Labels, Timestamp};

use super::*;
use crate::ingest::limits::Limits;
use encoder::{Request, Series, message};

pub(in crate::ingest) const NOW: Timestamp = Timestamp(1_700_000_000_000 * 1_000_000);

/// Remembers what it is told, a line each.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Recorder {
    keys: BTreeMap<u128, usize>,
    series: Vec<Labels>,
    pub(in crate::ingest) lines: Vec<String>,
    /// How often labels were asked for.
    pub(in crate::ingest) label_calls: usize,
    pub(in crate::ingest) series_max: Option<usize>,
}

impl SeriesSink for Recorder {
    type Series = usize;

    fn series(&mut self, key: u128, labels: impl FnOnce() -> Result<Labels, LabelProblem>) -> Result<usize, Refused> {
        if let Some(&known) = self.keys.get(&key) {
            return Ok(known);
        }
        self.label_calls += 1;
        let labels = labels()?;
        let at = match self.series.iter().position(|known| *known == labels) {
            Some(at) => at,
            None if self.series_max == Some(self.series.len()) => {
                return Err(Refused::Limit("too many series".to_owned()));
            }
            None => {
                self.series.push(labels);
                self.series.len() - 1
            }
        };
        self.keys.insert(key, at);
        Ok(at)
    }

    fn sample(&mut self, series: usize, time: i64, value: f64) {
        self.lines.push(format!("{:?} {value} @{time}", self.series[series]));
    }

    fn histogram(&mut self, series: usize, time: i64, histogram: Histogram) {
        self.lines.push(format!("{:?} {histogram:?} @{time}", self.series[series]));
    }

    fn exemplar(&mut self, series: usize, exemplar: Exemplar) {
        let Exemplar { labels, value, time } = exemplar;
        self.lines.push(format!("{:?} # {labels:?} {value} @{time:?}", self.series[series]));
    }

    fn start(&mut self, series: usize, time: i64, start: i64) {
        self.lines.push(format!("{:?} since {start} @{time}", self.series[series]));
    }

    fn metadata(&mut self, metadata: Metadata<'_>) {
        let Metadata { family, kind, help, unit } = metadata;
        self.lines.push(format!("{family} {} {help:?} {unit:?}", kind.name()));
    }
}

/// Decodes `request` in both versions.
fn both(request: &Request, limits: &Limits) -> [(Outcome, Recorder); 2] {
    [Version::V1, Version::V2].map(|version| {
        let mut sink = Recorder::default();
        let outcome = decode(&request.encode(version), version, limits, NOW, &mut sink).expect("decodes");
        (outcome, sink)
    })
}

fn native() -> encoder::Message {
    message()
        .varint(1, 6)
        .double(3, 9.5)
        .zigzag(4, -1)
        .double(5, 0.5)
        .varint(6, 1)
        .message(11, &message().zigzag(1, -2).varint(2, 2))
        .packed_zigzag(12, &[2, 1])
        .varint(14, 3)
        .varint(15, 1_700_000_000_000)
}

#[test]
fn samples_histograms_and_exemplars_of_both_versions_reach_the_sink() {
    let request = Request {
        series: vec![
            // Out of order.
            Series {
                samples: vec![(1_600_000_000_000, 1.5), (-5, -0.0)],
                exemplars: vec![(vec![("trace_id", "ab")], 0.5, 1_600_000_000_001)],
                ..Series::of(&[("job", "é"), ("__name__", "up.time"), ("empty", "")])
            },
            Series { histograms: vec![native()], ..Series::of(&[("__name__", "h")]) },
            Series { samples: vec![(7, 2.0)], ..Series::of(&[("__name__", "up.time"), ("job", "é")]) },
            Series::of(&[("__name__", "nothing")]),
        ],
    };
    let up = r#"{"__name__": "up.time", "job": "é"}"#;
    let histogram = Histogram {
        counter_reset: orszem_model::CounterReset::Gauge,
        schema: -1,
        zero_threshold: 0.5,
        zero_count: 1.0,
        count: 6.0,
        sum: 9.5,
        positive: orszem_model::Buckets {
            spans: vec![orszem_model::BucketSpan { offset: -2, length: 2 }],
            counts: vec![2.0, 3.0],
        },
        ..Histogram::default()
    };
    let expected = [
        format!("{up} 1.5 @1600000000000"),
        format!("{up} -0 @-5"),
        format!("{up} # {{\"trace_id\": \"ab\"}} 0.5 @Some(1600000000001)"),
        format!("{{\"__name__\": \"h\"}} {histogram:?} @1700000000000"),
        format!("{up} 2 @7"),
    ];
    for (outcome, sink) in both(&request, &Limits::default()) {
        assert_eq!(sink.lines, expected);
        assert_eq!(sink.series.len(), 2);
        let body_bytes = outcome.body_bytes;
        assert_eq!(outcome, Outcome { samples: 3, histograms: 1, exemplars: 1, rejected: vec![], body_bytes });
        assert_eq!((outcome.status(), outcome.message()), (204, None));
        assert_eq!(outcome.headers().map(|(_, count)| count), [3, 1, 1]);
    }
}

#[test]
fn a_known_series_is_not_asked_for_its_labels_again_and_marks_keep_their_bits() {
    let stale = f64::from_bits(orszem_model::STALE_BITS);
    let series = |time, value| Series { samples: vec![(time, value)], ..Series::of(&[("__name__", "a"), ("b", "c")]) };
    let request = Request { series: vec![series(1, 1.0), series(2, stale)] };
    for version in [Version::V1, Version::V2] {
        struct Bits(Recorder, Vec<u64>);
        impl SeriesSink for Bits {
            type Series = usize;
            fn series(
                &mut self,
                key: u128,
                labels: impl FnOnce() -> Result<Labels, LabelProblem>,
            ) -> Result<usize, Refused> {
                self.0.series(key, labels)
            }
            fn sample(&mut self, _: usize, _: i64, value: f64) {
                self.1.push(value.to_bits());
            }
            fn histogram(&mut self, _: usize, _: i64, _: Histogram) {}
            fn exemplar(&mut self, _: usize, _: Exemplar) {}
            fn start(&mut self, _: usize, _: i64, _: i64) {}
            fn metadata(&mut self, _: Metadata<'_>) {}
        }
        let mut sink = Bits(Recorder::default(), Vec::new());
        decode(&request.encode(version), version, &Limits::default(), NOW, &mut sink).expect("decodes");
        assert_eq!((sink.0.label_calls, sink.1), (1, vec![1.0_f64.to_bits(), orszem_model::STALE_BITS]));
    }
}

#[test]
fn fields_may_come_in_any_order_and_unknown_ones_are_passed_over() {
    let label = |name: &str, value: &str| message().bytes(2, value.as_bytes()).bytes(1, name.as_bytes());
    let series = message()
        .message(1, &label("__name__", "a"))
        .message(2, &message().varint(2, 5).double(1, 1.0).varint(9, 1))
        .varint(77, 1)
        .message(1, &label("z", "1"));
    let request = message().bytes(99, b"x").message(1, &series);
    let mut sink = Recorder::default();
    decode(&request.0, Version::V1, &Limits::default(), NOW, &mut sink).expect("decodes");
    assert_eq!(sink.lines, [r#"{"__name__": "a", "z": "1"} 1 @5"#]);

    let series = message().message(2, &message().varint(2, 5).double(1, 1.0)).varint(1, 1).varint(1, 2);
    let request = message().message(5, &series).bytes(4, b"").bytes(4, b"__name__").bytes(4, b"a");
    let mut sink = Recorder::default();
    decode(&request.0, Version::V2, &Limits::default(), NOW, &mut sink).expect("decodes");
    assert_eq!(sink.lines, [r#"{"__name__": "a"} 1 @5"#]);
}

#[test]
fn metadata_is_told_once_a_family_and_starts_with_their_samples() {
    let metadata = message().varint(1, 1).bytes(2, b"c").bytes(4, b"A \xffhelp.").bytes(5, b"s");
    let mut sink = Recorder::default();
    decode(&message().message(3, &metadata).0, Version::V1, &Limits::default(), NOW, &mut sink).expect("decodes");
    assert_eq!(sink.lines, ["c counter \"A \u{fffd}help.\" \"s\""]);

    let symbols = ["", "__name__", "h_bucket", "h_sum", "Help", "seconds", "le", "1", "2"];
    let start = symbols.iter().fold(message(), |request, text| request.bytes(4, text.as_bytes()));
    let said = message().varint(1, 3).varint(3, 4).varint(4, 5);
    let sample = message().double(1, 1.0).varint(2, 9);
    let series = |refs: &[u8]| message().bytes(1, refs).message(5, &said);
    let request = start
        .message(5, &series(&[1, 2, 6, 7]).message(2, &sample.clone().varint(3, 4)))
        .message(5, &series(&[1, 2, 6, 8]).message(2, &sample).varint(6, 3))
        .message(5, &series(&[1, 3]).message(2, &sample));
    let mut sink = Recorder::default();
    let outcome = decode(&request.0, Version::V2, &Limits::default(), NOW, &mut sink).expect("decodes");
    assert_eq!((outcome.samples, outcome.status()), (3, 204));
    assert_eq!(
        sink.lines,
        [
            "h histogram \"Help\" \"seconds\"",
            r#"{"__name__": "h_bucket", "le": "1"} since 4 @9"#,
            r#"{"__name__": "h_bucket", "le": "1"} 1 @9"#,
            r#"{"__name__": "h_bucket", "le": "2"} since 3 @9"#,
            r#"{"__name__": "h_bucket", "le": "2"} 1 @9"#,
            "h histogram \"Help\" \"seconds\"",
            r#"{"__name__": "h_sum"} 1 @9"#,
        ]
    );
}

#[test]
fn headers_choose_the_version_or_are_refused() {
    let good = [
        (None, Version::V1),
        (Some(""), Version::V1),
        (Some("application/x-protobuf"), Version::V1),
        (Some("application/x-protobuf;charset=utf-8"), Version::V1),
        (Some("application/x-protobuf;proto=prometheus.WriteRequest"), Version::V1),
        (Some("Application/X-Protobuf; proto=\"io.prometheus.write.v2.Request\""), Version::V2),
        (Some("application/x-protobuf;proto=io.prometheus.write.v2.Request"), Version::V2),
    ];
    for (value, version) in good {
        assert_eq!(Version::from_content_type(value), Ok(version), "{value:?}");
    }
    for bad in [
        "application/json",
        "text/plain;application/x-protobuf",
        "application/x-protobuf;proto",
        "application/x-protobuf;proto=io.prometheus.write.v3.Request",
    ] {
        let status = Version::from_content_type(Some(bad)).map_err(|error| error.status);
        assert_eq!(status, Err(415), "{bad}");
    }
    for good in [None, Some(""), Some("snappy"), Some("Snappy")] {
        assert_eq!(check_encoding(good), Ok(()));
    }
    let told = check_encoding(Some("gzip")).expect_err("refused");
    let text = "gzip encoding (compression) is not accepted by this server; only snappy is acceptable";
    assert_eq!((told.status, told.message.as_str()), (415, text));
}
