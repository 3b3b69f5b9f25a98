//! Numbers and times as Prometheus writes them in JSON (`util/jsonutil`).

use std::io::Write;

/// Appends a time in seconds with up to three decimals.
pub(super) fn put_time(out: &mut Vec<u8>, ms: i64) {
    if ms < 0 {
        out.push(b'-');
    }
    let magnitude = ms.unsigned_abs();
    put(out, format_args!("{}", magnitude / 1000));
    let fraction = magnitude % 1000;
    if fraction != 0 {
        put(out, format_args!(".{fraction:03}"));
    }
}

/// Appends a value in quotes: the shortest text that reads back, with an exponent below 1e-6 and from 1e21 on.
pub(super) fn put_value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    put_bare(out, value);
    out.push(b'"');
}

fn put_bare(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => put(out, format_args!("{digits}e+{exponent}")),
            _ => out.extend_from_slice(text.as_bytes()),
        }
    } else {
        put(out, format_args!("{value}"));
    }
}

fn put(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    if out.write_fmt(arguments).is_err() {
        tracing::error!("a number could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_does() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (1e-10, "1e-10"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e300, "-2.5e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            put_bare(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn times_have_at_most_three_decimals() {
        let cases =
            [(0, "0"), (1, "0.001"), (1_435_781_451_781, "1435781451.781"), (1_500, "1.500"), (-2_010, "-2.010")];
        for (time, expected) in cases {
            let mut out = Vec::new();
            put_time(&mut out, time);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
