//! What a log line says of itself: time, host, program, severity, fields. Pure; one format a file.
//!
//! A format looks at the head of the record and answers `None` unless it is sure. The body always stays the
//! line as written; what is recognised only adds to it. A [`Recogniser`] remembers the format of one source.

mod access;
mod apache_error;
mod bsd_syslog;
mod clock;
mod corosync;
mod drbd;
mod exception;
mod field;
mod format;
mod found;
mod generic;
mod inferred;
mod iso_syslog;
mod java;
mod java_catalina;
mod java_jul;
mod json;
mod kernel;
pub mod label;
pub mod layer;
mod logfmt;
mod mariadb;
mod multiline;
mod nginx_error;
mod oracle_alert;
mod pacemaker;
mod pattern;
mod place;
mod postgres;
mod program;
mod recogniser;
mod rfc5424;
mod severity;
mod stamp;
mod stamps;
#[cfg(test)]
mod testing;
mod time;
mod value;
mod word;

use std::borrow::Cow;

use orszem_model::{Severity, Timestamp};

pub use format::Format;
pub use inferred::Inferred;
pub use layer::Layer;
pub use multiline::{Multiline, PatternError};
pub use recogniser::Recogniser;
use stamp::Stamp;
pub use time::Zone;
pub use value::Value;
pub(crate) use word::{head, host_name, name, offset, tag, word};

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
    /// Which format the record is of.
    pub format: Option<Format>,
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
    /// The byte of the record at which the free text behind the recognised header begins; 0 if there is no header.
    pub message: usize,
}

impl Parsed<'_> {
    /// Nothing but a time.
    pub(crate) fn stamped(stamp: Stamp) -> Self {
        Self { timestamp: Some(stamp.at), inferred: stamp.inferred, ..Self::default() }
    }
}

/// Reads what `line`, without its line end, says of itself, whatever its format.
pub fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
    detect(line, moment).unwrap_or_else(|| generic::parse(line, moment))
}

/// Adds what a program's message says of itself where the header around it is known already, as the journal's is. A
/// header without a severity gets that of the message's words.
pub fn refine_message<'a>(service: &str, message: &'a [u8], parsed: &mut Parsed<'a>) {
    if parsed.severity == Severity::UNSET {
        generic::grade(message, parsed);
    }
    program::refine(service, message, parsed);
}

/// The first format that is sure of the record.
pub(crate) fn detect<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let has_clock = word::has_clock(record);
    Format::SURE.iter().filter(|format| has_clock || !format.needs_clock()).find_map(|f| f.parse(record, moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T12:00:00Z
    pub(crate) const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

    /// `time(UTC) severity host service key=value…`
    pub(crate) fn shown(line: &[u8]) -> String {
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
            r#"1795341600.250000000 warn - - module="core" pid=5 tid=6 error_code="AH1""#,
        );
        check(
            "2026/11/22 10:00:00 [error] 31#31: *1 open() failed",
            "1795341600.000000000 error - - pid=31 tid=31 connection=1",
        );
        check("2026-11-22 10:00:00 status installed tar:amd64 1.34", "1795341600.000000000 unset - -");
        check("2026-11-22 10:00:00.123 UTC [77] LOG:  ready", "1795341600.123000000 LOG - - pid=77");
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
    fn syslog_in_all_its_shapes() {
        check("Nov  2 10:00:00 db1 app: x", "1793613600.000000000 unset db1 app");
        check("Nov 22 10:00:00 2026 db1 app: x", "1795341600.000000000 unset db1 app");
        check("Nov 22 10:00:00.25 db1 app: x", "1795341600.250000000 unset db1 app");
        check("Nov 22 10:00:00 app[7]: x", "1795341600.000000000 unset - app pid=7");
        check("Nov 22 10:00:00 combo login(pam_unix)[7]: x", "1795341600.000000000 unset combo login pid=7");
        check("Nov 22 10:00:00 mac Some Program[7]: x", "1795341600.000000000 unset mac Some Program pid=7");
        check("Nov 22 10:00:00 mac Some Program: x", "1795341600.000000000 unset - -");
        check("Nov 22 10:00:00 db1 last message repeated 2 times", "1795341600.000000000 unset db1 -");
        check("Nov 22 10:00:00 db1 last orders", "1795341600.000000000 unset - -");
        check("<34>2026-11-22T10:00:00Z db1 app[1]: x", "1795341600.000000000 error db1 app facility=4 pid=1");
        check("<192>Nov 22 10:00:00 db1 app: x", "- unset - -");
    }

    #[test]
    fn where_the_message_begins_is_told() {
        let zone = Zone::utc();
        for (record, message) in [
            ("Nov 22 10:00:00 db1 app[42]: it broke", "it broke"),
            ("<165>1 2026-11-22T10:00:00Z db1 evt 9 - - \u{feff}it broke", "it broke"),
            (r#"<165>1 2026-11-22T10:00:00Z db1 evt 9 - [a@1 b="c"] it broke"#, "it broke"),
            ("2026-11-22T10:00:00Z db1 app: it broke", "it broke"),
            ("[Sun Nov 22 10:00:00 2026] [error] [client ::1] it broke", "it broke"),
            ("2026/11/22 10:00:00 [error] 31#31: *1 it broke", "it broke"),
            ("2026-11-22T10:00:00Z stdout F it broke", "it broke"),
            ("it broke", "it broke"),
        ] {
            let parsed = parse(record.as_bytes(), &Moment { now: NOW, zone: &zone });
            assert_eq!(record.get(parsed.message..), Some(message), "{record}");
        }
    }

    const LINES: [&[u8]; 16] = [
        b"<165>1 2026-11-22T10:00:00Z db1 evt 9 ID47 [ex@1 iut=\"3\" s=\"a\\\"b\"] hi",
        b"<11>Nov 22 10:00:00 db1 sshd[42]: error: no",
        b"10.0.0.1 - bob [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 503 12 \"-\" \"curl\" 0.1",
        b"[Sun Nov 22 10:00:00.25 2026] [core:warn] [pid 5:tid 6] (2)No: [client ::1] AH1: x, referer: y",
        b"2026/11/22 10:00:00 [error] 31#31: *1 open() failed, client: ::1, request: \"GET / HTTP/1.1\", host: \"x\"",
        b"{\"ts\":\"2026-11-22T10:00:00Z\",\"level\":\"error\",\"a\":{\"b\":[1,\"\\u00e9\"]}}",
        b"time=2026-11-22T10:00:00Z level=info msg=\"a \\\"b\" n=1",
        b"I1122 10:00:00.123456   12345 reflector.go:12] slow",
        b"4711:M 22 Nov 2026 10:00:00.123 # Low memory",
        b"- 1795341600 2026.11.22 R02-M1 2026-11-22-02.00.00.675872 R02-M1 RAS KERNEL FATAL parity",
        b"20261122-10:0:0:606|Step_LSC|30002312|step 3",
        b"261122 100000 148 INFO dfs.DataNode$PacketResponder: Got block",
        b"11-22 10:00:00.606  1702  2395 E PowerManager: lock",
        b"2026-11-22 10:00:00, Error                 CBS    Failed",
        b"Nov 22, 2026 10:00:00 AM org.x.Y method\nSEVERE: x",
        b"22-Nov-2026 10:00:00.123 SEVERE [main] org.x.Y.z x\njava.io.IOException: y\n\tat a.b(C.java:1)",
    ];

    #[test]
    fn no_cut_of_a_line_panics() {
        for line in LINES {
            for end in 0..=line.len() {
                assert!(!shown(&line[..end]).is_empty());
            }
        }
    }

    /// Everything that can be asked about a record.
    fn ask(record: &[u8]) {
        let zone = Zone::utc();
        let moment = Moment { now: NOW, zone: &zone };
        let mut recogniser = Recogniser::auto();
        recogniser.learn(record);
        let auto = recogniser.parse(record, &moment);
        assert!(auto.message <= record.len());
        for format in Format::ALL {
            assert!(Recogniser::fixed(format).parse(record, &moment).message <= record.len(), "{}", format.name());
            format.is_start(record);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            ask(&bytes);
        }

        #[test]
        fn no_damage_to_a_line_panics(line in 0..LINES.len(), damage in proptest::collection::vec((0..120_usize, proptest::prelude::any::<u8>()), 0..6)) {
            let mut record = LINES[line].to_vec();
            for (at, byte) in damage {
                if let Some(place) = record.get_mut(at) {
                    *place = byte;
                }
            }
            ask(&record);
        }
    }
}
