//! What follows from votes and from time: another state of targets, entries of ledgers, and who is asked.

use std::collections::BTreeMap;

use orszem_availability::Told;
use orszem_availability::ledger::Held;
use orszem_availability::verdict::{Effect, Input, Verdict, Vote};

use super::known::{COLLECTORS_MAX, Collector, Known, TARGETS_MAX, Target, TargetKey};

/// An entry of a ledger: what is held from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) target: i64,
    pub(super) at: i64,
    pub(super) held: Held,
    pub(super) reason: String,
}

/// A target that a collector is to probe at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) collector: (u32, String),
    pub(super) target: TargetKey,
    pub(super) deadline: i64,
}

/// A verdict that is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) target: TargetKey,
    pub(super) from: Verdict,
    pub(super) to: Verdict,
    pub(super) reason: String,
}

/// All that follows from a batch, over what was known before.
#[derive(Debug)]
pub(super) struct Step<'k> {
    known: &'k Known,
    /// Targets that were not known before.
    new: i64,
    pub(super) after: After,
}

/// What is to be written, and then holds.
#[derive(Debug, Default)]
pub(super) struct After {
    pub(super) targets: BTreeMap<TargetKey, Target>,
    pub(super) collectors: BTreeMap<(u32, String), Collector>,
    pub(super) entries: Vec<Entry>,
    pub(super) questions: Vec<Question>,
    pub(super) turns: Vec<Turn>,
    pub(super) taken: u64,
    /// Votes that came twice, are too old, or are of more targets or collectors than are kept.
    pub(super) passed_over: u64,
}

impl<'k> Step<'k> {
    pub(super) fn new(known: &'k Known) -> Self {
        Self { known, new: 0, after: After::default() }
    }

    /// Takes what a collector tells at `now`.
    pub(super) fn take(&mut self, tenant: u32, told: &Told, now: i64) {
        let Told { collector: name, epoch, isolated, votes, wait_ms: _ } = told;
        let key = (tenant, name.clone());
        let known = self.after.collectors.get(&key).or_else(|| self.known.collectors.get(&key));
        if known.is_none() && self.known.collectors.len() + self.after.collectors.len() >= COLLECTORS_MAX {
            self.after.passed_over += votes.len() as u64;
            return;
        }
        let mut collector = known.cloned().unwrap_or_default();
        if collector.epoch != *epoch {
            collector = Collector { epoch: *epoch, ..Collector::default() };
        }
        collector.isolated.clone_from(isolated);
        collector.seen_at = now;
        for vote in votes {
            if vote.n <= collector.n {
                self.after.passed_over += 1;
                continue;
            }
            collector.n = vote.n;
            let target = TargetKey { tenant, probe: vote.probe.clone(), instance: vote.instance.clone() };
            let Some(mut held) = self.target(&target) else {
                self.after.passed_over += 1;
                continue;
            };
            held.describe(vote);
            let age = i64::try_from(vote.age_ms).unwrap_or(i64::MAX);
            if age > held.vote_age() {
                self.after.passed_over += 1;
                continue;
            }
            let at = now.saturating_sub(age);
            held.voted_at = held.voted_at.max(at);
            self.after.taken += 1;
            let reason = if vote.reason.is_empty() && vote.vote == Vote::Down { "it failed" } else { &vote.reason };
            let ballot = Input::Ballot { site: name.clone(), vote: vote.vote, reason: reason.to_owned() };
            self.step(target, held, ballot, at, now);
        }
        self.after.collectors.insert(key, collector);
    }

    /// Time has passed for a target.
    pub(super) fn tick(&mut self, key: &TargetKey, now: i64) {
        let waits = |target: &Target| {
            let ages = |at: i64| now.saturating_sub(at) > target.vote_age();
            target.watch.verdict == Verdict::Suspect || target.watch.ballots.values().any(|ballot| ages(ballot.at))
        };
        let Some(before) = self.known.targets.get(key).filter(|target| waits(target)) else { return };
        let mut target = before.clone();
        if !target.watch.step(Input::Tick, &target.policy(), now).is_empty() || target.watch != before.watch {
            self.step(key.clone(), before.clone(), Input::Tick, now, now);
        }
    }

    /// Goes on after a time in which nobody listened: what was held holds on until votes come or do not, and what lies
    /// between is unknown.
    pub(super) fn resume(&mut self, key: &TargetKey, now: i64) {
        let Some(mut target) = self.target(key) else { return };
        let away = now.saturating_sub(target.voted_at);
        target.watch.ballots.values_mut().for_each(|ballot| ballot.at = now);
        if away > target.vote_age() && matches!(target.held, Some(Held::Up | Held::Down)) {
            let held = target.held_as();
            let at = target.voted_at;
            self.enter(&mut target, at, Held::Unknown, "the server did not run");
            self.enter(&mut target, now, held, "as before");
        }
        self.after.targets.insert(key.clone(), target);
    }

    fn target(&mut self, key: &TargetKey) -> Option<Target> {
        let known = self.after.targets.get(key).or_else(|| self.known.targets.get(key));
        if known.is_some() {
            return known.cloned();
        }
        if self.known.targets.len().saturating_add(usize::try_from(self.new).unwrap_or(usize::MAX)) >= TARGETS_MAX {
            return None;
        }
        self.new += 1;
        Some(Target::new(self.known.last_id.saturating_add(self.new)))
    }

    fn step(&mut self, key: TargetKey, mut target: Target, input: Input, at: i64, now: i64) {
        let policy = target.policy();
        let sites_before: Vec<String> = target.watch.ballots.keys().cloned().collect();
        for effect in target.watch.step(input, &policy, now) {
            match effect {
                // A collector that fails tries again by itself.
                Effect::Retry { .. } => {}
                Effect::AskOthers { except, deadline } => {
                    for site in sites_before.iter().filter(|site| **site != except) {
                        let collector = (key.tenant, site.clone());
                        self.after.questions.push(Question { collector, target: key.clone(), deadline });
                    }
                }
                Effect::Changed { from, to, at: _, reason } => {
                    self.turned(&mut target, from, to, &reason, at, now);
                    self.after.turns.push(Turn { target: key.clone(), from, to, reason });
                }
            }
        }
        self.after.targets.insert(key, target);
    }

    /// An outage begins with the failure that was confirmed later, and ends when it was reached again for good.
    fn turned(&mut self, target: &mut Target, from: Verdict, to: Verdict, reason: &str, at: i64, now: i64) {
        match to {
            Verdict::Suspect => target.failing_since = at,
            Verdict::Recovering => target.recovering_since = at,
            Verdict::Down if from == Verdict::Recovering => {}
            Verdict::Down => {
                let since = target.failing_since;
                self.enter(target, since, Held::Down, reason);
            }
            Verdict::Up => {
                let since = if from == Verdict::Recovering { target.recovering_since } else { at };
                self.enter(target, since, Held::Up, "");
            }
            Verdict::Unknown => {
                let since = if from == Verdict::Suspect { target.failing_since } else { target.voted_at.min(now) };
                self.enter(target, since, Held::Unknown, reason);
            }
        }
    }

    fn enter(&mut self, target: &mut Target, at: i64, held: Held, reason: &str) {
        if target.held == Some(held) {
            return;
        }
        // Entries stand one after the other.
        let at = if target.held.is_some() { at.max(target.entered + 1) } else { at };
        (target.held, target.entered) = (Some(held), at);
        self.after.entries.push(Entry { target: target.id, at, held, reason: reason.to_owned() });
    }
}

impl Known {
    /// Puts in force what is written.
    pub(super) fn apply(
        &mut self,
        targets: BTreeMap<TargetKey, Target>,
        collectors: BTreeMap<(u32, String), Collector>,
    ) {
        self.last_id = targets.values().map(|target| target.id).max().unwrap_or(0).max(self.last_id);
        self.targets.extend(targets);
        self.collectors.extend(collectors);
    }
}
