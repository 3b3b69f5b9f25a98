//! The zone that stamps without an offset are in.

use tz::TimeZone;

/// The years for which offsets are looked up beforehand: 1990 to 2069, in seconds since 1970.
const KNOWN: std::ops::Range<i64> = 631_152_000..3_155_760_000;
/// No zone changes its offset twice within this time, in seconds.
const STEP: i64 = 7 * 86_400;
/// The seconds of one entry of the index are two to this power, 97 days.
const INDEX_SHIFT: u32 = 23;

/// A time zone, as `/etc/localtime` describes it. Making one takes a fraction of a millisecond; asking it a few
/// nanoseconds for the years 1990 to 2069.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
    /// From when on, in seconds since 1970, clocks are how many seconds east of UTC.
    changes: Vec<(i64, i64)>,
    /// The change that is in force when each 97 days of [`KNOWN`] begin.
    index: Vec<usize>,
    /// What its clocks are called, such as `CET` and `CEST`, and how many seconds east of UTC they are then.
    names: Vec<(String, i64)>,
}

/// Names of clocks that mean one thing everywhere, and their hours east of UTC. `CST`, `IST` and the like are of several
/// countries. Sources: RFC 5322, section 4.3; the IANA time zone database.
const NAMES: [(&[u8], i64); 23] = [
    (b"WET", 0),
    (b"WEST", 1),
    (b"BST", 1),
    (b"CET", 1),
    (b"CEST", 2),
    (b"SAST", 2),
    (b"EET", 2),
    (b"EEST", 3),
    (b"MSK", 3),
    (b"JST", 9),
    (b"KST", 9),
    (b"AEST", 10),
    (b"AEDT", 11),
    (b"NZST", 12),
    (b"NZDT", 13),
    (b"EDT", -4),
    (b"EST", -5),
    (b"MDT", -6),
    (b"MST", -7),
    (b"PDT", -7),
    (b"PST", -8),
    (b"AKST", -9),
    (b"HST", -10),
];

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self::of(TimeZone::utc())
    }

    /// The zone that a TZif file (`/etc/localtime`) describes; `None` when the bytes are none.
    pub fn from_tzif(bytes: &[u8]) -> Option<Self> {
        TimeZone::from_tz_data(bytes).ok().map(Self::of)
    }

    fn of(zone: TimeZone) -> Self {
        let mut offset = offset_of(&zone, KNOWN.start);
        let mut changes = vec![(KNOWN.start, offset)];
        let mut before = KNOWN.start;
        while before < KNOWN.end {
            let after = before + STEP;
            let next = offset_of(&zone, after);
            if next != offset {
                changes.push((change_between(&zone, before, after, offset), next));
                offset = next;
            }
            before = after;
        }
        let begins = (0..=(KNOWN.end - KNOWN.start) >> INDEX_SHIFT).map(|n| KNOWN.start + (n << INDEX_SHIFT));
        let index = begins.map(|begin| changes.partition_point(|(from, _)| *from <= begin) - 1).collect();
        let names = names_of(&zone, &changes);
        Self { zone, changes, index, names }
    }

    /// Seconds east of UTC at a time in seconds since 1970.
    #[inline]
    fn offset_at(&self, unix: i64) -> i64 {
        if !KNOWN.contains(&unix) {
            return offset_of(&self.zone, unix);
        }
        if let [(_, east)] = self.changes.as_slice() {
            return *east;
        }
        let entry = usize::try_from((unix - KNOWN.start) >> INDEX_SHIFT).unwrap_or(0);
        let known = self.index.get(entry).and_then(|at| self.changes.get(*at..)).unwrap_or_default();
        let later = known.iter().skip(1).take_while(|(from, _)| *from <= unix).last();
        later.or_else(|| known.first()).map_or(0, |(_, east)| *east)
    }

    /// How many seconds east of UTC a clock is that is called so: as in this zone, else as everywhere.
    pub(crate) fn east_of(&self, name: &[u8]) -> Option<i64> {
        let own = self.names.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, east)| *east);
        own.or_else(|| NAMES.iter().find(|(known, _)| *known == name).map(|(_, hours)| hours * 3600))
    }

    /// What this zone's clocks show at a time, both in seconds.
    pub(super) fn to_local(&self, unix: i64) -> i64 {
        unix + self.offset_at(unix)
    }

    /// The time at which this zone's clocks show `local`, in seconds. Of an hour shown twice the later; a time in
    /// an hour left out counts on from before it.
    pub fn to_unix(&self, local: i64) -> i64 {
        let guess = local - self.offset_at(local);
        local - self.offset_at(guess)
    }
}

fn offset_of(zone: &TimeZone, unix: i64) -> i64 {
    zone.find_local_time_type(unix).map_or(0, |kind| i64::from(kind.ut_offset()))
}

/// The names of a zone's clocks; of a name that was given to several offsets the last counts.
fn names_of(zone: &TimeZone, changes: &[(i64, i64)]) -> Vec<(String, i64)> {
    let mut names: Vec<(String, i64)> = Vec::new();
    for (from, east) in changes {
        let Ok(kind) = zone.find_local_time_type(*from) else { continue };
        let name = kind.time_zone_designation();
        match names.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = *east,
            None if name.is_empty() => {}
            None => names.push((name.to_owned(), *east)),
        }
    }
    names
}

/// The first second after `before` at which the offset is no more `offset`; at the latest `after`.
fn change_between(zone: &TimeZone, mut before: i64, mut after: i64, offset: i64) -> i64 {
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset_of(zone, middle) == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_up_beforehand_is_what_the_zone_says() {
        for name in ["Europe/Budapest", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe"] {
            let Ok(bytes) = std::fs::read(format!("/usr/share/zoneinfo/{name}")) else { return };
            let zone = Zone::from_tzif(&bytes).expect(name);
            for unix in (KNOWN.start - STEP..KNOWN.end + STEP).step_by(12_345) {
                assert_eq!(zone.offset_at(unix), offset_of(&zone.zone, unix), "{name} {unix}");
            }
        }
        assert_eq!(Zone::utc().changes, [(KNOWN.start, 0)]);
    }

    #[test]
    fn a_zones_own_names_count_before_those_of_everywhere() {
        let Ok(bytes) = std::fs::read("/usr/share/zoneinfo/Asia/Shanghai") else { return };
        let shanghai = Zone::from_tzif(&bytes).expect("a zone");
        for (name, own, everywhere) in [
            ("CST", Some(8), None),
            ("CEST", Some(2), Some(2)),
            ("EST", Some(-5), Some(-5)),
            ("cet", None, None),
            ("", None, None),
        ] {
            assert_eq!(shanghai.east_of(name.as_bytes()), own.map(|hours: i64| hours * 3600), "{name}");
            assert_eq!(Zone::utc().east_of(name.as_bytes()), everywhere.map(|hours: i64| hours * 3600), "{name}");
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        assert_eq!(Zone::from_tzif(b"no zone"), None);
    }
}
