//! Times that name their month: RFC 2822, HTTP dates, `ctime`, Apache, syslog.

use super::civil::{Civil, TimeOfDay};
use super::cursor::Cursor;
use super::{NANOS_PER_SECOND, SECONDS_PER_DAY, Timestamp};

/// Reads the whole of `text`; see [`super::parse_timestamp`].
pub(super) fn parse(text: &[u8], now: Timestamp, offset_s: i64) -> Option<Timestamp> {
    let text = match text {
        [b'[', inner @ .., b']'] => inner,
        _ => text,
    };
    let mut cursor = Cursor(text);
    let mut after_weekday = cursor;
    if after_weekday.weekday().is_some() {
        cursor = after_weekday;
    }
    if cursor.peek()?.is_ascii_digit() { day_first(cursor, offset_s) } else { month_first(cursor, now, offset_s) }
}

/// `22/Nov/2026:10:00:00 +0100`, `22 Nov 2026 10:00:00 +0100`, `22-Nov-26 10:00:00 GMT`.
fn day_first(mut cursor: Cursor<'_>, offset_s: i64) -> Option<Timestamp> {
    let day = cursor.day()?;
    let separator = cursor.any(b"/- ")?;
    let month = cursor.month()?;
    cursor.any(&[separator])?;
    let year = match cursor.digits(4) {
        Some(year) => i64::from(year),
        None => century(cursor.digits(2)?),
    };
    cursor.any(b": ")?;
    let time = cursor.time(true)?;
    let offset = cursor.offset_to_end(offset_s)?;
    Civil::new(year, month, day)?.at(time, offset)
}

/// `Nov 22 10:00:00`, `Nov 22 2026 10:00:00`, `Nov 22 10:00:00 2026`, `Nov 22 10:00:00 UTC 2026`.
fn month_first(mut cursor: Cursor<'_>, now: Timestamp, offset_s: i64) -> Option<Timestamp> {
    let month = cursor.month()?;
    cursor.spaces()?;
    let day = cursor.day()?;
    cursor.any(b",");
    cursor.spaces()?;
    if let Some(year) = year(&mut cursor) {
        cursor.spaces()?;
        let time = cursor.time(true)?;
        let offset = cursor.offset_to_end(offset_s)?;
        return Civil::new(year, month, day)?.at(time, offset);
    }
    let time = cursor.time(true)?;
    if cursor.is_empty() {
        return nearest_year(month, day, time, offset_s, now);
    }
    let mut offset = offset_s;
    cursor.spaces()?;
    let year = match year(&mut cursor) {
        Some(year) => year,
        None => {
            offset = cursor.offset()?;
            if cursor.is_empty() {
                return nearest_year(month, day, time, offset, now);
            }
            cursor.spaces()?;
            year(&mut cursor)?
        }
    };
    if !cursor.is_empty() {
        return None;
    }
    Civil::new(year, month, day)?.at(time, offset)
}

/// Four digits that are not the start of a time.
fn year(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let year = ahead.digits(4)?;
    if ahead.peek().is_some_and(|next| next != b' ') {
        return None;
    }
    *cursor = ahead;
    Some(i64::from(year))
}

/// The year of two digits (RFC 2822 §4.3).
fn century(year: u32) -> i64 {
    i64::from(if year < 50 { year + 2000 } else { year + 1900 })
}

/// The point in the year that brings it nearest to `now`: December in January is last year's.
fn nearest_year(month: u32, day: u32, time: TimeOfDay, offset_s: i64, now: Timestamp) -> Option<Timestamp> {
    let this = Civil::from_days(now.0.div_euclid(NANOS_PER_SECOND).div_euclid(SECONDS_PER_DAY)).year;
    (this - 1..=this + 1)
        .filter_map(|year| Civil::new(year, month, day)?.at(time, offset_s))
        .min_by_key(|point| point.0.abs_diff(now.0))
}
