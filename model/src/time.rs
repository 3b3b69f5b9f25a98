//! Points and spans in time, in nanoseconds: their type, their text forms and their parsers.
//!
//! No clock: whoever needs "now" passes it in. All arithmetic is on integers, so nothing is rounded.

mod civil;
mod cursor;
mod duration;
mod epoch;
mod iso;
mod named;

use std::fmt;

pub use civil::Civil;
pub use duration::{format_duration, parse_duration};

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Seconds in a day.
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;
/// The longest text that is looked at; no form is longer.
const TEXT_BYTES_MAX: usize = 64;

/// `YYYYMMDD` of the date that lies `days` after 1970-01-01.
pub fn day_name(days: i64) -> String {
    let Civil { year, month, day } = Civil::from_days(days);
    format!("{year:04}{month:02}{day:02}")
}

/// Nanoseconds since 1970-01-01T00:00:00Z; covers the years 1678 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Why a text is no time. The text itself is cut to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error(
        "`{text}` is not a time; expected RFC 3339 such as 2026-11-22T10:00:00Z, an epoch number, an RFC 2822, Apache or syslog time"
    )]
    Timestamp { text: String },
    #[error("`{text}` is not a duration; expected a number with a unit, such as 250ms, 90s, 5m, 1h30m, 2d or 1w")]
    Duration { text: String },
    #[error("`{text}` is not a point in time; expected now, now-15m, -1h or a time such as 2026-11-22T10:00:00Z")]
    Point { text: String },
}

impl Timestamp {
    /// The point `span` before this one, at the earliest the first that can be told.
    pub fn before(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// The point `span` after this one, at the latest the last that can be told.
    pub fn after(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

/// RFC 3339 in UTC with as many digits of the fraction as are needed, such as `2026-11-22T10:00:00.5Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let fraction = self.0.rem_euclid(NANOS_PER_SECOND);
        let Civil { year, month, day } = Civil::from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if fraction != 0 {
            let mut digits = 9;
            let mut shown = fraction;
            while shown % 10 == 0 {
                shown /= 10;
                digits -= 1;
            }
            write!(f, ".{shown:0digits$}")?;
        }
        f.write_str("Z")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339 and its ISO 8601 relatives; without an offset the time is UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        iso::parse(text.as_bytes(), 0).ok_or_else(|| TimeError::Timestamp { text: shortened(text) })
    }
}

/// Reads a time in any common form; one that names no offset is UTC.
///
/// Forms: RFC 3339 and ISO 8601 (`T` or space, fraction behind `.` or `,`, basic form, date alone),
/// `2026/11/22 10:00:00`, epoch seconds, milli-, micro- or nanoseconds (the magnitude decides) with or without a
/// fraction, RFC 2822 and HTTP dates, `ctime`, Apache's `22/Nov/2026:10:00:00 +0100`, and syslog's `Nov 22 10:00:00`,
/// whose year is the one that brings it nearest to `now`.
pub fn parse_timestamp(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    parse_timestamp_at(text, now, 0)
}

/// As [`parse_timestamp`]; a time that names no offset is `offset_s` seconds east of UTC.
pub fn parse_timestamp_at(text: &str, now: Timestamp, offset_s: i32) -> Result<Timestamp, TimeError> {
    let bytes = text.trim_ascii().as_bytes();
    let parsed = if bytes.len() > TEXT_BYTES_MAX {
        None
    } else {
        let offset_s = i64::from(offset_s);
        iso::parse(bytes, offset_s).or_else(|| epoch::parse(bytes)).or_else(|| named::parse(bytes, now, offset_s))
    };
    parsed.ok_or_else(|| TimeError::Timestamp { text: shortened(text) })
}

/// Reads the text of a JSON number as an epoch: the magnitude of its whole part decides between seconds, milli-,
/// micro- and nanoseconds (below 10¹¹, 10¹⁴, 10¹⁷, above).
pub fn parse_json_number(text: &str) -> Result<Timestamp, TimeError> {
    epoch::parse(text.as_bytes()).ok_or_else(|| TimeError::Timestamp { text: shortened(text) })
}

/// Reads what a person types for a point in time: `now`, `now-15m`, `now+1h`, `-1h`, or any form of
/// [`parse_timestamp`].
pub fn parse_point(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let error = || TimeError::Point { text: shortened(text) };
    let text = text.trim_ascii();
    let relative = match text.strip_prefix("now") {
        Some("") => return Ok(now),
        Some(rest) => rest.trim_ascii_start(),
        None => text,
    };
    let is_relative = relative.len() != text.len();
    if let Some(span) = relative.strip_prefix('-')
        && let Ok(span) = parse_duration(span)
    {
        return Ok(now.before(span));
    }
    if let Some(span) = relative.strip_prefix('+')
        && let Ok(span) = parse_duration(span)
    {
        return Ok(now.after(span));
    }
    if is_relative {
        return Err(error());
    }
    parse_timestamp(text, now).map_err(|_| error())
}

fn nanos(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests;
