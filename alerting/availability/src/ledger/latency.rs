//! How long probes took, as counts by size, so that percentiles of several can be put together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sizes are told apart to one part in this, that is to less than 1 %.
const STEPS: u64 = 128;

/// Counts of durations by microseconds. A percentile is at most 0.8 % too long, and never too short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    counts: BTreeMap<u16, u64>,
    longest_us: u64,
}

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX >> 1);
        *self.counts.entry(step_of(us)).or_insert(0) += 1;
        self.longest_us = self.longest_us.max(us);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (step, count) in &other.counts {
            *self.counts.entry(*step).or_insert(0) += count;
        }
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The duration that `percent` of all do not exceed; `None` if there are none.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((percent.clamp(0.0, 100.0) / 100.0 * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let step = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        step.map(|(step, _)| Duration::from_micros(end_of(*step).min(self.longest_us)))
    }
}

/// Below 256 each microsecond has its step; above, each doubling has 128.
fn step_of(us: u64) -> u16 {
    if us < 2 * STEPS {
        return us as u16;
    }
    let shift = u64::BITS - us.leading_zeros() - 8;
    (u64::from(shift) * STEPS + (us >> shift)) as u16
}

/// The longest duration of a step.
fn end_of(step: u16) -> u64 {
    let step = u64::from(step);
    if step < 2 * STEPS {
        return step;
    }
    let shift = step / STEPS - 1;
    let base = step - shift * STEPS;
    ((base + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_of_a_hundred_are_theirs() {
        let mut all = Latencies::default();
        (1..=100).for_each(|us| all.add(Duration::from_micros(us)));
        let of = |percent| all.percentile(percent).map(|span| span.as_micros());
        assert_eq!([50.0, 90.0, 99.0, 100.0].map(of), [Some(50), Some(90), Some(99), Some(100)]);
        assert_eq!(Latencies::default().percentile(50.0), None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_close_and_merging_is_adding(mut us in prop::collection::vec(0_u64..1 << 40, 1..60), at in 0.0_f64..100.0) {
            let (mut whole, mut halves) = (Latencies::default(), [Latencies::default(), Latencies::default()]);
            for (index, us) in us.iter().enumerate() {
                whole.add(Duration::from_micros(*us));
                halves[index % 2].add(Duration::from_micros(*us));
            }
            let [mut first, second] = halves;
            first.merge(&second);
            prop_assert_eq!(&first, &whole);
            us.sort_unstable();
            let rank = ((at / 100.0 * us.len() as f64).ceil() as usize).clamp(1, us.len());
            let exact = us[rank - 1] as f64;
            let told = whole.percentile(at).expect("some").as_micros() as f64;
            prop_assert!(told >= exact && told <= exact * 1.008 + 1.0, "{} is not {}", told, exact);
        }
    }
}
