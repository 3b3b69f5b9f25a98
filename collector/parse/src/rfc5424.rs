//! `<pri>1 stamp host app procid msgid [id name="value"…] message` (RFC 5424).

use std::borrow::Cow;

use super::bsd_syslog::{finish, take_priority};
use super::value::Value;
use super::{Moment, Parsed, field, head, host_name, name, offset, time, word};

/// Structured data elements and their parameters beyond this many are left in the body only.
const PARAMETERS_MAX: usize = 32;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = take_priority(record);
    let rest = priority.and(rest.strip_prefix(b"1 "))?;
    let (whole, rest) = (rest, head(rest));
    let (stamp, rest) = word(rest)?;
    let (host, rest) = word(rest)?;
    let (app, rest) = word(rest)?;
    let (process, rest) = word(rest)?;
    let (message_id, rest) = word(rest)?;
    let stamp = match stamp {
        b"-" => None,
        _ => Some(time::iso(stamp, moment)?),
    };
    let given = |field: &'a [u8]| name(field).filter(|text| *text != "-");
    let mut parsed = stamp.map(Parsed::stamped).unwrap_or_default();
    parsed.host = host_name(host).filter(|text| *text != "-").map(Cow::Borrowed);
    parsed.service = given(app).map(Cow::Borrowed);
    parsed.attributes.extend(given(process).map(|pid| field::number("pid", pid)));
    parsed.attributes.extend(given(message_id).map(|id| field::text("msgid", id)));
    let message = structured_data(rest, &mut parsed);
    let message = whole.get(offset(head(whole), message)..)?;
    finish(&mut parsed, priority, record, message);
    Some(parsed)
}

/// Reads `-` or `[id name="value" …]…`; answers what follows.
fn structured_data<'a>(mut text: &'a [u8], parsed: &mut Parsed<'a>) -> &'a [u8] {
    let mut room = PARAMETERS_MAX;
    while let Some(inner) = text.strip_prefix(b"[") {
        let Some(rest) = element(inner, &mut room, parsed) else { return text };
        text = rest;
    }
    text.strip_prefix(b"-").unwrap_or(text)
}

/// The inside of one element, up to and with its `]`.
fn element<'a>(text: &'a [u8], room: &mut usize, parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let end = text.iter().position(|b| matches!(b, b' ' | b']'))?;
    let id = name(text.get(..end)?)?;
    let mut rest = text.get(end..)?;
    loop {
        if let Some(after) = rest.strip_prefix(b"]") {
            return Some(after);
        }
        rest = rest.strip_prefix(b" ")?;
        let equals = memchr::memchr(b'=', rest)?;
        let key = name(rest.get(..equals)?)?;
        let quoted = rest.get(equals + 1..)?.strip_prefix(b"\"")?;
        let mut value = Vec::new();
        let mut bytes = quoted.iter().enumerate();
        let close = loop {
            match bytes.next()? {
                (at, b'"') => break at,
                (_, b'\\') => value.push(*bytes.next()?.1),
                (_, byte) => value.push(*byte),
            }
        };
        if *room > 0 {
            *room -= 1;
            parsed
                .attributes
                .push((format!("{id}.{key}").into(), Value::Text(String::from_utf8_lossy(&value).into_owned().into())));
        }
        rest = quoted.get(close + 1..)?;
    }
}
