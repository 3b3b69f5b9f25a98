//! Lines of common loggers, and lines that are no JSON.

use proptest::prelude::*;

use crate::tests::{NOW, shown};
use crate::{Format, Moment, Value, Zone};

fn check(line: &str, expected: &str) {
    assert_eq!(shown(line.as_bytes()), expected, "{line}");
}

#[test]
fn common_loggers_are_read() {
    check(
        r#"{"name":"pay","hostname":"db1","pid":7,"level":30,"msg":"x","time":"2026-11-22T10:00:00.123Z","v":0}"#,
        r#"1795341600.123000000 info db1 - name="pay" pid=7 v=0"#,
    );
    check(
        r#"{"level":50,"time":1795341600123,"err":{"type":"Error","stack":"Error: x\n    at y"},"msg":"x"}"#,
        r#"1795341600.123000000 error - - err.type="Error" err.stack="Error: x\n    at y""#,
    );
    check(
        r#"{"level":"warn","ts":1795341600.25,"caller":"a.go:1"}"#,
        r#"1795341600.250000000 warn - - caller="a.go:1""#,
    );
    check(
        r#"{"@timestamp":"2026-11-22T10:00:00Z","log":{"level":"error","logger":"x"},"service":{"name":"pay"},"host":{"name":"db1"},"message":"m"}"#,
        r#"1795341600.000000000 error db1 pay log.logger="x""#,
    );
    check(
        r#"{"log":"ERROR it broke\n","stream":"stderr","time":"2026-11-22T10:00:00.000000001Z"}"#,
        r#"1795341600.000000001 error - - stream="stderr""#,
    );
    check(
        r#"{"instant":{"epochSecond":1795341600,"nanoOfSecond":5000},"thread":"main","level":"INFO"}"#,
        r#"1795341600.000005000 INFO - - thread="main""#,
    );
    check(
        r#"{"t":{"$date":"2026-11-22T10:00:00.000+00:00"},"s":"I","c":"NETWORK","msg":"x"}"#,
        r#"1795341600.000000000 I - - c="NETWORK""#,
    );
    check(
        r#"{"__REALTIME_TIMESTAMP":"1795341600000001","PRIORITY":"3","_HOSTNAME":"db1","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"x"}"#,
        "1795341600.000001000 error db1 sshd",
    );
    check(r#"{"levelname":"INFO","levelno":20,"asctime":"2026-11-22 10:00:00,5"}"#, "1795341600.500000000 INFO - -");
}

#[test]
fn values_are_kept_as_they_are() {
    check(r#" {"a":1}"#.trim(), "- unset - - a=1");
    check(
        r#"{"big":18446744073709551615,"min":-9223372036854775808,"f":-1.5e3,"y":true,"n":null,"e":{},"l":[1, {"x":"]"}]}"#,
        r#"- unset - - big=18446744073709551615 min=-9223372036854775808 f=-1500 y=Bool(true) n=Null l=[1, {"x":"]"}]"#,
    );
    check(r#"{"k\u0041":"\ud83d\ude00\ud83d\t\/"}"#, "- unset - - kA=\"😀\u{fffd}\\t/\"");
    check(r#"{"time":0.123,"ts":42,"level":"loud"}"#, r#"- unset - - time=0.123 ts=42 level="loud""#);
}

#[test]
fn what_is_no_whole_object_is_no_json() {
    let zone = Zone::utc();
    let moment = Moment { now: NOW, zone: &zone };
    let format = |line: &str| crate::parse(line.as_bytes(), &moment).format;
    for line in
        [r#"{"a":1}"#, r#"{}"#, r#"{ "a" : [ ] } "#, &format!(r#"{{"a":{}{}}}"#, "[".repeat(99), "]".repeat(99))]
    {
        assert_eq!(format(line), Some(Format::Json), "{line}");
    }
    for line in [
        r#"{"a":1"#,
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":1} x"#,
        r#"{"a":01x}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{a:1}"#,
        r#"[{"a":1}]"#,
        &format!(r#"{{"a":{}{}}}"#, "[".repeat(999), "]".repeat(999)),
    ] {
        assert_eq!(format(line), None, "{line}");
    }
}

#[test]
fn what_is_too_much_stays_in_the_body() {
    let zone = Zone::utc();
    let many = format!("{{{}\"z\":1}}", (0..100).map(|n| format!("\"k{n}\":{n},")).collect::<String>());
    let deep = format!("{}1{}", r#"{"a":"#.repeat(12), "}".repeat(12));
    let moment = Moment { now: NOW, zone: &zone };
    assert_eq!(crate::parse(many.as_bytes(), &moment).attributes.len(), 64);
    let parsed = crate::parse(deep.as_bytes(), &moment);
    assert_eq!(parsed.attributes, [("a.a.a.a.a.a.a.a".into(), Value::Json(r#"{"a":{"a":{"a":{"a":1}}}}"#.into()))]);
}

proptest! {
    /// Whatever serde_json writes is read with the same values.
    #[test]
    fn texts_and_integers_come_back(text in any::<String>(), number in any::<i64>()) {
        let line = serde_json::json!({ "x": text, "y": number }).to_string();
        let zone = Zone::utc();
        let parsed = crate::parse(line.as_bytes(), &Moment { now: NOW, zone: &zone });
        prop_assert_eq!(parsed.attributes, [("x".into(), Value::Text(text.into())), ("y".into(), Value::Integer(number))]);
    }
}
