//! Corosync: `Nov 22 10:00:00 [1234] node1 corosync notice  [TOTEM ] message`, and `[TOTEM ] message` behind a header.

use orszem_model::Severity;

use super::found::{at_least, between, cut, digits, find, integer, level, text};
use super::{Moment, Parsed, time, word};

/// Words between the stamp and the subsystem.
const WORDS_MAX: usize = 6;

pub(crate) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(line);
    let stamp = time::bsd(head, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let mut rest = head.get(stamp.len..)?.strip_prefix(b" ")?;
    let mut words: [&[u8]; WORDS_MAX] = [b""; WORDS_MAX];
    let mut count = 0;
    while subsystem(rest).is_none() {
        let (first, after) = word::word(rest)?;
        // A syslog header's `corosync[1234]:` belongs to syslog.
        if first.ends_with(b":") {
            return None;
        }
        *words.get_mut(count)? = first;
        count += 1;
        rest = after.trim_ascii_start();
    }
    let mut words = words.get(..count)?;
    if let Some(pid) = words.first().and_then(|word| between(word, b"[", b"]")) {
        integer(&mut parsed, "pid", pid);
        words = words.get(1..)?;
    }
    if let Some((last, before)) = words.split_last()
        && let Some(severity) = std::str::from_utf8(last).ok().and_then(Severity::from_text)
    {
        level(&mut parsed, severity, last);
        words = before;
    }
    parsed.service = Some("corosync".into());
    match words {
        [] | [b"corosync"] => {}
        [host] | [host, b"corosync"] => parsed.host = Some(word::host_name(host)?.into()),
        _ => return None,
    }
    parsed.message = word::offset(head, rest);
    refine(rest, &mut parsed);
    Some(parsed)
}

/// Reads `[SUBSYS] message`.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let head = word::head(message);
    let Some((name, told)) = subsystem(head.trim_ascii_start()) else { return };
    parsed.message += word::offset(head, told);
    text(parsed, "corosync.subsystem", name);
    fields(told, parsed);
    if let Some((_, severity)) = SAYINGS.iter().find(|(words, _)| find(told, words).is_some()) {
        at_least(parsed, *severity);
    }
}

/// `[TOTEM ] ` and the message: capitals, padded to six.
fn subsystem(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let (padded, rest) = inner.split_at_checked(6)?;
    let name = padded.trim_ascii_end();
    let message = rest.strip_prefix(b"] ")?;
    (name.len() >= 2 && name.iter().all(u8::is_ascii_uppercase)).then_some((name, message))
}

/// Which peer, link and members a message tells of.
fn fields<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    for (mark, key) in [(&b"host: "[..], "corosync.peer"), (b"link: ", "corosync.link")] {
        // `link: host: 1 link: 0 is down`, `host: host: 1 has no active links`: the name is said twice.
        let mut rest = told;
        while let Some((_, after)) = cut(rest, mark) {
            rest = after;
            if let Some((number, _)) = digits(after) {
                integer(parsed, key, number);
                break;
            }
        }
    }
    if let Some(ring) = told.strip_prefix(b"A new membership (").and_then(|rest| cut(rest, b")")) {
        text(parsed, "corosync.ring", ring.0);
    }
    if let Some((_, members)) = cut(told, b" was formed. Members") {
        for (mark, key) in [(&b" joined: "[..], "corosync.joined"), (b" left: ", "corosync.left")] {
            text(parsed, key, cut(members, mark).map_or(&[], |(_, rest)| numbers(rest)));
        }
    }
    if let Some((_, members)) = told.strip_prefix(b"Members[").and_then(|rest| cut(rest, b"]: ")) {
        text(parsed, "corosync.members", numbers(members));
    }
}

/// Numbers with blanks between them, at the beginning.
fn numbers(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| !b.is_ascii_digit() && *b != b' ').unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// What matters whatever level it was given; the first that is found counts.
const SAYINGS: [(&[u8], Severity); 9] = [
    (b"will NOT provide any services", Severity::ERROR),
    (b"has no active links", Severity::ERROR),
    (b"Incrementing problem counter", Severity::WARN),
    (b"FAULTY", Severity::ERROR),
    (b"A processor failed", Severity::WARN),
    (b"Token has not been received", Severity::WARN),
    (b"Retransmit List", Severity::WARN),
    (b"Failed to receive the leave message", Severity::WARN),
    (b" is down", Severity::WARN),
];

#[cfg(test)]
mod tests;
