//! The alerts of a rule (Prometheus, `rules/alerting.go`).

use std::collections::{HashMap, HashSet};

use orszem_model::{Labels, METRIC_NAME};
use orszem_promql::{Point, Sample};

use super::Environment;
use super::ask::Asker;
use super::outcome::{NewSample, RuleError, RuleObservation, RuleOutcome};
use crate::rule::{AlertRule, Rule};
use crate::template::{Data, Template};

/// How long a resolved alert is kept.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

/// The series of alerts.
pub const ALERTS: &str = "ALERTS";
/// The series with the seconds since 1970 from which alerts are active.
pub const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertState {
    /// Resolved, and kept for some time.
    Inactive,
    /// Active for less than `for`.
    Pending,
    Firing,
}

impl AlertState {
    /// As `alertstate` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One alert of a rule. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// With `alertname`.
    pub labels: Labels,
    pub annotations: Labels,
    pub state: AlertState,
    /// At the last evaluation that had an element; 0 for histograms.
    pub value: f64,
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    /// Since when it fires without an element.
    pub keep_firing_since: Option<i64>,
}

/// The alerts of a rule, each label set once.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    pub(super) kept: Vec<Kept>,
    /// The place of each label set.
    index: HashMap<Labels, usize>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) alert: Alert,
    /// The labels of its two series in the state that stands here.
    series: Option<(AlertState, Labels, Labels)>,
}

impl Alerts {
    pub(super) fn adopt(&mut self, alerts: impl IntoIterator<Item = Alert>) {
        for alert in alerts {
            if !self.index.contains_key(&alert.labels) {
                self.index.insert(alert.labels.clone(), self.kept.len());
                self.kept.push(Kept { alert, series: None });
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.kept.iter().map(|kept| &kept.alert)
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.index.clear();
    }

    fn get_mut(&mut self, labels: &Labels) -> Option<&mut Kept> {
        self.index.get(labels).and_then(|at| self.kept.get_mut(*at))
    }

    fn put(&mut self, alert: Alert) {
        match self.get_mut(&alert.labels) {
            Some(kept) => *kept = Kept { alert, series: None },
            None => self.adopt([alert]),
        }
    }

    fn retain(&mut self, keeps: &[bool]) {
        if keeps.iter().all(|keeps| *keeps) {
            return;
        }
        let mut places = keeps.iter();
        self.kept.retain(|_| places.next().copied().unwrap_or(true));
        self.index = self.kept.iter().enumerate().map(|(at, kept)| (kept.alert.labels.clone(), at)).collect();
    }
}

/// What the evaluation of an alert is about.
pub(super) struct Turn<'t> {
    pub(super) environment: &'t Environment,
    pub(super) asker: &'t Asker<'t>,
    /// The place of the rule in its group.
    pub(super) place: usize,
    pub(super) rule: &'t Rule,
    pub(super) alert: &'t AlertRule,
    pub(super) limit: usize,
    pub(super) at: i64,
    pub(super) query_offset_ms: i64,
    /// Whether series are written: not before the state is restored.
    pub(super) writes: bool,
}

impl Turn<'_> {
    /// Takes the elements that there are now; gives the samples to be stored.
    pub(super) fn take(
        &self,
        alerts: &mut Alerts,
        elements: &[Sample],
        outcome: &mut RuleOutcome,
    ) -> Result<Vec<NewSample>, RuleError> {
        let found = self.found(elements, outcome)?;
        let present: HashSet<Labels> = found.iter().map(|alert| alert.labels.clone()).collect();
        for alert in found {
            match alerts.get_mut(&alert.labels).filter(|kept| kept.alert.state != AlertState::Inactive) {
                Some(kept) => {
                    kept.alert.value = alert.value;
                    kept.alert.annotations = alert.annotations;
                }
                None => alerts.put(alert),
            }
        }
        let mut samples = Vec::with_capacity(2 * present.len());
        let mut keeps = Vec::with_capacity(alerts.kept.len());
        let mut active = 0;
        for kept in &mut alerts.kept {
            let is_present = present.contains(&kept.alert.labels);
            let before = kept.alert.state;
            let (is_kept, is_active) = self.step(&mut kept.alert, is_present);
            keeps.push(is_kept);
            if before != AlertState::Inactive || is_active {
                outcome.observations.push(self.observed(&kept.alert, is_present));
            }
            if is_active {
                active += 1;
                if self.writes {
                    self.write(kept, &mut samples);
                }
            }
        }
        alerts.retain(&keeps);
        if self.limit > 0 && active > self.limit {
            alerts.clear();
            outcome.observations.clear();
            return Err(RuleError::TooManyAlerts { limit: self.limit, count: active });
        }
        Ok(samples)
    }

    /// Moves an alert on; whether it is kept, and whether it is active.
    fn step(&self, alert: &mut Alert, is_present: bool) -> (bool, bool) {
        let mut is_kept = true;
        if is_present {
            alert.keep_firing_since = None;
        } else {
            let mut goes_on = false;
            if alert.state == AlertState::Firing && self.alert.keep_firing_for_ms > 0 {
                let since = *alert.keep_firing_since.get_or_insert(self.at);
                goes_on = self.at - since < self.alert.keep_firing_for_ms;
            }
            let is_old = alert.resolved_at.is_some_and(|resolved| self.at - resolved > RESOLVED_RETENTION_MS);
            is_kept = alert.state != AlertState::Pending && !is_old;
            if !goes_on {
                if alert.state != AlertState::Inactive {
                    alert.state = AlertState::Inactive;
                    alert.resolved_at = Some(self.at);
                }
                return (is_kept, false);
            }
        }
        if alert.state == AlertState::Pending && self.at - alert.active_at >= self.alert.for_ms {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(self.at);
        }
        (is_kept, true)
    }

    fn observed(&self, alert: &Alert, is_present: bool) -> RuleObservation {
        RuleObservation {
            rule: self.place,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            value: is_present.then_some(alert.value),
            state: alert.state,
            active_at: alert.active_at,
            at: self.at,
        }
    }

    /// The alerts of the elements, as if all were new.
    fn found(&self, elements: &[Sample], outcome: &mut RuleOutcome) -> Result<Vec<Alert>, RuleError> {
        let mut found = Vec::with_capacity(elements.len());
        let mut seen = HashSet::with_capacity(elements.len());
        for element in elements {
            let data = Data {
                labels: &element.labels,
                value: &element.point,
                external_labels: &self.environment.external_labels,
                external_url: &self.environment.external_url,
                at: self.at,
            };
            let mut expand = |name: &str, template: &Template| match template.expand(&data, self.asker) {
                Ok(text) => text,
                Err(error) => {
                    outcome.template_errors.push(format!("{name}: {error}"));
                    format!("<error expanding template: {error}>")
                }
            };
            let own = self.rule.labels.iter().map(|(name, template)| (name.as_str(), expand(name, template)));
            let own: Vec<(&str, String)> = own.collect();
            let annotations = self.alert.annotations.iter();
            let annotations: Vec<(&str, String)> =
                annotations.map(|(name, template)| (name.as_str(), expand(name, template))).collect();
            let labels = self.labels(&element.labels, &own);
            if !seen.insert(labels.clone()) {
                return Err(RuleError::SameAlertLabels);
            }
            found.push(Alert {
                labels,
                annotations: Labels::from_sorted(annotations.iter().map(|(name, text)| (*name, text.as_str()))),
                state: AlertState::Pending,
                value: match element.point {
                    Point::Float(value) => value,
                    Point::Histogram(_) => 0.0,
                },
                active_at: self.at,
                fired_at: None,
                resolved_at: None,
                keep_firing_since: None,
            });
        }
        Ok(found)
    }

    /// The labels of an alert: those of the element without its name, the rule's, and `alertname`.
    fn labels(&self, element: &Labels, own: &[(&str, String)]) -> Labels {
        let mut pairs: Vec<(&str, &str)> = element.iter().filter(|(name, _)| *name != METRIC_NAME).collect();
        for (name, text) in own {
            set(&mut pairs, name, text);
        }
        set(&mut pairs, "alertname", &self.alert.name);
        Labels::from_sorted(pairs.into_iter())
    }

    fn write(&self, kept: &mut Kept, samples: &mut Vec<NewSample>) {
        let state = kept.alert.state;
        if kept.series.as_ref().is_none_or(|series| series.0 != state) {
            let raw = self.rule.raw_labels();
            let mut pairs: Vec<(&str, &str)> = raw.iter().collect();
            for (name, value) in kept.alert.labels.iter() {
                set(&mut pairs, name, value);
            }
            set(&mut pairs, "alertname", &self.alert.name);
            set(&mut pairs, METRIC_NAME, ALERTS_FOR_STATE);
            let for_state = Labels::from_sorted(pairs.iter().copied());
            set(&mut pairs, METRIC_NAME, ALERTS);
            set(&mut pairs, "alertstate", state.name());
            kept.series = Some((state, Labels::from_sorted(pairs.into_iter()), for_state));
        }
        let Some((_, alerts, for_state)) = &kept.series else { return };
        let time = self.at - self.query_offset_ms;
        samples.push(NewSample { labels: alerts.clone(), time, point: Point::Float(1.0) });
        #[expect(clippy::cast_precision_loss, reason = "seconds have 52 bits for long")]
        let seconds = kept.alert.active_at.div_euclid(1000) as f64;
        samples.push(NewSample { labels: for_state.clone(), time, point: Point::Float(seconds) });
    }
}

/// Sets a label in pairs sorted by name; an empty value removes it.
pub(super) fn set<'p>(pairs: &mut Vec<(&'p str, &'p str)>, name: &'p str, value: &'p str) {
    match (pairs.binary_search_by(|pair| pair.0.cmp(name)), value.is_empty()) {
        (Ok(at), true) => {
            pairs.remove(at);
        }
        (Ok(at), false) => {
            if let Some(pair) = pairs.get_mut(at) {
                pair.1 = value;
            }
        }
        (Err(_), true) => {}
        (Err(at), false) => pairs.insert(at, (name, value)),
    }
}
