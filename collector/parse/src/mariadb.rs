//! Error logs of MariaDB and MySQL of all ages, and their slow query log.

mod slow;

use orszem_model::Severity;

use super::found::{at_least, between, cut, digits, entity, integer, level, text};
use super::{Moment, Parsed, Stamp, time, word};

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    if record.starts_with(b"# ") {
        return slow::parse(record, moment);
    }
    let head = word::head(record);
    let stamp = stamp(head, moment)?;
    let rest = head.get(stamp.len..)?.strip_prefix(b" ")?.trim_ascii_start();
    let mut parsed = Parsed::stamped(stamp);
    let (thread, rest) = thread(rest).map_or((None, rest), |(thread, rest)| (Some(thread), rest));
    integer(&mut parsed, "thread", thread.unwrap_or_default());
    let message = described(rest, &mut parsed)?;
    parsed.message = word::offset(head, message);
    connection(message, &mut parsed);
    Some(parsed)
}

/// Reads a message behind a syslog header: `2026-11-22 10:00:00 0 [Note] …` or `[Note] …`.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let head = word::head(message);
    let text = head.trim_ascii_start();
    // The header has the time already; of the message's own stamp nothing is wanted.
    let is_stamped = text.first().is_some_and(u8::is_ascii_digit);
    let from = if is_stamped { memchr::memchr(b'[', text.get(..64).unwrap_or(text)).unwrap_or(0) } else { 0 };
    if let Some(told) = text.get(from..).and_then(|text| described(text, parsed)) {
        parsed.message += word::offset(head, told);
        connection(told, parsed);
    }
}

/// Whether `line` begins a record: with a stamp of any age, or a slow query's time.
pub(crate) fn is_start(line: &[u8]) -> bool {
    let all = |marks: &[(usize, u8)]| marks.iter().all(|(at, mark)| line.get(*at) == Some(mark));
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    line.starts_with(b"# Time: ")
        || digit(0)
            && (all(&[(4, b'-'), (7, b'-'), (13, b':'), (16, b':')])
                || (digit(5) && all(&[(6, b' '), (9, b':'), (12, b':')])))
}

/// Whether `line` is the first comment of a slow query behind another: MariaDB writes the time only when it differs from
/// the query's before. At its start the server writes whose log this is.
pub(crate) fn is_next_query(before: &[u8], line: &[u8]) -> bool {
    let last = || before.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
    line.starts_with(b"# User@Host: ") && !last().starts_with(b"# Time: ")
        || line.ends_with(b"started with:") && word::head(line).windows(11).any(|part| part == b", Version: ")
}

fn stamp(head: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let is_iso = head.get(4) == Some(&b'-');
    if is_iso { time::iso(head, moment) } else { time::packed(head, moment) }
}

/// The thread's number, decimal in front of the level, and what follows.
fn thread(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, rest) = digits(text)?;
    Some((number, rest.strip_prefix(b" ")?))
}

/// `[Level] [MY-010116] [Server] message` and `[Level] InnoDB: message`; answers the message.
fn described<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let Some((word, rest)) = bracket(rest) else { return bare(rest, parsed) };
    level(parsed, severity(word)?, word);
    let Some((code, rest)) = bracket(rest).filter(|(code, _)| code.starts_with(b"MY-")) else {
        subsystem(rest, parsed);
        return Some(rest);
    };
    text(parsed, "mysql.code", code);
    match bracket(rest) {
        Some((name, rest)) => {
            text(parsed, "subsystem", name);
            Some(rest)
        }
        None => Some(rest),
    }
}

/// Before 5.7 some parts wrote no level: `InnoDB: message` and `mysqld_safe Starting mysqld daemon`.
fn bare<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let rest = rest.trim_ascii_start();
    if rest.starts_with(b"mysqld_safe ") || rest.starts_with(b"mariadbd-safe ") {
        return Some(rest);
    }
    // InnoDB of those times printed its thread in hexadecimal.
    let rest = match word::word(rest) {
        Some((thread, rest)) if thread.len() >= 8 && thread.iter().all(u8::is_ascii_hexdigit) => rest,
        _ => rest,
    };
    if !rest.starts_with(b"InnoDB: ") {
        return None;
    }
    subsystem(rest, parsed);
    if rest.starts_with(b"InnoDB: Error") || rest.starts_with(b"InnoDB: Fatal") {
        at_least(parsed, Severity::ERROR);
    } else if rest.starts_with(b"InnoDB: Warning") {
        at_least(parsed, Severity::WARN);
    }
    Some(rest)
}

/// `InnoDB: ` at the beginning of a message, and other names of one word.
fn subsystem<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let name = cut(message, b": ").map_or(&b""[..], |(name, _)| name);
    if matches!(name, b"InnoDB" | b"WSREP" | b"Plugin" | b"Server" | b"Aria" | b"RocksDB" | b"Slave SQL" | b"Slave I/O")
    {
        text(parsed, "subsystem", name);
    }
}

/// Whose connection a message is about: `Aborted connection 9 to db: 'shop' user: 'bob' host: 'app1' (…)` and
/// `Access denied for user 'bob'@'app1' (…)`.
fn connection<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let (user, host) = if message.starts_with(b"Aborted connection ") {
        let database = between(message, b" to db: '", b"'").filter(|name| *name != b"unconnected").unwrap_or_default();
        text(parsed, "database", database);
        entity(parsed, "database", database);
        (between(message, b" user: '", b"'"), between(message, b" host: '", b"'"))
    } else if message.starts_with(b"Access denied for user '") {
        (between(message, b"user '", b"'@'"), between(message, b"'@'", b"'"))
    } else {
        return;
    };
    text(parsed, "user", user.filter(|name| *name != b"unauthenticated").unwrap_or_default());
    text(parsed, "client", host.unwrap_or_default());
}

fn severity(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"ERROR" | b"Error" => Severity::ERROR,
        b"Warning" | b"WARNING" => Severity::WARN,
        b"Note" | b"NOTE" | b"System" => Severity::INFO,
        _ => return None,
    })
}

/// `[inside] ` and what follows.
fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inside, rest) = cut(text.strip_prefix(b"[")?, b"]")?;
    Some((inside, rest.strip_prefix(b" ")?)).filter(|(inside, _)| inside.len() <= 32)
}

#[cfg(test)]
mod tests;
