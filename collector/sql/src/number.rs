//! Numbers from the texts that databases give: numbers, truth values, dates as seconds since 1970, spans as seconds.

use orszem_model::time::Civil;

/// The number of a cell; `None` when it is none.
///
/// Read are numbers (`12`, `.5`, `1e3`, `NaN`), `t`/`true`/`f`/`false`, dates and times of ISO 8601 (UTC where no zone
/// is told), and spans: `[-]HH:MM:SS[.f]`, Oracle's `+DD HH:MM:SS`, ISO 8601's `P1DT2H3M4.5S` (a month has 30 days, a
/// year 365).
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let first = text.bytes().next()?;
    let is_numeric = first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.');
    if is_numeric && let Ok(number) = text.parse::<f64>() {
        // Not "+inf": Rust reads more than databases write.
        return text.bytes().any(|byte| byte.is_ascii_digit()).then_some(number).or_else(|| named(text));
    }
    named(text).or_else(|| iso_span(text)).or_else(|| time(text)).or_else(|| clock_span(text))
}

fn named(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" => Some(1.0),
        "f" | "false" => Some(0.0),
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// `2026-11-22[ T][13:39:32[.5]][Z|+01[:00]]`.
fn time(text: &str) -> Option<f64> {
    let (date, rest) = match text.find([' ', 'T']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let mut parts = date.split('-').map(|part| {
        let is_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| part.parse::<u32>().ok()).flatten()
    });
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || year > 9999 {
        return None;
    }
    let midnight = Civil::new(i64::from(year), month, day)?.days() * 86_400;
    if rest.is_empty() {
        return Some(midnight as f64);
    }
    let rest = rest.trim();
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (rest.get(..at)?.trim(), offset(rest.get(at..)?)?),
        None => (rest, 0),
    };
    let seconds = clock_seconds(clock)?;
    (seconds < 86_401.0).then_some((midnight - offset) as f64 + seconds)
}

fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let digits = digits.replace(':', "");
    let whole = |range: std::ops::Range<usize>| digits.get(range).and_then(|two| two.parse::<i64>().ok());
    match digits.len() {
        2 => Some(sign * whole(0..2)? * 3600),
        4 => Some(sign * (whole(0..2)? * 3600 + whole(2..4)? * 60)),
        _ => None,
    }
}

/// `HH:MM[:SS[.f]]`, hours of any size.
fn clock_seconds(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let number = |part: Option<&str>| {
        let part = part?;
        let is_plain = part.bytes().next()?.is_ascii_digit() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_plain { part.parse::<f64>().ok() } else { None }
    };
    let (hours, minutes) = (number(parts.next())?, number(parts.next())?);
    let seconds = match parts.next() {
        Some(part) => number(Some(part))?,
        None => 0.0,
    };
    let is_clock = parts.next().is_none() && minutes < 60.0 && seconds < 61.0;
    is_clock.then_some(hours * 3600.0 + minutes * 60.0 + seconds)
}

/// `[+-][D ]HH:MM:SS[.f]`.
fn clock_span(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (days, clock) = match rest.split_once(' ') {
        Some((days, clock)) => (days.parse::<u32>().ok()?, clock),
        None => (0, rest),
    };
    Some(sign * (f64::from(days) * 86_400.0 + clock_seconds(clock.trim())?))
}

/// `P1Y2M3DT4H5M6.7S`, each part with a sign of its own.
fn iso_span(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut rest = rest.strip_prefix('P')?;
    let (mut seconds, mut is_time, mut has_part) = (0.0, false, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (rest, is_time) = (after, true);
            continue;
        }
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = rest.get(..at)?.parse().ok()?;
        let unit = match (rest.get(at..=at)?, is_time) {
            ("Y", false) => 365.0 * 86_400.0,
            ("M", false) => 30.0 * 86_400.0,
            ("W", false) => 7.0 * 86_400.0,
            ("D", false) => 86_400.0,
            ("H", true) => 3600.0,
            ("M", true) => 60.0,
            ("S", true) => 1.0,
            _ => return None,
        };
        seconds += number * unit;
        has_part = true;
        rest = rest.get(at + 1..)?;
    }
    has_part.then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_dates_spans_or_nothing() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("   300", Some(300.0)),
            ("-.5", Some(-0.5)),
            ("1.5e3", Some(1500.0)),
            ("12345678901234567890.25", Some(12_345_678_901_234_567_890.25)),
            ("t", Some(1.0)),
            ("FALSE", Some(0.0)),
            ("Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1970-01-02", Some(86_400.0)),
            ("2000-02-29 00:00:00", Some(951_782_400.0)),
            ("2026-11-22T13:39:32.5Z", Some(1_795_354_772.5)),
            ("2026-11-22 13:39:32.5+00", Some(1_795_354_772.5)),
            ("2026-11-22 14:39:32.5+01:00", Some(1_795_354_772.5)),
            ("1969-12-31 23:59:59", Some(-1.0)),
            ("+00 00:00:12", Some(12.0)),
            ("+01 02:03:04.5", Some(93_784.5)),
            ("-00:00:30", Some(-30.0)),
            ("838:59:59", Some(3_020_399.0)),
            ("P1DT2H3M4.500000000S", Some(93_784.5)),
            ("PT-1M", Some(-60.0)),
            ("P1Y2M", Some(36_720_000.0)),
            ("", None),
            ("ACTIVE", None),
            ("P", None),
            ("12 MB", None),
            ("2026-13-01", None),
            ("2026-02-29", None),
            ("2026-11-22 25:00", None),
            ("1:2:3:4", None),
            ("+", None),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
        assert!(parse("NaN").is_some_and(f64::is_nan));
    }
}
