//! Prometheus text.

use super::entries;
use crate::{Classic, Format, Parser};

fn check(body: &str, expected: &[&str]) {
    assert_eq!(entries(Format::Text, body.as_bytes(), Classic::Unless), expected, "{body:?}");
}

#[test]
fn metadata_and_samples_are_read_in_their_order() {
    let body = "# HELP api_latency_seconds How long\\nit \\\\ \\\"takes\\\".\n\
                # \tTYPE api_latency_seconds summary\n\
                api_latency_seconds{quantile=\"0.50\"} 4.9e-05\n\
                api_latency_seconds { quantile = \"1\" , path=\"/a\\\\b\\n\\\"c\\\"\\d\", } 2 1700000000123\n\
                api_latency_seconds{a=\"x\" b=\"y\"}\t3 \t -5\n\
                \n  \t\n\
                # a remark\n#\n#HELP not metadata\n# HELPnor this\n\
                # TYPE plain untyped\n\
                rule:of:five 5\n\
                plain{le=\"1\"} +Inf";
    check(
        body,
        &[
            "help api_latency_seconds \"How long\\nit \\\\ \\\\\\\"takes\\\\\\\".\"",
            "type api_latency_seconds summary",
            r#"{"__name__": "api_latency_seconds", "quantile": "0.5"} 0.000049"#,
            r#"{"__name__": "api_latency_seconds", "path": "/a\\b\n\"c\"\\d", "quantile": "1.0"} 2 @1700000000123"#,
            r#"{"__name__": "api_latency_seconds", "a": "x", "b": "y"} 3 @-5"#,
            "type plain unknown",
            r#"{"__name__": "rule:of:five"} 5"#,
            r#"{"__name__": "plain", "le": "1"} inf"#,
        ],
    );
}

#[test]
fn names_may_be_any_utf8_in_quotes() {
    check(
        "# TYPE \"http.latency\" histogram\n\
         {\"http.latency\",\"ő.é\"=\"1\",le=\"1\"} 1\n{ le=\"+Inf\", \"http.latency\" } 2\n{\"a \\\"b\\\"\"} 3",
        &[
            "type http.latency histogram",
            r#"{"__name__": "http.latency", "le": "1.0", "ő.é": "1"} 1"#,
            r#"{"__name__": "http.latency", "le": "+Inf"} 2"#,
            r#"{"__name__": "a \"b\""} 3"#,
        ],
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        ("a", r#"line 1: expected value after metric, got "\n" ("INVALID") while parsing: "a\n""#),
        ("ok 1\n\na{b='c'} 1\n", r#"line 3: expected label value, got "'" ("INVALID") while parsing: "a{b='""#),
        ("a{b=\n", r#"line 1: expected label value, got "\n" ("INVALID") while parsing: "a{b=\n""#),
        ("a{9=\"x\"} 1", r#"line 1: expected label name, got "9" ("INVALID") while parsing: "a{9""#),
        ("a{=\"x\"} 1", r#"line 1: expected label name, got "=\"" ("EQUAL") while parsing: "a{=\"""#),
        ("a{b=\"", r#"line 1: expected label value, got "\"\n" ("INVALID") while parsing: "a{b=\"\n""#),
        ("a yes\n", r#"line 1: strconv.ParseFloat: parsing "yes": invalid syntax while parsing: "a yes""#),
        ("a 1_2", r#"line 1: unsupported character in float while parsing: "a 1_2""#),
        ("a 0 1_2", r#"line 1: expected next entry after timestamp, got "_" ("INVALID") while parsing: "a 0 1_""#),
        ("a 0 x", r#"line 1: expected timestamp or new record, got "x" ("INVALID") while parsing: "a 0 x""#),
        (
            "a 0 99999999999999999999",
            "line 1: strconv.ParseInt: parsing \"99999999999999999999\": value out of range while parsing: \
             \"a 0 99999999999999999999\"",
        ),
        ("{a=\"x\"} 1", r#"line 1: metric name not set while parsing: "{a=\"x\"} 1""#),
        ("b{\"a\"} 1", r#"line 1: metric name already set while parsing: "b{\"a\"}""#),
        ("# TYPE #\n", r##"line 1: expected metric name after TYPE, got "#" ("INVALID") while parsing: "# TYPE #""##),
        ("# TYPE a  gauge", "line 1: invalid metric type \" gauge\""),
        ("# TYPE a", "line 1: invalid metric type \"\""),
        ("# TYPE a stateset\n", "line 1: invalid metric type \"stateset\""),
        ("a 1\r\n", r#"line 1: strconv.ParseFloat: parsing "1\r": invalid syntax while parsing: "a 1\r""#),
        ("1a 1", r#"line 1: expected a valid start token, got "1" ("INVALID") while parsing: "1""#),
        ("\0a 1", r#"line 1: expected a valid start token, got "\x00" ("INVALID") while parsing: "\x00""#),
        ("a\0 1", r#"line 1: expected value after metric, got "\x00 1" ("VALUE") while parsing: "a\x00 1""#),
    ];
    for (body, expected) in cases {
        let told = entries(Format::Text, body.as_bytes(), Classic::Unless);
        let expected = if body.starts_with("a\0") {
            "error: line 1: strconv.ParseFloat: parsing \"\\x00\": invalid syntax while parsing: \"a\\x00\"".to_owned()
        } else {
            format!("error: {expected}")
        };
        assert_eq!(told.last(), Some(&expected), "{body:?}");
    }
    let bytes: [(&[u8], &str); 3] = [
        (b"a{b=\"\xff\"} 1", r#"error: line 1: invalid UTF-8 label value: "\"\xff\"""#),
        (b"# HELP a \xff", r#"error: line 1: help text "\xff" is not a valid utf8 string"#),
        (b"# HELP \"\xff\" x", r#"error: line 1: invalid metric name "\xff""#),
    ];
    for (body, expected) in bytes {
        assert_eq!(entries(Format::Text, body, Classic::Unless), [expected]);
    }
}

#[test]
fn a_label_given_twice_is_told_and_an_empty_one_is_no_label() {
    let mut parser = Parser::new(Format::Text, b"a{b=\"1\",c=\"\",b=\"2\"} 1\na{c=\"\"} 1", Classic::Unless);
    let mut told = Vec::new();
    while let Some(entry) = parser.next_entry() {
        if let Ok(crate::Entry::Sample(sample)) = entry {
            told.push(match sample.series.labels() {
                Ok(labels) => format!("{labels:?}"),
                Err(error) => error.to_string(),
            });
        }
    }
    assert_eq!(told, ["label name \"b\" is not unique", r#"{"__name__": "a"}"#]);
}

#[test]
fn an_import_may_go_on_behind_a_bad_line() {
    let mut parser = Parser::new(Format::Text, b"a 1\nb{ 2\n\nc x\nd 4", Classic::Unless);
    let mut told = Vec::new();
    loop {
        let line = match parser.next_entry() {
            None => break,
            Some(Ok(entry)) => Ok(super::line(&entry)),
            Some(Err(error)) => Err(error.line),
        };
        if line.is_err() {
            parser.skip_line();
        }
        told.push(line);
    }
    let sample = |name: &str, value: u8| Ok(format!("{{\"__name__\": \"{name}\"}} {value}"));
    assert_eq!(told, [sample("a", 1), Err(2), Err(4), sample("d", 4)]);
}
