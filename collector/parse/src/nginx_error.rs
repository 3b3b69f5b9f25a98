//! nginx's error log: `stamp [level] pid#tid: *connection message, client: c, server: s, request: "r", upstream: "u"`.

use super::access::request;
use super::apache_error::{bracketed, graded};
use super::found::{digits, integer, text};
use super::{Moment, Parsed, head, offset, time};

/// The fields at the end of a message.
const FIELDS: [(&[u8], &str); 7] = [
    (b"client: ", "client"),
    (b"server: ", "server"),
    (b"request: ", "request"),
    (b"subrequest: ", "subrequest"),
    (b"upstream: ", "upstream"),
    (b"host: ", "vhost"),
    (b"referrer: ", "referer"),
];

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let line = head(record);
    if line.get(4) != Some(&b'/') {
        return None;
    }
    let stamp = time::iso(line, moment)?;
    let (level, rest) = bracketed(line.get(stamp.len..)?.strip_prefix(b" ")?)?;
    let mut parsed = graded(std::str::from_utf8(level).ok()?)?;
    let (pid, rest) = digits(rest.strip_prefix(b" ")?)?;
    let (thread, rest) = digits(rest.strip_prefix(b"#")?)?;
    let mut message = rest.strip_prefix(b": ").or_else(|| rest.strip_prefix(b":"))?;
    parsed.timestamp = Some(stamp.at);
    parsed.inferred = stamp.inferred;
    integer(&mut parsed, "pid", pid);
    integer(&mut parsed, "tid", thread);
    if let Some((connection, after)) = message.strip_prefix(b"*").and_then(digits) {
        integer(&mut parsed, "connection", connection);
        message = after.strip_prefix(b" ").unwrap_or(after);
    }
    parsed.message = offset(line, message);
    if let Some(at) = memchr::memmem::find(message, b", client: ") {
        fields(message.get(at + 2..)?, &mut parsed);
    }
    Some(parsed)
}

/// Whether `line` begins a record.
pub(crate) fn is_start(line: &[u8]) -> bool {
    matches!(line, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'/', b'0'..=b'9', ..])
}

/// `client: c, server: s, request: "GET / HTTP/1.1", …`
fn fields<'a>(mut rest: &'a [u8], parsed: &mut Parsed<'a>) {
    while let Some((prefix, key)) = FIELDS.into_iter().find(|(prefix, _)| rest.starts_with(prefix)) {
        let value = rest.get(prefix.len()..).unwrap_or_default();
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = closing(quoted);
                (quoted.get(..end).unwrap_or(quoted), quoted.get(end + 1..).unwrap_or_default())
            }
            None => {
                let end = memchr::memchr(b',', value).unwrap_or(value.len());
                (value.get(..end).unwrap_or(value), value.get(end..).unwrap_or_default())
            }
        };
        match key {
            "request" => request(value, parsed),
            _ => text(parsed, key, value),
        }
        rest = after.strip_prefix(b", ").unwrap_or_default();
    }
}

/// Where the quote that is followed by a comma or the end stands; quotes within a request are not escaped.
fn closing(quoted: &[u8]) -> usize {
    let is_closing = |at: &usize| matches!(quoted.get(at + 1), None | Some(b','));
    memchr::memchr_iter(b'"', quoted).find(is_closing).unwrap_or(quoted.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::shown;

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn fields_are_read() {
        check(
            r#"2026/11/22 10:00:00 [error] 31#32: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: example.com, request: "GET /a"b HTTP/1.1", upstream: "http://127.0.0.1:8080/a", host: "example.com", referrer: "http://r/""#,
            r#"1795341600.000000000 error - - pid=31 tid=32 connection=7 client="10.0.0.1" server="example.com" method="GET" path="/a\"b" upstream="http://127.0.0.1:8080/a" vhost="example.com" referer="http://r/""#,
        );
        check("2026/11/22 10:00:00 [notice] 1#1: signal 15 received", "1795341600.000000000 notice - - pid=1 tid=1");
        check(
            "2026/11/22 10:00:00 [info] 1#1: *3 client closed connection, client: ::1, server: 0.0.0.0:80",
            r#"1795341600.000000000 info - - pid=1 tid=1 connection=3 client="::1" server="0.0.0.0:80""#,
        );
    }

    #[test]
    fn what_is_no_error_log_is_left_alone() {
        check("2026/11/22 10:00:00 [error] 31#x: y", "1795341600.000000000 error - -");
        check("2026/13/22 10:00:00 [error] 31#1: y", "- error - -");
        assert!(is_start(b"2026/11/22 10:00:00 [error] 31#1: y"));
        assert!(!is_start(b"2026-11-22 x") && !is_start(b"stack traceback:"));
    }
}
