//! Recognised fields, borrowed from the line.

use std::borrow::Cow;

use super::value::Value;

/// A field's key and value.
pub(crate) type Field<'a> = (Cow<'a, str>, Value<'a>);

/// Text under a fixed key.
pub(crate) fn text<'a>(key: &'static str, value: &'a str) -> Field<'a> {
    (Cow::Borrowed(key), Value::Text(Cow::Borrowed(value)))
}

/// Text that may be no UTF-8 under a fixed key.
pub(crate) fn lossy<'a>(key: &'static str, value: &'a [u8]) -> Field<'a> {
    (Cow::Borrowed(key), Value::Text(String::from_utf8_lossy(value)))
}

/// A whole number under a fixed key.
pub(crate) fn integer<'a>(key: &'static str, value: i64) -> Field<'a> {
    (Cow::Borrowed(key), Value::Integer(value))
}

/// A number if `value` consists of digits that an `i64` can hold, else text.
pub(crate) fn number<'a>(key: &'static str, value: &'a str) -> Field<'a> {
    match digits(value.as_bytes()) {
        Some(number) => integer(key, number),
        None => text(key, value),
    }
}

/// The number that 1 to 18 decimal digits name.
pub(crate) fn digits(bytes: &[u8]) -> Option<i64> {
    if !(1..=18).contains(&bytes.len()) {
        return None;
    }
    bytes.iter().try_fold(0, |sum: i64, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_numbers() {
        assert_eq!(number("pid", "42").1, Value::Integer(42));
        for word in ["-42", "4x", "", "1234567890123456789"] {
            assert_eq!(number("pid", word).1, Value::Text(Cow::Borrowed(word)));
        }
    }
}
