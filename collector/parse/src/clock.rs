//! A time of day without a date, `10:00:00,123`, as logback and log4j print it by default.

use orszem_model::Timestamp;
use orszem_model::time::Civil;

use super::{Inferred, Moment, Stamp, time};

const NANOS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// How far a clock may lie ahead of now before yesterday's is meant.
const AHEAD_SECONDS: i64 = 3600;

/// The latest such time that is at most an hour ahead of now. Without a fraction of at least a digit it is none.
pub(crate) fn time_of_day(text: &[u8], moment: &Moment<'_>) -> Option<Stamp> {
    let fraction = text.get(9..)?.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
    let len = 9 + fraction;
    if fraction == 0 || !matches!(text.get(8), Some(b'.' | b',')) {
        return None;
    }
    // The day is put before it through the ISO form, so that the zone's rules count.
    let mut iso = [b'-'; 29];
    iso[10] = b'T';
    iso.get_mut(11..11 + len)?.copy_from_slice(text.get(..len)?);
    let today = moment.now.0.div_euclid(NANOS * DAY_SECONDS);
    let limit = moment.now.0.saturating_add(AHEAD_SECONDS * NANOS);
    (-1..=1).rev().find_map(|shift| {
        let Civil { year, month, day } = Civil::from_days(today + shift);
        put(&mut iso[..4], year);
        put(&mut iso[5..7], i64::from(month));
        put(&mut iso[8..10], i64::from(day));
        let stamp = time::iso(iso.get(..11 + len)?, moment)?;
        let inferred = Inferred { year: true, ..stamp.inferred };
        (stamp.at <= Timestamp(limit)).then_some(Stamp { at: stamp.at, len, inferred })
    })
}

/// Writes a number with leading zeros.
fn put(place: &mut [u8], mut number: i64) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Zone;

    /// Nanoseconds and length; now is 2026-11-22T12:00:00Z.
    fn read(text: &str) -> Option<(i64, usize)> {
        let zone = Zone::utc();
        let moment = Moment { now: Timestamp(1_795_348_800_000_000_000), zone: &zone };
        time_of_day(text.as_bytes(), &moment).map(|s| (s.at.0, s.len))
    }

    #[test]
    fn the_day_is_the_latest_that_is_not_ahead() {
        assert_eq!(read("10:00:00.123 [main]"), Some((1_795_341_600_123_000_000, 12)));
        assert_eq!(read("12:30:00,5 [main]"), Some((1_795_350_600_500_000_000, 10)));
        assert_eq!(read("23:00:00.123 [main]"), Some((1_795_302_000_123_000_000, 12)));
        assert_eq!(read("10:00:00 [main]"), None);
        assert_eq!(read("10:00:00. [main]"), None);
        assert_eq!(read("25:00:00.123 [main]"), None);
    }
}
