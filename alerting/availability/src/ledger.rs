//! The ledger of availability: what was held of a target from when to when, and what that comes to.
//!
//! Pure. Times are milliseconds since 1970, UTC; spans are half open. Nothing is ever taken out: what is not to count is
//! excluded, and what is not known is told apart, and never counts as up.

mod calendar;
mod latency;

use serde::{Deserialize, Serialize};

pub use calendar::{Calendar, Expiry};
pub use latency::Latencies;

/// What a span of time was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    Up,
    /// A confirmed outage.
    Down,
    Unknown,
}

/// A span in which the same was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub from: i64,
    /// `None` while it lasts.
    pub until: Option<i64>,
    pub held: Held,
    pub reason: String,
}

/// A span that does not count, such as a planned maintenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    pub from: i64,
    pub until: i64,
    pub reason: String,
}

/// The ledger of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// One after the other, without gaps.
    intervals: Vec<Interval>,
    exclusions: Vec<Exclusion>,
}

/// Why an entry can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("the last entry began later, at {last}")]
    Backwards { last: i64 },
    #[error("it ends before it begins")]
    Empty,
}

/// What a period comes to. Spans are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Availability {
    pub up: i64,
    pub down: i64,
    pub unknown: i64,
    pub excluded: i64,
    /// Outages that had a part in the period that counts.
    pub outages: u64,
    /// The longest of them, as far as it counts.
    pub longest: i64,
    /// Mean time to repair: of outages within the period.
    pub mttr: Option<i64>,
    /// Mean time between failures: time up for each outage.
    pub mtbf: Option<i64>,
    /// The share of the known time that it was up, 0 to 1; `None` if nothing is known.
    pub ratio: Option<f64>,
}

impl Availability {
    /// What may still be down before `target`, such as 0.999, is missed; negative once it is. Of the whole period but
    /// for what is excluded.
    pub fn budget_left(&self, target: f64) -> i64 {
        let counted = self.up + self.down + self.unknown;
        let budget = (counted as f64 * (1.0 - target.clamp(0.0, 1.0))).round() as i64;
        budget - self.down
    }
}

impl Ledger {
    /// Enters what is held from `at` on. The same again is no entry.
    pub fn enter(&mut self, at: i64, held: Held, reason: &str) -> Result<(), LedgerError> {
        if let Some(last) = self.intervals.last_mut() {
            if at < last.from {
                return Err(LedgerError::Backwards { last: last.from });
            }
            if last.held == held {
                return Ok(());
            }
            last.until = Some(at);
        }
        self.intervals.push(Interval { from: at, until: None, held, reason: reason.to_owned() });
        Ok(())
    }

    /// Leaves a span out of all counting. Spans may overlap.
    pub fn exclude(&mut self, exclusion: Exclusion) -> Result<(), LedgerError> {
        if exclusion.until <= exclusion.from {
            return Err(LedgerError::Empty);
        }
        self.exclusions.push(exclusion);
        Ok(())
    }

    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    pub fn exclusions(&self) -> &[Exclusion] {
        &self.exclusions
    }

    /// Counts from `from` to `until`, which must not lie in the future; before the first entry nothing is known.
    pub fn count(&self, from: i64, until: i64) -> Availability {
        let holes = self.holes(from, until);
        let excluded = holes.iter().map(|(from, until)| until - from).sum();
        let (mut up, mut down, mut outages, mut longest) = (0, 0, 0, 0);
        for interval in &self.intervals {
            let (begin, end) = (interval.from.max(from), interval.until.unwrap_or(until).min(until));
            let counted = if begin < end { counted(begin, end, &holes) } else { 0 };
            match interval.held {
                Held::Up => up += counted,
                Held::Down => {
                    down += counted;
                    outages += u64::from(counted > 0);
                    longest = longest.max(counted);
                }
                Held::Unknown => {}
            }
        }
        let unknown = (until - from).max(0) - excluded - up - down;
        let each = |whole: i64| i64::try_from(outages).ok().filter(|count| *count > 0).map(|count| whole / count);
        let known = up + down;
        let ratio = if known > 0 { Some(up as f64 / known as f64) } else { None };
        Availability { up, down, unknown, excluded, outages, longest, mttr: each(down), mtbf: each(up), ratio }
    }

    /// What is excluded within the period, in order and without overlaps.
    fn holes(&self, from: i64, until: i64) -> Vec<(i64, i64)> {
        let mut spans: Vec<(i64, i64)> = self
            .exclusions
            .iter()
            .map(|exclusion| (exclusion.from.max(from), exclusion.until.min(until)))
            .filter(|(from, until)| from < until)
            .collect();
        spans.sort_unstable();
        let mut holes: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
        for (from, until) in spans {
            match holes.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => holes.push((from, until)),
            }
        }
        holes
    }
}

/// How much of a span lies outside of the holes.
fn counted(begin: i64, end: i64, holes: &[(i64, i64)]) -> i64 {
    let within = holes.iter().map(|(from, until)| (end.min(*until) - begin.max(*from)).max(0));
    end - begin - within.sum::<i64>()
}

#[cfg(test)]
mod tests;
