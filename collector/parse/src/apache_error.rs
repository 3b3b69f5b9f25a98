//! Apache's error log, 2.2's `[stamp] [level] [client c] message` and
//! 2.4's `[stamp] [module:level] [pid n:tid n] [client c] AH00035: message, referer: r`.

use std::borrow::Cow;

use orszem_model::Severity;

use super::found::{cut, digits, integer, text};
use super::{Moment, Parsed, field, head, name, offset, time};

/// Bracketed parts beyond this many belong to the message.
const PARTS_MAX: usize = 6;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let line = head(record);
    let inner = line.strip_prefix(b"[")?;
    let stamp = match inner.first() {
        Some(b'0'..=b'9') => time::iso(inner, moment),
        _ => time::ctime(inner, moment),
    }?;
    let (inside, mut rest) = bracketed(inner.get(stamp.len..)?.strip_prefix(b"] ")?)?;
    let (module, level) = match memchr::memchr(b':', inside) {
        Some(colon) => (name(inside.get(..colon)?), name(inside.get(colon + 1..)?)?),
        None if stamp.len == 19 => return None, // ISO without a module is some program's own
        None => (None, name(inside)?),
    };
    let mut parsed = graded(level)?;
    parsed.timestamp = Some(stamp.at);
    parsed.inferred = stamp.inferred;
    parsed.attributes.extend(module.filter(|m| *m != "-").map(|m| field::text("module", m)));
    // Only 2.4, which names the module, writes a client's port.
    let has_port = module.is_some();
    for _ in 0..PARTS_MAX {
        let Some((part, after)) = rest.strip_prefix(b" ").and_then(bracketed) else { break };
        if !known(part, has_port, &mut parsed) {
            break;
        }
        rest = after;
    }
    let message = rest.strip_prefix(b" ").unwrap_or(rest);
    parsed.message = offset(line, message);
    told(message, has_port, &mut parsed);
    Some(parsed)
}

/// Whether `line` begins a record.
pub(crate) fn is_start(line: &[u8]) -> bool {
    matches!(line, [b'[', b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', ..] | [b'[', b'0'..=b'9', ..])
}

/// `pid 5:tid 6`, `client 10.0.0.1:1234`, `vhost example.com`.
fn known<'a>(part: &'a [u8], has_port: bool, parsed: &mut Parsed<'a>) -> bool {
    let Some((key, value)) = super::word(part) else { return false };
    match key {
        b"pid" => {
            let (pid, rest) = digits(value).unwrap_or_default();
            integer(parsed, "pid", pid);
            integer(parsed, "tid", rest.strip_prefix(b":tid ").unwrap_or_default());
        }
        b"client" | b"remote" => text(parsed, "client", if has_port { without_port(value) } else { value }),
        b"vhost" | b"host" | b"server" => text(parsed, "vhost", value),
        _ => return false,
    }
    true
}

/// An address without its port, of IPv6 too: `::1:36156`.
fn without_port(address: &[u8]) -> &[u8] {
    let host = memchr::memrchr(b':', address).and_then(|colon| address.get(..colon)).unwrap_or(address);
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

/// `(13)Permission denied: [client c] AH00035: …, referer: r`
fn told<'a>(message: &'a [u8], has_port: bool, parsed: &mut Parsed<'a>) {
    let mut rest = message;
    if let Some((error, after)) = rest.strip_prefix(b"(").and_then(digits).filter(|(_, after)| after.starts_with(b")"))
    {
        integer(parsed, "errno", error);
        // What the system calls the error has no colon in it.
        rest = cut(after, b": ").map_or(after, |(_, after)| after);
        if let Some((part, after)) = bracketed(rest).filter(|(part, _)| part.starts_with(b"client ")) {
            known(part, has_port, parsed);
            rest = after.strip_prefix(b" ").unwrap_or(after);
        }
    }
    let code = memchr::memchr(b':', rest.get(..12).unwrap_or(rest)).and_then(|colon| rest.get(..colon));
    if let Some(code) = code
        && code.strip_prefix(b"AH").is_some_and(|digits| field::digits(digits).is_some())
    {
        text(parsed, "error_code", code);
    }
    if let Some(at) = memchr::memmem::rfind(message, b", referer: ") {
        text(parsed, "referer", message.get(at + 11..).unwrap_or_default());
    }
}

/// `[inside]` and what follows.
pub(crate) fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', inner.get(..128).unwrap_or(inner))?;
    Some((inner.get(..close)?, inner.get(close + 1..)?))
}

pub(crate) fn graded(level: &str) -> Option<Parsed<'_>> {
    let severity = match level.strip_prefix("trace") {
        Some(number) if number.len() == 1 => Severity::TRACE,
        _ => Severity::from_text(level)?,
    };
    Some(Parsed { severity, severity_text: Some(Cow::Borrowed(level)), ..Parsed::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::shown;

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn both_layouts_are_read() {
        check(
            "[Sun Nov 22 10:00:00.250000 2026] [authz_core:error] [pid 5:tid 140] [client 10.0.0.1:1234] AH01630: client denied: /x, referer: http://r/",
            r#"1795341600.250000000 error - - module="authz_core" pid=5 tid=140 client="10.0.0.1" error_code="AH01630" referer="http://r/""#,
        );
        check(
            "[Sun Nov 22 10:00:00 2026] [proxy:error] [pid 5:tid 6] (111)Connection refused: AH00957: http: no",
            r#"1795341600.000000000 error - - module="proxy" pid=5 tid=6 errno=111 error_code="AH00957""#,
        );
        check(
            "[Sun Nov 22 10:00:00 2026] [error] [client ::1] File does not exist: /x",
            r#"1795341600.000000000 error - - client="::1""#,
        );
        check(
            "[Sun Nov 22 10:00:00 2026] [error] [client 10.0.0.1] File does not exist: /x",
            r#"1795341600.000000000 error - - client="10.0.0.1""#,
        );
        check(
            "[Sun Nov 22 10:00:00.25 2026] [core:crit] [pid 5] (13)Permission denied: [client ::1:80] AH00529: /x",
            r#"1795341600.250000000 crit - - module="core" pid=5 errno=13 client="::1" error_code="AH00529""#,
        );
        check(
            "[2026-11-22 10:00:00.250000] [ssl:warn] [vhost example.com] x [pid 9]",
            r#"1795341600.250000000 warn - - module="ssl" vhost="example.com""#,
        );
        check("[Sun Nov 22 10:00:00 2026] [notice] caught SIGTERM", "1795341600.000000000 notice - -");
    }

    #[test]
    fn what_is_no_error_log_is_left_alone() {
        check("[Sun Nov 32 10:00:00 2026] [error] x", "- error - -");
        check("[San Nov 22 10:00:00 2026] [loud] x", "- unset - -");
        check("[Sun Nov 22 10:00:00 2026] error x", "- unset - -");
        assert!(is_start(b"[Sun Nov 22 10:00:00 2026] [error] x"));
        assert!(!is_start(b"  [pid 5] x") && !is_start(b"PHP Stack trace:"));
    }
}
