//! When a collector tells that its server is gone, and what it owes to whom: without IO, and the time is passed in.
//!
//! Waits count on a clock that nobody sets, from the start of the process or the last answer on; times that people are
//! told, and those on disk, are milliseconds since 1970.

use std::time::Duration;

use orszem_notify::{CollectorAddress, Outcome};
use serde::{Deserialize, Serialize};

use super::wire::Heard;

/// The pause after an attempt that failed, and how long it grows.
const PAUSE: Duration = Duration::from_secs(15);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How long an all-clear is tried.
const CLEAR_MS: i64 = 86_400_000;
/// Outages of which something is owed; the oldest is given up for the next one.
const OUTAGES_MAX: usize = 4;

/// An outage that this collector tells of. It is on disk before anybody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outage {
    pub(super) number: u64,
    /// When the server last answered.
    pub(super) since_ms: i64,
    /// When it answered again.
    pub(super) ended_ms: Option<i64>,
    /// What was read meanwhile; of a process that was killed, what was known when this was last written.
    pub(super) records: u64,
    pub(super) told: Vec<Told>,
}

/// Somebody who is told of an outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) address: CollectorAddress,
    pub(super) state: TellState,
    #[serde(skip)]
    tries: u32,
    /// Not before that.
    #[serde(skip)]
    next: Duration,
}

/// How far it is with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TellState {
    /// To be told.
    Waiting,
    /// An attempt is under way, or a crash cut it off: it may have arrived.
    Trying,
    Delivered,
    /// The all-clear is owed.
    Owed,
    /// Nothing more is to be said.
    Done,
}

/// What the setting says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) after: Duration,
    pub(super) spread: Duration,
    pub(super) tellers: u32,
    pub(super) rank: u32,
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) outage: u64,
    pub(super) address: CollectorAddress,
}

/// What became of messages, for the log and the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Delivered,
    /// It is tried again.
    Failed,
    Refused,
}

/// The state of a collector.
#[derive(Clone, Debug)]
pub(super) struct Duty {
    outages: Vec<Outage>,
    reached: Duration,
    since_ms: i64,
    /// Records read by this process when the server last answered.
    read: u64,
    /// What earlier processes read since the outage began.
    read_before: u64,
    /// When others are asked again.
    held: Duration,
}

impl Duty {
    /// Goes on with what was kept, which may be of an outage that still lasts.
    pub(super) fn new(outages: Vec<Outage>, at: Duration, now_ms: i64) -> Self {
        let open = outages.iter().find(|outage| outage.ended_ms.is_none());
        let read_before = open.map_or(0, |open| open.records);
        Self { outages, reached: at, since_ms: now_ms, read: 0, read_before, held: Duration::ZERO }
    }

    /// What is to be kept.
    pub(super) fn outages(&self) -> &[Outage] {
        &self.outages
    }

    /// The outage that lasts and that somebody was told of.
    pub(super) fn told(&self) -> Option<u64> {
        let is_told = |told: &Told| matches!(told.state, TellState::Delivered | TellState::Trying);
        self.open().filter(|open| open.told.iter().any(is_told)).map(|open| open.number)
    }

    /// Whether somebody is owed an all-clear.
    pub(super) fn owes(&self) -> bool {
        self.outages.iter().any(|outage| outage.told.iter().any(|told| told.state == TellState::Owed))
    }

    pub(super) fn outage(&self, number: u64) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.number == number)
    }

    /// The server has answered; `read` is what this process has read in all. How many were never told of an outage that
    /// ends with it.
    pub(super) fn reached(&mut self, at: Duration, now_ms: i64, read: u64) -> usize {
        let mut dropped = 0;
        let records = self.kept(read);
        if let Some(open) = self.open_mut() {
            (open.ended_ms, open.records) = (Some(now_ms.max(open.since_ms)), records);
            for told in &mut open.told {
                (told.tries, told.next) = (0, Duration::ZERO);
                told.state = match told.state {
                    TellState::Delivered | TellState::Trying => TellState::Owed,
                    TellState::Waiting => {
                        dropped += 1;
                        TellState::Done
                    }
                    TellState::Owed | TellState::Done => TellState::Done,
                };
            }
        }
        (self.reached, self.since_ms, self.read, self.read_before) = (at, now_ms, read, 0);
        self.held = Duration::ZERO;
        self.forget();
        dropped
    }

    /// The server has not answered. Whether it is time to ask others, and then to tell.
    pub(super) fn missed(&mut self, at: Duration, read: u64, rules: Rules) -> bool {
        let records = self.kept(read);
        if rules.rank >= rules.tellers || at < self.held {
            return false;
        }
        match self.open_mut() {
            Some(open) => {
                open.records = records;
                open.told.iter().any(|told| told.is_due(at))
            }
            None => at.saturating_sub(self.reached) >= rules.after.saturating_add(rules.spread * rules.rank),
        }
    }

    /// What others say: whether this collector is to be silent for now.
    pub(super) fn heard(&mut self, at: Duration, heard: &[Heard], spread: Duration) -> bool {
        let is_held = heard.iter().any(|heard| heard.reached || heard.told);
        if is_held {
            self.held = at.saturating_add(spread);
        }
        is_held
    }

    /// Begins an outage unless one lasts. Whether an older one, of which something was owed, was given up for it.
    pub(super) fn begin(&mut self, number: u64, addresses: &[CollectorAddress]) -> bool {
        if self.open().is_some() {
            return false;
        }
        let is_full = self.outages.len() >= OUTAGES_MAX;
        if is_full {
            self.outages.remove(0);
        }
        let told = |address: &CollectorAddress| Told {
            address: address.clone(),
            state: TellState::Waiting,
            tries: 0,
            next: Duration::ZERO,
        };
        let told = addresses.iter().map(told).collect();
        self.outages.push(Outage { number, since_ms: self.since_ms, ended_ms: None, records: 0, told });
        is_full
    }

    /// What is to be sent of the outage that lasts. Once this is kept it may be sent.
    pub(super) fn tell(&mut self, at: Duration) -> Vec<Attempt> {
        let Some(open) = self.open_mut() else { return Vec::new() };
        let number = open.number;
        let mut attempts = Vec::new();
        for told in open.told.iter_mut().filter(|told| told.is_due(at)) {
            told.state = TellState::Trying;
            attempts.push(Attempt { outage: number, address: told.address.clone() });
        }
        attempts
    }

    /// All-clears that are to be sent, and how many are given up as they are too old.
    pub(super) fn clear(&mut self, at: Duration, now_ms: i64) -> (Vec<Attempt>, usize) {
        let (mut attempts, mut dropped) = (Vec::new(), 0);
        for outage in &mut self.outages {
            let Some(ended_ms) = outage.ended_ms else { continue };
            for told in outage.told.iter_mut().filter(|told| told.state == TellState::Owed) {
                if now_ms.saturating_sub(ended_ms) > CLEAR_MS {
                    told.state = TellState::Done;
                    dropped += 1;
                } else if told.next <= at {
                    attempts.push(Attempt { outage: outage.number, address: told.address.clone() });
                }
            }
        }
        self.forget();
        (attempts, dropped)
    }

    /// What became of an attempt that ended at `at`.
    pub(super) fn ended(&mut self, attempt: &Attempt, at: Duration, outcome: &Outcome) -> Ended {
        let outage = self.outages.iter_mut().find(|outage| outage.number == attempt.outage);
        let told = outage.and_then(|outage| outage.told.iter_mut().find(|told| told.address == attempt.address));
        let Some(told) = told else { return Ended::Refused };
        let ended = match outcome {
            Outcome::Delivered { .. } => {
                let is_clear = told.state == TellState::Owed;
                told.state = if is_clear { TellState::Done } else { TellState::Delivered };
                Ended::Delivered
            }
            Outcome::Refused { .. } => {
                told.state = TellState::Done;
                Ended::Refused
            }
            Outcome::Retry { after, .. } => {
                let grown = PAUSE.saturating_mul(1 << told.tries.min(8)).min(PAUSE_MAX);
                told.tries += 1;
                told.next = at.saturating_add(grown.max(after.unwrap_or_default()));
                if told.state == TellState::Trying {
                    told.state = TellState::Waiting;
                }
                Ended::Failed
            }
        };
        self.forget();
        ended
    }

    fn kept(&self, read: u64) -> u64 {
        self.read_before.saturating_add(read.saturating_sub(self.read))
    }

    fn open(&self) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.ended_ms.is_none())
    }

    fn open_mut(&mut self) -> Option<&mut Outage> {
        self.outages.iter_mut().find(|outage| outage.ended_ms.is_none())
    }

    /// Forgets outages that are over and of which all is said.
    fn forget(&mut self) {
        let is_said = |outage: &Outage| outage.told.iter().all(|told| told.state == TellState::Done);
        self.outages.retain(|outage| outage.ended_ms.is_none() || !is_said(outage));
    }
}

impl Told {
    fn is_due(&self, at: Duration) -> bool {
        // One that a crash cut off is sent again under the same key.
        matches!(self.state, TellState::Waiting | TellState::Trying) && self.next <= at
    }
}

#[cfg(test)]
mod tests;
