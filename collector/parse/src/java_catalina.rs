//! Tomcat's own log: `22-Nov-2026 10:00:00.123 SEVERE [main] org.apache.catalina.startup.Catalina.start message`.

use super::found::{level, text};
use super::{Moment, Parsed, exception, java, time, word};

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    let stamp = time::day_month_year(head, moment)?;
    let (level_word, rest) = word::word(head.get(stamp.len..)?.strip_prefix(b" ")?)?;
    let severity = java::severity(level_word)?;
    let inner = rest.trim_ascii_start().strip_prefix(b"[")?;
    let close = memchr::memmem::find(inner, b"] ")?;
    let rest = inner.get(close + 2..)?;
    let (source, message) = word::word(rest).unwrap_or((rest, b""));
    let dot = memchr::memrchr(b'.', source)?;
    let mut parsed = Parsed { timestamp: Some(stamp.at), inferred: stamp.inferred, ..Parsed::default() };
    level(&mut parsed, severity, level_word);
    parsed.message = word::offset(head, message);
    text(&mut parsed, "logger", source.get(..dot)?);
    text(&mut parsed, "method", source.get(dot + 1..)?);
    text(&mut parsed, "thread", inner.get(..close)?);
    exception::describe(record.get(parsed.message..)?, &mut parsed);
    Some(parsed)
}

/// Whether `line` begins a record: with `22-Nov-2026 10:`.
pub(crate) fn is_start(line: &[u8]) -> bool {
    let marks = [(2, b'-'), (6, b'-'), (11, b' '), (14, b':'), (17, b':')];
    line.first().is_some_and(u8::is_ascii_digit) && marks.iter().all(|(at, mark)| line.get(*at) == Some(mark))
}

#[cfg(test)]
mod tests;
