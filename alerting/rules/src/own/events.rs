//! Evaluates rules about facts: one begins an alert, its opposite ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orszem_alerting::{AlertKey, Input, State};
use orszem_model::{Fact, FactKind, Labels, Timestamp, coded};

use super::rule::EventRule;
use super::{kept, states};

/// Alerts of a rule; facts that would begin another are left out and counted.
pub const EVENT_ALERTS_MAX: usize = 10_000;

/// All rules about facts, with what has begun and not ended.
#[derive(Debug)]
pub struct Events {
    rules: Vec<Watched>,
    overlooked: u64,
    told: Vec<Input>,
}

#[derive(Debug)]
struct Watched {
    rule: EventRule,
    open: BTreeMap<Subject, Open>,
}

/// What a fact is about: the labels of its cluster, and the entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    place: Labels,
    entity: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    /// When the fact that began it was, and the last one of them.
    begun: Timestamp,
    last: Timestamp,
    /// It is held for long enough.
    is_firing: bool,
    /// When a fact ended it; it fires on until that has lasted for long enough.
    ended: Option<Timestamp>,
    labels: Labels,
    text: String,
}

coded! {
    Subject { place, entity }
    Open { begun, last, is_firing, ended, labels, text }
}

impl Events {
    /// Evaluates `rules`.
    pub fn new(rules: Vec<EventRule>) -> Self {
        let rules = rules.into_iter().map(|rule| Watched { rule, open: BTreeMap::new() }).collect();
        Self { rules, overlooked: 0, told: Vec::new() }
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &EventRule> {
        self.rules.iter().map(|watched| &watched.rule)
    }

    /// Takes a fact; `place` has labels of where it is, such as `cluster`.
    pub fn fact(&mut self, fact: &Fact, place: &Labels, now: Timestamp) {
        for watched in &mut self.rules {
            self.overlooked += u64::from(!watched.take(fact, place, now, &mut self.told));
        }
    }

    /// Says that it is `now`, and that all facts of before are here.
    pub fn tick(&mut self, now: Timestamp) {
        for watched in &mut self.rules {
            watched.tick(now, &mut self.told);
        }
    }

    /// What there is to tell since the last time.
    pub fn drain(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.told)
    }

    /// Facts that would have begun alerts beyond [`EVENT_ALERTS_MAX`].
    pub fn overlooked(&self) -> u64 {
        self.overlooked
    }

    /// What is open, to go on elsewhere.
    pub fn encode(&self) -> Vec<u8> {
        kept::encode(self.rules.iter().map(|Watched { rule, open }| (rule.about.name.as_str(), open)))
    }

    /// Goes on with what was kept, for rules that are still there. `false` when it is damaged: then nothing changes.
    pub fn restore(&mut self, kept: &[u8]) -> bool {
        let Some(restored) = kept::decode(kept) else { return false };
        for (name, open) in restored {
            if let Some(watched) = self.rules.iter_mut().find(|watched| watched.rule.about.name == name) {
                watched.open = open;
            }
        }
        true
    }

    /// Tells again what is open, for an engine that may not know it, and ends what it knows and is over.
    pub fn reconcile(&mut self, known: &[(AlertKey, State)], now: Timestamp) {
        let states = states(known);
        for Watched { rule, open } in &self.rules {
            let name = rule.about.name.as_str();
            let is_open: BTreeSet<&Labels> = open.values().map(|open| &open.labels).collect();
            for (key, _) in known.iter().filter(|(key, _)| key.rule == name && !is_open.contains(&key.labels)) {
                self.told.push(rule.input(&key.labels, State::Ok, now, ""));
            }
            for open in open.values() {
                let state = open.state(rule);
                if states.get(&(name, &open.labels)) != Some(&state) {
                    self.told.push(rule.input(&open.labels, state, open.begun, &open.text));
                }
            }
        }
    }
}

impl Watched {
    /// Whether there was room.
    fn take(&mut self, fact: &Fact, place: &Labels, now: Timestamp, told: &mut Vec<Input>) -> bool {
        let Self { rule, open } = self;
        let (begins, ends) = (rule.facts.contains(&fact.kind), rule.until.contains(&fact.kind));
        if !fact.entity.starts_with(&rule.entity_prefix) || !(begins || ends) {
            return true;
        }
        let subject = Subject { place: place.clone(), entity: fact.entity.clone() };
        if ends {
            // Facts come in order, one that is told late ends only what began before it.
            let Some(over) = open.get_mut(&subject).filter(|open| open.last <= fact.at) else { return true };
            if over.is_firing && rule.clear_for > Duration::ZERO {
                if over.ended.is_none() {
                    over.ended = Some(fact.at);
                    told.push(rule.input(&over.labels, over.state(rule), fact.at, &over.text));
                }
            } else {
                told.push(rule.input(&over.labels, State::Ok, fact.at, ""));
                open.remove(&subject);
            }
            return true;
        }
        let at = fact.at.min(now);
        if let Some(known) = open.get_mut(&subject) {
            known.last = known.last.max(at);
            if known.ended.take().is_some() {
                known.text.clone_from(&fact.text);
                told.push(rule.input(&known.labels, known.state(rule), at, &known.text));
            }
            return true;
        }
        if open.len() >= EVENT_ALERTS_MAX {
            return false;
        }
        let labels = rule.about.key(labels(fact, place), at.0.div_euclid(1_000_000));
        let is_firing = rule.hold == Duration::ZERO;
        let begun = Open { begun: at, last: at, is_firing, ended: None, labels, text: fact.text.clone() };
        told.push(rule.input(&begun.labels, begun.state(rule), at, &fact.text));
        open.insert(subject, begun);
        true
    }

    fn tick(&mut self, now: Timestamp, told: &mut Vec<Input>) {
        let Self { rule, open } = self;
        open.retain(|_, open| {
            let forgotten = rule.clear_after.map(|clear_after| open.last.after(clear_after));
            let settled = open.ended.map(|ended| ended.after(rule.clear_for));
            let end = [forgotten, settled].into_iter().flatten().min();
            let from = open.begun.after(rule.hold);
            if !open.is_firing && now >= from && end.is_none_or(|end| from < end) {
                open.is_firing = true;
                told.push(rule.input(&open.labels, State::Firing(rule.level), from, &open.text));
            }
            match end.filter(|end| now >= *end) {
                Some(end) => {
                    told.push(rule.input(&open.labels, State::Ok, end, ""));
                    false
                }
                None => true,
            }
        });
    }
}

impl Open {
    fn state(&self, rule: &EventRule) -> State {
        match (self.is_firing, self.ended) {
            (false, _) => State::Pending(rule.level),
            (true, None) => State::Firing(rule.level),
            (true, Some(_)) => State::Recovering(rule.level),
        }
    }
}

impl EventRule {
    fn input(&self, labels: &Labels, state: State, at: Timestamp, text: &str) -> Input {
        let at_ms = at.0.div_euclid(1_000_000);
        let mut annotations = Labels::default();
        if state != State::Ok {
            annotations = self.about.annotated(labels, self.level, 1.0, at_ms);
            if !text.is_empty() {
                annotations = annotations.with("fact", text);
            }
        }
        let key = AlertKey { rule: self.about.name.clone(), labels: labels.clone() };
        let value = if state == State::Ok { 0.0 } else { 1.0 };
        Input::Level { key, state, at, value, annotations }
    }

    /// The facts that end it where the file names none.
    pub(super) fn opposites(facts: &[FactKind]) -> Vec<FactKind> {
        let mut ends: Vec<FactKind> = facts.iter().filter_map(|fact| fact.ended_by()).collect();
        ends.sort();
        ends.dedup();
        ends
    }
}

/// `entity`, what kind of thing it is by its own name (`host`, `resource`, `drbd`), and where.
fn labels(fact: &Fact, place: &Labels) -> Labels {
    let mut pairs: Vec<(&str, &str)> = place.iter().collect();
    pairs.push(("entity", &fact.entity));
    if let Some((kind @ ("host" | "resource" | "drbd" | "cluster"), name)) = fact.entity.split_once('/') {
        pairs.push((kind, name));
    }
    Labels::new(pairs)
}
