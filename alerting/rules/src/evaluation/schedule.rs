//! When groups are evaluated (Prometheus, `rules/group.go`).

/// The times of a group: every `interval_ms`, shifted by what its file and name hash to, so that groups do not all come
/// at once, and the same after each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval_ms: i64,
    offset_ms: i64,
}

/// The time of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Milliseconds since 1970, UTC.
    pub at: i64,
    /// How many evaluations were missed before it.
    pub missed: i64,
}

impl Schedule {
    /// `interval_ms` is at least 1.
    pub fn new(file: &str, group: &str, interval_ms: i64) -> Self {
        let interval_ms = interval_ms.max(1);
        let offset_ms = (hash(file, group) % interval_ms.unsigned_abs()).cast_signed();
        Self { interval_ms, offset_ms }
    }

    /// The last time not after `now`, in milliseconds since 1970 (UTC).
    pub fn slot(self, now: i64) -> i64 {
        now - (now - self.offset_ms).rem_euclid(self.interval_ms)
    }

    /// The evaluation to be made `now`, if one is due after that of `last`. Those in between are missed: never made up.
    pub fn due(self, last: Option<i64>, now: i64) -> Option<Due> {
        let at = self.slot(now);
        match last {
            None => Some(Due { at, missed: 0 }),
            Some(last) if at > last => Some(Due { at, missed: (at - last) / self.interval_ms - 1 }.at_least_none()),
            Some(_) => None,
        }
    }

    /// When the one after that of `at` is due.
    pub fn next(self, at: i64) -> i64 {
        self.slot(at) + self.interval_ms
    }
}

impl Due {
    fn at_least_none(self) -> Self {
        Self { missed: self.missed.max(0), ..self }
    }
}

/// FNV-1a.
fn hash(file: &str, group: &str) -> u64 {
    let bytes = file.bytes().chain([0xff]).chain(group.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_slots_of_their_own_that_stay() {
        let schedule = Schedule::new("a.yml", "g", 60_000);
        let slot = schedule.slot(1_000_000_000);
        assert!(slot <= 1_000_000_000 && slot > 1_000_000_000 - 60_000);
        assert_eq!(
            (schedule.slot(slot), schedule.slot(slot - 1), schedule.next(slot)),
            (slot, slot - 60_000, slot + 60_000)
        );
        assert_ne!(schedule, Schedule::new("a.yml", "h", 60_000));
        assert_eq!(schedule, Schedule::new("a.yml", "g", 60_000));
    }

    #[test]
    fn missed_evaluations_are_counted() {
        let schedule = Schedule::new("a.yml", "g", 60_000);
        let first = schedule.slot(1_000_000_000);
        assert_eq!(schedule.due(None, first + 5), Some(Due { at: first, missed: 0 }));
        assert_eq!(schedule.due(Some(first), first + 59_999), None);
        assert_eq!(schedule.due(Some(first), first + 60_000), Some(Due { at: first + 60_000, missed: 0 }));
        assert_eq!(schedule.due(Some(first), first + 200_000), Some(Due { at: first + 180_000, missed: 2 }));
        assert_eq!(schedule.due(Some(first), first - 90_000), None);
    }
}
