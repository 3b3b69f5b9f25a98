//! Oracle's alert log: a stamp on a line of its own, then what was said until the next; and its listener's log.

mod listener;

use orszem_model::Severity;

use super::found::{at_least, cut, digits, push};
use super::{Moment, Parsed, Stamp, Value, time, word};

/// Error codes of one record beyond this many stay in the body only.
const CODES_MAX: usize = 8;

/// Only this much of a record is searched for codes.
const SEARCH_BYTES: usize = 16 << 10;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    if is_listener(head) {
        return listener::parse(record, moment);
    }
    let stamp = stamp(head, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    parsed.message = (head.len() + 1).min(record.len());
    let message = record.get(parsed.message..)?;
    let message = message.get(..SEARCH_BYTES).unwrap_or(message);
    codes(message, &mut parsed);
    if let Some((_, severity)) = SAYINGS.iter().find(|(words, _)| memchr::memmem::find(message, words).is_some()) {
        at_least(&mut parsed, *severity);
    }
    Some(parsed)
}

/// Whether `line` begins a record: a stamp that fills the line, or one of the listener's.
pub(crate) fn is_start(line: &[u8]) -> bool {
    is_listener(line) || is_lone_stamp(line.trim_ascii_end())
}

/// `Sun Nov 22 10:00:00 2026` and, since 12.2, `2026-11-22T10:00:00.123456+00:00`, nothing else in the line.
fn stamp(head: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let line = head.trim_ascii_end();
    if !is_lone_stamp(line) {
        return None;
    }
    let stamp = time::iso(line, moment).or_else(|| time::ctime(line, moment))?;
    (stamp.len == line.len()).then_some(stamp)
}

fn is_lone_stamp(line: &[u8]) -> bool {
    let iso = || (20..=35).contains(&line.len()) && line.get(10) == Some(&b'T') && line.get(4) == Some(&b'-');
    let ctime = || {
        let end = line.get(line.len().saturating_sub(5)..).unwrap_or_default();
        (24..=30).contains(&line.len())
            && line.get(3) == Some(&b' ')
            && line.get(13) == Some(&b':')
            && end.first() == Some(&b' ')
            && end.iter().skip(1).all(u8::is_ascii_digit)
    };
    line.first().is_some_and(u8::is_ascii_digit) && iso() || line.first().is_some_and(u8::is_ascii_uppercase) && ctime()
}

/// `22-NOV-2026 10:00:00 * `.
fn is_listener(line: &[u8]) -> bool {
    line.get(2) == Some(&b'-') && line.get(6) == Some(&b'-') && line.get(20..23) == Some(b" * ")
}

/// Adds each `ORA-01234` and `TNS-01234` once; codes without leading zeros gain them.
fn codes<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let mut rest = message;
    let mut known: Vec<i64> = Vec::new();
    while known.len() < CODES_MAX
        && let Some((before, after)) = cut(rest, b"-")
    {
        rest = after;
        let prefix = before.get(before.len().saturating_sub(3)..).unwrap_or_default();
        let is_code =
            matches!(prefix, b"ORA" | b"TNS") && !before.iter().rev().nth(3).is_some_and(u8::is_ascii_alphanumeric);
        let Some((number, _)) = digits(after).filter(|(number, _)| is_code && (1..=5).contains(&number.len())) else {
            continue;
        };
        let Some(number) = super::found::number(number).filter(|n| *n > 0 && !known.contains(n)) else { continue };
        known.push(number);
        let code = format!("{}-{number:05}", String::from_utf8_lossy(prefix));
        push(parsed, "oracle.code".into(), Value::Text(code.into()));
        at_least(parsed, weight(prefix, number));
    }
}

/// Internal errors stand above the rest, what a client did below.
fn weight(prefix: &[u8], number: i64) -> Severity {
    match (prefix, number) {
        (b"ORA", 600 | 603 | 7445) => Severity::FATAL,
        // A client that did not log on in time.
        (b"ORA", 3136) => Severity::WARN,
        _ => Severity::ERROR,
    }
}

/// What the alert log says without a code, the gravest first.
const SAYINGS: [(&[u8], Severity); 9] = [
    (b"terminating the instance", Severity::FATAL),
    (b"Instance terminated by", Severity::FATAL),
    (b"Corrupt block", Severity::ERROR),
    (b"Errors in file", Severity::ERROR),
    (b"ERROR:", Severity::ERROR),
    (b"Fatal NI connect error", Severity::WARN),
    (b"WARNING:", Severity::WARN),
    (b"Checkpoint not complete", Severity::WARN),
    (b"", Severity::INFO),
];

#[cfg(test)]
mod tests;
