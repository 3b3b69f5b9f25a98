//! Sample values as text.

use crate::quote::quote;

/// The NaN of ordinary samples; other bit patterns have meanings, see `orszem_model::STALE`.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// A float as Go's `strconv.ParseFloat` reads it, without hexadecimal floats and underscores. NaN is the ordinary one.
pub(crate) fn float(text: &[u8]) -> Result<f64, String> {
    if let Some(value) = small_integer(text) {
        return Ok(value);
    }
    if text.iter().any(|byte| matches!(byte, b'p' | b'P' | b'_')) {
        return Err("unsupported character in float".to_owned());
    }
    let fail = |what: &str| Err(format!("strconv.ParseFloat: parsing {}: {what}", quote(text)));
    // Go knows no signed NaN.
    if matches!(text, [b'+' | b'-', b'n' | b'N', ..]) {
        return fail("invalid syntax");
    }
    let Some(value) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) else {
        return fail("invalid syntax");
    };
    if value.is_nan() {
        return Ok(NORMAL_NAN);
    }
    if value.is_infinite() && !text.iter().any(|byte| matches!(byte, b'i' | b'I')) {
        return fail("value out of range");
    }
    Ok(value)
}

/// The most frequent kind of value: up to 15 digits and nothing else.
fn small_integer(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    let mut value = 0_u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Some(value as f64)
}

/// Milliseconds as a decimal integer.
pub(crate) fn milliseconds(text: &[u8]) -> Result<i64, String> {
    let fail = || format!("strconv.ParseInt: parsing {}: value out of range", quote(text));
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(fail)
}

/// How OpenMetrics writes the bound of a bucket and a quantile: as Go's `%g`, with `.0` where it would look whole.
pub(crate) fn canonical(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go's shortest form turns to exponents below 1e-4 and from 1e6 on.
    if value != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        let good = [
            ("1", 1.0),
            ("-0", -0.0),
            ("999999999999999", 999_999_999_999_999.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+1e3", 1000.0),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e-999", 0.0),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ];
        for (text, expected) in good {
            assert_eq!(float(text.as_bytes()).map(f64::to_bits), Ok(expected.to_bits()), "{text}");
        }
        assert_eq!(float(b"nAn").map(f64::to_bits), Ok(NORMAL_NAN.to_bits()));
        for bad in ["", ".", "e5", "1e", "+NaN", "1 ", "0x10", "true", "1\r", "--1", "\u{661}"] {
            let reason = format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(bad.as_bytes()));
            assert_eq!(float(bad.as_bytes()), Err(reason));
        }
        assert_eq!(float(b"1_2"), Err("unsupported character in float".to_owned()));
        assert_eq!(float(b"1e999"), Err("strconv.ParseFloat: parsing \"1e999\": value out of range".to_owned()));
    }

    #[test]
    fn bounds_are_written_as_openmetrics_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-1.0, "-1.0"),
            (0.005, "0.005"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1.5e21, "1.5e+21"),
            (1e6, "1e+06"),
            (100_000.0, "100000.0"),
            (1_234_567.0, "1.234567e+06"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(canonical(value), expected);
        }
    }
}
