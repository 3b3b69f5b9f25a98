//! Durations as Prometheus writes them: `1h30m`, `500ms`, `0`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// From the largest to the smallest; a duration names each at most once, in this order. The flag is of those that are
/// only printed when nothing else is needed.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// A span of whole milliseconds (Prometheus' `model.Duration`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromDuration {
    millis: u64,
}

/// A text that is no [`PromDuration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no duration; write one such as 30s, 1m30s or 500ms")]
pub struct NoDuration;

impl PromDuration {
    pub const fn millis(millis: u64) -> Self {
        Self { millis }
    }

    pub const fn secs(secs: u64) -> Self {
        Self { millis: secs * 1_000 }
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }
}

impl FromStr for PromDuration {
    type Err = NoDuration;

    fn from_str(text: &str) -> Result<Self, NoDuration> {
        if text == "0" {
            return Ok(Self::default());
        }
        let mut rest = text;
        let mut units = UNITS.iter();
        let mut millis = 0_u64;
        while !rest.is_empty() || text.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, behind) = rest.split_at(digits);
            let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, behind) = behind.split_at(letters);
            let (_, factor, _) = units.find(|(name, _, _)| *name == unit).ok_or(NoDuration)?;
            let number: u64 = number.parse().map_err(|_| NoDuration)?;
            let part = number.checked_mul(*factor).ok_or(NoDuration)?;
            // 292 years, beyond which Prometheus' own overflows.
            millis =
                millis.checked_add(part).filter(|millis| *millis <= i64::MAX as u64 / 1_000_000).ok_or(NoDuration)?;
            rest = behind;
        }
        Ok(Self { millis })
    }
}

impl TryFrom<String> for PromDuration {
    type Error = NoDuration;

    fn try_from(text: String) -> Result<Self, NoDuration> {
        text.parse()
    }
}

impl From<PromDuration> for String {
    fn from(duration: PromDuration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for PromDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.millis;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, factor, is_alone) in UNITS {
            if is_alone && !rest.is_multiple_of(factor) {
                continue;
            }
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_prometheus_has_them() {
        for (text, millis, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("15s", 15_000, "15s"),
            ("1m30s", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("1h0m5ms", 3_600_005, "1h5ms"),
            ("14d", 14 * 86_400_000, "2w"),
            ("8d", 8 * 86_400_000, "8d"),
            ("1y", 365 * 86_400_000, "1y"),
            ("1w1h", 7 * 86_400_000 + 3_600_000, "7d1h"),
        ] {
            let read: Result<PromDuration, _> = text.parse();
            assert_eq!(read, Ok(PromDuration::millis(millis)), "{text}");
            assert_eq!(PromDuration::millis(millis).to_string(), printed);
        }
        for bad in ["", "1", "s", "-1s", "1.5s", "1s1m", "1m1m", "1us", "1 s", "300y", "99999999999999999999s"] {
            assert_eq!(bad.parse::<PromDuration>(), Err(NoDuration), "{bad}");
        }
    }
}
