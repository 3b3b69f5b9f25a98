//! Facts on their way out: held for a moment to gather records, and the conditions that hold.

use std::collections::BTreeMap;

use orszem_model::fact::{FactKind, RECORDS_MAX};
use orszem_model::{Fact, RecordId, Timestamp};

use crate::code::coded;
use crate::settings::{CONDITIONS_MAX, HELD_MAX};

/// A fact that waits for more records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) due: Timestamp,
    /// What further records of it are known by; empty for none.
    pub(crate) key: String,
    pub(crate) fact: Fact,
}

/// What is told next, and what was told and still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outbox {
    held: Vec<Held>,
    /// By the kind that began it, the entity, and what tells several of one entity apart.
    conditions: BTreeMap<(FactKind, String, String), Timestamp>,
}

coded! {
    Held { due, key, fact }
    Outbox { held, conditions }
}

impl Outbox {
    pub(crate) fn hold(&mut self, key: &str, due: Timestamp, fact: Fact) {
        self.held.push(Held { due, key: key.to_owned(), fact });
    }

    /// Another record of what is known by `key`.
    pub(crate) fn also(&mut self, key: &str, id: RecordId) {
        for held in self.held.iter_mut().filter(|held| held.key == key) {
            let records = &mut held.fact.records;
            if records.len() < RECORDS_MAX && !records.contains(&id) {
                records.push(id);
            }
        }
    }

    /// Adds what came to be known about what is known by `key`.
    pub(crate) fn amend(&mut self, key: &str, amend: impl Fn(&mut Fact)) {
        self.held.iter_mut().filter(|held| held.key == key).for_each(|held| amend(&mut held.fact));
    }

    /// What has waited long enough, in the order of the times it happened at.
    pub(crate) fn take_due(&mut self, clock: Timestamp) -> Vec<Fact> {
        self.held.sort_by_key(|held| (held.due, held.fact.at));
        let due = self.held.partition_point(|held| held.due <= clock);
        let due = due.max(self.held.len().saturating_sub(HELD_MAX));
        let mut facts: Vec<Fact> = self.held.drain(..due).map(|held| held.fact).collect();
        for fact in &mut facts {
            fact.records.sort_unstable();
        }
        facts.sort_by_key(|fact| fact.at);
        facts
    }

    /// Notes that a condition holds; `false` if it did already.
    pub(crate) fn begin(&mut self, kind: FactKind, entity: &str, sub: &str, at: Timestamp) -> bool {
        let key = (kind, entity.to_owned(), sub.to_owned());
        if self.conditions.contains_key(&key) || self.conditions.len() >= CONDITIONS_MAX {
            return false;
        }
        self.conditions.insert(key, at);
        true
    }

    /// Notes that it holds no more; answers since when it did.
    pub(crate) fn end(&mut self, kind: FactKind, entity: &str, sub: &str) -> Option<Timestamp> {
        self.conditions.remove(&(kind, entity.to_owned(), sub.to_owned()))
    }

    /// Takes back what has begun and was not told yet; `false` if there is no such thing.
    pub(crate) fn withdraw(&mut self, kind: FactKind, entity: &str, sub: &str, key: &str) -> bool {
        let before = self.held.len();
        self.held.retain(|held| held.key != key || held.fact.kind != kind);
        self.held.len() < before && self.end(kind, entity, sub).is_some()
    }

    /// Whether any condition of an entity holds.
    pub(crate) fn is_any_holding_of(&self, entity: &str) -> bool {
        self.conditions.keys().any(|(_, of, _)| of == entity)
    }

    /// The conditions of a kind that hold: entity, what tells several of it apart, since when.
    pub(crate) fn holding(&self, kind: FactKind) -> impl Iterator<Item = (&str, &str, Timestamp)> {
        let first = (kind, String::new(), String::new());
        let of_kind = self.conditions.range(first..).take_while(move |((other, ..), _)| *other == kind);
        of_kind.map(|((_, entity, sub), since)| (entity.as_str(), sub.as_str(), *since))
    }

    pub(crate) fn since(&self, kind: FactKind, entity: &str, sub: &str) -> Option<Timestamp> {
        self.conditions.get(&(kind, entity.to_owned(), sub.to_owned())).copied()
    }
}
