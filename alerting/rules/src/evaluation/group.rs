//! The state of a group, and its evaluation (Prometheus, `rules/group.go`).

use std::collections::{HashMap, HashSet};

use orszem_model::{Labels, STALE};
use orszem_promql::{Interrupt, Point, Source};

use super::Environment;
use super::alert::{Alert, Alerts, Turn};
use super::ask::Asker;
use super::outcome::{GroupOutcome, NewSample, RuleError, RuleOutcome};
use super::overlay::{Fresh, Overlay};
use super::pass::Pass;
use super::plan::{Plan, plans};
use super::record;
use crate::rule::{RuleGroup, RuleKind};

/// A group and what is remembered between evaluations.
#[derive(Debug)]
pub struct GroupState {
    pub(super) group: RuleGroup,
    plans: Vec<Plan>,
    /// One a rule.
    pub(super) rules: Vec<RuleState>,
    /// Series of rules that are there no more, to be marked as ended.
    ended: Vec<Labels>,
}

#[derive(Debug, Default)]
pub(super) struct RuleState {
    pub(super) alerts: Alerts,
    /// Whether the times of alerts before a restart are known; no series are written before.
    pub(super) is_restored: bool,
    /// The series of the last evaluation that did not fail.
    series: Vec<Labels>,
}

impl GroupState {
    /// With `restores`, alerts write no series before [`Self::restore`] was called.
    pub fn new(group: RuleGroup, restores: bool) -> Self {
        let rules = group.rules.iter().map(|_| RuleState { is_restored: !restores, ..RuleState::default() }).collect();
        Self { plans: plans(&group.rules), rules, ended: Vec::new(), group }
    }

    pub fn group(&self) -> &RuleGroup {
        &self.group
    }

    /// The alerts of the rule at `place`, resolved ones for a while, too.
    pub fn alerts(&self, place: usize) -> impl Iterator<Item = &Alert> {
        self.rules.get(place).into_iter().flat_map(|rule| rule.alerts.iter())
    }

    /// Gives the rule at `place` alerts that were kept elsewhere. Labels that it has an alert of are left out.
    pub fn adopt(&mut self, place: usize, alerts: impl IntoIterator<Item = Alert>) {
        if let Some(rule) = self.rules.get_mut(place) {
            rule.alerts.adopt(alerts);
        }
    }

    /// Takes over the state of the group before it was read anew. Rules are the same that have the same name and
    /// labels; the first of several stands for the first.
    pub fn take_over(&mut self, before: Self) {
        let mut known: HashMap<(String, Labels), Vec<RuleState>> = HashMap::new();
        let old = before.group.rules.iter().zip(before.rules);
        // The last goes in first, so that the first comes out first.
        for (rule, state) in old.rev() {
            known.entry((rule.name().to_owned(), rule.raw_labels())).or_default().push(state);
        }
        for (rule, state) in self.group.rules.iter().zip(&mut self.rules) {
            let of_same = known.get_mut(&(rule.name().to_owned(), rule.raw_labels()));
            if let Some(old) = of_same.and_then(Vec::pop) {
                *state = old;
            }
        }
        let mut ended: Vec<Labels> = before.ended;
        ended.extend(known.into_values().flatten().flat_map(|state| state.series));
        ended.sort();
        ended.dedup();
        self.ended.append(&mut ended);
    }

    /// The series to be marked as ended when the group is there no more.
    pub fn into_series(self) -> Vec<Labels> {
        self.ended.into_iter().chain(self.rules.into_iter().flat_map(|rule| rule.series)).collect()
    }

    fn query_offset_ms(&self, environment: &Environment) -> i64 {
        self.group.query_offset_ms.unwrap_or(environment.query_offset_ms)
    }

    fn evaluate(
        &mut self,
        pass: &mut Pass<'_>,
        source: &dyn Source,
        environment: &Environment,
        interrupt: &dyn Interrupt,
        at: i64,
    ) -> GroupOutcome {
        let query_offset_ms = self.query_offset_ms(environment);
        let time = at - query_offset_ms;
        let mut outcome = GroupOutcome::default();
        let mut fresh = Fresh::default();
        let is_read = self.plans.iter().any(|plan| plan.reads_group);
        let Self { group, plans, rules, ended } = self;
        for (place, ((rule, plan), state)) in group.rules.iter().zip(plans).zip(rules).enumerate() {
            let mut of_rule = RuleOutcome::default();
            let overlay = Overlay { source, fresh: &fresh };
            let group_source: Option<&dyn Source> = if plan.reads_group { Some(&overlay) } else { None };
            let asker = Asker { source: group_source.unwrap_or(source), environment, interrupt };
            let taken = pass.evaluate(plan, time, group_source).and_then(|evaluated| {
                of_rule.annotations = evaluated.annotations;
                match &rule.kind {
                    RuleKind::Record(name) => record::take(rule, name, group.limit, time, evaluated.elements),
                    RuleKind::Alert(alert) => Turn {
                        environment,
                        asker: &asker,
                        place,
                        rule,
                        alert,
                        limit: group.limit,
                        at,
                        query_offset_ms,
                        writes: state.is_restored,
                    }
                    .take(&mut state.alerts, &evaluated.elements, &mut of_rule),
                }
            });
            match taken {
                Err(error) => of_rule.error = Some(error),
                Ok(samples) => {
                    let from = outcome.samples.len();
                    outcome.samples.extend(samples);
                    state.end_missing(&mut outcome.samples, from, time);
                    if is_read {
                        fresh.extend(outcome.samples.get(from..).unwrap_or_default());
                    }
                }
            }
            outcome.rules.push(of_rule);
        }
        outcome.samples.extend(ended.drain(..).map(|labels| stale(labels, time)));
        outcome
    }
}

impl RuleState {
    /// Marks the series as ended that the evaluation before had and this one, whose samples are from `from` on, has
    /// not.
    fn end_missing(&mut self, samples: &mut Vec<NewSample>, from: usize, time: i64) {
        let now = samples.get(from..).unwrap_or_default();
        let is_same =
            now.len() == self.series.len() && now.iter().zip(&self.series).all(|(new, old)| new.labels == *old);
        if is_same {
            return;
        }
        let series: Vec<Labels> = now.iter().map(|sample| sample.labels.clone()).collect();
        let present: HashSet<&Labels> = series.iter().collect();
        let before = std::mem::take(&mut self.series);
        samples.extend(before.into_iter().filter(|labels| !present.contains(labels)).map(|labels| stale(labels, time)));
        self.series = series;
    }
}

fn stale(labels: Labels, time: i64) -> NewSample {
    NewSample { labels, time, point: Point::Float(STALE) }
}

/// Evaluates groups at `at`, in milliseconds since 1970 (UTC); an outcome for each. Their rules share what they have in
/// common: operands that are written alike, and the look-up of a metric that many rules select single series of. Within
/// a group a rule sees what the rules before it gave; what other groups give it sees once that is stored.
pub fn evaluate(
    groups: &mut [&mut GroupState],
    source: &dyn Source,
    environment: &Environment,
    interrupt: &dyn Interrupt,
    at: i64,
) -> Vec<GroupOutcome> {
    let plans = groups.iter().flat_map(|group| &group.plans);
    let mut pass = Pass::new(source, environment, interrupt, plans);
    groups.iter_mut().map(|group| group.evaluate(&mut pass, source, environment, interrupt, at)).collect()
}

impl RuleOutcome {
    /// Whether it could be evaluated.
    pub fn is_healthy(&self) -> bool {
        self.error.is_none()
    }

    /// The failure as text; empty without one.
    pub fn last_error(&self) -> String {
        self.error.as_ref().map(RuleError::to_string).unwrap_or_default()
    }
}
