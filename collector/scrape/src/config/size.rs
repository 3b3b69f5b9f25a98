//! Sizes as Prometheus reads them: `10MB` and `10MiB` are both 10 × 2²⁰ bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const UNITS: [(&str, u64); 6] =
    [("E", 1 << 60), ("P", 1 << 50), ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

/// A number of bytes; 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct BodySize(pub u64);

/// A text that is no [`BodySize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no size; write one such as 512KB or 10MB")]
pub struct NoSize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl FromStr for BodySize {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        if text == "0" {
            return Ok(Self(0));
        }
        let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, unit) = text.split_at(digits);
        let prefix = unit.strip_suffix("iB").or(unit.strip_suffix('B')).ok_or(NoSize)?;
        let factor = match UNITS.iter().find(|(name, _)| *name == prefix) {
            Some((_, factor)) => *factor,
            None if prefix.is_empty() && unit == "B" => 1,
            None => return Err(NoSize),
        };
        if let Ok(number) = number.parse::<u64>() {
            return number.checked_mul(factor).map(Self).ok_or(NoSize);
        }
        let bytes = number.parse::<f64>().map_err(|_| NoSize)? * factor as f64;
        if bytes < u64::MAX as f64 { Ok(Self(bytes as u64)) } else { Err(NoSize) }
    }
}

impl TryFrom<Written> for BodySize {
    type Error = NoSize;

    fn try_from(written: Written) -> Result<Self, NoSize> {
        match written {
            Written::Number(0) => Ok(Self(0)),
            Written::Number(_) => Err(NoSize),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<BodySize> for String {
    fn from(size: BodySize) -> Self {
        size.to_string()
    }
}

impl fmt::Display for BodySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}iB", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_whatever_their_unit_says() {
        for (text, bytes) in [("0", 0), ("17B", 17), ("10MB", 10 << 20), ("10MiB", 10 << 20), ("1.5KB", 1536)] {
            assert_eq!(text.parse(), Ok(BodySize(bytes)), "{text}");
            assert_eq!(BodySize(bytes).to_string().parse(), Ok(BodySize(bytes)), "{text}");
        }
        for bad in ["", "10", "10X", "MB", "-1MB", "1 MB", "1iB", "99999999999EB"] {
            assert_eq!(bad.parse::<BodySize>(), Err(NoSize), "{bad}");
        }
    }
}
