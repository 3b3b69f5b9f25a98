//! What goes on over a restart, and is told anew to an engine that may not know it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orszem_alerting::{AlertKey, Series, State};
use orszem_model::{Labels, Timestamp};

use super::super::{kept, states};
use super::{Thresholds, input};

impl Thresholds {
    /// What the engine knows of alerts of these rules, after a start: what is different is told again.
    pub fn reconcile(&mut self, known: &[(AlertKey, State)], now: Timestamp) {
        let states = states(known);
        let mut different = Vec::new();
        for place in self.index.values().copied().collect::<BTreeSet<u32>>() {
            let Some(instance) = self.instances.get_mut(place as usize) else { continue };
            let Some(rule) = self.rules.get(instance.rule as usize) else { continue };
            let state = states.get(&(rule.about.name.as_str(), &instance.labels)).copied().unwrap_or_default();
            instance.told = state;
            if state != State::Ok {
                self.active.insert(place);
            }
            if state != instance.series.state() {
                different.push((place, instance.series.last().unwrap_or(now)));
            }
        }
        for (place, at) in different {
            self.tell(place, at, f64::NAN, now);
        }
        self.end_unknown(known, now);
    }

    /// Alerts of which nothing is known here are over: neither the store has their series nor was anything kept.
    fn end_unknown(&mut self, known: &[(AlertKey, State)], now: Timestamp) {
        let mut own: BTreeSet<(&str, Labels)> = BTreeSet::new();
        for place in self.index.values().copied().collect::<BTreeSet<u32>>() {
            let Some(instance) = self.instances.get(place as usize) else { continue };
            if let Some(rule) = self.rules.get(instance.rule as usize) {
                own.insert((&rule.about.name, instance.labels.clone()));
            }
        }
        for (rule, labels) in self.waiting.keys() {
            if let Some(rule) = self.rules.get(*rule as usize) {
                own.insert((&rule.about.name, rule.about.key(labels.clone(), 0)));
            }
        }
        for (key, _) in known {
            let rule = self.rules.iter().find(|rule| rule.about.name == key.rule);
            if let Some(rule) = rule.filter(|rule| !own.contains(&(rule.about.name.as_str(), key.labels.clone()))) {
                self.told.push(input(rule, &key.labels, State::Ok, now, f64::NAN));
            }
        }
    }

    /// What the instances that are not quiet have come to, to be kept over a restart or handed to other rules.
    pub fn encode(&self) -> Vec<u8> {
        let keys: BTreeMap<(u32, &Labels), u32> =
            self.index.iter().map(|((rule, labels), place)| ((*rule, labels), *place)).collect();
        let mut kept: Vec<(&str, (Labels, Series))> = Vec::new();
        for ((rule, labels), place) in keys {
            let (Some(rule), Some(instance)) = (self.rules.get(rule as usize), self.instances.get(place as usize))
            else {
                continue;
            };
            if instance.series.state() != State::Ok || rule.no_data.is_some() {
                kept.push((&rule.about.name, (labels.clone(), instance.series)));
            }
        }
        for ((rule, labels), series) in &self.waiting {
            if let Some(rule) = self.rules.get(*rule as usize) {
                kept.push((&rule.about.name, (labels.clone(), *series)));
            }
        }
        kept::encode(kept.iter().map(|(rule, kept)| (*rule, kept)))
    }

    /// Takes over what was kept; of rules that are not there any more, nothing. `false` when it is damaged: then nothing
    /// is taken over.
    pub fn restore(&mut self, kept: &[u8]) -> bool {
        let Some(restored) = kept::decode(kept) else { return false };
        let places: HashMap<&str, u32> =
            self.rules.iter().zip(0..).map(|(rule, place)| (rule.about.name.as_str(), place)).collect();
        for (name, (labels, series)) in restored {
            if let Some(place) = places.get(name.as_str()) {
                self.waiting.insert((*place, labels), series);
            }
        }
        true
    }

    /// Ends what was restored and had no series since: alerts of these keys are told to be over.
    pub fn give_up_waiting(&mut self, now: Timestamp) {
        for ((rule, labels), series) in std::mem::take(&mut self.waiting) {
            if let Some(rule) = self.rules.get(rule as usize).filter(|_| series.state() != State::Ok) {
                let labels = rule.about.key(labels, 0);
                self.told.push(input(rule, &labels, State::Ok, now, f64::NAN));
            }
        }
    }
}
