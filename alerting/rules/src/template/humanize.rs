//! Numbers for people to read (Prometheus, `template/template.go`).

use orszem_model::Timestamp;

use super::format::general;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// The digits that are shown.
const DIGITS: Option<usize> = Some(4);

/// `value` by a power of `base`, and the prefix of that.
fn scaled(mut value: f64, base: f64, prefixes: [&'static str; 8]) -> String {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    general(value, DIGITS) + prefix
}

/// A value below 1.
fn small(mut value: f64) -> String {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    general(value, DIGITS) + prefix
}

pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value, DIGITS);
    }
    if value.abs() >= 1.0 { scaled(value, 1000.0, LARGE) } else { small(value) }
}

pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return general(value, DIGITS);
    }
    scaled(value, 1024.0, BINARY)
}

pub(super) fn percentage(value: f64) -> String {
    general(value * 100.0, DIGITS) + "%"
}

/// Seconds as `1d 2h 3m 4s`.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return general(value, DIGITS);
    }
    if value == 0.0 {
        return general(value, DIGITS) + "s";
    }
    if value.abs() < 1.0 {
        return small(value) + "s";
    }
    let sign = if value < 0.0 { "-" } else { "" };
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds; what is too many are the most there are")]
    let whole = value.abs() as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", general(value.abs(), DIGITS))
    }
}

/// Milliseconds of a time in seconds since 1970.
pub(super) fn time(value: f64) -> Result<i64, String> {
    let nanoseconds = value * 1e9;
    if value.is_nan() || nanoseconds.abs() > i64::MAX as f64 {
        let shown = general(value, None);
        return Err(format!("{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within i64, as was seen")]
    Ok((nanoseconds as i64).div_euclid(1_000_000))
}

pub(super) fn timestamp(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Ok(general(value, DIGITS));
    }
    time(value).map(timestamp_text)
}

/// As Go prints a time: `2015-01-30 12:00:00.5 +0000 UTC`.
pub(super) fn timestamp_text(milliseconds: i64) -> String {
    let text = Timestamp(milliseconds.saturating_mul(1_000_000)).to_string();
    text.replace('T', " ").replace('Z', " +0000 UTC")
}

/// What a method of Go's time gives as a number.
pub(super) fn time_part(milliseconds: i64, name: &str) -> Option<i64> {
    let text = Timestamp(milliseconds.saturating_mul(1_000_000)).to_string();
    let part = |at: usize| text.split(['-', 'T', ':', '.', 'Z']).nth(at).and_then(|digits| digits.parse().ok());
    match name {
        "Year" => part(0),
        "Month" => part(1),
        "Day" => part(2),
        "Hour" => part(3),
        "Minute" => part(4),
        "Second" => part(5),
        "Unix" => Some(milliseconds.div_euclid(1000)),
        "UnixMilli" => Some(milliseconds),
        _ => None,
    }
}

/// As Go prints a duration: `1h2m3.5s`.
pub(super) fn go_duration(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let length = seconds.abs();
    if length < 1.0 {
        let (value, unit) = if length >= 1e-3 {
            (length * 1e3, "ms")
        } else if length >= 1e-6 {
            (length * 1e6, "µs")
        } else {
            (length * 1e9, "ns")
        };
        return format!("{sign}{value}{unit}");
    }
    let (minutes, rest) = ((length / 60.0).floor(), length % 60.0);
    let (hours, minutes) = ((minutes / 60.0).floor(), minutes % 60.0);
    if hours > 0.0 {
        format!("{sign}{hours}h{minutes}m{rest}s")
    } else if minutes > 0.0 {
        format!("{sign}{minutes}m{rest}s")
    } else {
        format!("{sign}{rest}s")
    }
}
