//! The series of a query from run to run.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::{Labels, METRIC_NAME, STALE};

use super::Plan;
use crate::samples::Sample;

/// What a query gave last.
#[derive(Debug, Default)]
pub(super) struct Series {
    values: BTreeMap<Labels, f64>,
    /// Series whose samples have times of their own are told once.
    timed: BTreeSet<Labels>,
}

impl Series {
    /// Takes over a run's samples into `out`, ending the series that are gone. Of two samples of one series the first
    /// counts.
    pub(super) fn replace(&mut self, plan: &Plan, samples: &[Sample], now: i64, out: &mut Vec<(Labels, i64, f64)>) {
        let before = std::mem::take(self);
        for sample in samples {
            let labels = labels(plan, &sample.name, &sample.labels);
            match sample.time {
                Some(time) => {
                    out.push((labels.clone(), time, sample.value));
                    self.timed.insert(labels);
                }
                None if !self.values.contains_key(&labels) => {
                    out.push((labels.clone(), now, sample.value));
                    self.values.insert(labels, sample.value);
                }
                None => {}
            }
        }
        let gone = before.values.into_keys().chain(before.timed);
        let gone = gone.filter(|labels| !self.values.contains_key(labels) && !self.timed.contains(labels));
        out.extend(gone.map(|labels| (labels, now, STALE)));
    }

    /// Tells the values again.
    pub(super) fn repeat(&self, now: i64, out: &mut Vec<(Labels, i64, f64)>) {
        out.extend(self.values.iter().map(|(labels, value)| (labels.clone(), now, *value)));
    }

    /// Ends all.
    pub(super) fn end(&mut self, now: i64, out: &mut Vec<(Labels, i64, f64)>) {
        let Self { values, timed } = std::mem::take(self);
        let all: BTreeSet<Labels> = values.into_keys().chain(timed).collect();
        out.extend(all.into_iter().map(|labels| (labels, now, STALE)));
    }

    /// Makes all 0.
    pub(super) fn zero(&mut self, now: i64, out: &mut Vec<(Labels, i64, f64)>) {
        self.values.values_mut().for_each(|value| *value = 0.0);
        self.repeat(now, out);
    }

    /// Forgets all without a word.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The labels of a series of this database.
pub(super) fn labels(plan: &Plan, name: &str, own: &[(String, String)]) -> Labels {
    let mut pairs: BTreeMap<&str, &str> =
        plan.external.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let renamed: Vec<(String, &str)> = own
        .iter()
        .map(|(name, value)| match plan.labels.contains_key(name) {
            true => (format!("exported_{name}"), value.as_str()),
            false => (name.clone(), value.as_str()),
        })
        .collect();
    pairs.extend(renamed.iter().map(|(name, value)| (name.as_str(), *value)));
    pairs.extend(plan.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.insert(METRIC_NAME, name);
    Labels::new(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}
