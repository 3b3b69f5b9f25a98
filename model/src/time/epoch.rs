//! Numbers since 1970: seconds, milliseconds, microseconds or nanoseconds, told apart by their magnitude.

use super::Timestamp;

/// More digits than a time can have.
const DIGITS_MAX: usize = 30;

/// Reads a decimal number, perhaps with sign, fraction and exponent. Digits beyond nanoseconds are cut.
pub(super) fn parse(text: &[u8]) -> Option<Timestamp> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let mut mantissa: i128 = 0;
    let mut count = 0;
    let mut scale: i32 = 0;
    let mut in_fraction = false;
    let mut rest = digits;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'0'..=b'9' if count < DIGITS_MAX => {
                mantissa = mantissa * 10 + i128::from(byte - b'0');
                count += 1;
                scale -= i32::from(in_fraction);
            }
            b'0'..=b'9' if in_fraction => {}
            b'.' if !in_fraction && count > 0 => in_fraction = true,
            b'e' | b'E' if count > 0 => {
                scale = scale.checked_add(exponent(tail)?)?;
                break;
            }
            _ => return None,
        }
        rest = tail;
    }
    if count == 0 {
        return None;
    }
    let whole = shifted(mantissa, scale)?;
    let unit = match whole {
        0..100_000_000_000 => 9,
        100_000_000_000..100_000_000_000_000 => 6,
        100_000_000_000_000..100_000_000_000_000_000 => 3,
        _ => 0,
    };
    let nanos = shifted(mantissa, scale.checked_add(unit)?)?;
    i64::try_from(if negative { -nanos } else { nanos }).ok().map(Timestamp)
}

fn exponent(text: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|exponent: &i32| exponent.abs() <= 40)
}

/// `mantissa × 10^power`, cut towards zero.
fn shifted(mantissa: i128, power: i32) -> Option<i128> {
    let factor = 10i128.checked_pow(power.unsigned_abs());
    match (power >= 0, factor) {
        (true, Some(factor)) => mantissa.checked_mul(factor),
        (true, None) => (mantissa == 0).then_some(0),
        (false, Some(factor)) => Some(mantissa / factor),
        (false, None) => Some(0),
    }
}
