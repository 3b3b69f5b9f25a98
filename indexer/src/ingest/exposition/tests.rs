//! Imported bodies against a sink that remembers all.

use orszem_exposition::Format;
use orszem_model::Labels;

use super::import;
use crate::ingest::limits::Limits;
use crate::ingest::remote_write::tests::{NOW, Recorder};
use crate::ingest::remote_write::{Outcome, Reason, Rejection};

#[test]
fn samples_without_a_time_are_of_now_and_extra_labels_replace_others() {
    let body = "# TYPE lat histogram\n# HELP lat How long.\nlat_bucket{le=\"1\",job=\"theirs\"} 2\n\
                lat_count 3 1500\nlat_bucket{le=\"1\",job=\"theirs\"} 4 7";
    let extra = Labels::from([("job", "ours"), ("__name__", "no")]);
    let mut sink = Recorder::default();
    let outcome = import(body.as_bytes(), Format::Text, &extra, &Limits::default(), NOW, &mut sink);
    assert_eq!(outcome, Outcome { samples: 3, body_bytes: body.len(), ..Outcome::default() });
    assert_eq!(
        sink.lines,
        [
            "lat histogram \"How long.\" \"\"",
            r#"{"__name__": "lat_bucket", "job": "ours", "le": "1.0"} 2 @1700000000000"#,
            r#"{"__name__": "lat_count", "job": "ours"} 3 @1500"#,
            r#"{"__name__": "lat_bucket", "job": "ours", "le": "1.0"} 4 @7"#,
        ]
    );
    assert_eq!(sink.label_calls, 2);
}

#[test]
fn a_bad_line_is_rejected_alone() {
    let body = "a 1\nb{ 2\nc{x=\"1\",x=\"2\"} 3\nd 4 99999999999999\ne five\nf 6\n";
    let mut sink = Recorder::default();
    let outcome = import(body.as_bytes(), Format::Text, &Labels::default(), &Limits::default(), NOW, &mut sink);
    let rejection = |reason, count, first: &str| Rejection { reason, count, first: first.to_owned() };
    assert_eq!(
        outcome.rejected,
        [
            rejection(
                Reason::Malformed,
                2,
                "line 2: expected label name, got \"2\" (\"INVALID\") while parsing: \"b{ 2\""
            ),
            rejection(
                Reason::DuplicateLabel,
                1,
                "invalid labels for series, labels {__name__=\"c\", x=\"1\", x=\"2\"}, duplicated label x"
            ),
            rejection(
                Reason::TooFarInFuture,
                1,
                "out of bounds: timestamp is too far in the future for series {__name__=\"d\"} at 99999999999999 ms"
            ),
        ]
    );
    assert_eq!((outcome.samples, outcome.status()), (2, 400));
    assert_eq!(sink.lines, [r#"{"__name__": "a"} 1 @1700000000000"#, r#"{"__name__": "f"} 6 @1700000000000"#]);
}

#[test]
fn openmetrics_brings_exemplars_and_must_end() {
    let body = "# TYPE c counter\n# UNIT c_s s\nc_total 1 2 # {trace_id=\"x\"} 0.5\n# EOF\n";
    let mut sink = Recorder::default();
    let whole = |body: &str, sink: &mut Recorder| {
        import(body.as_bytes(), Format::OpenMetrics, &Labels::default(), &Limits::default(), NOW, sink)
    };
    let outcome = whole(body, &mut sink);
    assert_eq!((outcome.samples, outcome.exemplars, outcome.rejected), (1, 1, vec![]));
    assert_eq!(
        sink.lines,
        [
            "c counter \"\" \"\"",
            "c_s unknown \"\" \"s\"",
            r#"{"__name__": "c_total"} 1 @2000"#,
            r#"{"__name__": "c_total"} # {"trace_id": "x"} 0.5 @Some(2000)"#,
        ]
    );
    let cut = whole("c_total 1\n", &mut Recorder::default());
    assert_eq!((cut.samples, cut.message()), (1, Some("line 2: data does not end with # EOF".to_owned())));
}
