//! The stamps that log lines carry, each read from the front of a text.

use orszem_model::Timestamp;
use tz::TimeZone;

/// The zone that stamps without an offset are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(TimeZone::utc())
    }

    /// The zone that a TZif file (`/etc/localtime`) describes; `None` when the bytes are none.
    pub fn from_tzif(bytes: &[u8]) -> Option<Self> {
        TimeZone::from_tz_data(bytes).ok().map(Self)
    }

    /// Seconds east of UTC at a time in seconds since 1970.
    fn offset_at(&self, unix: i64) -> i64 {
        self.0.find_local_time_type(unix).map_or(0, |kind| i64::from(kind.ut_offset()))
    }

    /// The time at which this zone's clocks show `local`, in seconds. Of an hour shown twice the later.
    fn to_unix(&self, local: i64) -> i64 {
        let guess = local - self.offset_at(local);
        local - self.offset_at(guess)
    }
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

const DAY_SECONDS: i64 = 86_400;

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
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let last = match self.month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=last).contains(&self.day) {
            return None;
        }
        let local = days_from_civil(self.year, self.month, self.day) * DAY_SECONDS + self.seconds;
        let unix = offset.map_or_else(|| zone.to_unix(local), |east| local - east);
        unix.checked_mul(1_000_000_000)?.checked_add(self.nanos).map(Timestamp)
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Source: H. Hinnant, "chrono-compatible date algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Takes bytes from the front of a text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, any_of: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|b| any_of.contains(b))?;
        self.at += 1;
        Some(byte)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + count)?;
        let value = digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))?;
        self.at += count;
        Some(value)
    }

    fn month_name(&mut self) -> Option<i64> {
        let name = self.text.get(self.at..self.at + 3)?;
        let index = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(*month))?;
        self.at += 3;
        Some(index as i64 + 1)
    }

    /// `HH:MM:SS`, as seconds; a leap second counts as the one before.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|h| *h < 24)?;
        self.skip(b":")?;
        let minute = self.digits(2).filter(|m| *m < 60)?;
        self.skip(b":")?;
        let second = self.digits(2).filter(|s| *s <= 60)?;
        Some(hour * 3600 + minute * 60 + second.min(59))
    }

    /// `.123456` or `,123`, as nanoseconds; 0 where there is none.
    fn fraction(&mut self) -> i64 {
        let is_digit = |at: usize| self.text.get(at).is_some_and(u8::is_ascii_digit);
        if !self.peek().is_some_and(|b| b == b'.' || b == b',') || !is_digit(self.at + 1) {
            return 0;
        }
        self.at += 1;
        let (mut nanos, mut unit) = (0, 100_000_000);
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        nanos
    }

    /// `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, with or without a blank before; `None`, and nothing taken, where there is none.
    fn offset(&mut self) -> Option<i64> {
        let start = self.at;
        let blank = self.skip(b" ").is_some();
        let rest = self.text.get(self.at..)?;
        for (name, bare) in [(&b"UTC"[..], false), (b"GMT", false), (b"Z", true), (b"z", true)] {
            let ends = !rest.get(name.len()).is_some_and(u8::is_ascii_alphanumeric);
            if rest.starts_with(name) && ends && !(bare && blank) {
                self.at += name.len();
                return Some(0);
            }
        }
        let east = self.numeric_offset();
        if east.is_none() {
            self.at = start;
        }
        east
    }

    fn numeric_offset(&mut self) -> Option<i64> {
        let sign = if self.skip(b"+-")? == b'+' { 1 } else { -1 };
        let hours = self.digits(2).filter(|h| *h <= 15)?;
        self.skip(b":");
        let minutes = self.digits(2).filter(|m| *m < 60)?;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

/// A stamp and the number of bytes it takes.
type Stamp = Option<(Timestamp, usize)>;

/// `2026-11-22T10:00:00[.fraction][offset]`; the `T` may be a blank, the dashes slashes.
pub(super) fn iso(text: &[u8], zone: &Zone) -> Stamp {
    let mut c = Cursor::new(text);
    let year = c.digits(4)?;
    let separator = c.skip(b"-/")?;
    let month = c.digits(2)?;
    c.skip(&[separator])?;
    let day = c.digits(2)?;
    if c.skip(b"T t_")? == b' ' {
        c.skip(b" "); // apt writes two
    }
    let seconds = c.clock()?;
    let nanos = c.fraction();
    let offset = c.offset();
    let stamp = Shown { year, month, day, seconds, nanos }.at(offset, zone)?;
    Some((stamp, c.at))
}

/// `Nov 22 10:00:00`, RFC 3164's stamp. The year is the latest that is at most a day ahead of `now`.
pub(super) fn bsd(text: &[u8], now: Timestamp, zone: &Zone) -> Stamp {
    let mut c = Cursor::new(text);
    let month = c.month_name()?;
    c.skip(b" ")?;
    let day = match c.skip(b" ") {
        Some(_) => c.digits(1)?,
        None => c.digits(2)?,
    };
    c.skip(b" ")?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    let year_now = 1970 + now.0.div_euclid(1_000_000_000 * DAY_SECONDS) * 400 / 146_097;
    let limit = now.0.saturating_add(1_000_000_000 * DAY_SECONDS);
    let stamp = (0..=4)
        .filter_map(|back| Shown { year: year_now + 1 - back, month, day, seconds, nanos }.at(None, zone))
        .find(|stamp| stamp.0 <= limit)?;
    Some((stamp, c.at))
}

/// `22/Nov/2026:10:00:00 +0100`, the common log format's stamp.
pub(super) fn common_log(text: &[u8], zone: &Zone) -> Stamp {
    let mut c = Cursor::new(text);
    let day = c.digits(2)?;
    c.skip(b"/")?;
    let month = c.month_name()?;
    c.skip(b"/")?;
    let year = c.digits(4)?;
    c.skip(b":")?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    let offset = c.offset();
    let stamp = Shown { year, month, day, seconds, nanos }.at(offset, zone)?;
    Some((stamp, c.at))
}

/// `Sun Nov 22 10:00:00.25 2026`, Apache's error log.
pub(super) fn ctime(text: &[u8], zone: &Zone) -> Stamp {
    let mut c = Cursor::new(text);
    c.at = 3;
    c.skip(b" ")?;
    let month = c.month_name()?;
    c.skip(b" ")?;
    let day = match c.skip(b" ") {
        Some(_) => c.digits(1)?,
        None => c.digits(2)?,
    };
    c.skip(b" ")?;
    let seconds = c.clock()?;
    let nanos = c.fraction();
    c.skip(b" ")?;
    let year = c.digits(4)?;
    let stamp = Shown { year, month, day, seconds, nanos }.at(None, zone)?;
    Some((stamp, c.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(stamp: Stamp) -> Option<(i64, usize)> {
        stamp.map(|(t, len)| (t.0 / 1_000_000_000, len))
    }

    #[test]
    fn offsets_and_ends_are_found() {
        let utc = Zone::utc();
        for (text, expected) in [
            ("2026-11-22T10:00:00Z x", Some((1_795_341_600, 20))),
            ("2026-11-22 10:00:00 -0230 x", Some((1_795_350_600, 25))),
            ("2026-11-22 10:00:00 -x", Some((1_795_341_600, 19))),
            ("2026-11-22 10:00:00,5 UTC", Some((1_795_341_600, 25))),
            ("2024-02-29 00:00:00", Some((1_709_164_800, 19))),
            ("2026-02-29 00:00:00", None),
            ("2026-11-22 24:00:00", None),
            ("9999-01-01 00:00:00", None),
        ] {
            assert_eq!(seconds(iso(text.as_bytes(), &utc)), expected, "{text}");
        }
    }

    #[test]
    fn a_year_is_the_latest_that_is_not_ahead() {
        let utc = Zone::utc();
        let now = Timestamp(1_767_225_600_000_000_000); // 2026-01-01T00:00:00Z
        assert_eq!(seconds(bsd(b"Dec 31 23:00:00", now, &utc)), Some((1_767_222_000, 15)));
        assert_eq!(seconds(bsd(b"Jan  1 01:00:00", now, &utc)), Some((1_767_229_200, 15)));
        assert_eq!(seconds(bsd(b"Feb 29 00:00:00", now, &utc)), Some((1_709_164_800, 15)));
        assert_eq!(bsd(b"Foo  1 01:00:00", now, &utc), None);
    }

    #[test]
    fn local_stamps_follow_the_zone_through_the_year() {
        let Ok(bytes) = std::fs::read("/usr/share/zoneinfo/Europe/Budapest") else { return };
        let zone = Zone::from_tzif(&bytes).expect("a zone");
        assert_eq!(seconds(iso(b"2026-11-22 11:00:00", &zone)), Some((1_795_341_600, 19)));
        assert_eq!(seconds(iso(b"2026-07-01 12:00:00", &zone)), Some((1_782_900_000, 19)));
        assert_eq!(Zone::from_tzif(b"no zone"), None);
    }
}
