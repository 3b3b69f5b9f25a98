//! Which segments have to go, and what the free space means: decided from what is passed in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use orszem_logs::SegmentRow;
use orszem_model::{Timestamp, time::NANOS_PER_SECOND};

use crate::options::RetentionClass;

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// Segments with records younger than this are not removed because the disk is nearly full: whatever else fills it
/// must not cost the logs that tell why.
const SPARED_FROM_PRESSURE_NS: i64 = DAY_NS;

/// The file system that the store is on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    pub capacity: u64,
    /// What this user may still write.
    pub available: u64,
}

/// Why a segment has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvictionReason {
    /// Its day ended longer ago than its class is kept.
    Age,
    /// Its class is larger than it may be.
    Bytes,
    /// The disk is nearly full.
    Disk,
}

impl EvictionReason {
    /// Its name in metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Bytes => "bytes",
            Self::Disk => "disk",
        }
    }
}

/// How the disk stands once the evictions are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    None,
    /// Less than twice the minimum is free.
    Low,
    /// Less than the minimum is free and nothing more may be removed: nothing more is taken in.
    Full,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Segment ids with their reasons, in the order they are given up.
    pub evictions: Vec<(i64, EvictionReason)>,
    pub pressure: Pressure,
}

/// Decides about `segments` at the moment `now`.
///
/// Ages go by whole UTC days. Sizes count bytes on disk and give up the oldest day first, within it the segment whose
/// newest record is oldest; the newest segment of a class is always kept.
pub fn decide(
    segments: &[SegmentRow],
    classes: &[RetentionClass],
    disk: Disk,
    min_free: u64,
    now: Timestamp,
) -> Decision {
    let mut plan = Plan { evictions: Vec::new(), gone: BTreeSet::new(), freed: 0 };
    let mut by_class: BTreeMap<&str, Vec<&SegmentRow>> = BTreeMap::new();
    for segment in segments {
        by_class.entry(&segment.class).or_default().push(segment);
    }
    for members in by_class.values_mut() {
        members.sort_by_key(|segment| (segment.day, segment.max_ts, segment.id));
    }
    for kept in classes {
        let members = by_class.get(kept.class.as_str()).map_or(&[][..], Vec::as_slice);
        plan.by_age(kept, members, now);
        plan.by_bytes(kept, members, disk);
    }
    plan.by_pressure(&by_class, classes, disk, min_free, now);
    let free = disk.available.saturating_add(plan.freed);
    let pressure = if free < min_free {
        Pressure::Full
    } else if free < min_free.saturating_mul(2) {
        Pressure::Low
    } else {
        Pressure::None
    };
    Decision { evictions: plan.evictions, pressure }
}

struct Plan {
    evictions: Vec<(i64, EvictionReason)>,
    gone: BTreeSet<i64>,
    freed: u64,
}

impl Plan {
    fn by_age(&mut self, kept: &RetentionClass, members: &[&SegmentRow], now: Timestamp) {
        let Some(age) = kept.age else { return };
        let horizon = now.before(age.duration()).0;
        for segment in members {
            if segment.day.saturating_add(1).saturating_mul(DAY_NS) <= horizon {
                self.evict(segment, EvictionReason::Age);
            }
        }
    }

    fn by_bytes(&mut self, kept: &RetentionClass, members: &[&SegmentRow], disk: Disk) {
        let Some(limit) = kept.bytes.map(|share| share.of(disk.capacity)) else { return };
        let mut size: u64 =
            members.iter().filter(|segment| self.is_left(segment)).map(|segment| segment.disk_bytes).sum();
        let Some((_newest, older)) = members.split_last() else { return };
        for segment in older {
            if size <= limit {
                return;
            }
            if self.is_left(segment) {
                size -= segment.disk_bytes;
                self.evict(segment, EvictionReason::Bytes);
            }
        }
    }

    fn by_pressure(
        &mut self,
        by_class: &BTreeMap<&str, Vec<&SegmentRow>>,
        classes: &[RetentionClass],
        disk: Disk,
        min_free: u64,
        now: Timestamp,
    ) {
        let spared_from = now.0.saturating_sub(SPARED_FROM_PRESSURE_NS);
        // Classes that aren't listed first: `None` comes before `Some`.
        let rank = |segment: &SegmentRow| classes.iter().position(|kept| kept.class == segment.class);
        let mut candidates: Vec<&SegmentRow> =
            by_class.values().flatten().copied().filter(|segment| segment.max_ts < spared_from).collect();
        candidates.sort_by_key(|segment| Reverse((rank(segment), segment.day, segment.max_ts, segment.id)));
        while disk.available.saturating_add(self.freed) < min_free {
            let Some(segment) = candidates.pop() else { return };
            if self.is_left(segment) {
                self.evict(segment, EvictionReason::Disk);
            }
        }
    }

    fn is_left(&self, segment: &SegmentRow) -> bool {
        !self.gone.contains(&segment.id)
    }

    fn evict(&mut self, segment: &SegmentRow, reason: EvictionReason) {
        self.gone.insert(segment.id);
        self.freed = self.freed.saturating_add(segment.disk_bytes);
        self.evictions.push((segment.id, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EvictionReason::{Age, Bytes, Disk as Full};
    use orszem_model::{ByteSize, DiskShare, Span};

    const MIB: u64 = 1 << 20;
    const ROOMY: Disk = Disk { capacity: 1000 * MIB, available: 900 * MIB };
    const TODAY: i64 = 100;

    /// A segment of 10 MiB whose records end at noon of its day, and the later the larger its id.
    fn segment(id: i64, class: &str, day: i64) -> SegmentRow {
        let max_ts = day * DAY_NS + DAY_NS / 2 + id;
        SegmentRow {
            id,
            class: class.into(),
            day,
            generation: 1,
            file: String::new(),
            rows: 1,
            raw_bytes: 1,
            disk_bytes: 10 * MIB,
            min_ts: 0,
            max_ts,
            sealed: false,
        }
    }

    fn kept(class: &str, age_days: Option<u64>, bytes: Option<DiskShare>) -> RetentionClass {
        RetentionClass { class: class.into(), age: age_days.map(Span::days), bytes }
    }

    /// Two classes over four days, given out of order.
    fn store() -> Vec<SegmentRow> {
        vec![
            segment(7, "audit", 97),
            segment(4, "default", 100),
            segment(1, "default", 97),
            segment(3, "default", 99),
            segment(2, "default", 98),
            segment(8, "audit", 100),
        ]
    }

    fn evictions(classes: &[RetentionClass], disk: Disk, min_free: u64) -> (Vec<(i64, EvictionReason)>, Pressure) {
        let now = Timestamp(TODAY * DAY_NS + DAY_NS / 2);
        let Decision { evictions, pressure } = decide(&store(), classes, disk, min_free, now);
        (evictions, pressure)
    }

    #[test]
    fn nothing_goes_without_a_limit() {
        assert_eq!(evictions(&[], ROOMY, MIB), (vec![], Pressure::None));
        assert_eq!(evictions(&[kept("default", None, None)], ROOMY, MIB), (vec![], Pressure::None));
    }

    #[test]
    fn ages_go_by_whole_days_of_their_class() {
        // Day 98 ended 1.5 days ago.
        assert_eq!(evictions(&[kept("default", Some(1), None)], ROOMY, MIB).0, [(1, Age), (2, Age)]);
        assert_eq!(evictions(&[kept("default", Some(2), None)], ROOMY, MIB).0, [(1, Age)]);
        assert_eq!(evictions(&[kept("audit", Some(2), None)], ROOMY, MIB).0, [(7, Age)]);
        assert_eq!(evictions(&[kept("default", Some(3), None)], ROOMY, MIB).0, []);
    }

    #[test]
    fn sizes_give_up_the_oldest_and_keep_the_newest() {
        let bytes = |mib: u64| Some(DiskShare::Bytes(ByteSize(mib * MIB)));
        assert_eq!(evictions(&[kept("default", None, bytes(40))], ROOMY, MIB).0, []);
        assert_eq!(evictions(&[kept("default", None, bytes(39))], ROOMY, MIB).0, [(1, Bytes)]);
        assert_eq!(evictions(&[kept("default", None, bytes(1))], ROOMY, MIB).0, [(1, Bytes), (2, Bytes), (3, Bytes)]);
        // What went by age counts no more.
        assert_eq!(evictions(&[kept("default", Some(1), bytes(20))], ROOMY, MIB).0, [(1, Age), (2, Age)]);
        assert_eq!(evictions(&[kept("default", Some(2), bytes(20))], ROOMY, MIB).0, [(1, Age), (2, Bytes)]);
        // 1 % of 1,000 MiB.
        let percent = Some(DiskShare::Percent(1));
        assert_eq!(evictions(&[kept("audit", None, percent)], ROOMY, MIB).0, [(7, Bytes)]);
    }

    #[test]
    fn a_full_disk_takes_classes_in_their_order_and_spares_the_last_day() {
        let disk = |available: u64| Disk { capacity: 1000 * MIB, available: available * MIB };
        let audit_listed = [kept("audit", None, None)];
        assert_eq!(evictions(&audit_listed, disk(200), 100 * MIB), (vec![], Pressure::None));
        assert_eq!(evictions(&audit_listed, disk(199), 100 * MIB), (vec![], Pressure::Low));
        assert_eq!(evictions(&audit_listed, disk(99), 100 * MIB), (vec![(1, Full)], Pressure::Low));
        let all = vec![(1, Full), (2, Full), (7, Full)];
        assert_eq!(evictions(&audit_listed, disk(70), 100 * MIB), (all.clone(), Pressure::Low));
        assert_eq!(evictions(&audit_listed, disk(69), 100 * MIB), (all, Pressure::Full));
        let default_last = [kept("audit", None, None), kept("default", None, None)];
        assert_eq!(evictions(&default_last, disk(85), 100 * MIB).0, [(7, Full), (1, Full)]);
    }

    #[test]
    fn space_that_ages_free_is_enough() {
        let disk = Disk { capacity: 1000 * MIB, available: 90 * MIB };
        let classes = [kept("default", Some(2), None)];
        assert_eq!(evictions(&classes, disk, 100 * MIB), (vec![(1, Age)], Pressure::Low));
    }
}
