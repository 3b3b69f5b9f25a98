//! What numbers mean: Go's integers and floats, and durations as their seconds.

use super::duration::seconds_of;
use super::{Parser, fault};
use crate::ast::{Expr, ExprKind};
use crate::lex::{Fault, Kind, Token};
use crate::quote::quote;

impl Parser<'_> {
    /// A number, or a duration in its place.
    pub(super) fn number(&mut self) -> Result<Expr, Fault> {
        let (token, value) = self.number_value()?;
        let kind = if token.kind == Kind::Duration { ExprKind::Duration(value) } else { ExprKind::Number(value) };
        Ok(Expr { span: token.span, kind })
    }

    /// The current token, a number or a duration, and its value.
    pub(super) fn number_value(&mut self) -> Result<(Token, f64), Fault> {
        let token = self.take()?;
        let text = self.text_of(token);
        let value = if token.kind == Kind::Duration { seconds_of(text) } else { number_of(text) };
        match value {
            Ok(value) => Ok((token, value)),
            Err(message) => fault(token.span, message),
        }
    }
}

/// The value of a number as it is written.
pub(super) fn number_of(text: &str) -> Result<f64, String> {
    let error = |reason| format!("error parsing number: strconv.ParseFloat: parsing {}: {reason}", quote(text));
    if !underscores_separate(text) {
        return Err(error("invalid syntax"));
    }
    let digits = text.replace('_', "");
    if let Some(value) = integer_of(&digits) {
        return Ok(value);
    }
    match digits.to_ascii_lowercase().as_str() {
        "inf" => return Ok(f64::INFINITY),
        "nan" => return Ok(f64::NAN),
        _ => {}
    }
    let value: f64 = digits.parse().map_err(|_| error("invalid syntax"))?;
    if value.is_infinite() { Err(error("value out of range")) } else { Ok(value) }
}

/// The value of a decimal, octal or hexadecimal integer of 64 bits.
#[expect(clippy::cast_precision_loss, reason = "all numbers are floats in the end")]
fn integer_of(digits: &str) -> Option<f64> {
    let lower = digits.to_ascii_lowercase();
    let value = if let Some(hexadecimal) = lower.strip_prefix("0x") {
        i64::from_str_radix(hexadecimal, 16)
    } else if let Some(octal) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        i64::from_str_radix(octal, 8)
    } else {
        lower.parse()
    };
    value.ok().map(|value| value as f64)
}

/// Whether each underscore stands between digits, or between the prefix of hexadecimals and a digit.
fn underscores_separate(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let is_digit = |byte: u8| {
        if is_hexadecimal { byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X') } else { byte.is_ascii_digit() }
    };
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        before.is_some_and(is_digit) && bytes.get(at + 1).copied().is_some_and(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_they_mean_in_go() {
        for (text, value) in [
            ("0", 0.0),
            ("1", 1.0),
            ("0x1F", 31.0),
            ("0X_1f", 31.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("1_000", 1000.0),
            ("1_0.5_0", 10.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E+3", 1000.0),
            ("1e-3", 0.001),
            ("99999999999999999999", 1e20),
            ("Inf", f64::INFINITY),
            ("INF", f64::INFINITY),
        ] {
            assert_eq!(number_of(text), Ok(value), "{text}");
        }
        assert!(number_of("nan").is_ok_and(f64::is_nan));
    }

    #[test]
    fn bad_numbers_are_refused_in_gos_words() {
        for (text, reason) in [
            ("1e999", "value out of range"),
            ("1_", "invalid syntax"),
            ("1__0", "invalid syntax"),
            ("0xfffffffffffffffff", "invalid syntax"),
            ("0x", "invalid syntax"),
        ] {
            let message = format!("error parsing number: strconv.ParseFloat: parsing \"{text}\": {reason}");
            assert_eq!(number_of(text), Err(message));
        }
    }
}
