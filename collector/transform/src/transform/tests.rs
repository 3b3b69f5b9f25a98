use orszem_model::Severity;
use orszem_model::time::NANOS_PER_SECOND;

use super::*;
use crate::SummaryKey;

fn config(json: &str) -> TransformConfig {
    serde_json::from_str(json).expect(json)
}

fn transform(json: &str) -> Transform {
    Transform::new(&config(json)).expect(json)
}

fn at(seconds: f64) -> Timestamp {
    Timestamp(1_795_348_800 * NANOS_PER_SECOND + (seconds * NANOS_PER_SECOND as f64) as i64)
}

fn attribute(key: &'static str, value: Value<'static>) -> (std::borrow::Cow<'static, str>, Value<'static>) {
    (key.into(), value)
}

fn counts(transform: &Transform) -> Vec<(Stage, String, u64, u64)> {
    transform.rule_counts().map(|c| (c.stage, c.rule.to_owned(), c.matched, c.dropped)).collect()
}

#[test]
fn every_condition_decides() {
    let labels = [("host".to_owned(), "db1".to_owned())];
    let draft = Draft {
        severity: Severity::DEBUG,
        service: "nginx",
        layer: "web",
        labels: &labels,
        attributes: vec![
            attribute("status", Value::Integer(200)),
            attribute("path", Value::Text("/a".into())),
            attribute("path", Value::Text("/health".into())),
            attribute("none", Value::Null),
        ],
        ..Draft::of_body(b"GET /health \xff")
    };
    for (conditions, expected) in [
        (r#""body":"GET /h""#, true),
        (r#""body":"^/h""#, false),
        (r#""body":"(?-u)\\xff$""#, true),
        (r#""severity_below":"info""#, true),
        (r#""severity_below":"debug""#, false),
        (r#""field":"status","equals":"200""#, true),
        (r#""field":"status","equals":"20""#, false),
        (r#""field":"status","matches":"^2""#, true),
        (r#""field":"status","matches":"^3""#, false),
        (r#""field":"path","equals":"/health""#, true),
        (r#""field":"none","matches":"""#, false),
        (r#""field":"gone","matches":"""#, false),
        (r#""service":"nginx""#, true),
        (r#""service":"ngin""#, false),
        (r#""layer":"web""#, true),
        (r#""layer":"app""#, false),
        (r#""labels":{"host":"db1","zone":""}"#, true),
        (r#""labels":{"host":"db2"}"#, false),
        (r#""service":"nginx","layer":"web","body":"health""#, true),
        (r#""service":"nginx","layer":"web","body":"wealth""#, false),
    ] {
        let mut transform = transform(&format!(r#"{{"drop":[{{{conditions}}}]}}"#));
        let verdict = transform.apply(&mut draft.clone(), 0, at(0.0));
        let dropped = Verdict::Dropped(Reason::Drop { rule: 0 });
        assert_eq!(verdict, if expected { dropped } else { Verdict::Keep }, "{conditions}");
    }
}

#[test]
fn an_unknown_severity_is_not_below_any() {
    let mut transform = transform(r#"{"drop":[{"severity_below":"fatal"}]}"#);
    assert_eq!(transform.apply(&mut Draft::of_body(b"x"), 0, at(0.0)), Verdict::Keep);
}

#[test]
fn drop_comes_before_keep_and_both_are_counted() {
    let mut transform =
        transform(r#"{"drop":[{"name":"noise","body":"ping"},{"body":"pong"}],"keep":[{"name":"paid","body":"pay"}]}"#);
    let verdicts = ["pay ping", "pay", "pong", "other", "other"]
        .map(|body| transform.apply(&mut Draft::of_body(body.as_bytes()), 0, at(0.0)));
    let not_kept = Verdict::Dropped(Reason::NotKept);
    let dropped = |rule| Verdict::Dropped(Reason::Drop { rule });
    assert_eq!(verdicts, [dropped(0), Verdict::Keep, dropped(1), not_kept, not_kept]);
    assert_eq!(
        counts(&transform),
        [
            (Stage::Drop, "noise".to_owned(), 1, 1),
            (Stage::Drop, "drop[1]".to_owned(), 1, 1),
            (Stage::Keep, "paid".to_owned(), 1, 0),
            (Stage::Keep, "none".to_owned(), 2, 2),
        ]
    );
}

#[test]
fn one_in_so_many_is_kept_and_says_so() {
    let mut transform = transform(r#"{"sample":[{"keep_one_in":1,"body":"error"},{"name":"rest","keep_one_in":3}]}"#);
    let mut kept = Vec::new();
    for body in ["a", "b", "error", "c", "d", "error", "e"] {
        let mut draft = Draft::of_body(body.as_bytes());
        if transform.apply(&mut draft, 0, at(0.0)) == Verdict::Keep {
            kept.push((body, draft.attributes));
        }
    }
    let rate = || vec![attribute("sample.rate", Value::Integer(3))];
    assert_eq!(kept, [("a", rate()), ("error", vec![]), ("d", rate()), ("error", vec![])]);
    assert_eq!(
        counts(&transform),
        [(Stage::Sample, "sample[0]".to_owned(), 2, 0), (Stage::Sample, "rest".to_owned(), 5, 3)]
    );
}

#[test]
fn a_trace_is_kept_or_dropped_whole() {
    let mut here = transform(r#"{"sample":[{"keep_one_in":4,"by":"trace"}]}"#);
    let mut there = transform(r#"{"sample":[{"keep_one_in":4,"by":"trace"}]}"#);
    let draft = |n: u8| Draft { trace_id: Some([n; 16]), ..Draft::of_body(b"x") };
    assert_eq!(there.apply(&mut Draft::of_body(b"no trace"), 0, at(0.0)), Verdict::Keep);
    let mut kept = 0;
    for n in 0..200 {
        let first = here.apply(&mut draft(n), 0, at(0.0));
        assert_eq!(here.apply(&mut draft(n), 0, at(0.0)), first);
        assert_eq!(there.apply(&mut draft(n), 0, at(0.0)), first);
        kept += u32::from(first == Verdict::Keep);
    }
    assert!((30..=70).contains(&kept), "{kept} of 200 traces at one in four");
}

#[test]
fn a_stream_is_throttled_for_itself_and_told_of() {
    let mut transform = transform(r#"{"throttle":[{"name":"chatty","records_per_s":2,"burst":3}]}"#);
    let mut apply = |stream, seconds| transform.apply(&mut Draft::of_body(b"x"), stream, at(seconds)) == Verdict::Keep;
    assert_eq!([0.0; 5].map(|s| apply(1, s)), [true, true, true, false, false]);
    assert!(apply(2, 0.0));
    assert_eq!([0.4, 0.5, 0.6, 1.0].map(|s| apply(1, s)), [false, true, false, true]);
    // A clock that goes back fills nothing.
    assert!(!apply(1, 0.2));
    assert_eq!([100.0; 4].map(|s| apply(1, s)), [true, true, true, false]);
    assert_eq!(transform.take_summaries(at(9.9)), []);
    let summary = |suppressed, first, last| Summary {
        rule: "chatty".to_owned(),
        key: SummaryKey::Stream(1),
        suppressed,
        first: at(first),
        last: at(last),
    };
    assert_eq!(transform.take_summaries(at(100.0)), [summary(6, 0.0, 100.0)]);
    assert_eq!(transform.take_summaries(at(200.0)), []);
    for _ in 0..4 {
        assert_eq!(
            transform.apply(&mut Draft::of_body(b"x"), 1, at(100.0)),
            Verdict::Dropped(Reason::Throttle { rule: 0 })
        );
    }
    assert_eq!(transform.take_summaries(at(109.0)), []);
    assert_eq!(transform.take_last_summaries(), [summary(4, 100.0, 100.0)]);
    assert_eq!(counts(&transform), [(Stage::Throttle, "chatty".to_owned(), 19, 10)]);
}

#[test]
fn a_field_is_throttled_by_value_and_told_redacted() {
    let mut transform = transform(r#"{"throttle":[{"records_per_s":1,"per_field":"user"}]}"#);
    let mut apply = |value: &'static str| {
        let mut draft =
            Draft { attributes: vec![attribute("user", Value::Text(value.into()))], ..Draft::of_body(b"x") };
        transform.apply(&mut draft, 0, at(0.0)) == Verdict::Keep
    };
    assert_eq!(["a", "a", "b", "password=x", "password=x"].map(&mut apply), [true, false, true, true, false]);
    for _ in 0..3 {
        assert_eq!(transform.apply(&mut Draft::of_body(b"no user"), 0, at(0.0)), Verdict::Keep);
    }
    let told: Vec<_> = transform.take_summaries(at(10.0)).into_iter().map(|s| (s.key, s.suppressed)).collect();
    let value = |v: &str| SummaryKey::Value { field: "user".to_owned(), value: v.to_owned() };
    assert_eq!(told, [(value("a"), 1), (value("password=[redacted:password]"), 1)]);
    assert_eq!(transform.redaction_counts().collect::<Vec<_>>(), [("password", 1), ("jwt", 0), ("card", 0)]);
}

#[test]
fn many_streams_are_bounded_and_none_uncounted() {
    let mut transform = transform(r#"{"throttle":[{"records_per_s":1}]}"#);
    let mut dropped = 0;
    for stream in 0..50_000 {
        for _ in 0..2 {
            dropped += u64::from(transform.apply(&mut Draft::of_body(b"x"), stream, at(0.0)) != Verdict::Keep);
        }
    }
    assert_eq!(dropped, 50_000);
    let summaries = transform.take_last_summaries();
    assert_eq!(summaries.len(), 1_001);
    assert_eq!(summaries.iter().map(|s| s.suppressed).sum::<u64>(), 50_000);
    assert_eq!(summaries.last().map(|s| (&s.key, s.suppressed)), Some((&SummaryKey::Others, 49_000)));
}

#[test]
fn by_default_only_secrets_go() {
    let mut transform = transform("{}");
    let mut draft = Draft::of_body(b"bob@example.com from 10.1.2.3 password=x");
    assert_eq!(transform.apply(&mut draft, 0, at(0.0)), Verdict::Keep);
    assert_eq!(draft, Draft::of_body(b"bob@example.com from 10.1.2.3 password=[redacted:password]"));
    assert!(!transform.is_noop());
    assert!(Transform::new(&config(r#"{"redact":{"presets":[]}}"#)).is_ok_and(|t| t.is_noop()));
}

#[test]
fn every_problem_is_told_at_once() {
    let wrongs = config(
        r#"{"relabel":[{"action":"replace"}],
            "drop":[{"name":"a"},{"name":"a","body":"("},{"severity_below":"loud"},{"field":"x"}],
            "keep":[{"matches":"x"},{"equals":"x"},{"field":"f","matches":"x","equals":"y"},{"layer":"moon"}],
            "sample":[{"body":"x"}],
            "throttle":[{"records_per_s":0,"burst":0,"per_field":""}],
            "redact":{"presets":["card","card"],"custom":[
                {"name":"card","regex":"x"},{"name":"A","regex":"x*"},{"name":"b","regex":"["}]}}"#,
    )
    .validate();
    let found: Vec<_> = wrongs.iter().map(|w| format!("{} {:?} {}", w.key, w.value, w.wrong)).collect();
    assert_eq!(
        found,
        [
            r#"relabel[0].target_label "" is missing, and replace needs it"#,
            r#"drop[0] "" has no condition and would match every record"#,
            r#"drop[1].name "a" is taken"#,
            r#"drop[1].body "(" is no regular expression: unclosed group"#,
            r#"drop[2].severity_below "loud" is no severity"#,
            r#"drop[3].field "x" is not compared with anything"#,
            r#"keep[0].matches "x" has no field"#,
            r#"keep[1].equals "x" has no field"#,
            r#"keep[2].equals "y" stands beside matches"#,
            r#"keep[3].layer "moon" is no layer"#,
            r#"sample[0].keep_one_in "0" is out of range"#,
            r#"throttle[0].records_per_s "0" is out of range"#,
            r#"throttle[0].burst "0" is out of range"#,
            r#"throttle[0].per_field "" is empty"#,
            r#"redact.presets[1] "card" is named twice"#,
            r#"redact.custom[0].name "card" is taken"#,
            r#"redact.custom[1].name "A" is no name"#,
            r#"redact.custom[1].regex "x*" matches empty text"#,
            r#"redact.custom[2].regex "[" is no regular expression: unclosed character class"#,
        ]
    );
    assert!(wrongs.iter().all(|w| !w.remedy.is_empty()));
    assert_eq!(TransformConfig::default().validate(), []);
}

#[test]
fn an_unknown_option_is_refused() {
    for json in [
        r#"{"redcat":{}}"#,
        r#"{"drop":[{"bdoy":"x"}]}"#,
        r#"{"sample":[{"keep_one_of":3}]}"#,
        r#"{"redact":{"presets":["cards"]}}"#,
    ] {
        assert!(serde_json::from_str::<TransformConfig>(json).is_err(), "{json}");
    }
}

#[test]
fn too_large_a_pattern_is_refused() {
    let wrongs = config(r#"{"drop":[{"body":"(\\w{200}){200}"}]}"#).validate();
    let found: Vec<_> = wrongs.iter().map(|w| (w.key.as_str(), w.wrong.as_str())).collect();
    assert_eq!(found, [("drop[0].body", "needs more than 1048576 bytes once compiled")]);
}
