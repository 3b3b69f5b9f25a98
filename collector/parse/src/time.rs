//! The stamps that log lines carry, each read from the front of a text.

mod cursor;
mod zone;

use orszem_model::Timestamp;
use orszem_model::time::{Civil, parse_timestamp};

use super::stamp::Stamp;
use super::{Inferred, Moment};
use cursor::Cursor;

pub use zone::Zone;

const DAY_SECONDS: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;

/// A date and time of day as a line shows it.
#[derive(Clone, Copy)]
struct Shown {
    year: i64,
    month: i64,
    day: i64,
    seconds: i64,
    nanos: i64,
}

impl Shown {
    /// `None` where the calendar has no such day or the result leaves the range of a timestamp.
    fn at(self, offset: Option<i64>, zone: &Zone) -> Option<Timestamp> {
        let (month, day) = (u32::try_from(self.month).ok()?, u32::try_from(self.day).ok()?);
        let local = Civil::new(self.year, month, day)?.days() * DAY_SECONDS + self.seconds;
        let unix = offset.map_or_else(|| zone.to_unix(local), |east| local - east);
        unix.checked_mul(NANOS)?.checked_add(self.nanos).map(Timestamp)
    }

    /// The stamp that this makes, with the offset that follows at the cursor if one does.
    fn stamp(self, mut cursor: Cursor<'_>, zone: &Zone) -> Option<Stamp> {
        let offset = cursor.offset();
        self.with_offset(offset, cursor.at, zone)
    }

    fn with_offset(self, offset: Option<i64>, len: usize, zone: &Zone) -> Option<Stamp> {
        let inferred = Inferred { year: false, zone: offset.is_none() };
        Some(Stamp { at: self.at(offset, zone)?, len, inferred })
    }

    /// The latest of these days without a year that is at most a day ahead of `now`.
    fn of_late(self, offset: Option<i64>, len: usize, moment: &Moment<'_>) -> Option<Stamp> {
        let year_now = 1970 + moment.now.0.div_euclid(NANOS * DAY_SECONDS) * 400 / 146_097;
        let limit = moment.now.0.saturating_add(NANOS * DAY_SECONDS);
        // Of next year only its first days can be meant.
        let first = if self.month == 1 { -1 } else { 0 };
        let at = (first..=8)
            .filter_map(|back| Self { year: year_now - back, ..self }.at(offset, moment.zone))
            .find(|at| at.0 <= limit)?;
        Some(Stamp { at, len, inferred: Inferred { year: true, zone: offset.is_none() } })
    }
}

/// `2026-11-22T10:00:00[.fraction][offset]`; the `T` may be a blank or two, the dashes slashes or dots.
pub(crate) fn iso(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let year = c.digits(4)?;
    let separator = c.skip(b"-/.")?;
    let month = c.digits(2)?;
    c.expect(separator)?;
    let day = c.digits(2)?;
    // apt writes two blanks, MariaDB pads the hour with one.
    let seconds = if c.skip(b"T t_")? == b' ' && c.expect(b' ').is_some() { c.padded_clock()? } else { c.clock()? };
    let nanos = c.fraction();
    Shown { year, month, day, seconds, nanos }.stamp(c, moment.zone)
}

/// What a stamp without an offset means where a zone's name stands behind it; the same if nobody knows the name.
pub(crate) fn in_zone(stamp: Stamp, name: &[u8], moment: &Moment<'_>) -> Stamp {
    let Some(east) = moment.zone.east_of(name).filter(|_| stamp.inferred.zone) else { return stamp };
    let local = moment.zone.to_local(stamp.at.0.div_euclid(NANOS));
    let at = Timestamp((local - east) * NANOS + stamp.at.0.rem_euclid(NANOS));
    Stamp { at, inferred: Inferred { zone: false, ..stamp.inferred }, ..stamp }
}

/// `Nov 22 10:00:00`, RFC 3164's stamp. A year may stand behind the day or behind the clock; else it is the latest
/// that is at most a day ahead of now.
pub(crate) fn bsd(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let month = c.month_name()?;
    c.expect(b' ')?;
    let day = c.padded_day()?;
    c.expect(b' ')?;
    let mut year = c.year_and_blank();
    let seconds = c.clock()?;
    let nanos = c.fraction();
    if year.is_none() {
        year = c.blank_and_year();
    }
    let offset = c.bare_offset();
    let shown = Shown { year: year.unwrap_or(0), month, day, seconds, nanos };
    match year {
        Some(_) => shown.with_offset(offset, c.at, moment.zone),
        None => shown.of_late(offset, c.at, moment),
    }
}

/// `22/Nov/2026:10:00:00 +0100`, the common log format's stamp.
pub(crate) fn common_log(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let day = c.digits(2)?;
    c.expect(b'/')?;
    let month = c.month_name()?;
    c.expect(b'/')?;
    let year = c.digits(4)?;
    c.expect(b':')?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    Shown { year, month, day, seconds, nanos }.stamp(c, moment.zone)
}

/// `Sun Nov 22 10:00:00.25 2026`, of C's `ctime` and Apache's error log; a zone's name may stand before the year, as
/// `date` writes it.
pub(crate) fn ctime(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    c.weekday_name()?;
    c.expect(b' ')?;
    let month = c.month_name()?;
    c.expect(b' ')?;
    let day = c.padded_day()?;
    c.expect(b' ')?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    let offset = c.offset().or_else(|| c.zone_word().and_then(|name| moment.zone.east_of(name)));
    c.expect(b' ')?;
    let year = c.digits(4)?;
    Shown { year, month, day, seconds, nanos }.with_offset(offset, c.at, moment.zone)
}

/// `22-Nov-2026 10:00:00.123`, Tomcat's own log; PHP appends a zone's name.
pub(crate) fn day_month_year(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let day = c.digits(2)?;
    let separator = c.skip(b"- /")?;
    let month = c.month_name()?;
    c.expect(separator)?;
    let year = c.digits(4)?;
    c.skip(b" T")?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    Shown { year, month, day, seconds, nanos }.stamp(c, moment.zone)
}

/// `Nov 22, 2026 10:00:00 AM`, of `java.util.logging`'s two lines; newer runtimes put a comma behind the year and a
/// narrow blank before `AM`.
pub(crate) fn month_day_year(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let month = c.month_name()?;
    c.expect(b' ')?;
    let day = c.number(2)?;
    c.expect(b',')?;
    c.expect(b' ')?;
    let year = c.digits(4)?;
    c.skip(b",");
    c.expect(b' ')?;
    let seconds = c.twelve_hour_clock()?;
    Shown { year, month, day, seconds, nanos: 0 }.stamp(c, moment.zone)
}

/// `26/11/22 10:00:00`, Spark's and older Java's short stamp.
pub(crate) fn short(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let year = century(c.digits(2)?);
    c.expect(b'/')?;
    let month = c.digits(2)?;
    c.expect(b'/')?;
    let day = c.digits(2)?;
    c.expect(b' ')?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    Shown { year, month, day, seconds, nanos }.stamp(c, moment.zone)
}

/// `261122 10:00:00` of old MySQL (the hour padded with a blank) and `261122 100000` of HDFS.
pub(crate) fn packed(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let year = century(c.digits(2)?);
    let month = c.digits(2)?;
    let day = c.digits(2)?;
    c.expect(b' ')?;
    let seconds = c.packed_clock().or_else(|| c.padded_clock())?;
    if c.peek().is_some_and(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = c.fraction();
    Shown { year, month, day, seconds, nanos }.stamp(c, moment.zone)
}

/// `20261122-10:00:00:606` (milliseconds behind a colon), and `20261122 10:00:00.606`.
pub(crate) fn packed_date(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let year = c.digits(4)?;
    let month = c.digits(2)?;
    let day = c.digits(2)?;
    c.skip(b"- T")?;
    // Its hours, minutes and seconds may have a single digit.
    let hour = c.number(2).filter(|h| *h < 24)?;
    c.expect(b':')?;
    let minute = c.number(2).filter(|m| *m < 60)?;
    c.expect(b':')?;
    let second = c.number(2).filter(|s| *s <= 60)?.min(59);
    let nanos = match c.expect(b':') {
        Some(()) => c.number(3)? * 1_000_000,
        None => c.fraction(),
    };
    Shown { year, month, day, seconds: hour * 3600 + minute * 60 + second, nanos }.stamp(c, moment.zone)
}

/// `2026-11-22-10.00.00.675872`, of IBM's machines and Db2.
pub(crate) fn dotted(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let year = c.digits(4)?;
    c.expect(b'-')?;
    let month = c.digits(2)?;
    c.expect(b'-')?;
    let day = c.digits(2)?;
    c.expect(b'-')?;
    let hour = c.digits(2).filter(|h| *h < 24)?;
    c.expect(b'.')?;
    let minute = c.digits(2).filter(|m| *m < 60)?;
    c.expect(b'.')?;
    let second = c.digits(2).filter(|s| *s <= 60)?.min(59);
    let nanos = c.fraction();
    // Db2 writes the offset in minutes.
    let sign = c.at;
    let minutes = c.skip(b"+-").and_then(|sign| Some(c.digits(3)? * if sign == b'+' { 60 } else { -60 }));
    if minutes.is_none() {
        c.at = sign;
    }
    Shown { year, month, day, seconds: hour * 3600 + minute * 60 + second, nanos }.with_offset(
        minutes,
        c.at,
        moment.zone,
    )
}

/// `11-22 10:00:00.606` of Android and `11.22 10:00:00` of Proxifier: no year, `separator` between month and day.
pub(crate) fn month_day(text: &[u8], separator: u8, moment: &Moment<'_>) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let month = c.digits(2)?;
    c.expect(separator)?;
    let day = c.digits(2)?;
    c.expect(b' ')?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    Shown { year: 0, month, day, seconds, nanos }.of_late(None, c.at, moment)
}

/// An epoch in digits with or without a fraction: seconds, milli-, micro- or nanoseconds by the size of its whole part
/// (below 10¹¹, 10¹⁴, 10¹⁷, above). Below 10⁸ seconds a number is more likely a duration or a counter than a time.
pub(crate) fn epoch(text: &[u8]) -> Option<Stamp> {
    let mut c = Cursor::new(text);
    let whole = c.number(19)?;
    let nanos = match whole {
        ..100_000_000 => return None,
        100_000_000..100_000_000_000 => whole * NANOS + c.fraction(),
        100_000_000_000..100_000_000_000_000 => whole * 1_000_000 + c.fraction() / 1000,
        100_000_000_000_000..100_000_000_000_000_000 => whole * 1000 + c.fraction() / 1_000_000,
        _ => whole,
    };
    Some(Stamp { at: Timestamp(nanos), len: c.at, inferred: Inferred::default() })
}

/// The stamp that a whole text is, in any form that is known.
pub(crate) fn any(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let text = text.trim_ascii();
    let whole = |stamp: Option<Stamp>| stamp.filter(|stamp| stamp.len == text.len());
    whole(iso(text, moment))
        .or_else(|| whole(epoch(text)))
        .or_else(|| whole(bsd(text, moment)))
        .or_else(|| whole(common_log(text, moment)))
        .or_else(|| whole(ctime(text, moment)))
        .or_else(|| whole(day_month_year(text, moment)))
        .or_else(|| whole(month_day_year(text, moment)))
        .or_else(|| whole(short(text, moment)))
        .or_else(|| whole(packed_date(text, moment)))
        .or_else(|| whole(dotted(text, moment)))
        .or_else(|| {
            let at = parse_timestamp(std::str::from_utf8(text).ok()?, moment.now).ok()?;
            Some(Stamp { at, len: text.len(), inferred: Inferred::default() })
        })
}

/// Two digits of a year: 1970 to 2069.
fn century(year: i64) -> i64 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

#[cfg(test)]
mod tests;
