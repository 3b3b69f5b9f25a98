//! The listener's log: `22-NOV-2026 10:00:00 * (CONNECT_DATA=…) * (ADDRESS=…) * establish * ORCL * 0`.

use orszem_model::Severity;

use super::super::found::{at_least, between, cut, entity, integer, number, text};
use super::super::{Moment, Parsed, time, word};

/// The parts of an entry, from the stamp to the result.
const PARTS_MAX: usize = 8;

pub(super) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(record);
    let stamp = time::day_month_year(head, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let mut rest = head.get(stamp.len..)?.strip_prefix(b" * ")?;
    parsed.message = word::offset(head, rest);
    let mut action = None;
    for _ in 0..PARTS_MAX {
        let Some((part, after)) = cut(rest, b" * ") else { break };
        rest = after;
        if part.starts_with(b"(CONNECT_DATA=") {
            connect_data(part, &mut parsed);
        } else if part.starts_with(b"(ADDRESS=") {
            text(&mut parsed, "client", between(part, b"(HOST=", b")").unwrap_or_default());
        } else if action.is_none() {
            action = Some(part);
        } else {
            text(&mut parsed, "oracle.service", part);
            entity(&mut parsed, "database", part);
        }
    }
    text(&mut parsed, "oracle.action", action.unwrap_or_default());
    let result = rest.trim_ascii_end();
    integer(&mut parsed, "oracle.result", result);
    at_least(&mut parsed, if number(result).is_some_and(|code| code != 0) { Severity::ERROR } else { Severity::INFO });
    super::codes(record.get(head.len()..)?, &mut parsed);
    Some(parsed)
}

/// Who connects, and with what.
fn connect_data<'a>(data: &'a [u8], parsed: &mut Parsed<'a>) {
    text(parsed, "program", between(data, b"(PROGRAM=", b")").unwrap_or_default());
    text(parsed, "user", between(data, b"(USER=", b")").unwrap_or_default());
}
