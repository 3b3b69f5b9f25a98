//! Fencing: asked for, done, failed; several reporters tell of one, and it may take several attempts.

use std::collections::{BTreeMap, VecDeque};

use orszem_model::fact::FactKind;
use orszem_model::observation::{Fencing, FencingState};
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::Facts;
use crate::input::Source;
use crate::settings::{NODES_MAX, REMEMBERED_MAX};
use crate::words::{Draft, between, host, ordinal, span};

/// Results without a reference that come so shortly after one another are one.
const SAME_MS: u64 = 10_000;
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
    /// References, or nodes where there is none, with the result: the newest last.
    known: VecDeque<(String, bool, Timestamp)>,
}

coded! {
    Open { since, is_requested, failed, records }
    Fencings { open, known }
}

impl Fencings {
    /// Whether a result is new; it is known from then on.
    fn is_new(&mut self, key: &str, is_done: bool, at: Timestamp, has_reference: bool) -> bool {
        let known = self.known.iter().any(|(other, done, told)| {
            other == key && *done == is_done && (has_reference || between(*told, at).max(between(at, *told)) < SAME_MS)
        });
        if !known {
            self.known.push_back((key.to_owned(), is_done, at));
            if self.known.len() > REMEMBERED_MAX {
                self.known.pop_front();
            }
        }
        !known
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
        let has_reference = !fencing.reference.is_empty();
        let key = if has_reference { fencing.reference.clone() } else { format!("{node} {}", fencing.action) };
        let evidence = format!("fencing:{key}:{is_done}");
        if !self.fencings.is_new(&key, is_done, source.at, has_reference) {
            self.outbox.also(&evidence, source.id);
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
            self.fencings.is_new(node, true, source.at, false);
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
