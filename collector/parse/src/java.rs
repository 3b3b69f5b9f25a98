//! Layouts of log4j, logback and what builds on them: Spring Boot, JBoss, Hadoop, ZooKeeper, Cassandra, Kafka, Elasticsearch.
//!
//! Their patterns differ in the order of the same few parts, so the header is read part by part until the message.

mod header;

use orszem_model::Severity;

use header::Header;

use super::found::{at_least, between, level, text};
use super::{Moment, Parsed, Stamp, clock, exception, time, word};

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    if let Some(parsed) = uncaught(record) {
        return Some(parsed);
    }
    let mut header = Header::default();
    let rest = header.leading(head);
    let (stamp, rest, in_brackets) = stamp(rest, moment)?;
    let message = match in_brackets {
        true => header.bracketed(rest)?,
        false => header.read(rest)?,
    };
    let (severity, level_word) = header.level?;
    header.logger.or(header.thread)?;
    let mut parsed = Parsed { timestamp: Some(stamp.at), inferred: stamp.inferred, ..Parsed::default() };
    level(&mut parsed, severity, level_word);
    parsed.message = word::offset(head, message);
    header.add(&mut parsed);
    exception::describe(record.get(parsed.message..)?, &mut parsed);
    Some(parsed)
}

/// Whether `line` begins a record: with a stamp, a level and a stamp, or an exception that nobody caught.
pub(crate) fn is_start(line: &[u8]) -> bool {
    let text = line.strip_prefix(b"[").unwrap_or(line);
    is_stamp(text)
        || line.starts_with(UNCAUGHT)
        || (line.first().is_some_and(u8::is_ascii_uppercase) && is_stamp(Header::default().leading(word::head(line))))
}

const UNCAUGHT: &[u8] = b"Exception in thread \"";

fn is_stamp(text: &[u8]) -> bool {
    let shape = |at: usize, wanted: u8| text.get(at) == Some(&wanted);
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let date = digit(3) && shape(4, b'-') && shape(7, b'-') && digit(8) && shape(13, b':');
    let clock = shape(2, b':') && shape(5, b':') && matches!(text.get(8), Some(b'.' | b',')) && digit(9);
    digit(0) && (date || clock)
}

/// `Exception in thread "main" java.lang.RuntimeException: …`, which has no time.
fn uncaught(record: &[u8]) -> Option<Parsed<'_>> {
    let thread = between(record.get(..UNCAUGHT.len() + 256).unwrap_or(record), UNCAUGHT, b"\" ")?;
    let message = UNCAUGHT.len() + thread.len() + 2;
    let mut parsed = Parsed { message, ..Parsed::default() };
    if !record.starts_with(UNCAUGHT) || !exception::describe(record.get(message..)?, &mut parsed) {
        return None;
    }
    text(&mut parsed, "thread", thread);
    at_least(&mut parsed, Severity::ERROR);
    Some(parsed)
}

/// A stamp, what follows it, and whether it stood in brackets.
fn stamp<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<(Stamp, &'a [u8], bool)> {
    let inner = line.strip_prefix(b"[");
    let text = inner.unwrap_or(line);
    if !is_stamp(text) {
        return None;
    }
    let stamp = time::iso(text, moment).or_else(|| clock::time_of_day(text, moment))?;
    let rest = text.get(stamp.len..)?;
    match inner {
        Some(_) => Some((stamp, rest.strip_prefix(b"]")?, true)),
        None => matches!(rest.first(), Some(b' ' | b'|' | b'[')).then_some((stamp, rest, false)),
    }
}

/// The severity of one of Java's level names.
pub(crate) fn severity(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"FATAL" => Severity::FATAL,
        b"ERROR" | b"SEVERE" => Severity::ERROR,
        b"WARN" | b"WARNING" => Severity::WARN,
        b"NOTICE" => Severity::NOTICE,
        b"INFO" | b"CONFIG" => Severity::INFO,
        b"DEBUG" | b"FINE" => Severity::DEBUG,
        b"TRACE" | b"FINER" | b"FINEST" => Severity::TRACE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
