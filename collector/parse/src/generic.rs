//! Any other line: a stamp of some common form at its beginning or after its first or second word, and words of
//! severity.

use std::borrow::Cow;

use orszem_model::Severity;

use super::found::{at_least, cut};
use super::{Format, Moment, Parsed, Stamp, exception, head, multiline, offset, severity, stamps, time, word};

/// A record of no known format.
pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
    match stamped(record, moment) {
        Some(parsed) => Parsed { format: Some(Format::Generic), ..parsed },
        None => {
            let mut parsed = Parsed::default();
            grade(record, &mut parsed);
            if multiline::is_exception(head(record)) && exception::describe(record, &mut parsed) {
                at_least(&mut parsed, Severity::ERROR);
            }
            parsed
        }
    }
}

/// A record with a stamp.
pub(crate) fn stamped<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    if let Some(parsed) = stamps::parse(record, moment) {
        return Some(parsed);
    }
    let (stamp, rest) = stamp(head(record), moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let rest = rest.strip_prefix(b"]").unwrap_or(rest).trim_ascii_start();
    grade(rest, &mut parsed);
    let message = behind_level(rest, &parsed).unwrap_or(rest);
    parsed.message = offset(head(record), message);
    if multiline::is_exception(message)
        && let Some(said) = record.get(parsed.message..)
    {
        exception::describe(said, &mut parsed);
    }
    Some(parsed)
}

/// What follows `[level] ` at the beginning of a message.
fn behind_level<'a>(text: &'a [u8], parsed: &Parsed<'_>) -> Option<&'a [u8]> {
    let (level, message) = cut(text.strip_prefix(b"[")?, b"] ")?;
    (parsed.severity_text.as_deref()?.as_bytes() == level).then(|| message.trim_ascii_start())
}

/// Whether `line` begins a record, in a source whose records begin with a stamp.
pub(crate) fn is_start(line: &[u8]) -> bool {
    !multiline::is_continuation(line) && is_stamped(line) && !is_wrapped_frame(line)
}

/// Whether `line` is a part of a stack trace that something gave a header line by line:
/// `[2026-11-22 10:00:00] [crit]     at org.x.Y.z(Y.java:1)`, as syslog does to standard output.
pub(crate) fn is_wrapped_frame(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix(b"[").and_then(|inner| cut(inner, b"] ")) {
        rest = after;
    }
    if rest.len() == line.len() {
        return false;
    }
    // rsyslog writes a tab so.
    let said = rest.strip_prefix(b"#011").unwrap_or(rest).trim_ascii_start();
    let is_indented = said.len() < rest.len();
    said.starts_with(b"Caused by: ") || (is_indented && (said.starts_with(b"at ") || said.starts_with(b"... ")))
}

/// Whether `line` looks like beginning with a stamp: among its first 24 bytes are at least six digits, and two signs
/// that part them.
pub(crate) fn is_stamped(line: &[u8]) -> bool {
    let head = line.get(..24).unwrap_or(line);
    let head = head.strip_prefix(b"[").unwrap_or(head);
    let digits = head.iter().filter(|b| b.is_ascii_digit()).count();
    let signs = head.iter().filter(|b| matches!(b, b':' | b'-' | b'/' | b'.' | b' ')).count();
    let first =
        head.first().is_some_and(|b| b.is_ascii_digit() || (b.is_ascii_alphabetic() && digits > 7) || *b == b'-');
    first && digits >= 6 && signs >= 2
}

/// Severity from the words of `text`.
pub(crate) fn grade<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some((severity, word)) = severity::in_text(text) {
        parsed.severity = severity;
        parsed.severity_text = Some(Cow::Borrowed(word));
    }
}

fn stamp<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<(Stamp, &'a [u8])> {
    let second = word(line).map(|(_, rest)| rest);
    let third = second.and_then(word).map(|(_, rest)| rest);
    let starts = [Some(line), line.strip_prefix(b"["), second, third];
    starts.into_iter().flatten().find_map(|text| {
        let stamp = time::iso(text, moment)?;
        let rest = text.get(stamp.len..)?;
        let joined = rest.first().is_some_and(u8::is_ascii_alphanumeric);
        (!joined).then_some((stamp, rest))
    })
}
