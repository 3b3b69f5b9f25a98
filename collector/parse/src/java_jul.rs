//! Two lines a record, as `java.util.logging` writes them: `Nov 22, 2026 10:00:00 AM org.x.Y method`, `SEVERE: message`.

use super::found::{cut, level, text};
use super::{Moment, Parsed, exception, java, time, word};

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    let stamp = time::month_day_year(head, moment)?;
    let source = head.get(stamp.len..)?.strip_prefix(b" ")?.trim_ascii_end();
    let (logger, method) = word::word(source).unwrap_or((source, b""));
    let mut parsed = Parsed { timestamp: Some(stamp.at), inferred: stamp.inferred, ..Parsed::default() };
    text(&mut parsed, "logger", logger);
    text(&mut parsed, "method", method);
    // The first of the two lines alone is a record whose second has not come.
    let Some(second) = record.get(head.len() + 1..) else {
        parsed.message = head.len() - source.len();
        return Some(parsed);
    };
    let (level_word, message) = cut(second, b": ")?;
    level(&mut parsed, java::severity(level_word)?, level_word);
    parsed.message = word::offset(record, message);
    exception::describe(message, &mut parsed);
    Some(parsed)
}

/// Whether `line` begins a record: with `Nov 22, 2026 `.
pub(crate) fn is_start(line: &[u8]) -> bool {
    let comma = if line.get(5) == Some(&b',') { 5 } else { 6 };
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    line.first().is_some_and(u8::is_ascii_uppercase)
        && line.get(3) == Some(&b' ')
        && digit(4)
        && line.get(comma) == Some(&b',')
        && line.get(comma + 1) == Some(&b' ')
        && (2..6).all(|at| digit(comma + at))
}

#[cfg(test)]
mod tests;
