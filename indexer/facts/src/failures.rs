//! Failed operations, how often a resource failed, and whether it goes up and down.

use std::collections::BTreeMap;

use orszem_model::fact::{Fact, FactKind};
use orszem_model::observation::{FailCount, INFINITY, Operation};
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::{Facts, Timer};
use crate::input::Source;
use crate::settings::RESOURCES_MAX;
use crate::words::{Draft, between, earlier, host, ordinal, resource, span};

/// A count that a status tells so shortly after an attribute may be the one from before it.
const LAG_MS: u64 = 2_000;
/// Failures of a resource on a node that are remembered.
const FAILURES_MAX: usize = 32;
/// A failure so long ago is why a node is fenced, or a service moves.
const CAUSE_MS: u64 = 30_000;

/// The fail counts of a resource on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Count {
    /// By operation and interval, as attributes tell them.
    by_operation: BTreeMap<String, (u32, Timestamp)>,
    /// As a status tells it, where no attribute does.
    total: Option<u32>,
    threshold: Option<u32>,
    told_at: Timestamp,
}

/// The failures of a resource on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Failed {
    at: Vec<Timestamp>,
    cause: String,
    id: Option<RecordId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    counts: BTreeMap<(String, String), Count>,
    failed: BTreeMap<(String, String), Failed>,
}

coded! {
    Count { by_operation, total, threshold, told_at }
    Failed { at, cause, id }
    Failures { counts, failed }
}

impl Count {
    fn value(&self) -> u32 {
        let told = self.by_operation.values().fold(0_u32, |sum, (count, _)| sum.saturating_add(*count)).min(INFINITY);
        if self.by_operation.is_empty() { self.total.unwrap_or_default() } else { told }
    }

    fn is_exceeded(&self) -> bool {
        let threshold = self.threshold.filter(|threshold| *threshold > 0).unwrap_or(INFINITY);
        self.value() >= threshold.min(INFINITY)
    }
}

fn said(count: u32) -> String {
    if count >= INFINITY { "INFINITY".to_owned() } else { count.to_string() }
}

impl Facts {
    /// An operation failed.
    pub(crate) fn failed(&mut self, source: &Source, operation: &Operation, key: &str) {
        let Operation { node, resource: name, task, result, reason, .. } = operation;
        let mut why = if result.is_empty() { format!("rc {}", operation.rc) } else { result.clone() };
        if !reason.is_empty() {
            why = format!("{why}: {reason}");
        }
        let cause = format!("{task} of {name} failed on {node} ({why})");
        let draft = Draft::new(FactKind::ResourceFailed, source.at, resource(name), String::new())
            .other(host(node))
            .change("", &why)
            .cause(cause.clone())
            .detail("node", node)
            .detail("operation", task)
            .detail("rc", operation.rc)
            .record(source.id);
        self.outbox.begin(FactKind::ResourceFailed, &resource(name), "", source.at);
        self.tell(source.at, key, draft);
        let pair = (name.clone(), node.clone());
        if self.failures.failed.len() >= RESOURCES_MAX && !self.failures.failed.contains_key(&pair) {
            self.ignored += 1;
            return;
        }
        let failed = self.failures.failed.entry(pair).or_default();
        failed.cause.clone_from(&cause);
        failed.id = Some(source.id);
        failed.at.push(source.at);
        failed.at.sort_unstable();
        if failed.at.len() > FAILURES_MAX {
            failed.at.remove(0);
        }
        self.failed_on(source, operation, &cause);
        self.look_for_flapping(source, name, node, task);
    }

    /// Says of a failure how often it was, once that is known.
    pub(crate) fn finish_failure(&self, fact: &mut Fact) {
        if fact.kind != FactKind::ResourceFailed {
            return;
        }
        let node = fact.details.iter().find(|(name, _)| name == "node").map(|(_, node)| node.clone());
        let name = fact.entity.strip_prefix("resource/").unwrap_or_default().to_owned();
        if let Some(count) = node.and_then(|node| self.failures.counts.get(&(name, node)))
            && count.value() > 0
        {
            let value = count.value();
            fact.details.push(("fail_count".to_owned(), said(value)));
            if value < INFINITY {
                fact.cause.push_str(&format!("; {} failure", ordinal(value)));
            } else {
                fact.cause.push_str("; it may not run there any more");
            }
            if let Some(threshold) = count.threshold.filter(|threshold| *threshold > 0 && *threshold < INFINITY) {
                fact.cause.push_str(&format!(", migration-threshold {threshold}"));
            }
        }
        fact.text.clone_from(&fact.cause);
    }

    pub(crate) fn fail_count_attribute(
        &mut self,
        source: &Source,
        node: &str,
        name: &str,
        operation: &str,
        value: &str,
    ) {
        let count = match value {
            "INFINITY" | "+INFINITY" => INFINITY,
            _ => value.parse().unwrap_or(0),
        };
        let Some(entry) = self.count_of(name, node) else { return };
        let known = entry.by_operation.get(operation);
        if known.is_some_and(|(_, at)| source.at < *at) || (count == 0 && known.is_none()) {
            return;
        }
        entry.told_at = entry.told_at.max(source.at);
        entry.by_operation.insert(operation.to_owned(), (count, source.at));
        self.compare_count(source, name, node);
    }

    pub(crate) fn fail_count(&mut self, source: &Source, told: &FailCount) {
        let is_trusted = self.is_trusted(source);
        let Some(entry) = self.count_of(&told.resource, &told.node) else { return };
        entry.threshold = Some(told.threshold);
        if !is_trusted {
            return;
        }
        // Where attributes tell of it they are exact; a status may be from just before.
        if entry.told_at.0 > 0 && between(entry.told_at, source.at) < LAG_MS {
            return;
        }
        if told.count == 0 || entry.by_operation.is_empty() || entry.value() != told.count {
            entry.by_operation.clear();
            entry.total = Some(told.count);
        }
        self.compare_count(source, &told.resource, &told.node);
    }

    fn count_of(&mut self, name: &str, node: &str) -> Option<&mut Count> {
        let counts = &mut self.failures.counts;
        let key = (name.to_owned(), node.to_owned());
        if !counts.contains_key(&key) && counts.len() >= RESOURCES_MAX {
            self.ignored += 1;
            return None;
        }
        Some(counts.entry(key).or_default())
    }

    fn compare_count(&mut self, source: &Source, name: &str, node: &str) {
        let Some(count) = self.failures.counts.get(&(name.to_owned(), node.to_owned())) else { return };
        let (value, threshold) = (count.value(), count.threshold.filter(|threshold| *threshold < INFINITY));
        let key = format!("count:{name}:{node}");
        if count.is_exceeded() {
            if self.outbox.begin(FactKind::FailCountExceeded, &resource(name), node, source.at) {
                let limit = threshold.filter(|limit| *limit > 0).map(|limit| format!(" (migration-threshold {limit})"));
                let text = match limit {
                    None if value >= INFINITY => {
                        format!("{name} may not run on {node} any more: its fail count is INFINITY")
                    }
                    limit => {
                        format!(
                            "{name} failed as often as it may on {node}: {}{}",
                            said(value),
                            limit.unwrap_or_default()
                        )
                    }
                };
                let cause = self.failures.failed.get(&(name.to_owned(), node.to_owned()));
                let draft = Draft::new(FactKind::FailCountExceeded, source.at, resource(name), text)
                    .other(host(node))
                    .cause(cause.map(|failed| failed.cause.clone()).unwrap_or_default())
                    .detail("node", node)
                    .detail("count", said(value))
                    .record(source.id)
                    .holding(source.is_initial);
                let draft = match threshold {
                    Some(threshold) => draft.detail("threshold", threshold),
                    None => draft,
                };
                self.tell(source.at, &key, draft);
            } else {
                self.outbox.also(&key, source.id);
            }
        } else if let Some(since) = self.outbox.end(FactKind::FailCountExceeded, &resource(name), node) {
            let text = format!("{name} may run on {node} again: its fail count is {value}");
            let draft = Draft::new(FactKind::FailCountCleared, source.at, resource(name), text)
                .other(host(node))
                .lasting(between(since, source.at))
                .detail("node", node)
                .record(source.id);
            self.tell(source.at, &key, draft);
        }
    }

    /// What works again and fails again flaps. A stop that fails is of the failure for which it is stopped.
    fn look_for_flapping(&mut self, source: &Source, name: &str, node: &str, task: &str) {
        let window = self.settings.flapping_window_ms;
        let Some(failed) = self.failures.failed.get(&(name.to_owned(), node.to_owned())) else { return };
        let recent = failed.at.iter().filter(|at| **at > earlier(source.at, window)).count();
        self.look_again(source.at, window, Timer::Steady(name.to_owned(), node.to_owned()));
        if matches!(task, "stop" | "demote")
            || recent < self.settings.flapping_failures as usize
            || !self.outbox.begin(FactKind::ResourceFlapping, &resource(name), node, source.at)
        {
            return;
        }
        let text = format!("{name} goes up and down on {node}: {recent} failures within {}", span(window));
        let draft = Draft::new(FactKind::ResourceFlapping, source.at, resource(name), text)
            .other(host(node))
            .detail("node", node)
            .detail("count", recent)
            .record(source.id);
        self.tell(source.at, "", draft);
    }

    pub(crate) fn decide_steady(&mut self, name: &str, node: &str, due: Timestamp) {
        let window = self.settings.flapping_window_ms;
        let key = (name.to_owned(), node.to_owned());
        let Some(failed) = self.failures.failed.get(&key) else { return };
        if failed.at.iter().any(|at| *at > earlier(due, window)) {
            return;
        }
        self.failures.failed.remove(&key);
        if let Some(since) = self.outbox.end(FactKind::ResourceFlapping, &resource(name), node) {
            let text = format!("{name} is steady on {node}: no failure for {}", span(window));
            let draft = Draft::new(FactKind::ResourceSteady, due, resource(name), text)
                .other(host(node))
                .lasting(between(since, due));
            self.tell(due, "", draft);
        }
    }

    /// The last failure on a node shortly before a moment, in words.
    pub(crate) fn last_failure_on(&self, node: &str, at: Timestamp) -> Option<String> {
        let failed = self.failures.failed.iter().filter(|((_, on), _)| on == node);
        let last = failed.filter_map(|(_, failed)| Some((*failed.at.last()?, failed.cause.clone())));
        let recent = last.filter(|(when, _)| *when <= at && between(*when, at) < CAUSE_MS);
        recent.max().map(|(_, cause)| cause)
    }

    /// Whether a count of a resource on a node is over its threshold.
    pub(crate) fn is_count_exceeded(&self, name: &str, node: &str) -> bool {
        self.outbox.since(FactKind::FailCountExceeded, &resource(name), node).is_some()
    }
}
