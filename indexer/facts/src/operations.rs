//! Operations of resources: what is a repeat, what is a failure, and what each does to the resource.

use std::collections::VecDeque;

use orszem_model::Timestamp;
use orszem_model::observation::{Operation, Origin};

use crate::code::coded;
use crate::engine::Facts;
use crate::input::Source;
use crate::settings::REMEMBERED_MAX;
use crate::words::between;

/// Accounts of one operation that are this far apart are still of one.
const SAME_MS: u64 = 10_000;
/// A cluster whose executors sent an alert so long ago still has them send alerts.
const ALERTED_MS: u64 = 3_600_000;

/// One operation as it was first told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Occurrence {
    at: Timestamp,
    node: String,
    resource: String,
    task: String,
    interval_ms: u64,
    is_good: bool,
    /// The executor's own account, whose time is the operation's.
    is_exact: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Operations {
    /// The newest last.
    known: VecDeque<Occurrence>,
    /// When a tool last told of an operation: logs are not needed then.
    told_at: Timestamp,
    /// When an executor's alert last did: other tools tell nothing new then, but may tell old things again.
    alerted_at: Timestamp,
}

coded! {
    Occurrence { at, node, resource, task, interval_ms, is_good, is_exact }
    Operations { known, told_at, alerted_at }
}

impl Operations {
    /// Whether the executor of a node told of operations by alerts.
    pub(crate) fn is_alerting(&self, node: &str) -> bool {
        self.known.iter().any(|known| known.is_exact && known.node == node)
    }
}

/// Whether it did what it should.
pub(crate) fn is_good(operation: &Operation) -> bool {
    // 190 and 191: it works, if less well than before.
    operation.status == 0 && (operation.rc == operation.expected_rc || matches!(operation.rc, 0 | 8 | 190 | 191))
}

fn is_finished(operation: &Operation) -> bool {
    // Pending and cancelled ones are no results; 193 is Pacemaker's own for a pending one.
    !matches!(operation.status, -1 | 1) && operation.rc != 193
}

fn is_probe(source: &Source, operation: &Operation) -> bool {
    // ClusterMon tells no interval; what is expected not to run is being looked for.
    let is_looked_for = source.origin != Origin::Notify || operation.expected_rc == 7;
    operation.task == "monitor" && operation.interval_ms == 0 && is_looked_for
}

impl Facts {
    pub(crate) fn operation(&mut self, source: &Source, operation: &Operation) {
        let tasks = ["start", "stop", "monitor", "promote", "demote", "migrate_to", "migrate_from", "reload"];
        if !tasks.contains(&operation.task.as_str()) || !is_finished(operation) {
            return;
        }
        if !self.know_node(&operation.node) || !self.know_resource(&operation.resource) {
            return;
        }
        let is_good = is_good(operation);
        let known = Occurrence {
            at: source.at,
            node: operation.node.clone(),
            resource: operation.resource.clone(),
            task: operation.task.clone(),
            interval_ms: operation.interval_ms,
            is_good,
            is_exact: source.origin == Origin::Alert,
        };
        let key = evidence(&known.node, &known.resource, &known.task);
        if source.origin != Origin::Log {
            self.operations.told_at = self.operations.told_at.max(source.at);
        }
        if known.is_exact {
            self.operations.alerted_at = self.operations.alerted_at.max(source.at);
        }
        if self.is_repeat(&known) {
            self.outbox.also(&key, source.id);
            return;
        }
        self.operations.known.push_back(known);
        if self.operations.known.len() > REMEMBERED_MAX {
            self.operations.known.pop_front();
        }
        if source.is_initial {
            return;
        }
        if is_probe(source, operation) {
            // Found running, or not: no failure. Others say that it cannot even be looked for.
            match operation.rc {
                0 | 190 if is_good => self.found_running(source, operation, "Started"),
                8 | 191 if is_good => self.found_running(source, operation, "Promoted"),
                0 | 5 | 7 | 8 => {}
                _ => self.failed(source, operation, &key),
            }
        } else if !is_good {
            self.failed(source, operation, &key);
        } else {
            self.succeeded(source, operation, &key);
        }
    }

    fn succeeded(&mut self, source: &Source, operation: &Operation, key: &str) {
        match operation.task.as_str() {
            "start" | "migrate_from" => self.started(source, operation, key),
            "stop" => self.stopped(source, operation, key),
            "promote" => self.promoted(source, operation, key),
            "demote" => self.demoted(source, operation, key),
            "monitor" => {
                let role = if matches!(operation.rc, 8 | 191) { "Promoted" } else { "Started" };
                self.found_running(source, operation, role);
                self.recovered(source, &operation.resource, &operation.node);
            }
            _ => {}
        }
    }

    /// A log tells of a failure. Where tools tell of operations, it is another record of what they tell.
    pub(crate) fn operation_said(&mut self, source: &Source, node: &str, resource: &str, task: &str) {
        let key = evidence(node, resource, task);
        if self.operations.told_at.0 > 0 {
            self.outbox.also(&key, source.id);
        } else {
            self.operation(source, &crate::log::operation(node, resource, task));
        }
    }

    /// Whether executors tell their operations at once, so that a status is not needed to know them.
    pub(crate) fn has_alerts(&self, at: Timestamp) -> bool {
        let alerted_at = self.operations.alerted_at;
        alerted_at.0 > 0 && between(alerted_at, at) < ALERTED_MS
    }

    /// Whether another account of it is known. Two of the executor's are one only with the same time.
    fn is_repeat(&self, new: &Occurrence) -> bool {
        // crm_mon tells its whole history again when it connects anew.
        if !new.is_exact && self.has_alerts(new.at) {
            return true;
        }
        self.operations.known.iter().any(|known| {
            let is_same = known.node == new.node
                && known.resource == new.resource
                && known.task == new.task
                // ClusterMon does not tell the interval.
                && (!known.is_exact || !new.is_exact || known.interval_ms == new.interval_ms)
                && known.is_good == new.is_good;
            let apart = between(known.at, new.at).max(between(new.at, known.at));
            is_same && if known.is_exact && new.is_exact { known.at == new.at } else { apart < SAME_MS }
        })
    }
}

fn evidence(node: &str, resource: &str, task: &str) -> String {
    format!("operation:{node}:{resource}:{task}")
}
