//! Prometheus' rule groups on their schedule: over the own series store, their series back into it, their alerts to the
//! engine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_alerting::{AlertKey, Input, Level, Observation, Outcome, State};
use orszem_model::{Labels, Timestamp};
use orszem_promql::{Interrupt, Interruption, Point};
use orszem_rules::{
    AlertState, Environment, GroupOutcome, GroupState, NewSample, RuleFile, RuleKind, RuleObservation, Schedule,
    evaluate,
};
use orszem_series::Rejected;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::handle::{AlertingHandle, INPUTS_MAX};
use super::metrics::AlertingMetrics;
use crate::error::chain;
use crate::maintenance;
use crate::samples::{SampleSubmission, Samples};

/// Samples of one submission.
const SAMPLES_MAX: usize = 20_000;
/// The longest that an evaluation of a group may take; what is not done by then fails.
const EVALUATION_MAX: Duration = Duration::from_secs(120);
/// The longest wait without looking at the schedule: the clock may be set.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Rule files as they were read and checked.
#[derive(Clone, Debug)]
pub struct RuleSources {
    /// Each with its name.
    pub files: Vec<(String, RuleFile)>,
    /// Of groups that do not say.
    pub interval: Duration,
    pub tenant: u32,
    pub environment: Environment,
}

/// A rule group as it was last evaluated. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupView {
    pub file: String,
    pub name: String,
    pub interval_ms: i64,
    pub limit: usize,
    pub rules: Vec<RuleView>,
    /// `None` before the first evaluation.
    pub evaluated_at: Option<i64>,
    pub took: Duration,
    /// Evaluations that were missed since the start.
    pub missed: u64,
}

/// Whether a rule could be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleHealth {
    /// Not evaluated yet.
    #[default]
    Unknown,
    Ok,
    Err,
}

/// What a rule is.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKindView {
    Recording,
    Alerting { for_ms: i64, keep_firing_for_ms: i64, annotations: Vec<(String, String)>, alerts: Vec<RuleAlertView> },
}

/// A rule as it was last evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleView {
    pub name: String,
    pub query: String,
    pub labels: Labels,
    pub kind: RuleKindView,
    pub health: RuleHealth,
    pub last_error: String,
}

/// An alert of a rule that pends or fires.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleAlertView {
    pub labels: Labels,
    pub annotations: Labels,
    pub is_firing: bool,
    pub active_at: i64,
    pub keep_firing_since: Option<i64>,
    pub value: f64,
}

/// What an alert was last told as.
type Told = HashMap<(usize, Labels), (AlertState, Labels)>;

/// A group and its schedule.
struct Group {
    file: String,
    state: GroupState,
    schedule: Schedule,
    view: GroupView,
    last: Option<i64>,
    told: Told,
    /// Alerts that the engine knew before the start were handed to it.
    is_adopted: bool,
}

/// The evaluator.
pub(super) struct Evaluator {
    pub(super) handle: AlertingHandle,
    pub(super) samples: Samples,
    pub(super) metrics: Arc<AlertingMetrics>,
    pub(super) views: watch::Sender<Arc<Vec<GroupView>>>,
    pub(super) reloads: mpsc::Receiver<RuleSources>,
    pub(super) stop: CancellationToken,
}

impl Evaluator {
    /// Evaluates groups until it is stopped.
    pub(super) async fn run(mut self, sources: RuleSources) {
        let mut sources = sources;
        let mut groups = groups_of(&sources, Vec::new()).0;
        self.publish(&groups);
        let mut is_back = false;
        loop {
            let now = milliseconds(maintenance::now());
            for group in &mut groups {
                if self.stop.is_cancelled() {
                    return;
                }
                self.look(group, &sources, now).await;
            }
            self.publish(&groups);
            if !is_back && groups.iter().all(|group| group.last.is_some()) {
                is_back = self.handle.submit(vec![Input::SourcesBack]).await.is_ok();
            }
            let next = groups.iter().filter_map(|group| Some(group.schedule.next(group.last?))).min();
            let now = milliseconds(maintenance::now());
            let wait = next.map_or(WAIT_MAX, |next| Duration::from_millis((next - now).max(0).cast_unsigned()));
            tokio::select! {
                () = self.stop.cancelled() => return,
                fresh = self.reloads.recv() => {
                    let Some(fresh) = fresh else { return };
                    let (kept, ended) = groups_of(&fresh, groups);
                    (groups, sources) = (kept, fresh);
                    self.end(ended, sources.tenant).await;
                }
                () = tokio::time::sleep(wait.min(WAIT_MAX)) => {}
            }
        }
    }

    fn publish(&self, groups: &[Group]) {
        self.views.send_replace(Arc::new(groups.iter().map(|group| group.view.clone()).collect()));
    }

    /// Evaluates the group if it is due.
    async fn look(&self, group: &mut Group, sources: &RuleSources, now: i64) {
        let Some(due) = group.schedule.due(group.last, now) else { return };
        if !group.is_adopted {
            group.is_adopted = self.adopt(group).await;
        }
        let missed = due.missed.max(0).cast_unsigned();
        self.metrics.missed.inc_by(missed);
        self.metrics.evaluations.inc();
        let begun = Instant::now();
        let source = self.samples.source(sources.tenant);
        let patience = Patience { until: begun + EVALUATION_MAX, stop: &self.stop };
        let outcome = tokio::task::block_in_place(|| {
            let evaluated = evaluate(&mut [&mut group.state], &source, &sources.environment, &patience, due.at);
            evaluated.into_iter().next().unwrap_or_default()
        });
        if self.stop.is_cancelled() {
            return;
        }
        group.last = Some(due.at);
        group.view.missed += missed;
        group.view.evaluated_at = Some(due.at);
        group.view.took = begun.elapsed();
        self.keep(sources.tenant, &outcome.samples).await;
        self.tell(group, &outcome, due.at).await;
        group.show(&outcome);
    }

    /// Gives the group the alerts that the engine knows, so that they neither wait again nor end unseen.
    async fn adopt(&self, group: &mut Group) -> bool {
        let names: Vec<String> = group.state.group().rules.iter().map(|rule| rule.name().to_owned()).collect();
        let known = self.handle.read(move |engine, _| {
            let of_rules =
                |alert: &&orszem_alerting::Alert| alert.state != State::Ok && names.contains(&alert.key.rule);
            engine.alerts().filter(of_rules).cloned().collect::<Vec<_>>()
        });
        let Ok(known) = known.await else { return false };
        for alert in known {
            let rules = group.state.group().rules.iter().enumerate();
            let place = rules.filter(|(_, rule)| is_of_rule(rule, &alert.key)).map(|(place, _)| place).next();
            let Some(place) = place else { continue };
            let for_ms =
                group.state.group().rules.get(place).and_then(|rule| rule.alert()).map_or(0, |rule| rule.for_ms);
            let fired = alert.fired_at.filter(|_| alert.state.is_active()).map(milliseconds);
            let labels = alert.key.labels.with("alertname", &alert.key.rule);
            let state = if fired.is_some() { AlertState::Firing } else { AlertState::Pending };
            group.told.insert((place, labels.clone()), (state, alert.annotations.clone()));
            let adopted = orszem_rules::Alert {
                labels,
                annotations: alert.annotations.clone(),
                state,
                value: alert.value,
                active_at: fired.map_or_else(|| milliseconds(alert.since), |fired| fired - for_ms),
                fired_at: fired,
                resolved_at: None,
                keep_firing_since: None,
            };
            group.state.adopt(place, [adopted]);
        }
        true
    }

    /// Stores what rules gave. What can't be stored is missing from the series, as it is in Prometheus.
    async fn keep(&self, tenant: u32, samples: &[NewSample]) {
        for chunk in samples.chunks(SAMPLES_MAX) {
            let mut builder = self.samples.store().batch(tenant);
            let mut rejected = 0;
            for NewSample { labels, time, point } in chunk {
                let mut named = b"rules\0".to_vec();
                named.extend_from_slice(labels.identity());
                let key = xxhash_rust::xxh3::xxh3_128(&named);
                match builder.series::<Rejected>(key, || Ok(labels.clone())) {
                    Ok(series) => match point {
                        Point::Float(value) => builder.sample(series, *time, *value),
                        Point::Histogram(histogram) => builder.histogram(series, *time, Arc::clone(histogram)),
                    },
                    Err(_) => rejected += 1,
                }
            }
            let batch = builder.finish();
            let frames = batch.encode();
            let submission = SampleSubmission { tenant, identity: None, idempotency_key: None, batch, frames };
            if let Err(error) = self.samples.submit(submission).await {
                tracing::warn!(%error, samples = chunk.len(), "what rules recorded was not stored");
                rejected = chunk.len() as u64;
            }
            self.metrics.unwritten_samples.inc_by(rejected);
        }
    }

    /// Tells the engine what has changed. What it could not write is told at the next evaluation.
    async fn tell(&self, group: &mut Group, outcome: &GroupOutcome, at: i64) {
        let mut inputs = Vec::new();
        let mut told = Vec::new();
        for (place, (rule, of_rule)) in group.state.group().rules.iter().zip(&outcome.rules).enumerate() {
            if let Some(error) = &of_rule.error {
                self.metrics.evaluation_failures.inc();
                tracing::debug!(group = group.view.name, rule = rule.name(), %error, "a rule could not be evaluated");
            }
            if rule.alert().is_none() {
                continue;
            }
            let was_failing = group.view.rules.get(place).is_some_and(|view| view.health == RuleHealth::Err);
            if of_rule.error.is_some() || was_failing {
                inputs.push(Input::Observed(health(rule.name(), of_rule.error.as_ref().map(ToString::to_string), at)));
            }
            for seen in &of_rule.observations {
                let key = (place, seen.labels.clone());
                let new = (seen.state, seen.annotations.clone());
                if group.told.get(&key) != Some(&new) {
                    inputs.push(level(rule.name(), seen));
                    told.push((key, new));
                }
            }
        }
        let mut told = told.into_iter();
        while !inputs.is_empty() {
            let rest = inputs.split_off(inputs.len().min(INPUTS_MAX));
            let levels = inputs.iter().filter(|input| matches!(input, Input::Level { .. })).count();
            match self.handle.submit(std::mem::replace(&mut inputs, rest)).await {
                Ok(answers) => {
                    for refusal in answers.into_iter().flatten() {
                        tracing::warn!(group = group.view.name, %refusal, "an alert of a rule was not taken");
                    }
                    for (key, new) in told.by_ref().take(levels) {
                        if new.0 == AlertState::Inactive {
                            group.told.remove(&key);
                        } else {
                            group.told.insert(key, new);
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), group = group.view.name, "alerts of rules are late");
                    return;
                }
            }
        }
    }

    /// Marks the series of groups that are gone as ended.
    async fn end(&self, ended: Vec<Labels>, tenant: u32) {
        let time = milliseconds(maintenance::now());
        let point = Point::Float(orszem_model::STALE);
        let samples: Vec<NewSample> =
            ended.into_iter().map(|labels| NewSample { labels, time, point: point.clone() }).collect();
        self.keep(tenant, &samples).await;
    }
}

/// When an evaluation has to end.
pub(super) struct Patience<'a> {
    pub(super) until: Instant,
    pub(super) stop: &'a CancellationToken,
}

impl Interrupt for Patience<'_> {
    fn check(&self) -> Result<(), Interruption> {
        if self.stop.is_cancelled() {
            Err(Interruption::Cancelled)
        } else if Instant::now() >= self.until {
            Err(Interruption::TimedOut)
        } else {
            Ok(())
        }
    }
}

impl Group {
    /// Notes what came of it for people.
    fn show(&mut self, outcome: &GroupOutcome) {
        let rules = self.view.rules.iter_mut().zip(&outcome.rules).enumerate();
        for (place, (view, of_rule)) in rules {
            view.health = if of_rule.is_healthy() { RuleHealth::Ok } else { RuleHealth::Err };
            view.last_error = of_rule.last_error();
            if let RuleKindView::Alerting { alerts, .. } = &mut view.kind {
                let active = self.state.alerts(place).filter(|alert| alert.state != AlertState::Inactive);
                *alerts = active
                    .map(|alert| RuleAlertView {
                        labels: alert.labels.clone(),
                        annotations: alert.annotations.clone(),
                        is_firing: alert.state == AlertState::Firing,
                        active_at: alert.active_at,
                        keep_firing_since: alert.keep_firing_since,
                        value: alert.value,
                    })
                    .collect();
            }
        }
    }
}

/// The groups of the files, those that were there before with their state; and the series of those that are gone.
fn groups_of(sources: &RuleSources, before: Vec<Group>) -> (Vec<Group>, Vec<Labels>) {
    let mut known: BTreeMap<(String, String), Group> = BTreeMap::new();
    for group in before {
        known.insert((group.file.clone(), group.view.name.clone()), group);
    }
    let mut groups = Vec::new();
    for (file, of_file) in &sources.files {
        for group in &of_file.groups {
            let interval_ms =
                group.interval_ms.unwrap_or_else(|| i64::try_from(sources.interval.as_millis()).unwrap_or(60_000));
            let mut fresh = Group {
                file: file.clone(),
                schedule: Schedule::new(file, &group.name, interval_ms),
                view: view_of(file, group, interval_ms),
                state: GroupState::new(group.clone(), false),
                last: None,
                told: Told::new(),
                is_adopted: false,
            };
            if let Some(old) = known.remove(&(file.clone(), group.name.clone())) {
                if old.state.group() == group && old.view.interval_ms == interval_ms {
                    groups.push(old);
                    continue;
                }
                // What it told goes by place, and places have changed: the engine is told again.
                fresh.state.take_over(old.state);
                fresh.is_adopted = true;
            }
            groups.push(fresh);
        }
    }
    let ended = known.into_values().flat_map(|group| group.state.into_series()).collect();
    (groups, ended)
}

fn view_of(file: &str, group: &orszem_rules::RuleGroup, interval_ms: i64) -> GroupView {
    let rules = group.rules.iter().map(|rule| RuleView {
        name: rule.name().to_owned(),
        query: rule.text.clone(),
        labels: rule.raw_labels(),
        kind: match &rule.kind {
            RuleKind::Record(_) => RuleKindView::Recording,
            RuleKind::Alert(alert) => RuleKindView::Alerting {
                for_ms: alert.for_ms,
                keep_firing_for_ms: alert.keep_firing_for_ms,
                annotations: alert
                    .annotations
                    .iter()
                    .map(|(name, text)| (name.clone(), text.text().to_owned()))
                    .collect(),
                alerts: Vec::new(),
            },
        },
        health: RuleHealth::Unknown,
        last_error: String::new(),
    });
    GroupView {
        file: file.to_owned(),
        name: group.name.clone(),
        interval_ms,
        limit: group.limit,
        rules: rules.collect(),
        ..GroupView::default()
    }
}

/// Whether the alert may be one of the rule's: rules of one name are told apart by the labels that they set.
pub(super) fn is_of_rule(rule: &orszem_rules::Rule, key: &AlertKey) -> bool {
    let is_constant = |value: &str| !value.contains("{{");
    let raw = rule.raw_labels();
    rule.alert().is_some()
        && rule.name() == key.rule
        && raw.iter().all(|(name, value)| !is_constant(value) || key.labels.get(name) == Some(value))
}

/// What the engine is told of an alert. Its `severity` is the level.
pub(super) fn level(rule: &str, seen: &RuleObservation) -> Input {
    let of = Level::of_severity(seen.labels.get("severity").unwrap_or(""));
    let (state, at) = match seen.state {
        AlertState::Pending => (State::Pending(of), seen.active_at),
        AlertState::Firing => (State::Firing(of), seen.at),
        AlertState::Inactive => (State::Ok, seen.at),
    };
    let labels = seen.labels.without(|name| name == "alertname");
    Input::Level {
        key: AlertKey { rule: rule.to_owned(), labels },
        state,
        at: timestamp(at),
        value: seen.value.unwrap_or(f64::NAN),
        annotations: seen.annotations.clone(),
    }
}

/// Whether a rule can be evaluated.
fn health(rule: &str, error: Option<String>, at: i64) -> Observation {
    let outcome = error.map_or(Outcome::NoMatch, Outcome::Error);
    let (rule, labels) = (rule.to_owned(), Labels::default());
    Observation { rule, labels, outcome, at: timestamp(at), annotations: Labels::default() }
}

pub(super) fn milliseconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp(ms.saturating_mul(1_000_000))
}
