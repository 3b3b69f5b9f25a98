//! NDJSON and plain text.

use orszem_model::Kind;

use super::*;

fn decode(body: &[u8], limits: &Limits) -> Decoded {
    with(limits, |context| ndjson::decode(body, context, &ndjson::Options::default())).expect("decodes")
}

/// What one line becomes, or the reason why it was rejected.
fn check(line: &str, expected: &str) {
    let decoded = decode(line.as_bytes(), &Limits::default());
    let got = match (records(&decoded.batches).first(), decoded.rejected.first()) {
        (Some(record), None) => shown(record),
        (None, Some(rejection)) => rejection.reason.name().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(got, expected, "{line}");
}

#[test]
fn keys_get_their_roles() {
    let ts = r#""ts":"2026-11-22T10:00:00Z""#;
    for (line, expected) in [
        (r#"{TS,"host":"db1","service":"pg","level":"warn","msg":"disk"}"#, "0s {host=db1,service=pg} 13 [] disk"),
        (r#"{TS,"msg":"a\tb\u0151\n\"c\"","k":"\\"}"#, "0s {} 0 [k=\"\\\\\"] a\tbő\n\"c\""),
        (r#"{"@timestamp":1795341601,"message":"x"}"#, "1s {} 0 [] x"),
        (r#"{"time":1795341600500,"log":"x"}"#, "0.5s {} 0 [] x"),
        (r#"{"_time":"1795341600.25","_msg":"x"}"#, "0.25s {} 0 [] x"),
        (r#"{"timestamp":"22/Nov/2026:10:00:00 +0000","body":"x","line":"y"}"#, "0s {} 0 [line=\"y\"] x"),
        (r#"{"line":"y","msg":"x",TS}"#, "0s {} 0 [line=\"y\"] x"),
        (r#"{"time":"late",TS,"msg":"x"}"#, "0s {} 0 [time=\"late\"] x"),
        (r#"{TS,"hostname":"a","host":"b","msg":"x"}"#, "0s {host=b} 0 [hostname=\"a\"] x"),
        (
            r#"{TS,"host":{"name":"a","ip":"b"},"service.name":"s","msg":"x"}"#,
            "0s {host=a,service=s} 0 [host.ip=\"b\"] x",
        ),
        (r#"{TS,"log":{"level":"error","n":{"m":[1, 2]}},"message":"x"}"#, "0s {} 17 [log.n.m=[1, 2]] x"),
        (
            r#"{TS,"a":1,"b":-1.50,"c":true,"d":null,"e":[],"f":1e400,"g":{},"msg":"x"}"#,
            "0s {} 0 [a=1 b=-1.50 c=true d=null e=[] f=1e400 g={}] x",
        ),
        (r#"{TS,"level":30,"msg":"x"}"#, "0s {} 9 [] x"),
        (r#"{TS,"severity":"LOUD","msg":"x"}"#, "0s {} 0 [] x"),
        (r#"{TS,"severity_number":18,"level":"info","msg":"x"}"#, "0s {} 18 [] x"),
        (r#"{TS,"host":7,"app":"","env":["a"],"pod":null,"msg":"x"}"#, "0s {host=7} 0 [env=[\"a\"] pod=null] x"),
        (r#"{TS,"kind":"meal","trace_id":"xyz","span_id":"","msg":"x"}"#, "0s {} 0 [trace_id=\"xyz\" kind=\"meal\"] x"),
        (r#"{"msg":"x"}"#, "0s {} 0 [orszem.time_inferred=true] x"),
        (r#"{"msg":"x","ts":null}"#, "0s {} 0 [orszem.time_inferred=true] x"),
        (r#"{TS,"msg":null,"a":1}"#, r#"0s {} 0 [a=1] {"ts":"2026-11-22T10:00:00Z","msg":null,"a":1}"#),
        (r#"{TS,"msg":{"a":1}}"#, r#"0s {} 0 [msg.a=1] {"ts":"2026-11-22T10:00:00Z","msg":{"a":1}}"#),
        (r#"{TS,"msg":12}"#, "0s {} 0 [] 12"),
        (r#"{}"#, "0s {} 0 [orszem.time_inferred=true] {}"),
        (r#"{"ts":"soon","msg":"x"}"#, "bad_timestamp"),
        (r#"{"ts":"2026-11-22T10:10:01Z","msg":"x"}"#, "too_far_in_future"),
        ("[1]", "malformed"),
        ("plain text", "malformed"),
        (r#"{"msg":"x""#, "malformed"),
        (r#"{"msg":"x"} y"#, "malformed"),
        (r#"{"msg":"\x"}"#, "malformed"),
        (r#"{"msg":01}"#, "malformed"),
        ("{\"msg\":\"a\u{1}b\"}", "malformed"),
    ] {
        check(&line.replace("TS", ts), expected);
    }
}

#[test]
fn ids_kind_entities_and_words_are_kept() {
    let body = br#"{"ts":1795341600,"level":"Warning","trace_id":"000102030405060708090a0b0c0d0e0f","span.id":"0001020304050607","kind":"event","entities":["host/db1","drbd/r0"],"msg":"x"}"#;
    let decoded = decode(body, &Limits::default());
    let record = records(&decoded.batches).remove(0);
    assert_eq!(record.trace_id, Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
    assert_eq!(record.span_id, Some([0, 1, 2, 3, 4, 5, 6, 7]));
    assert_eq!((record.kind, record.entities), (Kind::Event, vec!["host/db1".to_owned(), "drbd/r0".to_owned()]));
    assert_eq!((record.severity_text.as_deref(), record.attributes), (Some("Warning"), Vec::new()));
}

#[test]
fn bad_lines_are_counted_and_the_rest_is_taken() {
    let body = b"{\"ts\":1795341600,\"msg\":\"a\"}\r\n\n  \nnoise\n{\"ts\":1795341600,\"msg\":\"caf\xff\"}\n[]\n{\"ts\":1795341600,\"msg\":\"z\"}";
    let decoded = decode(body, &Limits::default());
    let bodies: Vec<String> = records(&decoded.batches).iter().map(shown).collect();
    assert_eq!(bodies, ["0s {} 0 [] a", "0s {} 0 [] caf\u{fffd}", "0s {} 0 [] z"]);
    assert_eq!((decoded.accepted, decoded.repaired, decoded.body_bytes), (3, 1, body.len()));
    assert_eq!(reasons(&decoded), [("malformed", 2)]);
    assert!(decoded.rejected[0].sample.starts_with("line 4: no JSON object: "), "{}", decoded.rejected[0].sample);
    assert!(decoded.rejected[0].sample.ends_with(": noise"), "{}", decoded.rejected[0].sample);
}

#[test]
fn limits_reject_the_record_alone() {
    let limits = Limits {
        keys_max: 6,
        record_bytes_max: 10,
        name_bytes_max: 8,
        label_value_bytes_max: 4,
        labels_max: 2,
        depth_max: 2,
        age_max_s: 60,
        ..Limits::default()
    };
    for (line, expected) in [
        (r#"{"ts":1795341600,"msg":"","a":1,"b":1,"c":1,"d":1}"#, None),
        (r#"{"ts":1795341600,"msg":"","a":1,"b":1,"c":1,"d":1,"e":1}"#, Some("too_many_keys")),
        (r#"{"ts":1795341600,"msg":"","a":{"b":1,"c":1,"d":1,"e":1,"f":1}}"#, Some("too_many_keys")),
        (r#"{"ts":1795341600,"msg":"0123456789"}"#, None),
        (r#"{"ts":1795341600,"msg":"0123456789a"}"#, Some("record_too_large")),
        (r#"{"ts":1795341600,"msg":"x","12345678":1}"#, None),
        (r#"{"ts":1795341600,"msg":"x","123456789":1}"#, Some("key_too_long")),
        (r#"{"ts":1795341600,"msg":"x","host":"abcd"}"#, None),
        (r#"{"ts":1795341600,"msg":"x","host":"abcde"}"#, Some("label_value_too_long")),
        (r#"{"ts":1795341600,"msg":"x","host":"a","app":"a","env":"a"}"#, Some("too_many_labels")),
        (r#"{"ts":1795341540,"msg":"x"}"#, None),
        (r#"{"ts":1795341539,"msg":"x"}"#, Some("too_old")),
        (r#"{"ts":1795341600,"msg":"x","a":{"b":{"c":{"d":1}}}}"#, None),
    ] {
        let expected_count = usize::from(expected.is_some());
        let decoded = decode(line.as_bytes(), &limits);
        assert_eq!(decoded.rejected.first().map(|r| r.reason.name()), expected, "{line}");
        assert_eq!((decoded.accepted, decoded.rejected_count()), (1 - expected_count, expected_count), "{line}");
    }
    let deep = decode(br#"{"ts":1795341600,"msg":"x","a":{"b":{"c":{"d":1}}}}"#, &limits);
    assert_eq!(shown(&records(&deep.batches)[0]), r#"0s {} 0 [a.b.c={"d":1}] x"#);
}

#[test]
fn ten_thousand_keys_and_a_megabyte_are_rejected_alone() {
    let keys: Vec<String> = (0..10_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let body = format!(
        "{{{}}}\n{{\"msg\":\"{}\"}}\n{{\"msg\":\"ok\",\"d\":{deep}}}\n{{\"msg\":\"ok\"}}\n{{\"msg\":\"x\",\"k\":\"{}\"}}",
        keys.join(","),
        "x".repeat(1_000_001),
        "y".repeat(1_048_576)
    );
    let decoded = decode(body.as_bytes(), &Limits::default());
    assert_eq!((decoded.accepted, reasons(&decoded)), (2, vec![("record_too_large", 2), ("too_many_keys", 1)]));
    let large = decode(format!("{{\"msg\":\"{}\"}}", "x".repeat(1_000_000)).as_bytes(), &Limits::default());
    assert_eq!(large.accepted, 1);
}

#[test]
fn the_query_overrides_the_tables() {
    let options = ndjson::Options {
        labels: vec!["team".into(), "a.b".into()],
        time: Some("when".into()),
        body: Some("what".into()),
        constants: Vec::new(),
    };
    let body = br#"{"ts":1,"when":1795341602,"msg":"m","what":"w","team":"t","a":{"b":"c"},"host":"h"}"#;
    let limits = Limits::default();
    let decoded = with(&limits, |context| ndjson::decode(body, context, &options)).expect("decodes");
    assert_eq!(shown(&records(&decoded.batches)[0]), r#"2s {a.b=c,host=h,team=t} 0 [ts=1 msg="m"] w"#);
}

#[test]
fn plain_text_is_taken_as_it_is() {
    let options = ndjson::Options {
        constants: vec![("host".into(), "db1".into()), ("app".into(), "x".into())],
        ..ndjson::Options::default()
    };
    let limits = Limits::default();
    let body = b"one ERROR \xff\n\ntwo";
    let decoded = with(&limits, |context| ndjson::decode_text(body, context, &options)).expect("decodes");
    let records = records(&decoded.batches);
    assert_eq!(records[0].body, b"one ERROR \xff");
    let shown: Vec<String> = records.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "0s {app=x,host=db1} 17 [orszem.time_inferred=true] one ERROR \u{fffd}",
            "0s {app=x,host=db1} 0 [orszem.time_inferred=true] two"
        ]
    );
}

proptest::proptest! {
    #[test]
    fn no_body_panics_and_every_line_is_accounted_for(body: Vec<u8>, objects in "(\\{(\"[a-z.]{1,4}\":(1|\"x\"|\\[\\]|null|\\{\\}),?){0,4}\\}\n){0,5}") {
        let body = [body.as_slice(), b"\n", objects.as_bytes()].concat();
        let decoded = decode(&body, &Limits::default());
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        proptest::prop_assert_eq!(decoded.accepted + decoded.rejected_count(), lines);
        proptest::prop_assert_eq!(records(&decoded.batches).len(), decoded.accepted);
    }
}
