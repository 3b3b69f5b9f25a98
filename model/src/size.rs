//! Quantities as people write them in configuration: bytes, spans of time and shares of a disk.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("`{0}` does not start with a number")]
    NoNumber(String),
    #[error("`{value}` has the unknown unit `{unit}`: write one of {known}")]
    UnknownUnit { value: String, unit: String, known: &'static str },
    #[error("`{value}` has no unit: write one of {known}")]
    NoUnit { value: String, known: &'static str },
    #[error("`{0}` is too large")]
    TooLarge(String),
    #[error("`{0}` is not between 1% and 100%")]
    NoShare(String),
}

const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
const SIZE_UNITS_KNOWN: &str = "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB";

const SPAN_UNITS: [(&str, u64); 8] = [
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const SPAN_UNITS_KNOWN: &str = "ns, us, ms, s, m, h, d, w";

/// A number of bytes, written `64MiB`, `1.5GB` or `512B`; prints as the largest binary unit that divides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `count` × 1,024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// `count` × 1,048,576 bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// `count` × 1,073,741,824 bytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split_number(text.trim())?;
        if unit.is_empty() {
            return Err(QuantityError::NoUnit { value: text.to_owned(), known: SIZE_UNITS_KNOWN });
        }
        let factor = factor(&SIZE_UNITS, unit, text, SIZE_UNITS_KNOWN)?;
        scale(number, factor, text).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        match SIZE_UNITS.iter().take(4).find(fits) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A length of time, written `14d`, `1h30m` or `500ms`; prints in as few units as are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// `count` milliseconds.
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// `count` seconds.
    pub const fn secs(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// `count` hours.
    pub const fn hours(count: u64) -> Self {
        Self(Duration::from_secs(count * 3_600))
    }

    /// `count` days of 24 hours.
    pub const fn days(count: u64) -> Self {
        Self(Duration::from_secs(count * 86_400))
    }

    /// The length of time.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let mut rest = text.trim();
        let mut nanos = 0_u64;
        loop {
            let (number, after) = split_number(rest).map_err(|_| QuantityError::NoNumber(text.to_owned()))?;
            let unit_len = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, next) = after.split_at(unit_len);
            if unit.is_empty() {
                return Err(QuantityError::NoUnit { value: text.to_owned(), known: SPAN_UNITS_KNOWN });
            }
            let factor = factor(&SPAN_UNITS, unit, text, SPAN_UNITS_KNOWN)?;
            let part = scale(number, factor, text)?;
            nanos = nanos.checked_add(part).ok_or_else(|| QuantityError::TooLarge(text.to_owned()))?;
            if next.is_empty() {
                return Ok(Self(Duration::from_nanos(nanos)));
            }
            rest = next;
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        // Weeks are read but not printed: `14d` stays `14d`.
        for (unit, factor) in SPAN_UNITS.iter().skip(1) {
            let count = rest / u128::from(*factor);
            rest %= u128::from(*factor);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// How much of a disk may be used: an amount (`10GiB`) or a share of the file system (`20%`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskShare {
    Bytes(ByteSize),
    /// 1 to 100.
    Percent(u8),
}

impl DiskShare {
    /// The amount on a file system of `capacity` bytes.
    pub fn of(self, capacity: u64) -> u64 {
        match self {
            Self::Bytes(size) => size.0,
            Self::Percent(percent) => capacity / 100 * u64::from(percent),
        }
    }
}

impl FromStr for DiskShare {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        match text.trim().strip_suffix('%') {
            None => text.parse().map(Self::Bytes),
            Some(number) => match number.trim().parse::<u8>() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                Ok(_) | Err(_) => Err(QuantityError::NoShare(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for DiskShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(size) => size.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Serde as the text that `FromStr` reads and `Display` writes.
macro_rules! serde_as_text {
    ($name:ident, $expecting:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

serde_as_text!(ByteSize, "a size such as \"64MiB\"");
serde_as_text!(Span, "a length of time such as \"14d\"");
serde_as_text!(DiskShare, "a size such as \"10GiB\" or a share such as \"20%\"");

/// A decimal number as digits before and after the point, and what follows it.
fn split_number(text: &str) -> Result<((u64, &str), &str), QuantityError> {
    let whole_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(whole_len);
    if whole.is_empty() {
        return Err(QuantityError::NoNumber(text.to_owned()));
    }
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
    };
    let whole = whole.parse().map_err(|_| QuantityError::TooLarge(text.to_owned()))?;
    Ok(((whole, fraction), rest.trim_start_matches(' ')))
}

fn factor(units: &[(&str, u64)], unit: &str, value: &str, known: &'static str) -> Result<u64, QuantityError> {
    let found = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    found.ok_or_else(|| QuantityError::UnknownUnit { value: value.to_owned(), unit: unit.to_owned(), known })
}

fn scale((whole, fraction): (u64, &str), factor: u64, text: &str) -> Result<u64, QuantityError> {
    let mut total = u128::from(whole) * u128::from(factor);
    // 18 digits times the largest unit stay far below 2^128; further digits are below a nanosecond or a byte.
    let mut numerator = 0;
    let mut denominator = 1;
    for digit in fraction.bytes().take(18) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    total += numerator * u128::from(factor) / denominator;
    u64::try_from(total).map_err(|_| QuantityError::TooLarge(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_printed() {
        for (text, bytes, printed) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("1.5GiB", 3 << 29, "1536MiB"),
            ("10 kB", 10_000, "10000B"),
            ("1024B", 1_024, "1KiB"),
            ("0B", 0, "0B"),
        ] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
            assert_eq!(size.to_string().parse(), Ok(size), "{text}");
        }
    }

    #[test]
    fn wrong_sizes_say_what_to_write() {
        for (text, said) in [
            ("64", "`64` has no unit: write one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
            ("64mb", "`64mb` has the unknown unit `mb`: write one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
            ("-1B", "`-1B` does not start with a number"),
            ("99999999999TiB", "`99999999999TiB` is too large"),
        ] {
            assert_eq!(text.parse::<ByteSize>().map_err(|e| e.to_string()), Err(said.to_owned()));
        }
    }

    #[test]
    fn spans_are_read_and_printed() {
        for (text, span, printed) in [
            ("14d", Span::days(14), "14d"),
            ("2w", Span::days(14), "14d"),
            ("1h30m", Span::secs(5_400), "1h30m"),
            ("0.5s", Span::millis(500), "500ms"),
            ("0s", Span::secs(0), "0s"),
        ] {
            let read: Span = text.parse().expect(text);
            assert_eq!((read, read.to_string().as_str()), (span, printed), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        for (text, said) in [
            ("14", "`14` has no unit: write one of ns, us, ms, s, m, h, d, w"),
            ("1h30", "`1h30` has no unit: write one of ns, us, ms, s, m, h, d, w"),
            ("1 month", "`1 month` has the unknown unit `month`: write one of ns, us, ms, s, m, h, d, w"),
            ("soon", "`soon` does not start with a number"),
            ("9999999w", "`9999999w` is too large"),
        ] {
            assert_eq!(text.parse::<Span>().map_err(|e| e.to_string()), Err(said.to_owned()));
        }
    }

    #[test]
    fn a_share_is_an_amount_or_a_percentage() {
        assert_eq!("20%".parse(), Ok(DiskShare::Percent(20)));
        assert_eq!("1GiB".parse(), Ok(DiskShare::Bytes(ByteSize::gib(1))));
        assert_eq!((DiskShare::Percent(20).of(1_000), DiskShare::Bytes(ByteSize(7)).of(1_000)), (200, 7));
        for text in ["0%", "101%", "%", "x%"] {
            assert_eq!(text.parse::<DiskShare>(), Err(QuantityError::NoShare(text.to_owned())));
        }
    }

    #[test]
    fn serde_uses_the_text() {
        let json = serde_json::to_string(&(ByteSize::mib(64), Span::days(14))).expect("serializes");
        assert_eq!(json, r#"["64MiB","14d"]"#);
        let wrong = serde_json::from_str::<ByteSize>("64").expect_err("a bare number is no size");
        assert!(wrong.to_string().contains(r#"expected a size such as "64MiB""#), "{wrong}");
    }
}
