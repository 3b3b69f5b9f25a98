//! What a log line says of itself: time, host, program, severity, fields. Pure; one format a file.
//!
//! A format looks at the head of the line and answers `None` unless it is sure. The body always stays the
//! line as written; what is recognised only adds to it.

mod access;
mod bsd_syslog;
mod generic;
mod inferred;
mod iso_syslog;
mod json;
pub mod label;
pub mod layer;
mod recogniser;
mod rfc5424;
mod severity;
mod time;
mod value;
mod web_error;

use std::borrow::Cow;

use orszem_model::{Severity, Timestamp};

pub use inferred::Inferred;
pub use layer::Layer;
pub use recogniser::Recogniser;
pub use time::Zone;
pub use value::Value;

/// What the reader knows that the line may not say.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Settles the year of stamps that have none.
    pub now: Timestamp,
    /// What stamps without an offset are in.
    pub zone: &'a Zone,
}

/// What was recognised; everything may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed<'a> {
    pub timestamp: Option<Timestamp>,
    pub severity: Severity,
    /// The line's own word for it.
    pub severity_text: Option<Cow<'a, str>>,
    pub host: Option<Cow<'a, str>>,
    /// The program.
    pub service: Option<Cow<'a, str>>,
    /// Where it belongs, where the line says so better than its program does.
    pub layer: Option<Layer>,
    /// What was added to the line's stamp.
    pub inferred: Inferred,
    /// In the order of the line; a key may come twice.
    pub attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    /// What the line tells of: `drbd/r0`, `resource/vip`, `database/orcl`. The host is added later, by whoever knows it.
    pub entities: Vec<Cow<'a, str>>,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
}

/// Only this much of a line is looked at for a header and words of severity.
const HEAD_BYTES: usize = 4096;

/// Reads what `line`, without its line end, says of itself.
pub fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
    if line.first() == Some(&b'{')
        && let Some(parsed) = json::parse(line, moment)
    {
        return parsed;
    }
    let head = line.get(..HEAD_BYTES).unwrap_or(line);
    rfc5424::parse(head, moment)
        .or_else(|| bsd_syslog::parse(head, moment))
        .or_else(|| access::parse(head, moment))
        .or_else(|| web_error::parse(head, moment))
        .or_else(|| iso_syslog::parse(head, moment))
        .unwrap_or_else(|| generic::parse(head, moment))
}

/// A `program[pid]:` or `program:` tag before a blank or the end, and what follows it.
fn tag(text: &[u8]) -> Option<(&str, Option<&str>, &[u8])> {
    let end = text.iter().position(|b| !(b.is_ascii_alphanumeric() || b"._-/@+".contains(b)))?;
    let program = name(text.get(..end)?)?;
    let rest = text.get(end..)?;
    let (pid, rest) = match rest.strip_prefix(b"[") {
        Some(inner) => {
            let close = inner.iter().position(|b| *b == b']')?;
            (Some(name(inner.get(..close)?)?), inner.get(close + 1..)?)
        }
        None => (None, rest),
    };
    let message = rest.strip_prefix(b":")?;
    matches!(message.first(), None | Some(b' ')).then_some((program, pid, message))
}

/// Text of 1 to 64 bytes that can stand as a label value: printable ASCII without blanks and quotes.
fn name(bytes: &[u8]) -> Option<&str> {
    let fits =
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'\'');
    std::str::from_utf8(bytes).ok().filter(|_| fits)
}

/// A host's name or address: a [`name`] of letters, digits and `.-_:`.
fn host_name(bytes: &[u8]) -> Option<&str> {
    name(bytes).filter(|text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b)))
}

/// The first blank-separated word, and what follows the blank.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn text_attribute(key: &str, value: &str) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Owned(key.to_owned()), Value::Text(Cow::Owned(value.to_owned())))
}

/// A number if `value` is one, else text.
fn number_attribute(key: &str, value: &str) -> (Cow<'static, str>, Value<'static>) {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits => (Cow::Owned(key.to_owned()), Value::Integer(number)),
        _ => text_attribute(key, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T12:00:00Z
    pub(super) const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

    /// `time(UTC) severity host service key=value…`
    pub(super) fn shown(line: &[u8]) -> String {
        let zone = Zone::utc();
        let parsed = parse(line, &Moment { now: NOW, zone: &zone });
        let mut out = match parsed.timestamp {
            Some(t) => format!("{}.{:09}", t.0.div_euclid(1_000_000_000), t.0.rem_euclid(1_000_000_000)),
            None => "-".to_owned(),
        };
        out.push_str(&format!(
            " {} {} {}",
            parsed.severity_text.as_deref().unwrap_or(parsed.severity.name()),
            parsed.host.as_deref().unwrap_or("-"),
            parsed.service.as_deref().unwrap_or("-")
        ));
        for (key, value) in &parsed.attributes {
            match value {
                Value::Text(v) => out.push_str(&format!(" {key}={v:?}")),
                Value::Json(v) => out.push_str(&format!(" {key}={v}")),
                Value::Integer(v) => out.push_str(&format!(" {key}={v}")),
                Value::Float(v) => out.push_str(&format!(" {key}={v}")),
                Value::Bool(_) | Value::Null => out.push_str(&format!(" {key}={value:?}")),
            }
        }
        out
    }

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn each_format_is_recognised() {
        check("Nov 22 10:00:00 db1 sshd[42]: error: no", "1795341600.000000000 error db1 sshd pid=42");
        check("<11>Nov 22 10:00:00 db1 app: hello", "1795341600.000000000 error db1 app facility=1");
        check("Dec 31 23:59:59 db1 app: hello", "1767225599.000000000 unset db1 app");
        check("2026-11-22T10:00:00.5+01:00 db1 app[7]: WARN x", "1795338000.500000000 WARN db1 app pid=7");
        check(
            r#"<165>1 2026-11-22T10:00:00Z db1 evt 9 ID47 [ex@1 iut="3" s="a\"b"] hi"#,
            r#"1795341600.000000000 info db1 evt facility=20 pid=9 msgid="ID47" ex@1.iut="3" ex@1.s="a\"b""#,
        );
        check(
            r#"10.0.0.1 - bob [22/Nov/2026:10:00:00 +0000] "GET /a?b HTTP/1.1" 503 12 "-" "curl/8""#,
            r#"1795341600.000000000 error - - client="10.0.0.1" user="bob" method="GET" path="/a?b" status=503 bytes=12 user_agent="curl/8""#,
        );
        check(
            "[Sun Nov 22 10:00:00.25 2026] [core:warn] [pid 5:tid 6] AH1: x",
            r#"1795341600.250000000 warn - - module="core" pid=5"#,
        );
        check("2026/11/22 10:00:00 [error] 31#31: *1 open() failed", "1795341600.000000000 error - - pid=31");
        check("2026-11-22 10:00:00 status installed tar:amd64 1.34", "1795341600.000000000 unset - -");
        check("2026-11-22 10:00:00.123 UTC [77] LOG:  ready", "1795341600.123000000 LOG - -");
        check("Log started: 2026-11-22  10:00:00", "1795341600.000000000 unset - -");
        check("update-alternatives 2026-11-22 10:00:00: run", "1795341600.000000000 unset - -");
        check(
            r#"{"ts":"2026-11-22T10:00:00Z","level":"error","service":"pay","msg":"x","n":1.5,"o":{"k":[1]}}"#,
            r#"1795341600.000000000 error - pay n=1.5 o.k=[1]"#,
        );
    }

    #[test]
    fn what_only_looks_like_a_format_is_left_alone() {
        check("Nov 32 10:00:00 db1 sshd[42]: x", "- unset - -");
        check("2026-11-22 10:00:00 upgrade tar:amd64 1.34 1.35", "1795341600.000000000 unset - -");
        check("2026-11-22 10:00:00 worker main: x", "1795341600.000000000 unset - -");
        check("2026-11-22T10:00:00Z INFO main: x", "1795341600.000000000 INFO - -");
        check("Nov 22 10:00:00 not a tag at all", "1795341600.000000000 unset - -");
        check("2026-13-22 10:00:00 x", "- unset - -");
        check(r#"{"ts": broken"#, "- unset - -");
        check("10.0.0.1 - - [22/Nov/2026] no", "- unset - -");
        check("", "- unset - -");
        assert_eq!(shown(b"caf\xe9 \xff\x00"), "- unset - -");
    }

    #[test]
    fn no_cut_of_a_line_panics() {
        let lines: [&[u8]; 6] = [
            b"<165>1 2026-11-22T10:00:00Z db1 evt 9 ID47 [ex@1 iut=\"3\" s=\"a\\\"b\"] hi",
            b"<11>Nov 22 10:00:00 db1 sshd[42]: error: no",
            b"10.0.0.1 - bob [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 503 12 \"-\" \"curl\"",
            b"[Sun Nov 22 10:00:00.25 2026] [core:warn] [pid 5:tid 6] x",
            b"2026/11/22 10:00:00 [error] 31#31: *1 open() failed",
            b"{\"ts\":\"2026-11-22T10:00:00Z\",\"level\":\"error\"}",
        ];
        for line in lines {
            for end in 0..line.len() {
                assert!(!shown(&line[..end]).is_empty());
            }
        }
    }
}
