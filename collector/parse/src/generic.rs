//! Any other line: an ISO stamp at its beginning or after its first or second word, and words of severity.

use std::borrow::Cow;

use super::{Moment, Parsed, severity, time, word};

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
    let mut parsed = Parsed::default();
    let mut message = line;
    if let Some((stamp, rest)) = stamp(line, moment) {
        parsed.timestamp = Some(stamp);
        message = rest;
    }
    if let Some((severity, word)) = severity::in_text(message) {
        parsed.severity = severity;
        parsed.severity_text = Some(Cow::Borrowed(word));
    }
    parsed
}

fn stamp<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<(orszem_model::Timestamp, &'a [u8])> {
    let second = word(line).map(|(_, rest)| rest);
    let third = second.and_then(word).map(|(_, rest)| rest);
    let starts = [Some(line), line.strip_prefix(b"["), second, third];
    starts.into_iter().flatten().find_map(|text| {
        let (stamp, len) = time::iso(text, moment.zone)?;
        Some((stamp, text.get(len..)?))
    })
}
