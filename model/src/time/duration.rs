//! Spans as people write them: `250ms`, `90s`, `1h30m`, `2d`, `1w`.

use std::time::Duration;

use super::{TimeError, shortened};

/// Units, largest first, with their nanoseconds. A year is 365 days, as in PromQL.
const UNITS: [(&str, u64); 10] = [
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Reads numbers with units (`y w d h m s ms us µs ns`), each with a fraction if need be: `1h30m`, `1.5h`, `0s`.
/// At most about 292 years; a number needs its unit, except `0`.
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    parse(text.trim_ascii()).map(Duration::from_nanos).ok_or_else(|| TimeError::Duration { text: shortened(text) })
}

fn parse(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(number_end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit.trim_ascii())?;
        total = total.checked_add(scaled(number, *nanos)?)?;
        rest = tail;
    }
    (!text.is_empty() && total <= i64::MAX as u64).then_some(total)
}

/// `number`, which may have a fraction of up to nine digits, times `unit`.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.len() <= 9 => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let nanos = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if fraction.is_empty() {
        return Some(nanos);
    }
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / 10u128.pow(fraction.len() as u32);
    nanos.checked_add(u64::try_from(part).ok()?)
}

/// Writes a span as [`parse_duration`] reads it, in whole units from weeks down: `1h30m`, `250ms`, `0s`.
pub fn format_duration(span: Duration) -> String {
    let mut rest = span.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (name, nanos) in UNITS.iter().filter(|(name, _)| !matches!(*name, "y" | "µs")) {
        let nanos = u128::from(*nanos);
        if rest >= nanos {
            out.push_str(&(rest / nanos).to_string());
            out.push_str(name);
            rest %= nanos;
        }
    }
    out
}
