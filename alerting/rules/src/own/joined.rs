//! A value that several series make: they are waited for, so that it is computed from samples of one time.
//!
//! Series that are scraped together come together. A value is computed when the last of its series has a new sample,
//! or when one of them has its next one: then with what there is of the others, if it is not older than
//! [`LOOKBACK_MS`].

use super::value::{Fold, LEAVES_MAX, Value};
use super::window::Samples;

/// A sample counts for so long, as for an instant query of PromQL.
pub(super) const LOOKBACK_MS: i64 = 300_000;

/// What the series of one alert have come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Joined {
    sources: Vec<Source>,
    /// Sources that are waited for.
    alive: usize,
    /// Those of them that have come in this turn, and the time of the latest.
    come: usize,
    newest: i64,
    turn: u32,
    /// The time of the last turn that is over.
    done_at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Source {
    leaf: usize,
    /// It has had a sample, and not too long ago.
    is_alive: bool,
    /// The turn of its last sample.
    turn: u32,
    at: i64,
    value: f64,
    window: Option<Samples>,
}

/// What was computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Computed {
    Value {
        at: i64,
        value: f64,
    },
    /// Two series are the same one of a selector.
    Twice {
        at: i64,
        leaf: usize,
    },
    /// One of the selectors has no series any more.
    Gone {
        at: i64,
    },
}

impl Joined {
    /// Another series of a selector; its place.
    pub(super) fn add(&mut self, value: &Value, leaf: usize) -> usize {
        let has_window = value.leaves.get(leaf).is_some_and(|leaf| leaf.window.is_some());
        let window = has_window.then(Samples::default);
        self.sources.push(Source { leaf, is_alive: false, turn: 0, at: i64::MIN, value: f64::NAN, window });
        self.sources.len() - 1
    }

    /// Takes a sample of a source; gives what it completes.
    pub(super) fn sample(&mut self, rule: &Value, place: usize, at: i64, value: f64, out: &mut Vec<Computed>) {
        let (turn, newest) = (self.turn, self.newest);
        let Some(source) = self.sources.get_mut(place).filter(|source| at > source.at) else { return };
        if source.is_alive && source.turn == turn && self.come > 0 {
            // Some did not come in the last turn.
            self.compute(rule, newest, out);
            self.begin();
        }
        let (turn, Some(source)) = (self.turn, self.sources.get_mut(place)) else { return };
        if !source.is_alive {
            source.is_alive = true;
            self.alive += 1;
        }
        // A series that is new comes behind those that it belongs to: it is waited for from the next turn on.
        let is_late = self.done_at.is_some_and(|done_at| at <= done_at);
        (source.at, source.value, source.turn) = (at, value, if is_late { turn.wrapping_sub(1) } else { turn });
        let window = rule.leaves.get(source.leaf).and_then(|leaf| leaf.window);
        if let (Some(samples), Some(window)) = (&mut source.window, window) {
            samples.push(&window, at, value);
        }
        if is_late {
            return;
        }
        self.come += 1;
        self.newest = self.newest.max(at);
        if self.come >= self.alive && self.compute(rule, self.newest, out) {
            self.begin();
        }
    }

    /// A series has ended.
    pub(super) fn end(&mut self, rule: &Value, place: usize, at: i64, out: &mut Vec<Computed>) {
        let turn = self.turn;
        let Some(source) = self.sources.get_mut(place).filter(|source| source.is_alive && at >= source.at) else {
            return;
        };
        source.is_alive = false;
        source.at = at;
        if let Some(samples) = &mut source.window {
            *samples = Samples::default();
        }
        if source.turn == turn && self.come > 0 {
            self.come -= 1;
        }
        self.alive -= 1;
        let leaf = source.leaf;
        if !self.sources.iter().any(|source| source.is_alive && source.leaf == leaf) {
            out.push(Computed::Gone { at });
        } else if self.come > 0 && self.come >= self.alive && self.compute(rule, self.newest, out) {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.done_at = Some(self.newest).filter(|newest| *newest != i64::MIN);
        self.turn = self.turn.wrapping_add(1);
        self.come = 0;
        self.newest = i64::MIN;
    }

    /// `false` where a selector has no value yet: what else comes may be of this turn.
    fn compute(&mut self, rule: &Value, at: i64, out: &mut Vec<Computed>) -> bool {
        let mut folded = [Folded::default(); LEAVES_MAX];
        for source in self.sources.iter_mut().filter(|source| source.is_alive) {
            if at - source.at >= LOOKBACK_MS {
                source.is_alive = false;
                self.alive -= 1;
                continue;
            }
            let Some(leaf) = rule.leaves.get(source.leaf) else { continue };
            let value = match (&source.window, &leaf.window) {
                (Some(samples), Some(window)) => samples.value(window, at),
                _ => Some(source.value),
            };
            if let (Some(value), Some(folded)) = (value, folded.get_mut(source.leaf)) {
                folded.add(value);
            }
        }
        let mut values = [f64::NAN; LEAVES_MAX];
        for (place, (leaf, folded)) in rule.leaves.iter().zip(&folded).enumerate() {
            if folded.count == 0.0 {
                return false;
            }
            if leaf.fold.is_none() && folded.count > 1.0 {
                out.push(Computed::Twice { at, leaf: place });
                return true;
            }
            if let Some(value) = values.get_mut(place) {
                *value = folded.value(leaf.fold);
            }
        }
        out.push(Computed::Value { at, value: rule.compute(&values, at) });
        true
    }

    /// The time of the latest sample.
    pub(super) fn last(&self) -> i64 {
        self.sources.iter().map(|source| source.at).max().unwrap_or(i64::MIN)
    }
}

#[derive(Clone, Copy, Default)]
struct Folded {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Folded {
    fn add(&mut self, value: f64) {
        if self.count == 0.0 {
            (self.min, self.max) = (value, value);
        }
        self.count += 1.0;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn value(&self, fold: Option<Fold>) -> f64 {
        match fold {
            None | Some(Fold::Sum) => self.sum,
            Some(Fold::Avg) => self.sum / self.count,
            Some(Fold::Min) => self.min,
            Some(Fold::Max) => self.max,
            Some(Fold::Count) => self.count,
        }
    }
}
