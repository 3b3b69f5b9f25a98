//! One collector as the server follows it from canary to canary and from request to request.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use orszem_model::Timestamp;

use super::canary::{Canary, Told};
use super::registry::Arrival;

/// Latencies kept: those of the last ten minutes.
const LATENCIES_MAX: usize = 60;
/// Epochs whose place is kept. More than one is in use only while two collectors call themselves by one name.
const EPOCHS_MAX: usize = 4;
/// How long the smallest difference of clocks counts.
const SKEW_WINDOW: Duration = Duration::from_secs(60);
/// Different reasons that rejections are counted under; the rest goes to `other`.
const REASONS_MAX: usize = 32;

/// Collectors by tenant and host.
pub(super) type Tracks = BTreeMap<(u32, String), Track>;

/// All that is kept of one collector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Track {
    /// When the last canary was taken in; `None` before the first.
    pub(crate) last_canary: Option<Timestamp>,
    /// When the last request came, accepted or not.
    pub(crate) last_request: Option<Timestamp>,
    /// The next canary's number in each epoch, the epoch in use last.
    pub(crate) epochs: Vec<(u64, u64)>,
    /// How often another epoch began or came back.
    pub(crate) epoch_changes: u64,
    /// Canaries that never came.
    pub(crate) gaps: u64,
    /// Canaries that were stored twice.
    pub(crate) duplicates: u64,
    /// When canaries or records were last found missing.
    pub(crate) lost_at: Option<Timestamp>,
    pub(crate) told: Told,
    /// Records rejected of its requests, and its refused requests, by reason or code.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// When it was last told no.
    pub(crate) rejected_at: Option<Timestamp>,
    /// In nanoseconds, newest last.
    pub(super) latencies: VecDeque<i64>,
    pub(super) skew: Skew,
}

/// Latencies of the last canaries, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency {
    pub(crate) last: i64,
    pub(crate) median: i64,
    pub(crate) max: i64,
}

impl Track {
    /// Takes in a canary that became visible at `applied`.
    pub(crate) fn canary(&mut self, canary: Canary, applied: Timestamp) {
        let Canary { tenant: _, host: _, seq, epoch, sent, received, told } = canary;
        let is_first = self.last_canary.is_none();
        let missing = self.count(epoch, seq, is_first);
        let has_dropped_more = !is_first && (told.dropped > self.told.dropped || told.gaps > self.told.gaps);
        if missing || has_dropped_more {
            self.lost_at = Some(received);
        }
        if self.latencies.len() == LATENCIES_MAX {
            self.latencies.pop_front();
        }
        self.latencies.push_back(applied.0.saturating_sub(sent.0));
        self.last_canary = self.last_canary.max(Some(received));
        self.told = told;
    }

    /// Counts what the number tells; whether canaries are missing before it.
    fn count(&mut self, epoch: u64, seq: u64, is_first: bool) -> bool {
        let known = self.epochs.iter().position(|(known, _)| *known == epoch);
        let is_same = known.is_some_and(|at| at + 1 == self.epochs.len());
        let expected = match known.map(|at| self.epochs.remove(at)) {
            Some((_, next)) => next,
            // What came before this server knew the collector is not missed.
            None if is_first => seq,
            None => 0,
        };
        if !is_same && !is_first {
            self.epoch_changes += 1;
        }
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.remove(0);
        }
        self.epochs.push((epoch, expected.max(seq.saturating_add(1))));
        if seq < expected {
            self.duplicates += 1;
        }
        self.gaps += seq.saturating_sub(expected);
        seq > expected
    }

    /// Takes in what a request's headers and its answer say.
    pub(crate) fn arrival(&mut self, arrival: &Arrival<'_>) {
        self.last_request = self.last_request.max(Some(arrival.received));
        if let Some(sent) = arrival.sent {
            self.skew.add(arrival.received, arrival.received.0.saturating_sub(sent.0));
        }
        for (reason, count) in arrival.rejected {
            let reason = match self.rejected.contains_key(*reason) || self.rejected.len() < REASONS_MAX {
                true => *reason,
                false => "other",
            };
            *self.rejected.entry(reason.to_owned()).or_default() += count;
            self.rejected_at = Some(arrival.received);
        }
    }

    /// When anything was last heard of it.
    pub(crate) fn last_heard(&self) -> Option<Timestamp> {
        self.last_canary.max(self.last_request)
    }

    /// `None` before the first canary since the server's start.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let last = *self.latencies.back()?;
        let mut sorted: Vec<i64> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        Some(Latency { last, median: *sorted.get((sorted.len() - 1) / 2)?, max: *sorted.last()? })
    }

    /// The server's clock less the collector's, in nanoseconds, and the quickest way between them. Without requests of
    /// late it is told from the canaries, which also wait in the collector's queue.
    pub(crate) fn skew(&self, now: Timestamp) -> Option<i64> {
        self.skew.least(now).or_else(|| self.latencies.iter().rev().take(6).copied().min())
    }
}

/// The smallest difference of clocks in this minute and the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Skew {
    /// When the minute began and its smallest difference.
    now: Option<(Timestamp, i64)>,
    before: Option<(Timestamp, i64)>,
}

impl Skew {
    fn add(&mut self, at: Timestamp, difference: i64) {
        match &mut self.now {
            Some((began, least)) if at < began.after(SKEW_WINDOW) => *least = difference.min(*least),
            _ => self.before = self.now.replace((at, difference)),
        }
    }

    fn least(&self, now: Timestamp) -> Option<i64> {
        let is_fresh = |(began, _): &&(Timestamp, i64)| now < began.after(2 * SKEW_WINDOW);
        self.now.iter().chain(&self.before).filter(is_fresh).map(|(_, difference)| *difference).min()
    }
}
