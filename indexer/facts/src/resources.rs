//! Where resources run, as their operations tell it.

use std::collections::{BTreeMap, VecDeque};

use orszem_model::fact::FactKind;
use orszem_model::observation::Operation;
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::{Facts, Timer};
use crate::input::Source;
use crate::settings::RESOURCES_MAX;
use crate::words::{Draft, between, earlier, host, resource, span};

/// A demotion so long before a promotion elsewhere belongs to it.
const PROMOTION_MS: u64 = 600_000;
/// A stop so long after a failure is not because of it.
const BECAUSE_MS: u64 = 30_000;

/// A word that tools agree on, such as the name of the designated controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    value: String,
    pub(crate) before: String,
    at: Timestamp,
    said: BTreeMap<String, String>,
    /// Words that were agreed on before, for what only goes forward.
    recent: VecDeque<String>,
}

/// Where and when a resource stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) node: String,
    /// When it began to be away: with its failure, its stop, or its node.
    pub(crate) began: Timestamp,
    at: Timestamp,
    /// It went with its node.
    pub(crate) is_lost: bool,
    is_told: bool,
    id: RecordId,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) parent: String,
    pub(crate) agent: String,
    /// By node: the role, and since when it is known.
    pub(crate) active: BTreeMap<String, (String, Timestamp)>,
    pub(crate) is_clone: bool,
    /// A status told where it runs: that decides whether it is a clone.
    pub(crate) is_placed: bool,
    /// When its last operation ended.
    pub(crate) operated: Timestamp,
    pub(crate) stop: Option<Stop>,
    /// Since when a status says that it runs nowhere, though nothing stopped it, and the record.
    pub(crate) gone: Option<(Timestamp, RecordId)>,
    /// Since when a status says that it runs, though nothing started it: the record, and where.
    pub(crate) there: Option<(Timestamp, RecordId, String)>,
    /// Since when it fails, where, and what.
    failing: Option<(Timestamp, String, String)>,
    /// It did not run, or hung, when that began.
    is_down: bool,
    /// Who was promoted last, and until when.
    promoted: Option<(String, Timestamp)>,
    pub(crate) target_role: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) known: BTreeMap<String, Resource>,
    pub(crate) cluster_name: String,
    pub(crate) dc: Agreed,
    pub(crate) configuration: Agreed,
    /// Links whose state changed last: when, and by which record.
    pub(crate) links: BTreeMap<(String, u32), (Timestamp, RecordId, bool)>,
}

coded! {
    Agreed { value, before, at, said, recent }
    Stop { node, began, at, is_lost, is_told, id }
    Resource {
        parent, agent, active, is_clone, is_placed, operated, stop, gone, there, failing, is_down, promoted,
        target_role,
    }
    Resources { known, cluster_name, dc, configuration, links }
}

impl Agreed {
    /// Takes a word in; `true` if it is a new one. The one before it is in `before`.
    pub(crate) fn change(&mut self, source: &Source, value: &str) -> bool {
        const RECENT_MAX: usize = 16;
        let repeated = self.said.insert(source.reporter.clone(), value.to_owned()).is_some_and(|said| said == value);
        if self.value == value || repeated || source.at < self.at {
            return false;
        }
        self.before = std::mem::replace(&mut self.value, value.to_owned());
        self.at = source.at;
        self.recent.push_back(self.before.clone());
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        true
    }
}

impl Resource {
    /// A device for fencing serves nobody.
    pub(crate) fn is_fencing(&self) -> bool {
        self.agent.starts_with("stonith:")
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// It is one service that is in one place at a time.
    pub(crate) fn is_single(&self) -> bool {
        !self.is_clone && !self.is_fencing()
    }
}

impl Facts {
    pub(crate) fn know_resource(&mut self, name: &str) -> bool {
        let known = &mut self.resources.known;
        if known.contains_key(name) {
            return true;
        }
        if name.is_empty() || known.len() >= RESOURCES_MAX {
            self.ignored += 1;
            return false;
        }
        known.insert(name.to_owned(), Resource::default());
        true
    }

    pub(crate) fn failed_on(&mut self, source: &Source, operation: &Operation, cause: &str) {
        let Operation { resource: name, node, task, .. } = operation;
        let is_down = is_down(operation);
        if let Some(known) = self.resources.known.get_mut(name) {
            if known.failing.is_none() {
                known.failing = Some((source.at, node.to_owned(), cause.to_owned()));
                known.is_down = is_down;
            }
            known.operated = known.operated.max(source.at);
            if task == "start" {
                known.active.remove(node);
            }
        }
        self.service_failed(source, name, node, cause, is_down);
    }

    /// A monitor found it where it is.
    pub(crate) fn found_running(&mut self, source: &Source, operation: &Operation, role: &str) {
        let Some(known) = self.resources.known.get_mut(&operation.resource) else { return };
        if source.at < known.operated {
            return;
        }
        let is_elsewhere = !known.is_clone && known.active.keys().any(|node| *node != operation.node);
        if known.active.contains_key(&operation.node) || is_elsewhere || known.stop.is_some() {
            return;
        }
        known.active.insert(operation.node.clone(), (role.to_owned(), source.at));
        if role == "Promoted" && known.promoted.is_none() {
            known.promoted = Some((operation.node.clone(), source.at));
        }
    }

    /// It works again, where it failed or elsewhere.
    pub(crate) fn recovered(&mut self, source: &Source, name: &str, node: &str) {
        let Some(known) = self.resources.known.get_mut(name) else { return };
        let Some((since, failed_on, cause)) = known.failing.clone() else { return };
        // A monitor says nothing of another node's failure.
        if source.at <= since {
            return;
        }
        known.failing = None;
        if failed_on == node {
            self.service_works(name, node);
        }
        self.outbox.end(FactKind::ResourceFailed, &resource(name), "");
        let ms = between(since, source.at);
        let place = if failed_on == node { String::new() } else { format!(" on {node}") };
        let text = format!("{name} works again{place}, {} after it failed", span(ms));
        let draft = Draft::new(FactKind::ResourceRecovered, source.at, resource(name), text)
            .change("failed", "ok")
            .other(host(node))
            .cause(cause)
            .lasting(ms)
            .detail("node", node)
            .record(source.id);
        self.tell(source.at, "", draft);
    }

    pub(crate) fn started(&mut self, source: &Source, operation: &Operation, key: &str) {
        let (name, node) = (&operation.resource, &operation.node);
        let known = self.resources.known.get(name);
        let is_doubtful = known.is_some_and(|known| {
            !known.is_clone && known.active.keys().any(|other| other != node && self.is_doubtful(other))
        });
        if is_doubtful {
            self.decide_members(source.at);
        }
        let Some(known) = self.resources.known.get_mut(name) else { return };
        // One from before what is known says nothing about now.
        if source.at < known.operated {
            return;
        }
        known.operated = source.at;
        let role = if known.promoted.is_some() { "Unpromoted" } else { "Started" };
        let others: Vec<String> = known.active.keys().filter(|other| *other != node).cloned().collect();
        let is_back = known.active.insert(node.clone(), (role.to_owned(), source.at)).is_some();
        if !known.is_placed && !others.is_empty() {
            known.is_clone = true;
        }
        let stop = known.stop.take();
        let is_single = known.is_single();
        let is_clone = known.is_clone;
        if is_clone {
            self.recovered(source, name, node);
            return;
        }
        match stop {
            Some(stop) => {
                if stop.is_told {
                    self.tell_started(source, name, node, Some(&stop), key);
                }
                if is_single {
                    self.tell_back(source, name, node, &stop, key);
                }
            }
            // Its node has lost it without a word, or it is taken for granted that it goes on there.
            None if !others.is_empty() => {}
            None if is_back => {}
            None => self.tell_started(source, name, node, None, key),
        }
        self.recovered(source, name, node);
        if is_single {
            self.service_up(source, name, node);
        }
    }

    fn tell_started(&mut self, source: &Source, name: &str, node: &str, stop: Option<&Stop>, key: &str) {
        self.outbox.end(FactKind::ResourceStopped, &resource(name), "");
        let after = stop.map(|stop| format!(", {} after it stopped", span(between(stop.began, source.at))));
        let text = format!("{name} was started on {node}{}", after.unwrap_or_default());
        let mut draft = Draft::new(FactKind::ResourceStarted, source.at, resource(name), text)
            .change("stopped", "started")
            .other(host(node))
            .detail("node", node)
            .record(source.id);
        draft.0.duration_ms = stop.map(|stop| between(stop.began, source.at));
        self.tell(source.at, key, draft);
    }

    /// It is back where it was, or somewhere else.
    fn tell_back(&mut self, source: &Source, name: &str, node: &str, stop: &Stop, key: &str) {
        let ms = between(stop.began, source.at);
        let cause = self.why_away(name, stop, source.at);
        // What moves along with its group is told in short: why, the group tells.
        let known = self.resources.known.get(name);
        let is_along = stop.node != *node && known.is_some_and(|known| !known.parent.is_empty() && !known.is_failing());
        let why = if cause.is_empty() || is_along { String::new() } else { format!(": {cause}") };
        let draft = if stop.node == *node {
            let text = format!("{name} was restarted on {node}, away for {}{why}", span(ms));
            Draft::new(FactKind::ResourceRestarted, source.at, resource(name), text).change(node, node)
        } else {
            let text = format!("{name} moved from {} to {node}, away for {}{why}", stop.node, span(ms));
            Draft::new(FactKind::ResourceMoved, source.at, resource(name), text)
                .change(&stop.node, node)
                .other(host(&stop.node))
        };
        let draft = draft.other(host(node)).cause(cause).lasting(ms).record(stop.id).record(source.id);
        self.tell(source.at, key, draft.detail("node", node));
    }

    pub(crate) fn stopped(&mut self, source: &Source, operation: &Operation, _key: &str) {
        let (name, node) = (&operation.resource, &operation.node);
        let Some(known) = self.resources.known.get(name) else { return };
        let lost = known.stop.as_ref().filter(|stop| stop.is_lost && stop.node == *node);
        if source.at < known.operated || (known.stop.is_some() && lost.is_none()) {
            return;
        }
        let mut began = earlier(source.at, operation.duration_ms.unwrap_or_default());
        if let Some((failed, on, _)) = &known.failing
            && on == node
            && known.is_down
            && between(*failed, began) < BECAUSE_MS
        {
            began = began.min(*failed);
        }
        if let Some(cut_off) = self.cut_off_since(source, node) {
            began = began.min(cut_off);
        }
        let Some(known) = self.resources.known.get_mut(name) else { return };
        known.operated = source.at;
        known.active.remove(node);
        if known.is_clone {
            return;
        }
        // One that runs elsewhere as well is not stopped.
        if !known.active.is_empty() {
            return;
        }
        let stop = Stop { node: node.clone(), began, at: source.at, is_lost: false, is_told: false, id: source.id };
        known.stop = Some(stop);
        let is_single = known.is_single();
        if is_single {
            let ms = self.settings.stopped_after_ms;
            self.look_again(source.at, ms, Timer::Stopped(name.clone()));
            self.service_down(source, name, node, began, false);
        }
    }

    /// It has not come back soon.
    pub(crate) fn tell_stopped(&mut self, name: &str) {
        let Some(stop) = self.resources.known.get(name).and_then(|known| known.stop.clone()) else { return };
        // Another stop since then has its own time.
        if stop.is_told || stop.is_lost || between(stop.at, self.waiting.clock()) > self.settings.stopped_after_ms * 10
        {
            return;
        }
        if let Some(known) = self.resources.known.get_mut(name)
            && let Some(stop) = known.stop.as_mut()
        {
            stop.is_told = true;
        }
        self.outbox.begin(FactKind::ResourceStopped, &resource(name), "", stop.at);
        let cause = self.why_away(name, &stop, stop.at);
        let why = if cause.is_empty() { String::new() } else { format!(": {cause}") };
        let text = format!("{name} is stopped on {}, and runs nowhere{why}", stop.node);
        let draft = Draft::new(FactKind::ResourceStopped, stop.at, resource(name), text)
            .change("started", "stopped")
            .other(host(&stop.node))
            .cause(cause)
            .detail("node", &stop.node)
            .record(stop.id);
        self.outbox.hold("", stop.at, draft.0);
    }

    /// A node went, and what ran there with it.
    pub(crate) fn lose_resources(&mut self, node: &str, at: Timestamp, is_lost: bool) {
        let began = self.end_of(node, at, at);
        let names: Vec<String> = self.resources.known.keys().cloned().collect();
        for name in names {
            let Some(known) = self.resources.known.get_mut(&name) else { continue };
            let Some((role, since)) = known.active.get(node).cloned() else { continue };
            if since > at {
                continue;
            }
            known.active.remove(node);
            if role == "Promoted" {
                known.promoted = Some((node.to_owned(), at));
            }
            if !known.is_clone && known.active.is_empty() {
                let id = RecordId { timestamp: at, seq: 0 };
                let stop = Stop { node: node.to_owned(), began, at, is_lost: true, is_told: !is_lost, id };
                known.stop = Some(Stop { is_told: false, ..stop });
                if known.is_single() {
                    self.service_down(&Source::concluded(at), &name, node, began, true);
                }
            }
        }
    }

    pub(crate) fn promoted(&mut self, source: &Source, operation: &Operation, key: &str) {
        let (name, node) = (&operation.resource, &operation.node);
        let Some(known) = self.resources.known.get_mut(name) else { return };
        let before = known.promoted.replace((node.clone(), source.at));
        known.active.insert(node.clone(), ("Promoted".to_owned(), source.at));
        known.operated = known.operated.max(source.at);
        known.stop = None;
        let near = before.filter(|(_, until)| between(*until, source.at) < PROMOTION_MS);
        let from = near.map(|(node, _)| node).unwrap_or_default();
        let text = if from.is_empty() || from == *node {
            format!("{name} was promoted on {node}")
        } else {
            format!("{name} was promoted on {node}, after {from}")
        };
        let mut draft = Draft::new(FactKind::ResourcePromoted, source.at, resource(name), text)
            .change(&from, node)
            .other(host(node))
            .detail("node", node)
            .record(source.id);
        if !from.is_empty() {
            draft = draft.other(host(&from));
        }
        self.tell(source.at, key, draft);
        self.recovered(source, name, node);
        self.promoted_elsewhere(source, name, &from, node);
    }

    pub(crate) fn demoted(&mut self, source: &Source, operation: &Operation, key: &str) {
        let (name, node) = (&operation.resource, &operation.node);
        let Some(known) = self.resources.known.get_mut(name) else { return };
        if source.at < known.operated {
            return;
        }
        known.operated = source.at;
        let began = earlier(source.at, operation.duration_ms.unwrap_or_default());
        known.promoted = Some((node.clone(), began));
        known.active.insert(node.clone(), ("Unpromoted".to_owned(), source.at));
        let draft =
            Draft::new(FactKind::ResourceDemoted, source.at, resource(name), format!("{name} was demoted on {node}"))
                .change("Promoted", "Unpromoted")
                .other(host(node))
                .detail("node", node)
                .record(source.id);
        self.tell(source.at, key, draft);
    }

    /// Why a resource is away, in words, as far as it is known.
    fn why_away(&self, name: &str, stop: &Stop, until: Timestamp) -> String {
        let known = self.resources.known.get(name);
        if let Some((_, _, cause)) = known.and_then(|known| known.failing.as_ref()) {
            return cause.clone();
        }
        if known.is_some_and(|known| known.target_role == "Stopped") {
            return "it was told to stop".to_owned();
        }
        self.why_moved(&[name.to_owned()], &stop.node, "", stop.began, until)
            .map(|(cause, _)| cause)
            .unwrap_or_default()
    }
}

/// Whether a failure says that the resource does not run, or hangs. One that is in error may serve until it is stopped.
fn is_down(operation: &Operation) -> bool {
    const NOT_RUNNING: i32 = 7;
    const TIMED_OUT: i32 = 2;
    operation.task == "monitor" && matches!((operation.status, operation.rc), (0, NOT_RUNNING) | (TIMED_OUT, _))
}
