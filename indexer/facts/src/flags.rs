//! Conditions that tools report as they stand: each is told when it begins and when it ends.

use std::collections::BTreeMap;

use orszem_model::Timestamp;
use orszem_model::fact::FactKind;

use crate::code::coded;
use crate::engine::Facts;
use crate::input::Source;
use crate::settings::CONDITIONS_MAX;
use crate::words::{Draft, between, span};

/// A condition as it is agreed, and as each reporter last had it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Flag {
    is_set: bool,
    at: Timestamp,
    said: BTreeMap<String, bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    flags: BTreeMap<(FactKind, String), Flag>,
}

coded! {
    Flag { is_set, at, said }
    Flags { flags }
}

/// What is told of a condition.
pub(crate) struct FlagFacts {
    pub(crate) begin: FactKind,
    pub(crate) end: FactKind,
    pub(crate) entity: String,
    pub(crate) others: Vec<String>,
    pub(crate) begun: String,
    pub(crate) ended: String,
    pub(crate) cause: String,
}

impl Flags {
    /// Whether the condition that `begin` begins holds for a subject.
    pub(crate) fn is_set(&self, begin: FactKind, subject: &str) -> bool {
        self.flags.get(&(begin, subject.to_owned())).is_some_and(|flag| flag.is_set)
    }

    /// Since when it holds.
    pub(crate) fn set_since(&self, begin: FactKind, subject: &str) -> Option<Timestamp> {
        self.flags.get(&(begin, subject.to_owned())).filter(|flag| flag.is_set).map(|flag| flag.at)
    }

    /// Those of a kind that hold, with since when.
    pub(crate) fn all_set(&self, begin: FactKind) -> impl Iterator<Item = (&str, Timestamp)> {
        let of_kind = self.flags.iter().filter(move |((kind, _), flag)| *kind == begin && flag.is_set);
        of_kind.map(|((_, subject), flag)| (subject.as_str(), flag.at))
    }

    /// A reporter's view counts no more: what it says when it is back is its first word, and no repetition.
    pub(crate) fn forget_said_by(&mut self, reporter: &str) {
        for flag in self.flags.values_mut() {
            flag.said.remove(reporter);
        }
    }

    /// Takes a word in; `true` if it changes what is agreed. A reporter that repeats itself changes nothing, and what is
    /// older than the last change neither.
    pub(crate) fn change(&mut self, source: &Source, begin: FactKind, subject: &str, is_set: bool) -> bool {
        let key = (begin, subject.to_owned());
        if !self.flags.contains_key(&key) && (!is_set || self.flags.len() >= CONDITIONS_MAX) {
            return false;
        }
        let flag = self.flags.entry(key).or_default();
        let repeated = flag.said.insert(source.reporter.clone(), is_set) == Some(is_set);
        if flag.is_set == is_set || repeated || source.at < flag.at {
            return false;
        }
        flag.is_set = is_set;
        flag.at = source.at;
        true
    }
}

impl Facts {
    /// Takes a condition in and tells its beginning or its end.
    pub(crate) fn flag(&mut self, source: &Source, subject: &str, is_set: bool, facts: &FlagFacts) -> bool {
        let key = format!("{}:{subject}:{is_set}", facts.begin.name());
        if !self.flags.change(source, facts.begin, subject, is_set) {
            if self.flags.is_set(facts.begin, subject) == is_set {
                self.outbox.also(&key, source.id);
            }
            return false;
        }
        let draft = if is_set {
            self.outbox.begin(facts.begin, &facts.entity, subject, source.at);
            Draft::new(facts.begin, source.at, facts.entity.clone(), facts.begun.clone())
                .cause(facts.cause.clone())
                .holding(source.is_initial)
        } else {
            let Some(since) = self.outbox.end(facts.begin, &facts.entity, subject) else { return false };
            let ms = between(since, source.at);
            let text = format!("{}, after {}", facts.ended, span(ms));
            Draft::new(facts.end, source.at, facts.entity.clone(), text).lasting(ms)
        };
        let draft = facts.others.iter().fold(draft, |draft, other| draft.other(other.clone()));
        self.tell(source.at, &key, draft.detail("reported_by", &source.reporter).record(source.id));
        true
    }
}
