//! What changes from one status to the next, as one node sees it.

mod events;
mod states;
#[cfg(test)]
mod tests;

use orszem_model::Timestamp;
use orszem_model::observation::{Observation, Origin, Seen};

use super::status::Status;
use events::Events;
use states::States;

/// The view of one reporter. Views of several are never put together: those of a split cluster contradict each other.
#[derive(Clone, Debug)]
pub struct Watch {
    reporter: String,
    states: States,
    events: Events,
    /// When the first and the last status came.
    began: Option<Timestamp>,
    last: Timestamp,
}

impl Watch {
    /// Begins to watch what the node `reporter` says.
    pub fn new(reporter: &str) -> Self {
        Self {
            reporter: reporter.to_owned(),
            states: States::default(),
            events: Events::default(),
            began: None,
            last: Timestamp(0),
        }
    }

    /// What is new in the status that came at `at`. All of the first one is initial.
    ///
    /// States bear the time `at`; operations and fencings that which Pacemaker remembers, to the second. What was
    /// over before the first status came is initial whenever it is told of.
    pub fn step(&mut self, status: &Status, at: Timestamp) -> Vec<Seen> {
        let is_first = self.began.is_none();
        let began = *self.began.get_or_insert(at);
        let mut seen = Vec::new();
        for event in self.events.step(status) {
            let named = event.at.map(|named| self.placed(named, at, is_first));
            let is_initial = is_first || event.at.is_some_and(|named| second_after(named) <= began);
            seen.push(self.seen(named.unwrap_or(at), is_initial, event.observation));
        }
        for observation in self.states.step(status) {
            seen.push(self.seen(at, is_first, observation));
        }
        self.last = at;
        seen
    }

    fn seen(&self, at: Timestamp, is_initial: bool, observation: Observation) -> Seen {
        Seen { at, reporter: self.reporter.clone(), origin: Origin::Status, is_initial, observation }
    }

    /// A time that is told to the second, put right by what is known: it was not told of in the status before, and it
    /// is told of now.
    fn placed(&self, named: Timestamp, at: Timestamp, is_first: bool) -> Timestamp {
        let earliest =
            if !is_first && named < self.last && self.last < second_after(named) { self.last } else { named };
        earliest.min(at)
    }
}

fn second_after(at: Timestamp) -> Timestamp {
    at.after(std::time::Duration::from_secs(1))
}
