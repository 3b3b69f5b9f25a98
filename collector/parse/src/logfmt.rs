//! `time=… level=info msg="a \"text\"" key=value`, of Go's and Heroku's loggers, and the kernel's audit records.
//!
//! A line is of this format when it begins with a pair and a pair of it names a time or a level, or when it is
//! nothing but pairs.

use std::borrow::Cow;

use super::place::Place;
use super::value::Value;
use super::{Moment, Parsed, field, head, time};

/// Pairs beyond this many stay in the body only.
const PAIRS_MAX: usize = 64;
/// The most bytes of a key.
const KEY_BYTES_MAX: usize = 64;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let text = head(record);
    key(text)?;
    let mut parsed = Parsed { attributes: Vec::with_capacity(8), ..Parsed::default() };
    let (mut rest, mut pairs, mut words, mut is_known) = (text, 0, 0, false);
    while !rest.is_empty() {
        rest = match pair(rest) {
            Some((key, value, after)) if pairs < PAIRS_MAX => {
                pairs += 1;
                is_known |= put(key, value, &mut parsed, moment);
                after
            }
            _ => {
                words += 1;
                super::word(rest).map_or(&b""[..], |(_, after)| after)
            }
        };
        rest = rest.trim_ascii_start();
    }
    (is_known || (pairs > 1 && words == 0)).then_some(parsed)
}

/// Whether it is a pair that says what the line is: a time or a level.
fn put<'a>(key: &'a str, value: Cow<'a, str>, parsed: &mut Parsed<'a>, moment: &Moment<'_>) -> bool {
    let place = Place::of(key.as_bytes());
    let value = match place {
        _ if value.starts_with("audit(") => return audit(&value, parsed),
        Some(place) => match place.put(value, parsed, moment) {
            Ok(()) => return matches!(place, Place::Time | Place::Level),
            Err(value) => value,
        },
        None => value,
    };
    parsed.attributes.push((Cow::Borrowed(key), typed(value)));
    false
}

/// `audit(1795341600.123:42)`: the time and the serial number of an audit record.
fn audit(value: &str, parsed: &mut Parsed<'_>) -> bool {
    let inside = value.strip_prefix("audit(").unwrap_or(value).as_bytes();
    let Some(stamp) = time::epoch(inside) else { return false };
    parsed.timestamp = Some(stamp.at);
    parsed.service = Some(Cow::Borrowed("audit"));
    let serial = inside.get(stamp.len + 1..).and_then(|rest| rest.split(|b| *b == b')').next());
    parsed.attributes.extend(serial.and_then(field::digits).map(|serial| field::integer("serial", serial)));
    true
}

/// Numbers become numbers; digits with a leading zero are names.
fn typed(value: Cow<'_, str>) -> Value<'_> {
    let bytes = value.as_bytes();
    let has_zero = bytes.len() > 1 && bytes.first() == Some(&b'0');
    match field::digits(bytes) {
        Some(number) if !has_zero => Value::Integer(number),
        _ => Value::Text(value),
    }
}

/// A key before a `=`.
fn key(text: &[u8]) -> Option<&str> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b'@' | b'#');
    let end = text.iter().take(KEY_BYTES_MAX + 1).position(|b| !fits(b))?;
    let is_key = end > 0 && text.get(end) == Some(&b'=') && !text.first().is_some_and(|b| b.is_ascii_digit());
    if is_key { std::str::from_utf8(text.get(..end)?).ok() } else { None }
}

/// A pair, and what follows it.
fn pair(text: &[u8]) -> Option<(&str, Cow<'_, str>, &[u8])> {
    let key = key(text)?;
    let value = text.get(key.len() + 1..)?;
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let end = memchr::memchr(b' ', value).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end)?;
        return Some((key, String::from_utf8_lossy(value), rest));
    };
    let first = memchr::memchr2(b'"', b'\\', quoted)?;
    if quoted.get(first) == Some(&b'"') {
        return Some((key, String::from_utf8_lossy(quoted.get(..first)?), quoted.get(first + 1..)?));
    }
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().enumerate();
    let close = loop {
        match bytes.next()? {
            (at, b'"') => break at,
            (_, b'\\') => match bytes.next()?.1 {
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'r' => out.push(b'\r'),
                byte => out.push(*byte),
            },
            (_, byte) => out.push(*byte),
        }
    };
    Some((key, Cow::Owned(String::from_utf8_lossy(&out).into_owned()), quoted.get(close + 1..)?))
}

#[cfg(test)]
mod tests {
    use crate::tests::shown;

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn pairs_are_read() {
        check(
            r#"time=2026-11-22T10:00:00.5Z level=warn msg="a \"b\"" n=42 id=007 dur=1.5ms q="x\ty" e="#,
            r#"1795341600.500000000 warn - - n=42 id="007" dur="1.5ms" q="x\ty" e="""#,
        );
        check("ts=1795341600 lvl=eror app=web x", r#"1795341600.000000000 unset - web lvl="eror""#);
        check("level=info msg=started at=[::]:80", r#"- info - - at="[::]:80""#);
        check("at=info method=GET status=200", r#"- unset - - at="info" method="GET" status=200"#);
        check(
            "type=SYSCALL msg=audit(1795341600.123:42): arch=c000003e success=yes",
            r#"1795341600.123000000 unset - audit type="SYSCALL" serial=42 arch="c000003e" success="yes""#,
        );
    }

    #[test]
    fn a_sentence_with_a_pair_is_none() {
        check("x=1 is what it said", "- unset - -");
        check("set level=info now", "- info - -");
        check("a=1", "- unset - -");
        check("=1 b=2", "- unset - -");
        check(r#"msg="not closed b=2"#, "- unset - -");
    }
}
