//! One JSON object a line, as structured loggers write it: bunyan, pino, zap, slog, ECS, log4j 2, Docker, the journal.
//!
//! The line is scanned once and its texts are borrowed; a line that is no whole object is not of this format.

mod scanner;

use std::borrow::Cow;

use super::place::Place;
use super::value::Value;
use super::{Moment, Parsed};
use scanner::{Scalar, Scanner};

/// Keys beyond these limits stay in the body only.
const ATTRIBUTES_MAX: usize = 64;
const ATTRIBUTE_BYTES_MAX: usize = 16 << 10;
const DEPTH_MAX: usize = 8;

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    if record.first() != Some(&b'{') {
        return None;
    }
    let mut reader = Reader {
        scanner: Scanner::new(std::str::from_utf8(record).ok()?),
        moment,
        parsed: Parsed { attributes: Vec::with_capacity(8), ..Parsed::default() },
        bytes_left: ATTRIBUTE_BYTES_MAX,
    };
    reader.object("", DEPTH_MAX)?;
    reader.scanner.end()?;
    Some(reader.parsed)
}

struct Reader<'a, 'm> {
    scanner: Scanner<'a>,
    moment: &'m Moment<'m>,
    parsed: Parsed<'a>,
    bytes_left: usize,
}

impl<'a> Reader<'a, '_> {
    /// An object's members, under keys that `prefix` stands before.
    fn object(&mut self, prefix: &str, depth: usize) -> Option<()> {
        self.scanner.expect(b'{')?;
        if self.scanner.take(b'}') {
            return Some(());
        }
        loop {
            let key = self.scanner.key()?;
            let key = if prefix.is_empty() { key } else { Cow::Owned(format!("{prefix}.{key}")) };
            if self.scanner.peek()? == b'{' && depth > 1 {
                self.object(&key, depth - 1)?;
            } else {
                let value = self.scanner.value()?;
                self.member(key, value);
            }
            if self.scanner.take(b'}') {
                return Some(());
            }
            self.scanner.expect(b',')?;
        }
    }

    fn member(&mut self, key: Cow<'a, str>, value: Scalar<'a>) {
        let place = Place::of(key.as_bytes());
        let value = match (value, place) {
            (Scalar::Text(text), Some(place)) => match place.put(text, &mut self.parsed, self.moment) {
                Ok(()) => return,
                Err(text) => Value::Text(text),
            },
            (Scalar::Text(text), None) => Value::Text(text),
            (Scalar::Number(text), place) => {
                if place.and_then(|place| place.put_number(text, &mut self.parsed)).is_some() {
                    return;
                }
                number(text)
            }
            (Scalar::Raw(text), _) => Value::Json(Cow::Borrowed(text)),
            (Scalar::Bool(flag), _) => Value::Bool(flag),
            (Scalar::Null, _) => Value::Null,
        };
        let size = key.len() + value.text_len();
        if self.parsed.attributes.len() < ATTRIBUTES_MAX && size <= self.bytes_left {
            self.bytes_left -= size;
            self.parsed.attributes.push((key, value));
        }
    }
}

/// Integers that an `i64` does not hold stay as they are written.
fn number(text: &str) -> Value<'_> {
    let is_integer = !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    match is_integer {
        true => text.parse().map_or(Value::Json(Cow::Borrowed(text)), Value::Integer),
        false => match text.parse() {
            Ok(float) if f64::is_finite(float) => Value::Float(float),
            _ => Value::Json(Cow::Borrowed(text)),
        },
    }
}

#[cfg(test)]
mod tests;
