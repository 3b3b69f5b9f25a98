//! RFC 3339, ISO 8601 (extended and basic) and `2026/11/22 10:00:00`.

use super::Timestamp;
use super::civil::{Civil, TimeOfDay};
use super::cursor::Cursor;

/// Reads the whole of `text`; a time without an offset is `offset_s` east of UTC.
#[inline]
pub(super) fn parse(text: &[u8], offset_s: i64) -> Option<Timestamp> {
    let mut cursor = Cursor(text);
    let year = cursor.digits(4)?;
    let separator = cursor.any(b"-/");
    let month = cursor.digits(2)?;
    if let Some(separator) = separator {
        cursor.any(&[separator])?;
    }
    let day = cursor.digits(2)?;
    let date = Civil::new(i64::from(year), month, day)?;
    let Some(separator) = separator else {
        return basic_time(cursor, date, offset_s);
    };
    if cursor.is_empty() {
        return date.at(TimeOfDay::default(), offset_s);
    }
    cursor.any(if separator == b'-' { b"Tt _" } else { b" " })?;
    let time = cursor.time(true)?;
    let offset = cursor.offset_to_end(offset_s)?;
    date.at(time, offset)
}

/// The rest of `20261122T100000` or `20261122100000`. Eight digits alone are an epoch number, not a date.
fn basic_time(mut cursor: Cursor<'_>, date: Civil, offset_s: i64) -> Option<Timestamp> {
    let marked = cursor.any(b"Tt").is_some();
    if !marked && cursor.0.len() != 6 {
        return None;
    }
    let time = cursor.time(false)?;
    let offset = cursor.offset_to_end(offset_s)?;
    date.at(time, offset)
}
