//! Observations on their way in, put in order of their times.

use std::collections::BTreeMap;

use orszem_model::observation::{Observation, Origin};
use orszem_model::{RecordId, Seen, Timestamp};

use crate::code::{Code, coded, coded_enum};
use crate::log::Saying;
use crate::settings::WAITING_MAX;
use crate::words::{between, earlier, later};

/// An observation may be this far ahead of the time that is told; what is further is taken as of then.
const AHEAD_MAX_MS: u64 = 10_000;

/// Time is told about this often: what comes may be so much younger than the time that was told last.
const TICK_MS: u64 = 500;

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Seen(Seen),
    Log(Saying),
}

impl Input {
    /// Of what is told at once, as by a status, this is the order: nodes before what runs on them.
    fn rank(&self) -> u8 {
        match self {
            Self::Log(_) => 0,
            Self::Seen(seen) => match seen.observation {
                Observation::QuorumState(_) | Observation::WitnessState(_) | Observation::LinkState(_) => 1,
                Observation::ClusterState(_) => 2,
                Observation::Member(_) | Observation::NodeState(_) | Observation::NodeAttribute(_) => 3,
                Observation::Fencing(_) | Observation::Ban(_) | Observation::FailCount(_) => 4,
                Observation::DrbdResource(_) | Observation::DrbdConnection(_) | Observation::DrbdHelper(_) => 5,
                Observation::DrbdDevice(_) | Observation::DrbdPeerDevice(_) => 6,
                Observation::Operation(_) | Observation::Placement(_) => 7,
            },
        }
    }
}

/// An input with where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) id: RecordId,
    /// How much later than it happened it came.
    pub(crate) lag_ms: u64,
    pub(crate) reporter: String,
    pub(crate) input: Input,
}

/// Where an input is from, for those who conclude from it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) at: Timestamp,
    pub(crate) id: RecordId,
    pub(crate) lag_ms: u64,
    pub(crate) reporter: String,
    pub(crate) origin: Origin,
    pub(crate) is_initial: bool,
}

impl Source {
    /// No record of its own: it follows from what is known.
    pub(crate) fn concluded(at: Timestamp) -> Self {
        let id = RecordId { timestamp: at, seq: 0 };
        Self { at, id, lag_ms: 0, reporter: String::new(), origin: Origin::Status, is_initial: false }
    }
}

/// The inputs that wait, and how far time has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// By time, then by content, so that the order of arrival does not matter.
    inputs: BTreeMap<(Timestamp, Vec<u8>, RecordId), Arrival>,
    /// The latest time that anything happened at, and when by the clock that is known.
    newest: Timestamp,
    newest_told: Timestamp,
    now: Timestamp,
    /// Up to where all was taken.
    clock: Timestamp,
}

coded_enum!(Input { 0 = Seen(seen), 1 = Log(saying) });
coded! {
    Arrival { id, lag_ms, reporter, input }
    Waiting { inputs, newest, newest_told, now, clock }
}

impl Waiting {
    /// Takes an input in.
    pub(crate) fn add(&mut self, at: Timestamp, reporter: &str, id: RecordId, input: Input) {
        let at = self.bounded(at);
        let mut content = vec![input.rank()];
        input.put(&mut content);
        content.extend_from_slice(reporter.as_bytes());
        let arrival = Arrival { id, lag_ms: self.lag(at), reporter: reporter.to_owned(), input };
        self.inputs.insert((at, content, id), arrival);
        if at > self.newest {
            self.newest = at;
            self.newest_told = self.now;
        }
    }

    /// A clock that is far ahead does not take the others' along.
    pub(crate) fn bounded(&self, at: Timestamp) -> Timestamp {
        if self.now.0 > 0 { at.min(later(self.now, AHEAD_MAX_MS)) } else { at }
    }

    /// How late something is that happened at `at`.
    pub(crate) fn lag(&self, at: Timestamp) -> u64 {
        between(at, self.now)
    }

    pub(crate) fn set_now(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Up to where all is known that will be waited for: the events' clock runs on from the newest of them.
    pub(crate) fn settled(&self, reorder_ms: u64) -> Timestamp {
        let run_on =
            if self.newest_told.0 > 0 { between(self.newest_told, self.now).saturating_sub(TICK_MS) } else { 0 };
        earlier(later(self.newest, run_on).max(self.now), reorder_ms).max(self.clock)
    }

    /// The next input that nothing earlier is waited for, and its time.
    pub(crate) fn next(&mut self, settled: Timestamp) -> Option<(Timestamp, Arrival)> {
        let ((at, ..), _) = self.inputs.first_key_value()?;
        if *at > settled && self.inputs.len() <= WAITING_MAX {
            return None;
        }
        let ((at, ..), arrival) = self.inputs.pop_first()?;
        Some((at, arrival))
    }

    pub(crate) fn clock(&self) -> Timestamp {
        self.clock
    }

    pub(crate) fn advance(&mut self, to: Timestamp) {
        self.clock = self.clock.max(to);
    }
}
