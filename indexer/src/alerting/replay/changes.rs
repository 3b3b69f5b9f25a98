//! Changes of alerts, as evaluators tell them, each once.

use std::collections::{BTreeMap, HashMap};

use orszem_alerting::{AlertKey, Input, Outcome, State};
use orszem_model::{Labels, Timestamp};

use super::REPLAY_CHANGES_MAX;

/// An alert is in another state.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub key: AlertKey,
    pub state: State,
    /// Of the data.
    pub at: Timestamp,
    /// NaN where there is none.
    pub value: f64,
    /// Texts for people; of an end, none.
    pub annotations: Labels,
}

/// A rule that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    pub rule: String,
    /// The first reason.
    pub error: String,
    pub times: u64,
    /// When it failed first.
    pub at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Changes {
    states: HashMap<AlertKey, State>,
    list: Vec<Change>,
    failing: BTreeMap<String, Failing>,
}

impl Changes {
    /// Takes what an evaluator tells the engine when it runs live.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Level { key, state, at, value, annotations } => {
                let before = self.states.get(&key).copied().unwrap_or_default();
                if before == state || self.is_full() {
                    return;
                }
                if state == State::Ok {
                    self.states.remove(&key);
                } else {
                    self.states.insert(key.clone(), state);
                }
                self.list.push(Change { key, state, at, value, annotations });
            }
            Input::Observed(observation) => {
                if let Outcome::Error(error) = observation.outcome {
                    self.failed(&observation.rule, error, observation.at);
                }
            }
            _ => {}
        }
    }

    pub(super) fn failed(&mut self, rule: &str, error: String, at: Timestamp) {
        match self.failing.get_mut(rule) {
            Some(failing) => failing.times += 1,
            None => {
                let failing = Failing { rule: rule.to_owned(), error, times: 1, at };
                self.failing.insert(rule.to_owned(), failing);
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= REPLAY_CHANGES_MAX
    }

    pub(super) fn into_parts(self) -> (Vec<Change>, Vec<Failing>) {
        (self.list, self.failing.into_values().collect())
    }
}
