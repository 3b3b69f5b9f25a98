//! When records are written out and days sealed: decided from what is passed in.

use std::time::{Duration, Instant};

use orszem_logs::SegmentRow;
use orszem_model::{Timestamp, time::NANOS_PER_SECOND};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// From this size on, records wait only a minute in memory.
const WORTHWHILE_BYTES: u64 = 4 << 20;
const WAIT_WORTHWHILE: Duration = Duration::from_secs(60);
/// Fewer records wait longer: each write-out makes segments that have to be merged. They are safe in the journal.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Past days are sealed once nothing was added to any of them for this long, so that late records are sealed together.
const QUIET: Duration = Duration::from_secs(600);
/// Where late records never stop, past days are sealed after this long all the same.
const POSTPONED_MAX: Duration = Duration::from_secs(6 * 3600);

/// Whether records that have been in memory for `age` and make up `bytes` are written out, though memory is not full.
pub(crate) fn is_flush_due(bytes: u64, age: Duration) -> bool {
    age >= if bytes >= WORTHWHILE_BYTES { WAIT_WORTHWHILE } else { WAIT_MAX }
}

/// The first day (counted from 1970-01-01) that had not ended `seal_after` ago.
pub(crate) fn ended_by(now: Timestamp, seal_after: Duration) -> i64 {
    now.before(seal_after).0.div_euclid(DAY_NS)
}

/// Watches past days until they are quiet.
#[derive(Debug, Default)]
pub(crate) struct SealClock {
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    newest: i64,
    unchanged_since: Instant,
}

impl SealClock {
    /// Whether the days before `ended_by` are to be sealed at the moment `now`.
    pub(crate) fn is_due(&mut self, segments: &[SegmentRow], ended_by: i64, now: Instant) -> bool {
        let past = segments.iter().filter(|segment| !segment.sealed && segment.day < ended_by);
        let Some(newest) = past.map(|segment| segment.id).max() else {
            self.waiting = None;
            return false;
        };
        let waiting = self.waiting.get_or_insert(Waiting { since: now, newest, unchanged_since: now });
        if waiting.newest != newest {
            (waiting.newest, waiting.unchanged_since) = (newest, now);
        }
        now.duration_since(waiting.unchanged_since) >= QUIET || now.duration_since(waiting.since) >= POSTPONED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_records_wait_a_minute_and_few_wait_ten() {
        let seconds = Duration::from_secs;
        for (bytes, age, due) in [
            (WORTHWHILE_BYTES, 59, false),
            (WORTHWHILE_BYTES, 60, true),
            (WORTHWHILE_BYTES - 1, 60, false),
            (1, 599, false),
            (1, 600, true),
        ] {
            assert_eq!(is_flush_due(bytes, seconds(age)), due, "{bytes} bytes for {age} s");
        }
    }

    #[test]
    fn a_day_has_ended_an_hour_after_midnight() {
        let hour = Duration::from_secs(3600);
        let at = |day: i64, hour: i64, second: i64| Timestamp(day * DAY_NS + (hour * 3600 + second) * NANOS_PER_SECOND);
        assert_eq!(ended_by(at(100, 0, 3599), hour), 99);
        assert_eq!(ended_by(at(100, 1, 0), hour), 100);
        assert_eq!(ended_by(at(-1, 12, 0), hour), -1);
    }

    fn segment(id: i64, day: i64, sealed: bool) -> SegmentRow {
        let (class, file) = (String::new(), String::new());
        let (generation, rows, raw_bytes, disk_bytes, min_ts, max_ts) = (1, 1, 1, 1, 0, 0);
        SegmentRow { id, class, day, generation, file, rows, raw_bytes, disk_bytes, min_ts, max_ts, sealed }
    }

    #[test]
    fn past_days_are_sealed_when_they_are_quiet() {
        let mut clock = SealClock::default();
        let start = Instant::now();
        let mut is_due =
            |segments: &[SegmentRow], seconds: u64| clock.is_due(segments, 100, start + Duration::from_secs(seconds));
        let one = [segment(1, 99, false)];
        let two = [segment(1, 99, false), segment(2, 98, false)];
        assert!(!is_due(&[segment(5, 100, false), segment(6, 99, true)], 0), "today, and what is sealed");
        assert!(!is_due(&one, 10));
        assert!(!is_due(&one, 609));
        assert!(is_due(&one, 610));
        assert!(!is_due(&two, 620), "late records came");
        assert!(is_due(&two, 1220));
        assert!(!is_due(&[], 1230));
        assert!(!is_due(&two, 1240), "it waits anew");
    }

    #[test]
    fn late_records_without_end_do_not_postpone_it_for_ever() {
        let mut clock = SealClock::default();
        let start = Instant::now();
        let due: Vec<u64> = (0..80u64)
            .filter(|round| {
                let late = segment(i64::try_from(*round).expect("small"), 99, false);
                clock.is_due(&[late], 100, start + Duration::from_secs(round * 300))
            })
            .collect();
        assert_eq!(due, [72, 73, 74, 75, 76, 77, 78, 79]);
    }
}
