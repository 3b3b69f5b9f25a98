//! `[<pri>]Nov 22 10:00:00 host prog[pid]: message` (RFC 3164, and what rsyslog writes to files).

use std::borrow::Cow;

use orszem_model::Severity;

use super::{Moment, Parsed, field, host_name, offset, program, severity, tag, time, word};

/// Room for the fields of most messages.
const FIELDS: usize = 6;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = take_priority(record);
    let stamp = time::bsd(rest, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let rest = rest.get(stamp.len..)?.strip_prefix(b" ")?;
    let message = header(rest, &mut parsed).unwrap_or(rest);
    finish(&mut parsed, priority, record, message);
    Some(parsed)
}

/// `<n>`, 0 to 191, and what follows it.
pub(crate) fn take_priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let taken = || {
        let rest = line.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|b| *b == b'>')?;
        let priority = field::digits(rest.get(..end)?).and_then(|p| u8::try_from(p).ok()).filter(|p| *p <= 191)?;
        Some((priority, rest.get(end + 1..)?))
    };
    match taken() {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, line),
    }
}

/// `host prog[pid]: `, or without the host; fills in what it finds and answers the message with the blank before it.
pub(crate) fn header<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (host, rest) = word(text)?;
    let Some(host) = host_name(host).filter(|host| !is_level(host)) else {
        return tagged(text, parsed);
    };
    let message = match host.strip_suffix(':') {
        Some(_) => return tagged(text, parsed),
        None => tagged(rest, parsed).or_else(|| is_syslogds(rest).then_some(rest))?,
    };
    parsed.host = Some(Cow::Borrowed(host));
    Some(message)
}

/// `prog[pid]: `; macOS has programs with blanks in their names, PAM puts a module's in parentheses.
pub(crate) fn tagged<'a>(text: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (program, pid, message) = tag(text)?;
    // A resource agent's parentheses tell the resource: `IPaddr2(vip)`.
    let program = program.find("(pam_").map_or(Some(program), |end| program.get(..end)).filter(|p| !p.is_empty())?;
    if pid.is_none() && is_level(program) {
        return None;
    }
    parsed.service = Some(Cow::Borrowed(program));
    parsed.attributes.reserve(FIELDS);
    parsed.attributes.extend(pid.map(|pid| field::number("pid", pid)));
    Some(message)
}

fn is_level(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphabetic()) && Severity::from_text(word).is_some()
}

/// What the syslog daemon itself writes, without a tag.
fn is_syslogds(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"--- ").unwrap_or(text);
    text.starts_with(b"last message repeated ") || text.starts_with(b"-- MARK --")
}

/// Severity from the priority, else from the words of the message; then what the program itself says.
pub(crate) fn finish<'a>(parsed: &mut Parsed<'a>, priority: Option<u8>, record: &'a [u8], message: &'a [u8]) {
    let message = message.strip_prefix(b" ").unwrap_or(message);
    // RFC 5424 marks UTF-8 so.
    let message = message.strip_prefix("\u{feff}".as_bytes()).unwrap_or(message);
    parsed.message = offset(record, message);
    if let Some(priority) = priority {
        parsed.severity = Severity::from_syslog(priority);
        parsed.attributes.insert(0, field::integer("facility", i64::from(priority >> 3)));
    } else if let Some((severity, word)) = severity::in_text(message) {
        parsed.severity = severity;
        parsed.severity_text = Some(Cow::Borrowed(word));
    }
    if let Some(service) = parsed.service.clone() {
        program::refine(&service, message, parsed);
    }
}
