//! What a format found in a line, added to the record.

use std::borrow::Cow;

use orszem_model::Severity;

use super::{Parsed, Value};

/// Longer values stay in the body only.
const VALUE_BYTES_MAX: usize = 512;

/// Attributes of one record beyond this many stay in the body only.
const FIELDS_MAX: usize = 48;

/// Entities of one record beyond this many are not named.
const ENTITIES_MAX: usize = 16;

/// Adds `value`, blanks around it cut off, unless it is empty, too long or no UTF-8.
pub(crate) fn text<'a>(parsed: &mut Parsed<'a>, key: &'static str, value: &'a [u8]) {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        return;
    }
    if let Ok(value) = std::str::from_utf8(value) {
        push(parsed, Cow::Borrowed(key), Value::Text(Cow::Borrowed(value)));
    }
}

/// Adds `value` if it is a decimal number, with or without a minus.
pub(crate) fn integer(parsed: &mut Parsed<'_>, key: &'static str, value: &[u8]) {
    if let Some(number) = number(value) {
        push(parsed, Cow::Borrowed(key), Value::Integer(number));
    }
}

/// Adds `value` if it is a decimal fraction such as `12.5`.
pub(crate) fn float(parsed: &mut Parsed<'_>, key: &'static str, value: &[u8]) {
    let digits = value.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    if let Some(number) = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok()) {
        push(parsed, Cow::Borrowed(key), Value::Float(number));
    }
}

/// Adds any value, as long as there is room.
pub(crate) fn push<'a>(parsed: &mut Parsed<'a>, key: Cow<'a, str>, value: Value<'a>) {
    if parsed.attributes.len() < FIELDS_MAX {
        parsed.attributes.push((key, value));
    }
}

/// A decimal number, with or without a minus.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| all)?.parse().ok()
}

/// Names `kind/name`, once, if `name` can stand in a name.
pub(crate) fn entity(parsed: &mut Parsed<'_>, kind: &str, name: &[u8]) {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"._-:$@+".contains(b);
    if name.is_empty() || name.len() > 128 || !name.iter().all(fits) || parsed.entities.len() >= ENTITIES_MAX {
        return;
    }
    if let Ok(name) = std::str::from_utf8(name) {
        let is_same = |known: &Cow<'_, str>| {
            known.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| rest == name)
        };
        if !parsed.entities.iter().any(is_same) {
            parsed.entities.push(Cow::Owned(format!("{kind}/{name}")));
        }
    }
}

/// The line names its own severity: that stands above any other source.
pub(crate) fn level<'a>(parsed: &mut Parsed<'a>, severity: Severity, word: &'a [u8]) {
    parsed.severity = severity;
    parsed.severity_text = std::str::from_utf8(word).ok().map(Cow::Borrowed);
}

/// What the message tells of is at least this severe.
pub(crate) fn at_least(parsed: &mut Parsed<'_>, severity: Severity) {
    if parsed.severity < severity {
        parsed.severity = severity;
        parsed.severity_text = None;
    }
}

/// What stands before and after the first `needle`.
pub(crate) fn cut<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(text, needle)?;
    Some((text.get(..at)?, text.get(at + needle.len()..)?))
}

/// Where `needle` first is. Lines are short: a searcher would take longer to set up than to search.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    memchr::memchr_iter(first, text).find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(needle)))
}

/// What stands between the first `open` and the next `close`.
pub(crate) fn between<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = cut(text, open)?;
    cut(rest, close).map(|(inside, _)| inside)
}

/// The digits (with a leading minus) at the beginning, and what follows them.
pub(crate) fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let count = text.get(sign..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    (count > 0).then(|| text.split_at_checked(sign + count)).flatten()
}

/// Everything up to the first blank or the end.
pub(crate) fn first_word(text: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b' ', b'\n', text).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}
