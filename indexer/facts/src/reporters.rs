//! When each reporter was last heard, and which is silent.

use std::collections::{BTreeMap, VecDeque};

use orszem_model::Timestamp;
use orszem_model::fact::FactKind;

use crate::code::coded;
use crate::engine::Facts;
use crate::members::Standing;
use crate::settings::NODES_MAX;
use crate::words::{Draft, between, earlier, host, span};

/// What comes later than this is no sign that the reporter can be reached.
const PROMPT_MS: u64 = 3_000;
/// Of so long the last sign is kept, and so many of them.
const SLOT_NS: i64 = 500_000_000;
const SLOTS_MAX: usize = 32;
/// As often it has to be heard before its silence means anything.
const REGULAR: u32 = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reporter {
    /// The last sign of it that came promptly.
    sign: Timestamp,
    /// The last one of each slot of time, the newest last: what is fenced may be back before that is known.
    slots: VecDeque<Timestamp>,
    /// The last sign of it before it was fenced; zero if none is known.
    last_before_fencing: Option<Timestamp>,
    /// How often something came of it, of late, within the time after which it would be silent.
    signs: u32,
    is_regular: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reporters {
    known: BTreeMap<String, Reporter>,
}

coded! {
    Reporter { sign, slots, last_before_fencing, signs, is_regular }
    Reporters { known }
}

impl Reporter {
    fn add(&mut self, at: Timestamp) {
        if at <= self.sign {
            return;
        }
        if self.sign.0.div_euclid(SLOT_NS) == at.0.div_euclid(SLOT_NS) {
            self.slots.pop_back();
        } else if self.slots.len() >= SLOTS_MAX {
            self.slots.pop_front();
        }
        self.slots.push_back(at);
        self.sign = at;
    }

    /// The last sign up to a moment, if one so old is kept.
    fn sign_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.slots.iter().rev().find(|sign| **sign <= at).copied()
    }
}

impl Facts {
    /// A sign of life of a reporter: any record of its, at the record's time. Observations and lines are signs, too.
    pub fn heard(&mut self, reporter: &str, at: Timestamp) {
        let at = self.waiting.bounded(at);
        if self.waiting.lag(at) > PROMPT_MS {
            return;
        }
        let known = &mut self.reporters.known;
        if !known.contains_key(reporter) && known.len() >= NODES_MAX {
            self.ignored += 1;
            return;
        }
        let entry = known.entry(reporter.to_owned()).or_default();
        entry.add(at);
    }

    /// A regular sign of life: a reporter of which some have come is silent when they stay away.
    pub fn alive(&mut self, reporter: &str, at: Timestamp) {
        self.heard(reporter, at);
        if let Some(entry) = self.reporters.known.get_mut(reporter) {
            entry.signs = entry.signs.saturating_add(1);
            entry.is_regular = entry.signs >= REGULAR;
        }
    }

    /// The last prompt sign of a node up to a moment.
    pub(crate) fn sign_of(&self, node: &str, until: Timestamp) -> Option<Timestamp> {
        let reporter = self.reporters.known.get(node)?;
        let sign = reporter.last_before_fencing.unwrap_or(reporter.sign);
        (sign.0 > 0 && sign <= until).then_some(sign)
    }

    /// Whether a reporter was heard at or after a moment.
    pub(crate) fn is_heard_since(&self, node: &str, since: Timestamp) -> bool {
        self.reporters.known.get(node).is_some_and(|reporter| reporter.sign >= since)
    }

    /// A fenced node's signs end here.
    pub(crate) fn freeze_signs(&mut self, node: &str, at: Timestamp) {
        if let Some(reporter) = self.reporters.known.get_mut(node) {
            reporter.last_before_fencing = Some(reporter.sign_until(at).unwrap_or(Timestamp(0)));
        }
    }

    /// A node is back: its signs count again.
    pub(crate) fn thaw_signs(&mut self, node: &str) {
        if let Some(reporter) = self.reporters.known.get_mut(node) {
            reporter.last_before_fencing = None;
        }
    }

    pub(crate) fn look_for_silence(&mut self, now: Timestamp) {
        let silent_after_ms = self.settings.silent_after_ms;
        let regular = self.reporters.known.iter().filter(|(_, reporter)| reporter.is_regular);
        let signs: Vec<(String, Timestamp)> = regular.map(|(name, reporter)| (name.clone(), reporter.sign)).collect();
        for (name, sign) in signs {
            let entity = host(&name);
            let is_silent = between(sign.max(self.settings.listening_since), now) > silent_after_ms;
            // Of a node that is known to be away nothing is expected.
            let is_away = matches!(self.members.standing(&name), Standing::Lost | Standing::Left);
            if is_silent && !is_away && self.outbox.begin(FactKind::ReporterSilent, &entity, "", sign) {
                let text =
                    format!("Nothing was heard from {name} for {}: its state is unknown", span(between(sign, now)));
                let draft = Draft::new(FactKind::ReporterSilent, now, entity, text).detail("last_heard", sign);
                self.tell(earlier(now, self.settings.reorder_ms + self.settings.hold_ms), "", draft);
            } else if !is_silent && let Some(since) = self.outbox.end(FactKind::ReporterSilent, &entity, "") {
                let ms = between(since, sign);
                let text = format!("{name} is heard again, after {}", span(ms));
                let draft = Draft::new(FactKind::ReporterBack, sign, entity, text).lasting(ms);
                self.tell(earlier(now, self.settings.reorder_ms + self.settings.hold_ms), "", draft);
            }
        }
    }
}
