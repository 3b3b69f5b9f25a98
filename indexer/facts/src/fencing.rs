//! Fencing: asked for, done, failed; several reporters tell of one, and it may take several attempts.

use std::collections::{BTreeMap, VecDeque};

use orszem_model::fact::{Fact, FactKind};
use orszem_model::observation::{Fencing, FencingState, Observation, Origin, Seen};
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::Facts;
use crate::input::Source;
use crate::settings::{NODES_MAX, REMEMBERED_MAX};
use crate::words::{Draft, between, earlier, host, later, ordinal, span};

/// A request so shortly after a result is another account of what led to it.
const SAME_MS: u64 = 10_000;
/// A status tells the time of a result in whole seconds.
pub(crate) const WHOLE_MS: u64 = 1_000;
/// How far the accounts of one result are apart besides.
const APART_MS: u64 = 500;
/// From this attempt on only every power of two is told.
const TOLD_EACH: u32 = 8;
/// A request that is older than this is not what a result answers.
const OPEN_MS: u64 = 3_600_000;

/// The fencing of a node from the request to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    since: Timestamp,
    is_requested: bool,
    failed: u32,
    records: Vec<RecordId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fencings {
    open: BTreeMap<String, Open>,
    /// References, nodes, and what was done to which node (`?` as a status told it, `=` as others did), with the result:
    /// the newest last.
    known: VecDeque<(String, bool, Timestamp)>,
}

coded! {
    Open { since, is_requested, failed, records }
    Fencings { open, known }
}

/// Whether an account of a result has no better time than a second.
pub(crate) fn is_in_whole_seconds(seen: &Seen) -> bool {
    let is_result = |fencing: &Fencing| fencing.reference.is_empty() && fencing.state != FencingState::Pending;
    seen.origin == Origin::Status && matches!(&seen.observation, Observation::Fencing(fencing) if is_result(fencing))
}

impl Fencings {
    /// When the fencing of a node that is under way was asked for.
    pub(crate) fn asked(&self, node: &str) -> Option<Timestamp> {
        self.open.get(node).filter(|open| open.is_requested).map(|open| open.since)
    }

    /// Whether a result is new; it is known from then on. Only a status has no reference, and comes up to a second later.
    fn is_new(&mut self, fencing: &Fencing, is_done: bool, at: Timestamp) -> bool {
        let Fencing { reference, target, action, .. } = fencing;
        let (by_status, by_others) = (format!("?{target} {action}"), format!("={target} {action}"));
        let find = |known: &VecDeque<(String, bool, Timestamp)>, key: &str, from: Timestamp, to: Timestamp| {
            let is_it = |(other, done, told): &(String, bool, Timestamp)| {
                other == key && *done == is_done && from <= *told && *told <= to
            };
            known.iter().position(is_it)
        };
        if reference.is_empty() {
            let is_known = find(&self.known, &by_others, earlier(at, WHOLE_MS + APART_MS), later(at, APART_MS))
                .is_some()
                || find(&self.known, &by_status, earlier(at, APART_MS), later(at, APART_MS)).is_some();
            if !is_known {
                self.remember(by_status, is_done, at);
            }
            return !is_known;
        }
        if self.known.iter().any(|(other, done, _)| other == reference && *done == is_done) {
            return false;
        }
        let told = find(&self.known, &by_status, earlier(at, APART_MS), later(at, WHOLE_MS + APART_MS));
        if let Some(told) = told {
            self.known.remove(told);
        }
        self.remember(reference.clone(), is_done, at);
        self.remember(by_others, is_done, at);
        told.is_none()
    }

    fn remember(&mut self, key: String, is_done: bool, at: Timestamp) {
        self.known.push_back((key, is_done, at));
        if self.known.len() > REMEMBERED_MAX {
            self.known.pop_front();
        }
    }
}

impl Facts {
    pub(crate) fn fencing(&mut self, source: &Source, fencing: &Fencing) {
        if !self.know_node(&fencing.target) || fencing.action == "on" {
            return;
        }
        match fencing.state {
            FencingState::Pending => {
                if !self.fencings.known.iter().any(|(key, ..)| !key.is_empty() && *key == fencing.reference) {
                    self.fencing_wanted(source, &fencing.target, &fencing.action);
                }
            }
            FencingState::Done => self.fencing_ended(source, fencing, true),
            FencingState::Failed => self.fencing_ended(source, fencing, false),
        }
    }

    pub(crate) fn fencing_wanted(&mut self, source: &Source, node: &str, action: &str) {
        if !self.know_node(node) {
            return;
        }
        let key = format!("fencing:{node}:wanted");
        if let Some(open) = self.fencings.open.get_mut(node)
            && between(open.since, source.at) < OPEN_MS
        {
            open.is_requested = true;
            self.outbox.also(&key, source.id);
            return;
        }
        // What was just done was not asked for after it.
        let is_over = self.fencings.known.iter().any(|(known, is_done, at)| {
            *known == node && *is_done && (*at >= source.at || between(*at, source.at) < SAME_MS)
        });
        if source.is_initial || is_over || self.fencings.open.len() >= NODES_MAX {
            return;
        }
        let open = Open { since: source.at, is_requested: true, failed: 0, records: vec![source.id] };
        self.fencings.open.insert(node.to_owned(), open);
        let cause = if self.flags.is_set(FactKind::NodeUnclean, node) || self.members.is_away(node) {
            format!("{node} was lost")
        } else {
            self.last_failure_on(node, source.at).unwrap_or_default()
        };
        let why = if cause.is_empty() { String::new() } else { format!(": {cause}") };
        let text = format!("The cluster wants {node} fenced ({action}){why}");
        let draft = Draft::new(FactKind::FencingRequested, source.at, host(node), text)
            .cause(cause)
            .detail("action", action)
            .detail("reported_by", &source.reporter)
            .record(source.id);
        self.tell(source.at, &key, draft);
    }

    fn fencing_ended(&mut self, source: &Source, fencing: &Fencing, is_done: bool) {
        let node = &fencing.target;
        let evidence = format!("fencing:{node}:{}:{is_done}", fencing.action);
        if !self.fencings.is_new(fencing, is_done, source.at) {
            self.outbox.also(&evidence, source.id);
            if !fencing.reference.is_empty() {
                self.outbox.amend(&evidence, |fact| refer(fact, &fencing.reference));
            }
            return;
        }
        if source.is_initial {
            return;
        }
        let by = if fencing.delegate.is_empty() { String::new() } else { format!(" by {}", fencing.delegate) };
        let details = [
            ("action", &fencing.action),
            ("delegate", &fencing.delegate),
            ("client", &fencing.client),
            ("origin", &fencing.origin),
            ("reference", &fencing.reference),
        ];
        let describe = |draft: Draft| {
            let told = details.into_iter().filter(|(_, value)| !value.is_empty());
            let draft = told.fold(draft, |draft, (name, value)| draft.detail(name, value));
            if fencing.delegate.is_empty() { draft } else { draft.other(host(&fencing.delegate)) }
        };
        if is_done {
            self.node_fenced(node, source.at);
            // By name, too, for requests that have no reference.
            self.fencings.remember(node.clone(), true, source.at);
            let open = self.fencings.open.remove(node);
            self.outbox.end(FactKind::FencingFailed, &host(node), "");
            let since = open.as_ref().map(|open| open.since);
            let took = since.map(|since| format!(" after {}", span(between(since, source.at)))).unwrap_or_default();
            let failed = open.as_ref().map_or(0, |open| open.failed);
            let attempts = if failed > 0 { format!(", in the {} attempt", ordinal(failed + 1)) } else { String::new() };
            let text = format!("{node} was fenced ({}){by}{took}{attempts}", fencing.action);
            let mut draft = Draft::new(FactKind::FencingDone, source.at, host(node), text)
                .change("", "fenced")
                .detail("attempts", failed + 1)
                .record(source.id)
                .records(&open.map(|open| open.records).unwrap_or_default());
            draft.0.duration_ms = since.map(|since| between(since, source.at));
            self.tell(source.at, &evidence, describe(draft));
            return;
        }
        let open = self.fencings.open.entry(node.clone()).or_insert_with(|| Open {
            since: source.at,
            is_requested: false,
            failed: 0,
            records: Vec::new(),
        });
        open.failed = open.failed.saturating_add(1);
        let failed = open.failed;
        let ms = between(open.since, source.at);
        self.outbox.begin(FactKind::FencingFailed, &host(node), "", source.at);
        if failed > TOLD_EACH && !failed.is_power_of_two() {
            return;
        }
        let why = if fencing.reason.is_empty() { String::new() } else { format!(": {}", fencing.reason) };
        let text = format!("Fencing of {node} ({}){by} failed, the {} attempt{why}", fencing.action, ordinal(failed));
        let draft = Draft::new(FactKind::FencingFailed, source.at, host(node), text)
            .cause(fencing.reason.clone())
            .lasting(ms)
            .detail("attempt", failed)
            .record(source.id);
        self.tell(source.at, &evidence, describe(draft));
    }
}

/// Adds the reference that another account of the same has.
fn refer(fact: &mut Fact, reference: &str) {
    if fact.details.iter().all(|(name, _)| name != "reference") {
        fact.details.push(("reference".to_owned(), reference.to_owned()));
    }
}
