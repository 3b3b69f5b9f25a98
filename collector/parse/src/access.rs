//! Access logs of Apache, nginx and Tomcat:
//! `[vhost] client ident user [stamp] "request" status bytes ["referer" "agent" [more]]`.

use std::borrow::Cow;

use orszem_model::Severity;

use super::value::Value;
use super::{Moment, Parsed, field, head, name, time, word};

/// How far in the stamp may begin.
const STAMP_WITHIN: usize = 512;
/// Room for the usual fields: client, user, method, path, status, bytes, referer, agent.
const FIELDS: usize = 9;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let line = head(record);
    let bracket = memchr::memchr(b'[', line.get(..STAMP_WITHIN).unwrap_or(line))?;
    let stamp = time::common_log(line.get(bracket + 1..)?, moment)?;
    let request_at = bracket + 1 + stamp.len + 2;
    let rest = line.get(bracket + 1 + stamp.len..)?.strip_prefix(b"] \"")?;
    let close = end_of_quoted(rest)?;
    let after = rest.get(close + 1..)?.strip_prefix(b" ")?;
    let (status, tail) = word(after).unwrap_or((after, b""));
    let code = field::digits(status).filter(|code| status.len() == 3 && (100..600).contains(code))?;
    let mut parsed = Parsed::stamped(stamp);
    parsed.attributes = Vec::with_capacity(FIELDS);
    parsed.message = request_at;
    parsed.severity = match code {
        500.. => Severity::ERROR,
        400.. => Severity::WARN,
        _ => Severity::INFO,
    };
    who(line.get(..bracket)?, &mut parsed);
    request(rest.get(..close)?, &mut parsed);
    parsed.attributes.push(field::integer("status", code));
    let (bytes, tail) = word(tail).unwrap_or((tail, b""));
    parsed.attributes.extend(name(bytes).filter(|b| *b != "-").map(|b| field::number("bytes", b)));
    extras(tail, &mut parsed);
    Some(parsed)
}

/// `[vhost] client[, proxy…] ident user `; the user may have blanks in it, the ident is a dash almost always.
fn who<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) {
    let text = text.trim_ascii_end();
    let Some((first, rest)) = word(text) else { return };
    let (client, user) = match word(rest) {
        Some((b"-", user)) => (first, user),
        Some((second, more)) => match word(more) {
            // A host and a client, or the proxies that a client came through.
            Some((b"-", user)) if first.ends_with(b",") => (first, user),
            Some((b"-", user)) => {
                parsed.attributes.extend(name(first).map(|vhost| field::text("vhost", vhost)));
                (second, user)
            }
            _ => (first, more),
        },
        None => return,
    };
    let client = client.strip_suffix(b",").unwrap_or(client);
    parsed.attributes.extend(name(client).map(|client| field::text("client", client)));
    let is_user = !matches!(user, b"-" | b"\"\"" | b"") && user.len() <= 64;
    if let (true, Ok(user)) = (is_user, std::str::from_utf8(user)) {
        parsed.attributes.push(field::text("user", user));
    }
}

/// `GET /path HTTP/1.1`; what is no request (a scan, a handshake on the wrong port) is left in the body.
pub(crate) fn request<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((method, rest)) = word(text) else { return };
    if method.len() > 32 || !method.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')) {
        return;
    }
    let path = word(rest).map_or(rest, |(path, _)| path);
    parsed.attributes.extend(name(method).map(|method| field::text("method", method)));
    parsed.attributes.push(field::lossy("path", path));
}

/// `"referer" "agent"`, then `"forwarded for"`, `name=value`, and a duration: a fraction is in seconds (nginx), a
/// whole number in the unit that the server was told.
fn extras<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) {
    let mut rest = text;
    let mut keys = ["referer", "user_agent", "forwarded_for"].into_iter();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let Some(close) = end_of_quoted(quoted) else { return };
            let value = quoted.get(..close).unwrap_or_default();
            if let Some(key) = keys.next()
                && !matches!(value, b"-" | b"")
            {
                parsed.attributes.push(field::lossy(key, value));
            }
            rest = quoted.get(close + 1..).unwrap_or_default();
        } else {
            let (token, after) = word(rest).unwrap_or((rest, b""));
            extra(token, parsed);
            rest = after;
        }
        rest = rest.trim_ascii_start();
    }
}

fn extra<'a>(token: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some(token) = name(token) else { return };
    let is_known = |key: &str| parsed.attributes.iter().any(|(known, _)| known == key);
    if let Some((key, value)) = token.split_once('=') {
        if !key.is_empty() && value.len() < token.len() - 1 {
            parsed.attributes.push((Cow::Borrowed(key), Value::Text(Cow::Borrowed(value.trim_matches('"')))));
        }
    } else if let Some(duration) = field::digits(token.as_bytes()).filter(|_| !is_known("duration")) {
        parsed.attributes.push(field::integer("duration", duration));
    } else if let Ok(seconds) = token.parse::<f64>()
        && token.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && !is_known("request_time")
    {
        parsed.attributes.push((Cow::Borrowed("request_time"), Value::Float(seconds)));
    }
}

/// Where the closing quote stands; `\"` does not close.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::shown;

    const STAMP: &str = "[22/Nov/2026:10:00:00 +0000]";

    fn check(before: &str, after: &str, expected: &str) {
        let line = format!("{before} {STAMP} {after}");
        let expected =
            if expected.starts_with('-') { expected.to_owned() } else { format!("1795341600.000000000 {expected}") };
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn clients_and_hosts_are_told_apart() {
        let after = r#""GET / HTTP/1.1" 200 1"#;
        for (before, expected) in [
            ("10.0.0.1 - -", r#"client="10.0.0.1""#),
            ("::1 - bob", r#"client="::1" user="bob""#),
            ("10.0.0.1 - bob smith", r#"client="10.0.0.1" user="bob smith""#),
            ("example.com:443 10.0.0.1 - -", r#"vhost="example.com:443" client="10.0.0.1""#),
            ("example.com fe80::1 - amy", r#"vhost="example.com" client="fe80::1" user="amy""#),
            ("10.0.0.1, 10.0.0.2 - -", r#"client="10.0.0.1""#),
            ("10.0.0.1 ident bob", r#"client="10.0.0.1" user="bob""#),
        ] {
            check(before, after, &format!(r#"info - - {expected} method="GET" path="/" status=200 bytes=1"#));
        }
    }

    #[test]
    fn requests_and_what_follows_are_read() {
        let client = r#"client="::1""#;
        for (after, expected) in [
            (r#""-" 408 -"#, format!("warn - - {client} status=408")),
            (r#""\x16\x03\x01" 400 226 "-" "-""#, format!("warn - - {client} status=400 bytes=226")),
            (
                r#""POST /a?q=\"x\" HTTP/2.0" 502 0 "http://r/" "A \"B\" C""#,
                format!(
                    r#"error - - {client} method="POST" path="/a?q=\\\"x\\\"" status=502 bytes=0 referer="http://r/" user_agent="A \\\"B\\\" C""#
                ),
            ),
            (
                r#""GET / HTTP/1.1" 200 5 12"#,
                format!(r#"info - - {client} method="GET" path="/" status=200 bytes=5 duration=12"#),
            ),
            (
                r#""GET / HTTP/1.1" 304 - "-" "curl" "10.9.9.9" 0.012 urt=0.010"#,
                format!(
                    r#"info - - {client} method="GET" path="/" status=304 user_agent="curl" forwarded_for="10.9.9.9" request_time=0.012 urt="0.010""#
                ),
            ),
        ] {
            check("::1 - -", after, &expected);
        }
    }

    #[test]
    fn what_is_no_access_is_left_alone() {
        for after in [r#""GET / HTTP/1.1" 2000 5"#, r#""GET / HTTP/1.1" 99 5"#, r#""GET / HTTP/1.1"#, r#"GET / 200 5"#]
        {
            check("::1 - -", after, "- unset - -");
        }
    }
}
