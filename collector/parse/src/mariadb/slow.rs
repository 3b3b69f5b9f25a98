//! The slow query log: comment lines with what a query cost, then the query.

use orszem_model::{Severity, Timestamp};

use super::super::found::{at_least, between, cut, digits, entity, first_word, float, integer, number, text};
use super::super::{Moment, Parsed, time};

/// Lines of comments before the query.
const LINES_MAX: usize = 24;

/// Numbers of a comment line and the fields they become.
const NUMBERS: [(&[u8], &str); 6] = [
    (b"Rows_sent: ", "mysql.rows_sent"),
    (b"Rows_examined: ", "mysql.rows_examined"),
    (b"Rows_affected: ", "mysql.rows_affected"),
    (b"Bytes_sent: ", "mysql.bytes_sent"),
    (b"Thread_id: ", "thread"),
    (b"Id: ", "thread"),
];

pub(super) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let mut parsed = Parsed::default();
    let mut rest = record;
    let mut is_slow = false;
    for _ in 0..LINES_MAX {
        let (line, after) = cut(rest, b"\n").unwrap_or((rest, b""));
        let comment = if line == b"#" { Some(&b""[..]) } else { line.strip_prefix(b"# ") };
        let Some(comment) = comment else {
            if let Some(epoch) = line.strip_prefix(b"SET timestamp=").and_then(digits) {
                parsed.timestamp = parsed.timestamp.or_else(|| epoch_seconds(epoch.0));
            } else if !line.starts_with(b"use ") {
                break;
            } else {
                schema(line.get(4..)?.strip_suffix(b";").unwrap_or_default(), &mut parsed);
            }
            rest = after;
            continue;
        };
        if let Some(text) = comment.strip_prefix(b"Time: ") {
            let stamp = time::iso(text, moment).or_else(|| time::packed(text, moment))?;
            parsed.timestamp = Some(stamp.at);
            parsed.inferred = stamp.inferred;
            is_slow = true;
        } else {
            is_slow |= comment.starts_with(b"User@Host: ") || comment.starts_with(b"Query_time: ");
            fields(comment, &mut parsed);
        }
        rest = after;
    }
    parsed.message = record.len().saturating_sub(rest.len());
    at_least(&mut parsed, Severity::INFO);
    is_slow.then_some(parsed)
}

fn epoch_seconds(text: &[u8]) -> Option<Timestamp> {
    number(text)?.checked_mul(1_000_000_000).map(Timestamp)
}

/// The fields of one comment line.
fn fields<'a>(comment: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some(rest) = comment.strip_prefix(b"User@Host: ") {
        // `login[user] @ host [address]  Id: 3`
        text(parsed, "user", cut(rest, b"[").map_or(&[], |(user, _)| user));
        if let Some((_, host)) = cut(rest, b" @ ") {
            let address = between(host, b"[", b"]").unwrap_or_default();
            text(parsed, "client", if address.is_empty() { first_word(host) } else { address });
        }
    }
    for (mark, key) in NUMBERS {
        if let Some((_, rest)) = cut(comment, mark) {
            let mark_before = memchr::memmem::find(comment, mark).and_then(|at| at.checked_sub(1));
            let is_whole = mark_before.is_none_or(|at| comment.get(at).is_some_and(u8::is_ascii_whitespace));
            if is_whole {
                integer(parsed, key, digits(rest.trim_ascii_start()).map_or(&[], |(number, _)| number));
            }
        }
    }
    for (mark, key) in [(&b"Query_time: "[..], "mysql.query_time"), (b"Lock_time: ", "mysql.lock_time")] {
        if let Some((_, rest)) = cut(comment, mark) {
            float(parsed, key, first_word(rest.trim_ascii_start()));
        }
    }
    if let Some((_, rest)) = cut(comment, b"Schema: ") {
        schema(first_word(rest), parsed);
    }
}

fn schema<'a>(name: &'a [u8], parsed: &mut Parsed<'a>) {
    let name = name.strip_prefix(b"`").and_then(|name| name.strip_suffix(b"`")).unwrap_or(name);
    // A comment may have named it already.
    if parsed.attributes.iter().any(|(key, _)| key == "database") {
        return;
    }
    if !name.is_empty() && name != b"Last_errno:" {
        text(parsed, "database", name);
        entity(parsed, "database", name);
    }
}
