//! What is rejected, why, and that the rest is kept.

use super::encoder::{Message, Request, Series, message};
use super::{NOW, Recorder, both, native};
use crate::ingest::limits::Limits;
use crate::ingest::remote_write::{Outcome, Reason, Rejection, Version, decode};

const HOUR_AHEAD: i64 = 1_700_003_600_000;

fn kept() -> Series {
    Series::of(&[("__name__", "kept")]).sampled()
}

fn limits() -> Limits {
    Limits { labels_max: 3, name_bytes_max: 10, label_value_bytes_max: 12, ..Limits::default() }
}

#[test]
fn each_bad_label_set_is_named_and_the_others_are_kept() {
    let name = ("__name__", "a");
    let long = "x".repeat(13);
    let cases: [(Series, Reason, String); 10] = [
        (
            Series::of(&[("job", "x")]),
            Reason::InvalidLabels,
            r#"invalid metric name or labels, got {job="x"}"#.to_owned(),
        ),
        (
            Series::of(&[("__name__", "")]),
            Reason::InvalidLabels,
            r#"invalid metric name or labels, got {__name__=""}"#.to_owned(),
        ),
        (Series::of::<&str, &str>(&[]), Reason::InvalidLabels, "invalid metric name or labels, got {}".to_owned()),
        (
            Series::of(&[name, ("", "x")]),
            Reason::InvalidLabels,
            r#"invalid metric name or labels, got {__name__="a", ""="x"}"#.to_owned(),
        ),
        (
            Series::of(&[(&b"__name__"[..], &b"a"[..]), (b"b", b"\xff")]),
            Reason::InvalidLabels,
            r#"invalid metric name or labels, got {__name__="a", b="\xff"}"#.to_owned(),
        ),
        (
            Series::of(&[(&b"__name__"[..], &b"a"[..]), (b"\xc3", b"x")]),
            Reason::InvalidLabels,
            r#"invalid metric name or labels, got {__name__="a", "\xc3"="x"}"#.to_owned(),
        ),
        (
            Series::of(&[("b.c", "1"), name, ("b.c", "2")]),
            Reason::DuplicateLabel,
            r#"invalid labels for series, labels {__name__="a", "b.c"="1", "b.c"="2"}, duplicated label b.c"#
                .to_owned(),
        ),
        (
            Series::of(&[name, ("b", "1"), ("c", "1"), ("d", "1")]),
            Reason::TooManyLabels,
            "series has 4 labels, at most 3 are taken (ingest.labels_max): {__name__=\"a\", b=\"1\", c=\"1\", d=\"1\"}"
                .to_owned(),
        ),
        (
            Series::of(&[name, ("abcdefghijk", "1")]),
            Reason::LabelNameTooLong,
            "label name of 11 bytes is longer than 10 (ingest.name_bytes_max): {__name__=\"a\", abcdefghijk=\"1\"}"
                .to_owned(),
        ),
        (
            Series::of(&[name, ("b", &long)]),
            Reason::LabelValueTooLong,
            format!(
                "label value of 13 bytes is longer than 12 (ingest.label_value_bytes_max): {{__name__=\"a\", b=\"{long}\"}}"
            ),
        ),
    ];
    for (bad, reason, first) in cases {
        let mut twice = bad.clone().sampled().sampled();
        twice.histograms.push(native());
        let request = Request { series: vec![twice, kept(), bad] };
        for (outcome, sink) in both(&request, &limits()) {
            // Three of the first series; the one without samples counts as one.
            let rejected = vec![Rejection { reason, count: 4, first: first.clone() }];
            let body_bytes = outcome.body_bytes;
            assert_eq!(outcome, Outcome { samples: 1, histograms: 0, exemplars: 0, rejected, body_bytes });
            assert_eq!(outcome.status(), 400);
            assert_eq!(outcome.message(), Some(format!("{first} (4 rejected for this reason)")));
            assert_eq!(sink.lines, [r#"{"__name__": "kept"} 1 @1"#]);
        }
    }
}

#[test]
fn times_ahead_are_rejected_and_past_ones_are_not() {
    let mut series = Series::of(&[("__name__", "a")]);
    series.samples = vec![(1_700_000_600_000, 1.0), (1_700_000_600_001, 2.0), (HOUR_AHEAD, 3.0), (1, 4.0)];
    series.samples.push((i64::MIN, 5.0));
    series.exemplars = vec![(vec![("trace_id", "x")], 1.0, HOUR_AHEAD)];
    series.histograms = vec![native().varint(15, HOUR_AHEAD as u64)];
    for (outcome, sink) in both(&Request { series: vec![series.clone()] }, &Limits::default()) {
        let ahead = "out of bounds: timestamp is too far in the future for series {__name__=\"a\"} at 1700000600001 ms";
        let past =
            "out of bounds: timestamp is before the year 1 for series {__name__=\"a\"} at -9223372036854775808 ms";
        assert_eq!(
            outcome.rejected,
            [
                Rejection { reason: Reason::TooFarInFuture, count: 4, first: ahead.to_owned() },
                Rejection { reason: Reason::TooOld, count: 1, first: past.to_owned() },
            ]
        );
        assert_eq!((outcome.samples, outcome.rejected_count()), (2, 5));
        assert_eq!(sink.lines, [r#"{"__name__": "a"} 1 @1700000600000"#, r#"{"__name__": "a"} 4 @1"#]);
    }
    let unlimited = Limits { future_max_s: 0, ..Limits::default() };
    for (outcome, _) in both(&Request { series: vec![series] }, &unlimited) {
        assert_eq!((outcome.samples, outcome.histograms, outcome.exemplars, outcome.rejected_count()), (4, 1, 1, 1));
    }
}

#[test]
fn bad_histograms_and_exemplars_are_rejected_alone() {
    let mut series = Series::of(&[("__name__", "a")]).sampled();
    series.histograms = vec![native().varint(1, 7), native().zigzag(4, 99), native()];
    series.exemplars = vec![(vec![("t", "0123456789".repeat(13).leak())], 1.0, 1), (vec![], 2.0, 2)];
    for (outcome, _) in both(&Request { series: vec![series.clone()] }, &Limits::default()) {
        let histogram = "invalid histogram: 6 observations found in buckets, but the Count field is 7: histogram's \
                         observation count should equal the number of observations found in the buckets (in absence \
                         of NaN) for series {__name__=\"a\"}";
        let exemplar = "label length for exemplar exceeds maximum of 128 UTF-8 characters for series {__name__=\"a\"}";
        let mut rejected = outcome.rejected.clone();
        rejected.sort_by_key(|rejection| rejection.reason);
        assert_eq!(
            rejected,
            [
                Rejection { reason: Reason::InvalidHistogram, count: 2, first: histogram.to_owned() },
                Rejection { reason: Reason::InvalidExemplar, count: 1, first: exemplar.to_owned() },
            ]
        );
        assert_eq!((outcome.samples, outcome.histograms, outcome.exemplars), (1, 1, 1));
    }
}

#[test]
fn references_that_lead_nowhere_are_told() {
    let symbols = ["", "__name__", "a"].iter().fold(message(), |request, text| request.bytes(4, text.as_bytes()));
    let sample = message().double(1, 1.0).varint(2, 9);
    let cases = [
        (&[1, 2, 1][..], "invalid labelRefs length 3"),
        (&[1, 3], "labelRefs 1 (name) = 3 (value) outside of symbols table (size 3)"),
    ];
    for (refs, first) in cases {
        let good = message().bytes(1, &[1, 2]).message(2, &sample);
        let bad = message().bytes(1, refs).message(2, &sample);
        let request = symbols.clone().message(5, &bad).message(5, &good);
        let mut sink = Recorder::default();
        let outcome = decode(&request.0, Version::V2, &Limits::default(), NOW, &mut sink).expect("decodes");
        let rejection = Rejection { reason: Reason::InvalidLabels, count: 1, first: first.to_owned() };
        assert_eq!((outcome.samples, outcome.rejected), (1, vec![rejection]));
    }
}

#[test]
fn a_full_sink_rejects_new_series_alone() {
    let request = Request { series: vec![kept(), Series::of(&[("__name__", "more")]).sampled(), kept()] };
    for version in [Version::V1, Version::V2] {
        let mut sink = Recorder { series_max: Some(1), ..Recorder::default() };
        let outcome = decode(&request.encode(version), version, &Limits::default(), NOW, &mut sink).expect("decodes");
        let rejection = Rejection { reason: Reason::SeriesLimit, count: 1, first: "too many series".to_owned() };
        assert_eq!((outcome.samples, outcome.rejected), (2, vec![rejection]));
    }
}

#[test]
fn shared_long_strings_do_not_make_huge_label_sets() {
    let labels: Vec<_> = (0..20).map(|at| (format!("l{at:02}"), "v".repeat(2048))).collect();
    let mut series = Series::of(&labels).sampled();
    series.labels.push((b"__name__".to_vec(), b"a".to_vec()));
    for (outcome, _) in both(&Request { series: vec![series] }, &Limits::default()) {
        assert_eq!(
            outcome.rejected.iter().map(|r| (r.reason, r.count)).collect::<Vec<_>>(),
            [(Reason::LabelValueTooLong, 1)]
        );
    }
}

#[test]
fn an_empty_request_is_fine_and_a_broken_one_is_refused_whole() {
    for version in [Version::V1, Version::V2] {
        let decoded = |body: &[u8]| decode(body, version, &Limits::default(), NOW, &mut Recorder::default());
        assert_eq!(decoded(b"").map(|outcome| (outcome.status(), outcome.samples)), Ok((204, 0)));
        let good = Request { series: vec![kept()] }.encode(version);
        let wrong_type = |field: u64| Message::default().varint(field, 1).0;
        for bad in [&good[..good.len() - 1], b"\x0f", &wrong_type(if version == Version::V1 { 1 } else { 5 })] {
            let refusal = decoded(bad).map_err(|error| (error.code, error.status));
            assert_eq!(refusal, Err(("ingest.bad_protobuf", 400)), "{bad:?}");
        }
    }
}
