//! Flap detection as Nagios does it: the share of changes among the last 21 states, newer ones weighing more.

use std::time::Duration;

use orszem_model::{Timestamp, coded};

/// Changes among 21 states.
const SLOTS: u32 = 20;
/// The weights of the oldest and the newest change.
const WEIGHTS: (f64, f64) = (0.75, 1.25);

/// When an alert flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapConfig {
    /// Flapping begins at this share of changes, in percent.
    pub start_percent: u32,
    /// It ends below this one.
    pub stop_percent: u32,
    /// A time without a change that counts as one more state.
    pub slot: Duration,
}

impl Default for FlapConfig {
    fn default() -> Self {
        Self { start_percent: 50, stop_percent: 25, slot: Duration::from_secs(60) }
    }
}

/// The last 21 states of an alert. A change is a state, and each quiet [`FlapConfig::slot`] is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flap {
    /// One bit a slot, the newest lowest: whether there was a change.
    changes: u32,
    /// Until when slots are filled; [`None`] before the first change.
    filled: Option<Timestamp>,
    is_flapping: bool,
    /// Changes since it began to flap.
    count: u32,
}

impl Flap {
    /// Whether it changes too often.
    pub fn is_flapping(&self) -> bool {
        self.is_flapping
    }

    /// Changes since it began to flap.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether it has forgotten every change.
    pub fn is_quiet(&self) -> bool {
        self.changes == 0 && !self.is_flapping
    }

    /// The weighted share of changes in percent.
    pub fn percent(&self) -> f64 {
        let step = (WEIGHTS.1 - WEIGHTS.0) / f64::from(SLOTS - 1);
        let weights =
            (0..SLOTS).filter(|age| (self.changes >> age) & 1 == 1).map(|age| WEIGHTS.1 - f64::from(age) * step);
        weights.sum::<f64>() * 100.0 / f64::from(SLOTS)
    }

    /// Takes a change in; whether it began to flap by it.
    pub fn change(&mut self, config: &FlapConfig, at: Timestamp) -> bool {
        self.fill(config, at);
        self.push(true);
        self.filled = Some(self.filled.map_or(at, |filled| filled.max(at)));
        self.count = self.count.saturating_add(u32::from(self.is_flapping));
        let begins = !self.is_flapping && self.percent() >= f64::from(config.start_percent);
        if begins {
            self.is_flapping = true;
            self.count = self.changes.count_ones();
        }
        begins
    }

    /// Lets time pass; whether it stopped flapping.
    pub fn pass(&mut self, config: &FlapConfig, now: Timestamp) -> bool {
        self.fill(config, now);
        let ends = self.is_flapping && self.percent() < f64::from(config.stop_percent);
        self.is_flapping &= !ends;
        ends
    }

    /// When time changes something next.
    pub fn due(&self, config: &FlapConfig) -> Option<Timestamp> {
        let filled = self.filled.filter(|_| !self.is_quiet())?;
        Some(filled.after(config.slot))
    }

    fn fill(&mut self, config: &FlapConfig, until: Timestamp) {
        let Some(mut filled) = self.filled else { return };
        for _ in 0..SLOTS {
            if filled.after(config.slot) > until {
                break;
            }
            self.push(false);
            filled = filled.after(config.slot);
        }
        if filled.after(config.slot) <= until {
            // More quiet slots than are looked at.
            filled = until;
        }
        self.filled = Some(filled);
    }

    fn push(&mut self, is_change: bool) {
        self.changes = ((self.changes << 1) | u32::from(is_change)) & ((1 << SLOTS) - 1);
    }
}

coded! { Flap { changes, filled, is_flapping, count } }

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: i64) -> Timestamp {
        Timestamp(at * 1_000_000_000)
    }

    #[test]
    fn changes_weigh_from_three_to_five_quarters() {
        let of = |changes| Flap { changes, ..Flap::default() }.percent();
        assert!((of((1 << SLOTS) - 1) - 100.0).abs() < 1e-9);
        assert!((of(1) - 6.25).abs() < 1e-9, "the newest");
        assert!((of(1 << 19) - 3.75).abs() < 1e-9, "the oldest");
    }

    #[test]
    fn fast_changes_flap_until_it_is_quiet_and_slow_ones_never_do() {
        let config = FlapConfig::default();
        let mut fast = Flap::default();
        let began: Vec<i64> = (0..20).filter(|at| fast.change(&config, second(at * 3))).collect();
        // Nine changes weigh at most 9 × 1.25 less the steps between: 51.5 %; eight 46.6 %.
        assert_eq!((began, fast.count()), (vec![8], 20));
        let ended: Vec<i64> = (1..30).filter(|minute| fast.pass(&config, second(57 + minute * 60))).collect();
        assert_eq!(ended, [14], "six changes of the lowest weights are left: 24.5 %");
        let mut slow = Flap::default();
        assert!(!(0..200).any(|at| slow.change(&config, second(at * 180))));
        assert_eq!(slow.due(&config), Some(second(199 * 180 + 60)));
        assert!(!slow.pass(&config, second(1_000_000)) && slow.is_quiet() && slow.due(&config).is_none());
    }
}
