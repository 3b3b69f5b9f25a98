//! `[<pri>]Nov 22 10:00:00 host prog[pid]: message` (RFC 3164, and what rsyslog writes to files).

use std::borrow::Cow;

use orszem_model::Severity;

use super::{Moment, Parsed, host_name, number_attribute, severity, tag, time, word};

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = take_priority(line);
    let (stamp, len) = time::bsd(rest, moment.now, moment.zone)?;
    let mut parsed = Parsed { timestamp: Some(stamp), ..Parsed::default() };
    let rest = rest.get(len..)?.strip_prefix(b" ")?;
    let message = header(rest, &mut parsed).unwrap_or(rest);
    grade(&mut parsed, priority, message);
    Some(parsed)
}

/// `<n>`, 0 to 191, and what follows it.
pub(super) fn take_priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let taken = || {
        let rest = line.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|b| *b == b'>')?;
        let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
        let priority = digits.parse().ok().filter(|p| *p <= 191)?;
        Some((priority, rest.get(end + 1..)?))
    };
    match taken() {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, line),
    }
}

/// `host prog[pid]: `; fills in what it finds and answers the message.
pub(super) fn header<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (host, rest) = word(text)?;
    let host = host_name(host).filter(|host| Severity::from_text(host).is_none())?;
    let (program, pid, message) = tag(rest)?;
    parsed.host = Some(Cow::Borrowed(host));
    parsed.service = Some(Cow::Borrowed(program));
    if let Some(pid) = pid {
        parsed.attributes.push(number_attribute("pid", pid));
    }
    Some(message)
}

/// Severity from the priority, else from the words of the message.
pub(super) fn grade<'a>(parsed: &mut Parsed<'a>, priority: Option<u8>, message: &'a [u8]) {
    if let Some(priority) = priority {
        parsed.severity = Severity::from_syslog(priority);
        parsed.attributes.insert(0, number_attribute("facility", &(priority >> 3).to_string()));
    } else if let Some((severity, word)) = severity::in_text(message) {
        parsed.severity = severity;
        parsed.severity_text = Some(Cow::Borrowed(word));
    }
}
