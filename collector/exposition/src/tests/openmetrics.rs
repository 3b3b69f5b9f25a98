//! OpenMetrics text.

use super::entries;
use crate::{Classic, Format};

fn check(body: &str, expected: &[&str]) {
    assert_eq!(entries(Format::OpenMetrics, body.as_bytes(), Classic::Unless), expected, "{body:?}");
}

#[test]
fn families_samples_and_exemplars_are_read_in_their_order() {
    let body = "# HELP rpc_seconds Time \\\"taken\\\".\n\
                # TYPE rpc_seconds histogram\n\
                # UNIT rpc_seconds seconds\n\
                rpc_seconds_bucket{le=\"0.1\"} 8 # {trace_id=\"ab\"} 0.05\n\
                rpc_seconds_bucket{le=\"1\"} 9 1.5 # {trace_id=\"cd\",\"s.id\"=\"é\"} 0.7 1520879607.789\n\
                rpc_seconds_bucket{le=\"+Inf\"} 9 # {} 4 1\n\
                rpc_seconds_created 1520872607.123\n\
                # TYPE state stateset\n\
                state{state=\"a\"} 1\n\
                # TYPE gh gaugehistogram\n\
                gh_bucket{le=\"1\"} 1\n\
                {\"u.t\",a=\"x\",} -0.5 -1.25\n\
                # EOF\n";
    check(
        body,
        &[
            "help rpc_seconds \"Time \\\"taken\\\".\"",
            "type rpc_seconds histogram",
            "unit rpc_seconds \"seconds\"",
            r#"{"__name__": "rpc_seconds_bucket", "le": "0.1"} 8 # {"trace_id": "ab"} 0.05"#,
            "{\"__name__\": \"rpc_seconds_bucket\", \"le\": \"1.0\"} 9 @1500 \
             # {\"s.id\": \"é\", \"trace_id\": \"cd\"} 0.7 @1520879607789",
            r#"{"__name__": "rpc_seconds_bucket", "le": "+Inf"} 9 # {} 4 @1000"#,
            r#"{"__name__": "rpc_seconds_created"} 1520872607.123"#,
            "type state stateset",
            r#"{"__name__": "state", "state": "a"} 1"#,
            "type gh gaugehistogram",
            r#"{"__name__": "gh_bucket", "le": "1"} 1"#,
            r#"{"__name__": "u.t", "a": "x"} -0.5 @-1250"#,
        ],
    );
    check("# EOF", &[]);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        ("", "line 1: data does not end with # EOF"),
        ("a 1\n", "line 2: data does not end with # EOF"),
        ("a 1", "line 1: data does not end with # EOF"),
        ("a 1 # {b=\"c\"} 4", "line 1: data does not end with # EOF"),
        ("# EOF\na 1", "line 2: unexpected data after # EOF"),
        ("# EOFa 1", "line 1: unexpected data after # EOF"),
        ("\n# EOF", r#"line 1: expected a valid start token, got "\n" ("INVALID") while parsing: "\n""#),
        (" a 1\n", r#"line 1: expected a valid start token, got " " ("INVALID") while parsing: " ""#),
        ("#", r##"line 1: expected a valid start token, got "#" ("INVALID") while parsing: "#""##),
        ("# a remark\n", r##"line 1: expected a valid start token, got "# a" ("INVALID") while parsing: "# a""##),
        (
            "#  TYPE c counter\n",
            r##"line 1: expected a valid start token, got "#  " ("INVALID") while parsing: "#  ""##,
        ),
        ("# TYPE u untyped\n", "line 1: invalid metric type \"untyped\""),
        ("# TYPE c counter \n", "line 1: invalid metric type \"counter \""),
        ("# TYPE c\n", "line 1: expected text in TYPE"),
        ("# HELP c", "line 1: expected text in HELP"),
        ("# UNIT \n", r##"line 1: expected metric name after UNIT, got "\n" ("INVALID") while parsing: "# UNIT \n""##),
        ("# UNIT aseconds seconds\n", "line 1: unit \"seconds\" not a suffix of metric \"aseconds\""),
        ("# UNIT seconds seconds\n", "line 1: unit \"seconds\" not a suffix of metric \"seconds\""),
        ("a\t1\n", r#"line 1: expected value after metric, got "\t" ("INVALID") while parsing: "a\t""#),
        ("a", r#"line 1: expected value after metric, got "" ("EOF") while parsing: "a""#),
        ("a 1 2 \n", r#"line 1: expected next entry after timestamp, got " \n" ("INVALID") while parsing: "a 1 2 \n""#),
        (
            "a 1 1 1\n",
            r#"line 1: expected next entry after timestamp, got " 1\n" ("TIMESTAMP") while parsing: "a 1 1 1\n""#,
        ),
        ("a 1 NaN\n", "line 1: invalid timestamp NaN"),
        ("a 1 # {b=\"c\"} 4 -Inf\n", "line 1: invalid exemplar timestamp -Inf"),
        ("a{,b=\"c\"} 1\n", r#"line 1: expected label name, got ",b" ("COMMA") while parsing: "a{,b""#),
        (
            "a{b=\"c\"d=\"e\"} 1\n",
            r#"line 1: expected comma or brace close, got "d=" ("LNAME") while parsing: "a{b=\"c\"d=""#,
        ),
        ("a{b=\"c\nd\"} 1\n", r#"line 1: expected label value, got "\"c\n" ("INVALID") while parsing: "a{b=\"c\n""#),
        (
            "a 1 # {b=\"c\"}\n",
            r##"line 1: expected value after exemplar labels, got "\n" ("INVALID") while parsing: "a 1 # {b=\"c\"}\n""##,
        ),
        ("a 1 # {\"b\"} 1\n", r##"line 1: expected label name, got "} " ("BCLOSE") while parsing: "a 1 # {\"b\"} ""##),
        ("{b=\"c\",} 1\n", r#"line 1: metric name not set while parsing: "{b=\"c\",} 1""#),
        ("a 1\r\n# EOF\r\n", r#"line 1: strconv.ParseFloat: parsing "1\r": invalid syntax while parsing: "a 1\r""#),
    ];
    for (body, expected) in cases {
        let told = entries(Format::OpenMetrics, body.as_bytes(), Classic::Unless);
        assert_eq!(told.last(), Some(&format!("error: {expected}")), "{body:?}");
    }
}
