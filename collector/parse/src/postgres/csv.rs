//! PostgreSQL's CSV log: 23 columns and more, of which the first fourteen are read.

use super::super::Parsed;
use super::super::found::{integer, level, text};
use super::{Kind, client, database, kind};

/// Reads the columns that begin behind the stamp's, at byte `at` of the record.
pub(super) fn parse<'a>(record: &'a [u8], at: usize, mut parsed: Parsed<'a>) -> Option<Parsed<'a>> {
    let mut rest = record.get(at..)?;
    let mut columns = [&b""[..]; 13];
    for column in &mut columns {
        (*column, rest) = field(rest)?;
    }
    let [user, name, pid, peer, _, _, _, _, _, _, level_word, code, message] = columns;
    let Kind::Message(severity) = kind(level_word)? else { return None };
    level(&mut parsed, severity, level_word);
    text(&mut parsed, "user", user);
    database(name, &mut parsed);
    integer(&mut parsed, "pid", pid);
    // The port is behind the last colon.
    client(memchr::memrchr(b':', peer).and_then(|colon| peer.get(..colon)).unwrap_or(peer), &mut parsed);
    text(&mut parsed, "postgres.code", code);
    let quoted = message.len() + rest.len() + 2;
    parsed.message = record.len().saturating_sub(quoted).max(at);
    super::duration(message, &mut parsed);
    Some(parsed)
}

/// One field without its quotes, and what follows its comma. Doubled quotes stay doubled.
fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let comma = memchr::memchr(b',', text)?;
        return Some((text.get(..comma)?, text.get(comma + 1..)?));
    };
    let mut end = 0;
    loop {
        end += memchr::memchr(b'"', quoted.get(end..)?)?;
        match quoted.get(end + 1) {
            Some(b'"') => end += 2,
            Some(b',') => return Some((quoted.get(..end)?, quoted.get(end + 2..)?)),
            _ => return None,
        }
    }
}
