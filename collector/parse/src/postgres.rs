//! PostgreSQL's log in its usual prefixes (`%m [%p] %q%u@%d `, `%t:%r:%u@%d:[%p]:`, pgBadger's) and as CSV.

mod csv;

use orszem_model::Severity;

use super::found::{at_least, between, cut, digits, entity, first_word, float, integer, level, text};
use super::{Moment, Parsed, time, word};

/// Where in a line the level is looked for.
const PREFIX_BYTES_MAX: usize = 256;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    let stamp = time::iso(head, moment).filter(|_| head.get(4) == Some(&b'-'))?;
    let rest = head.get(stamp.len..)?;
    let (name, rest) = zone_name(rest);
    let mut parsed = Parsed::stamped(time::in_zone(stamp, name, moment));
    if let Some(fields) = rest.strip_prefix(b",") {
        let at = word::offset(head, fields);
        return csv::parse(record, at, parsed);
    }
    let (prefix, word, message) = level_word(rest)?;
    described(prefix, word, message, &mut parsed)?;
    parsed.message = word::offset(head, message);
    Some(parsed)
}

/// Reads a message behind a syslog header: `[3-1] 2026-11-22 10:00:00 UTC [77] ERROR:  …`, `[3-1] user@db ERROR:  …`.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let head = word::head(message).trim_ascii_start();
    // `[3-1]` numbers the message and its piece.
    let piece = head.strip_prefix(b"[").and_then(|inner| cut(inner, b"] ")).filter(|(inner, _)| inner.contains(&b'-'));
    if let Some((prefix, word, said)) = level_word(piece.map_or(head, |(_, rest)| rest))
        && described(prefix, word, said, parsed).is_some()
    {
        parsed.message += word::offset(word::head(message), said);
    }
}

/// Whether `line` begins a record: with an ISO stamp.
pub(crate) fn is_start(line: &[u8]) -> bool {
    let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    line.first().is_some_and(u8::is_ascii_digit) && marks.iter().all(|(at, mark)| line.get(*at) == Some(mark))
}

/// A zone's name behind the stamp, such as ` CET`, empty if there is none, and what follows.
fn zone_name(rest: &[u8]) -> (&[u8], &[u8]) {
    let Some(text) = rest.strip_prefix(b" ") else { return (b"", rest) };
    let len = text.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let end = text.get(len).copied().unwrap_or(b' ');
    match text.split_at_checked(len) {
        Some((name, after)) if (3..=5).contains(&len) && matches!(end, b' ' | b',' | b':') => (name, after),
        Some(_) | None => (b"", rest),
    }
}

/// What stands before the level, the level, and the message: a level is followed by a colon and two blanks.
fn level_word(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let searched = text.get(..PREFIX_BYTES_MAX).unwrap_or(text);
    let colon = memchr::memmem::find(searched, b":  ")?;
    let before = text.get(..colon)?;
    let start = before.iter().rposition(|b| !b.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    Some((before.get(..start)?, before.get(start..)?, text.get(colon + 3..)?))
}

/// What a level or the name of a further line means.
enum Kind {
    Message(Severity),
    /// More of the record before it, by the same process.
    Further(&'static str),
}

fn kind(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"PANIC" | b"FATAL" => Kind::Message(Severity::FATAL),
        b"ERROR" => Kind::Message(Severity::ERROR),
        b"WARNING" => Kind::Message(Severity::WARN),
        b"NOTICE" => Kind::Message(Severity::NOTICE),
        b"LOG" | b"INFO" => Kind::Message(Severity::INFO),
        b"DEBUG" | b"DEBUG1" | b"DEBUG2" => Kind::Message(Severity::DEBUG),
        b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => Kind::Message(Severity::TRACE),
        b"STATEMENT" => Kind::Further("statement"),
        b"DETAIL" => Kind::Further("detail"),
        b"HINT" => Kind::Further("hint"),
        b"CONTEXT" => Kind::Further("context"),
        b"QUERY" => Kind::Further("query"),
        b"LOCATION" => Kind::Further("location"),
        b"BACKTRACE" => Kind::Further("backtrace"),
        _ => return None,
    })
}

fn described<'a>(prefix: &'a [u8], word: &'a [u8], message: &'a [u8], parsed: &mut Parsed<'a>) -> Option<()> {
    match kind(word)? {
        Kind::Message(severity) => level(parsed, severity, word),
        Kind::Further(name) => {
            parsed.severity = Severity::UNSET;
            parsed.severity_text = None;
            text(parsed, "postgres.line", name.as_bytes());
        }
    }
    for part in prefix.split(|b| matches!(b, b' ' | b',')) {
        prefix_part(part, parsed);
    }
    duration(message, parsed);
    Some(())
}

/// One word of the prefix; of `%t:%r:%u@%d:[%p]:` all parts are one word.
fn prefix_part<'a>(part: &'a [u8], parsed: &mut Parsed<'a>) {
    if part.is_empty() {
        return;
    }
    if let Some((key, value)) = cut(part, b"=") {
        match key {
            b"user" => text(parsed, "user", value),
            b"db" | b"database" => database(value, parsed),
            b"app" | b"application" => text(parsed, "application", value),
            b"client" | b"host" => client(value, parsed),
            _ => {}
        }
        return;
    }
    if let Some(pid) = between(part, b"[", b"]") {
        // `%p`, or `%p-%l` with the line's number.
        integer(parsed, "pid", digits(pid).map_or(&[], |(pid, _)| pid));
    }
    for word in part.split(|b| *b == b':') {
        if let Some((user, name)) = cut(word, b"@") {
            text(parsed, "user", if user == b"[unknown]" { b"" } else { user });
            database(name, parsed);
        } else if word.ends_with(b")") && word.contains(&b'(') {
            client(word, parsed);
        } else if is_sqlstate(word) {
            text(parsed, "postgres.code", word);
        }
    }
}

/// `10.0.0.1(5432)` or `10.0.0.1`; a local one has no address.
fn client<'a>(value: &'a [u8], parsed: &mut Parsed<'a>) {
    let host = cut(value, b"(").map_or(value, |(host, _)| host);
    if host != b"[local]" {
        text(parsed, "client", host);
    }
}

fn database<'a>(name: &'a [u8], parsed: &mut Parsed<'a>) {
    if !name.is_empty() && name != b"[unknown]" {
        text(parsed, "database", name);
        entity(parsed, "database", name);
    }
}

/// Five digits and capitals with at least one digit first or last: `42P01`, `00000`, `XX000`.
fn is_sqlstate(word: &[u8]) -> bool {
    word.len() == 5
        && word.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && word.last().is_some_and(u8::is_ascii_digit)
        && (word.iter().any(u8::is_ascii_uppercase) || word.starts_with(b"0") || word.starts_with(b"2"))
}

/// `duration: 12.345 ms  statement: …`.
fn duration<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some(rest) = message.strip_prefix(b"duration: ")
        && let Some((millis, _)) = cut(rest, b" ms")
    {
        float(parsed, "duration_ms", millis);
    }
    if let Some(host) = message.strip_prefix(b"connection received: host=") {
        client(first_word(host), parsed);
    }
    if message.starts_with(b"database system was not properly shut down") {
        at_least(parsed, Severity::WARN);
    }
}

#[cfg(test)]
mod tests;
