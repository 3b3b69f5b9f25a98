//! What has happened, out of what a status remembers: failed operations and fencings.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::Timestamp;
use orszem_model::observation::{Fencing, FencingState, Observation, Operation};

use crate::pacemaker::status::{Failure, FenceEvent, FenceStatus, Run, Status};

/// Entries that are remembered beyond those of the last status, so that none is told again when a status lacked it.
const KNOWN_MAX: usize = 4_096;

#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    failures: BTreeSet<FailureKey>,
    fencings: BTreeSet<FenceEvent>,
    /// How many fencings of a kind are pending.
    pending: BTreeMap<FenceEvent, usize>,
}

/// What happened, and when; `None` where it is not told.
pub(super) struct Event {
    pub(super) at: Option<Timestamp>,
    pub(super) observation: Observation,
}

/// Node, resource, task, interval, call and time.
type FailureKey = (String, String, String, u64, i64, Option<Timestamp>);

impl Events {
    /// What this status tells of for the first time, oldest first.
    pub(super) fn step(&mut self, status: &Status) -> Vec<Event> {
        let mut events = self.failed(status);
        events.extend(self.fenced(status));
        events.sort_by_key(|event| event.at.unwrap_or(Timestamp(i64::MAX)));
        events
    }

    fn failed(&mut self, status: &Status) -> Vec<Event> {
        let mut events = Vec::new();
        let mut now = BTreeSet::new();
        for failure in status.failures.iter().cloned().chain(unlisted(status)) {
            let key = key(&failure);
            if now.insert(key.clone()) && !self.failures.contains(&key) {
                events.push(Event { at: failure.changed, observation: Observation::Operation(operation(failure)) });
            }
        }
        remember(&mut self.failures, now);
        events
    }

    fn fenced(&mut self, status: &Status) -> Vec<Event> {
        let mut events = Vec::new();
        let mut pending: BTreeMap<FenceEvent, usize> = BTreeMap::new();
        let mut completed = BTreeSet::new();
        for event in &status.fencing {
            if event.status == FenceStatus::Pending {
                *pending.entry(begun(event)).or_default() += 1;
            } else if completed.insert(event.clone()) && !self.fencings.contains(event) {
                // One that was pending no longer is, even if the next of its kind already is.
                if let Some(count) = self.pending.get_mut(&begun(event)) {
                    *count = count.saturating_sub(1);
                }
                events.push(Event { at: event.completed, observation: Observation::Fencing(fencing(event)) });
            }
        }
        for (event, count) in &pending {
            let before = self.pending.get(event).copied().unwrap_or(0);
            for _ in before..*count {
                events.push(Event { at: None, observation: Observation::Fencing(fencing(event)) });
            }
        }
        self.pending = pending;
        remember(&mut self.fencings, completed);
        events
    }
}

/// The fencing as it was when it began. The delegate becomes known only on the way.
fn begun(event: &FenceEvent) -> FenceEvent {
    FenceEvent {
        delegate: String::new(),
        status: FenceStatus::Pending,
        reason: String::new(),
        completed: None,
        ..event.clone()
    }
}

fn remember<T: Ord>(known: &mut BTreeSet<T>, now: BTreeSet<T>) {
    if known.len() > KNOWN_MAX {
        known.clear();
    }
    known.extend(now);
}

fn key(failure: &Failure) -> FailureKey {
    let Failure { node, resource, task, interval_ms, call, changed, .. } = failure;
    (node.clone(), resource.clone(), task.clone(), *interval_ms, *call, *changed)
}

/// Failed operations of the history that are not among the failures, which some versions do not list.
fn unlisted(status: &Status) -> impl Iterator<Item = Failure> {
    let place = |f: &Failure| (f.node.clone(), f.resource.clone(), f.task.clone(), f.interval_ms);
    let listed: BTreeSet<_> = status.failures.iter().map(place).collect();
    let runs = status.history.iter().flat_map(|history| history.operations.iter().map(move |run| (history, run)));
    let failed = runs.filter(|(_, run)| is_failed(run)).map(|(history, run)| Failure {
        node: history.node.clone(),
        resource: history.resource.clone(),
        task: run.task.clone(),
        interval_ms: run.interval_ms,
        call: run.call,
        rc: run.rc,
        rc_text: run.rc_text.clone(),
        changed: run.changed,
        duration_ms: run.duration_ms,
        ..Failure::default()
    });
    failed.filter(move |failure| !listed.contains(&place(failure)))
}

/// Whether a run failed, as far as its exit code alone tells: a history does not tell what was expected.
fn is_failed(run: &Run) -> bool {
    let is_monitor = matches!(run.task.as_str(), "monitor" | "probe");
    match run.rc {
        0 | 190 | 193 => false,
        // A probe finds it stopped.
        7 => is_monitor && run.interval_ms > 0,
        8 | 191 => !is_monitor,
        _ => true,
    }
}

fn operation(failure: Failure) -> Operation {
    let is_probe = failure.interval_ms == 0 && matches!(failure.task.as_str(), "monitor" | "probe");
    let is_active = failure.status == 0 && matches!(failure.rc, 0 | 8);
    Operation {
        node: failure.node,
        resource: failure.resource,
        task: failure.task,
        interval_ms: failure.interval_ms,
        rc: failure.rc,
        // A probe that failed although it found the resource running expected it not to run.
        expected_rc: if is_probe && is_active { 7 } else { 0 },
        status: failure.status,
        duration_ms: failure.duration_ms,
        result: if failure.status == 0 { failure.rc_text } else { failure.status_text },
        reason: failure.reason,
    }
}

/// `crm_mon` does not tell the reference.
fn fencing(event: &FenceEvent) -> Fencing {
    Fencing {
        reference: String::new(),
        target: event.target.clone(),
        action: event.action.clone(),
        delegate: event.delegate.clone(),
        client: event.client.clone(),
        origin: event.origin.clone(),
        state: match event.status {
            FenceStatus::Pending => FencingState::Pending,
            FenceStatus::Success => FencingState::Done,
            FenceStatus::Failed => FencingState::Failed,
        },
        reason: event.reason.clone(),
    }
}
