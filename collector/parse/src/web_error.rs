//! Error logs of Apache (`[stamp] [module:level] [pid n]`) and nginx (`stamp [level] pid#tid:`).

use std::borrow::Cow;

use orszem_model::Severity;

use super::{Moment, Parsed, name, number_attribute, text_attribute, time};

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    apache(line, moment).or_else(|| nginx(line, moment))
}

fn apache<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let text = line.strip_prefix(b"[")?;
    let (stamp, len) = time::ctime(text, moment.zone)?;
    let (inside, rest) = bracketed(text.get(len..)?.strip_prefix(b"] ")?)?;
    let (module, level) = match memchr::memchr(b':', inside) {
        Some(colon) => (name(&inside[..colon]), name(&inside[colon + 1..])?),
        None => (None, name(inside)?),
    };
    let mut parsed = graded(level)?;
    parsed.timestamp = Some(stamp);
    parsed.attributes.extend(module.map(|m| text_attribute("module", m)));
    if let Some((process, _)) = rest.strip_prefix(b" ").and_then(bracketed)
        && let Some(ids) = process.strip_prefix(b"pid ")
    {
        let pid = ids.split(|b| *b == b':').next().and_then(name);
        parsed.attributes.extend(pid.map(|p| number_attribute("pid", p)));
    }
    Some(parsed)
}

fn nginx<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (stamp, len) = time::iso(line, moment.zone)?;
    let (level, rest) = bracketed(line.get(len..)?.strip_prefix(b" ")?)?;
    let mut parsed = graded(name(level)?)?;
    let ids = rest.strip_prefix(b" ")?;
    let hash = memchr::memchr(b'#', ids.get(..16).unwrap_or(ids))?;
    parsed.timestamp = Some(stamp);
    parsed.attributes.push(number_attribute("pid", name(&ids[..hash])?));
    Some(parsed)
}

/// `[inside]` and what follows.
fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', inner.get(..128).unwrap_or(inner))?;
    Some((&inner[..close], &inner[close + 1..]))
}

fn graded(level: &str) -> Option<Parsed<'_>> {
    let severity = match level.strip_prefix("trace") {
        Some(number) if number.len() == 1 => Severity::TRACE,
        _ => Severity::from_text(level)?,
    };
    Some(Parsed { severity, severity_text: Some(Cow::Borrowed(level)), ..Parsed::default() })
}
