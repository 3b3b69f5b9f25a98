//! Which numbers of one numbered flow have been seen, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::varint;

/// How many separate runs of numbers above the horizon are remembered for one flow. With one more, the oldest hole is
/// declared lost.
pub const RANGES_MAX: usize = 4096;

/// How far below the first number seen others may still arrive.
const BELOW_BASE_MAX: u64 = 4096;

/// The numbers of one `(source, epoch, signal)`. The first one seen is the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sequences {
    base: u64,
    /// Every number from the base up to here was seen, given up by the sender, or declared lost.
    horizon: u64,
    /// What was seen above the horizon: first to last number of each run. Runs never touch each other or the horizon.
    ahead: BTreeMap<u64, u64>,
    /// What was seen below the base: overtaken by the first one.
    below: BTreeSet<u64>,
}

/// What is known of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    New,
    Seen,
    /// So far below the base that nothing is known of it.
    BeforeBase,
}

impl Sequences {
    /// A flow of which `seq` is the first number seen.
    pub(crate) fn new(seq: u64) -> Sequences {
        Sequences { base: seq, horizon: seq, ahead: BTreeMap::new(), below: BTreeSet::new() }
    }

    pub(crate) fn standing(&self, seq: u64) -> Standing {
        let is_seen = if seq < self.base {
            if self.base - seq > BELOW_BASE_MAX {
                return Standing::BeforeBase;
            }
            self.below.contains(&seq)
        } else {
            let run = self.ahead.range(..=seq).next_back();
            seq <= self.horizon || run.is_some_and(|(_, &last)| seq <= last)
        };
        if is_seen { Standing::Seen } else { Standing::New }
    }

    /// Notes a new number, and that the sender gave up the `skipped` numbers before it.
    pub(crate) fn insert(&mut self, seq: u64, skipped: u64) {
        if seq < self.base {
            self.below.insert(seq);
            return;
        }
        let mut first = seq.saturating_sub(skipped).max(self.horizon + 1);
        let mut last = seq;
        // Merge with every run that overlaps or touches.
        while let Some((&run_first, &run_last)) = self.ahead.range(..=last.saturating_add(1)).next_back() {
            if run_last.saturating_add(1) < first {
                break;
            }
            first = first.min(run_first);
            last = last.max(run_last);
            self.ahead.remove(&run_first);
        }
        if first == self.horizon + 1 {
            self.horizon = last;
        } else {
            self.ahead.insert(first, last);
        }
    }

    /// Declares the lowest hole lost, and returns how many numbers it had.
    pub(crate) fn close_lowest_hole(&mut self) -> u64 {
        let Some((first, last)) = self.ahead.pop_first() else { return 0 };
        let lost = first - self.horizon - 1;
        self.horizon = last;
        lost
    }

    /// How many runs there are above the horizon.
    pub(crate) fn ranges(&self) -> usize {
        self.ahead.len()
    }

    pub(crate) fn horizon(&self) -> u64 {
        self.horizon
    }

    /// The highest number seen.
    pub(crate) fn highest(&self) -> u64 {
        self.ahead.last_key_value().map_or(self.horizon, |(_, &last)| last)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.base);
        varint::put(out, self.horizon);
        varint::put(out, self.ahead.len() as u64);
        for (first, last) in &self.ahead {
            varint::put(out, *first);
            varint::put(out, *last);
        }
        varint::put(out, self.below.len() as u64);
        for seq in &self.below {
            varint::put(out, *seq);
        }
    }

    /// Reads what [`Sequences::encode`] wrote; `None` for anything that it can't have written.
    pub(crate) fn decode(input: &mut &[u8]) -> Option<Sequences> {
        let mut sequences = Sequences::new(varint::take(input)?);
        sequences.horizon = varint::take(input)?;
        let mut before = sequences.horizon;
        for _ in 0..varint::take(input)? {
            let (first, last) = (varint::take(input)?, varint::take(input)?);
            let is_apart = first > before && first - before > 1 && last >= first;
            if !is_apart {
                return None;
            }
            sequences.ahead.insert(first, last);
            before = last;
        }
        for _ in 0..varint::take(input)? {
            sequences.below.insert(varint::take(input)?);
        }
        (sequences.horizon >= sequences.base).then_some(sequences)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn note(sequences: &mut Sequences, seq: u64, skipped: u64) -> Standing {
        let standing = sequences.standing(seq);
        if standing == Standing::New {
            sequences.insert(seq, skipped);
        }
        standing
    }

    proptest! {
        /// Any order of arrival: a number is new exactly once, and the horizon is what a plain set says it is.
        #[test]
        fn equals_a_plain_set(base in 0u64..300, offsets in prop::collection::vec(0u64..300, 1..400)) {
            let first = base + offsets[0];
            let mut sequences = Sequences::new(first);
            let mut seen = HashSet::from([first]);
            for offset in offsets {
                let seq = base + offset;
                let expected = if seen.insert(seq) { Standing::New } else { Standing::Seen };
                prop_assert_eq!(note(&mut sequences, seq, 0), expected);
                let mut horizon = first;
                while seen.contains(&(horizon + 1)) {
                    horizon += 1;
                }
                prop_assert_eq!(sequences.horizon(), horizon);
                let mut out = Vec::new();
                sequences.encode(&mut out);
                prop_assert_eq!(Sequences::decode(&mut out.as_slice()), Some(sequences.clone()));
            }
            prop_assert_eq!(sequences.highest(), seen.iter().copied().max().unwrap_or(0));
        }
    }

    #[test]
    fn a_declared_skip_moves_the_horizon_over_it() {
        let mut sequences = Sequences::new(10);
        assert_eq!(note(&mut sequences, 15, 3), Standing::New);
        assert_eq!((sequences.horizon(), sequences.highest(), sequences.ranges()), (10, 15, 1));
        assert_eq!(note(&mut sequences, 13, 0), Standing::Seen);
        assert_eq!(note(&mut sequences, 11, 0), Standing::New);
        assert_eq!((sequences.horizon(), sequences.ranges()), (15, 0));
        assert_eq!(note(&mut sequences, 20, u64::MAX), Standing::New);
        assert_eq!((sequences.horizon(), sequences.ranges()), (20, 0));
    }

    #[test]
    fn a_closed_hole_is_counted_and_stays_closed() {
        let mut sequences = Sequences::new(10);
        note(&mut sequences, 14, 0);
        note(&mut sequences, 20, 0);
        assert_eq!(sequences.close_lowest_hole(), 3);
        assert_eq!((sequences.horizon(), sequences.ranges()), (14, 1));
        assert_eq!(note(&mut sequences, 12, 0), Standing::Seen);
        assert_eq!(note(&mut sequences, 15, 0), Standing::New);
    }

    #[test]
    fn the_ends_of_the_number_range_hold() {
        let mut sequences = Sequences::new(u64::MAX - 1);
        assert_eq!(note(&mut sequences, u64::MAX, 0), Standing::New);
        assert_eq!(note(&mut sequences, u64::MAX, 0), Standing::Seen);
        assert_eq!(sequences.horizon(), u64::MAX);
        assert_eq!(note(&mut sequences, 0, 0), Standing::BeforeBase);
    }

    #[test]
    fn what_the_first_one_overtook_is_new_once() {
        let mut sequences = Sequences::new(5000);
        assert_eq!(note(&mut sequences, 904, 0), Standing::New);
        assert_eq!(note(&mut sequences, 904, 0), Standing::Seen);
        assert_eq!(note(&mut sequences, 903, 0), Standing::BeforeBase);
    }
}
