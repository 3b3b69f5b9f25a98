//! Number constants of templates.

use super::node::Operand;

/// A constant as Go reads it: decimal, `0x`, `0o`, `0b`, with `_` between digits; a number with a point or an exponent
/// that is whole is an integer only if it has neither. Imaginary ones are refused.
pub(super) fn constant(text: &str) -> Option<Operand> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = without_underscores(digits)?;
    let lower = digits.to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let prefixed = prefixes.iter().find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, *radix)));
    if let Some((rest, radix)) = prefixed {
        let number = i128::from_str_radix(rest, radix).ok().filter(|_| !rest.starts_with(['+', '-']))?;
        return i64::try_from(if is_negative { -number } else { number }).ok().map(Operand::Int);
    }
    if !lower.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|byte| byte.is_ascii_digit()) {
        return i64::from_str_radix(&lower, 8)
            .ok()
            .map(|number| Operand::Int(if is_negative { -number } else { number }));
    }
    if let Ok(number) = lower.parse::<i128>() {
        return i64::try_from(if is_negative { -number } else { number }).ok().map(Operand::Int);
    }
    let is_decimal = lower.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte));
    let number: f64 = lower.parse().ok().filter(|_| is_decimal)?;
    Some(Operand::Float(if is_negative { -number } else { number }))
}

/// Underscores may stand between digits alone.
fn without_underscores(digits: &str) -> Option<String> {
    let is_misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!is_misplaced).then(|| digits.replace('_', ""))
}
