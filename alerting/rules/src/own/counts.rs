//! How many there were lately: a window of counts whose memory does not follow their number.

use std::collections::VecDeque;
use std::time::Duration;

use orszem_model::{Timestamp, coded};

/// Parts of a window: what came within one of them counts as at its beginning.
const PARTS: i64 = 120;

/// Counts within a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// When each part began, and how many came in it.
    parts: VecDeque<Part>,
    total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    begun: Timestamp,
    count: u64,
}

impl Counts {
    /// Counts one more. What is older than the window before the latest is left out.
    pub(super) fn add(&mut self, at: Timestamp, window: Duration) {
        let length = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX) / PARTS;
        let newest = self.parts.back().map_or(at, |part| part.begun.max(at));
        if at <= newest.before(window) {
            return;
        }
        self.total += 1;
        let place = self.parts.partition_point(|part| part.begun <= at);
        let before = place.checked_sub(1).and_then(|place| self.parts.get_mut(place));
        match before.filter(|part| part.begun == at || at.0 - part.begun.0 < length) {
            Some(part) => part.count += 1,
            None => self.parts.insert(place, Part { begun: at, count: 1 }),
        }
        self.expire(newest, window);
    }

    /// How many there are in the window that ends at `at`, or where the latest of them is later, there.
    pub(super) fn within(&mut self, at: Timestamp, window: Duration) -> u64 {
        self.expire(at, window);
        self.total
    }

    fn expire(&mut self, at: Timestamp, window: Duration) {
        let behind = at.before(window);
        while let Some(part) = self.parts.front().filter(|part| part.begun <= behind) {
            self.total -= part.count;
            self.parts.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

coded! {
    Part { begun, count }
    Saved { parts }
}

/// [`Counts`] as they are kept.
struct Saved {
    parts: Vec<Part>,
}

impl orszem_model::code::Code for Counts {
    fn put(&self, out: &mut Vec<u8>) {
        Saved { parts: self.parts.iter().cloned().collect() }.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let Saved { parts } = Saved::take(input)?;
        let total = parts.iter().try_fold(0_u64, |total, part| total.checked_add(part.count))?;
        Some(Self { parts: parts.into(), total })
    }
}

#[cfg(test)]
mod tests {
    use orszem_model::code::Code;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    #[test]
    fn what_is_in_the_window_counts() {
        let mut counts = Counts::default();
        for second in [0, 10, 20, 30, 65] {
            counts.add(at(second), WINDOW);
        }
        assert_eq!(counts.within(at(65), WINDOW), 4);
        assert_eq!(counts.within(at(70), WINDOW), 3);
        assert_eq!(counts.within(at(125), WINDOW), 0);
    }

    #[test]
    fn late_ones_count_where_they_belong() {
        let mut counts = Counts::default();
        for second in [100, 50, 70, 20, 100] {
            counts.add(at(second), WINDOW);
        }
        assert_eq!(counts.within(at(100), WINDOW), 4);
        assert_eq!(counts.within(at(111), WINDOW), 3);
    }

    #[test]
    fn many_take_no_more_room_than_few() {
        let mut counts = Counts::default();
        for millisecond in 0..600_000 {
            counts.add(Timestamp(millisecond * 1_000_000), WINDOW);
        }
        assert!(counts.parts.len() <= 121, "{}", counts.parts.len());
        let count = counts.within(at(600), WINDOW);
        assert!((59_400..=60_000).contains(&count), "{count}");
        let mut bytes = Vec::new();
        counts.put(&mut bytes);
        assert_eq!(Counts::take(&mut bytes.as_slice()), Some(counts));
    }
}
