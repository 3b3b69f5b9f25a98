//! From observations to transitions.

use orszem_model::{Labels, Timestamp};

use super::{Alerting, External, Late};
use crate::alert::{Alert, AlertKey, ERROR_RULE, EXTERNAL_RULE, Level, Observation, Outcome, State, Transition};
use crate::error::Refusal;
use crate::limits::{ALERTS_MAX, ANNOTATIONS_BYTES_MAX, LATE_RULES_MAX, RULE_ERROR_FOR};
use crate::rows::{Of, TimerOf};
use crate::rule::{NoData, NoDataPolicy};
use crate::silence::all_match;
use crate::threshold::{Band, Bands, Series};

/// A change of state that was found.
pub(super) struct Change<'a> {
    pub(super) to: State,
    /// When it became so.
    pub(super) at: Timestamp,
    /// The time of what shows it: where that is long ago, it is history.
    pub(super) shown_at: Timestamp,
    pub(super) value: f64,
    pub(super) reason: &'a str,
}

impl Alerting {
    pub(super) fn observe(&mut self, observation: Observation, now: Timestamp) -> Result<(), Refusal> {
        let Observation { rule: name, labels, outcome, at, annotations } = observation;
        let rule = self.plan.rule(&name).ok_or_else(|| Refusal::UnknownRule(name.clone()))?;
        let (bands, no_data) = (rule.bands(), rule.no_data);
        let is_error = matches!(outcome, Outcome::Error(_));
        self.observe_error(&name, is_error, &outcome, at, now)?;
        let key = AlertKey { rule: name, labels };
        let mut series = self.alerts.get(&key).map_or_else(Series::default, |alert| alert.series);
        let before = series;
        let (value, reason, changed) = match outcome {
            Outcome::Error(_) => return Ok(()),
            Outcome::Value(value) => (value, format!("value {value}"), series.sample(&bands, at, value)),
            Outcome::Match => (1.0, "the condition is met".to_owned(), series.sample(&bands, at, 1.0)),
            Outcome::NoMatch => (0.0, "the condition is not met".to_owned(), series.sample(&bands, at, 0.0)),
            Outcome::NoData => {
                let policy = no_data.map_or(NoDataPolicy::Keep, |no_data| no_data.policy);
                series.hear(at);
                let at_once = NoData { after: std::time::Duration::ZERO, policy };
                (f64::NAN, "there is no data".to_owned(), series.silence(&at_once, at, at))
            }
        };
        let is_known = self.alerts.contains_key(&key);
        if !is_known && changed.is_none() && no_data.is_none() {
            return Ok(());
        }
        self.admit(&key, at)?;
        if let Some(alert) = self.alerts.get_mut(&key) {
            alert.series = series;
            if !is_known || changed.is_some() || !series.is_same_but_for_time(&before) {
                self.dirty.insert(Of::Alert(key.clone()));
            }
        }
        match changed {
            Some(state) => {
                self.annotate(&key, annotations);
                self.change(&key, &Change { to: state, at, shown_at: at, value, reason: &reason }, now);
            }
            None => self.confirm(&key, at, now),
        }
        self.settle(&key, now);
        Ok(())
    }

    /// A rule that can't be evaluated is an alert itself after a while.
    fn observe_error(
        &mut self,
        rule: &str,
        is_error: bool,
        outcome: &Outcome,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = AlertKey { rule: ERROR_RULE.to_owned(), labels: Labels::from([("rule", rule)]) };
        if !is_error && !self.alerts.contains_key(&key) {
            return Ok(());
        }
        self.admit(&key, at)?;
        let bands = Bands::one(Level::Warning, Band::met(RULE_ERROR_FOR, std::time::Duration::ZERO));
        let Some(alert) = self.alerts.get_mut(&key) else { return Ok(()) };
        let changed = alert.series.sample(&bands, at, if is_error { 1.0 } else { 0.0 });
        let reason = match outcome {
            Outcome::Error(error) => error.clone(),
            _ => "it is evaluated again".to_owned(),
        };
        if let Some(state) = changed {
            self.annotate(
                &key,
                Labels::from([("summary", format!("rule {rule} can't be evaluated: {reason}").as_str())]),
            );
            self.change(&key, &Change { to: state, at, shown_at: at, value: f64::NAN, reason: &reason }, now);
        }
        self.settle(&key, now);
        Ok(())
    }

    pub(super) fn take_level(
        &mut self,
        key: &AlertKey,
        state: State,
        at: Timestamp,
        value: f64,
        annotations: Labels,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.plan.rule(&key.rule).is_none() {
            return Err(Refusal::UnknownRule(key.rule.clone()));
        }
        if !self.alerts.contains_key(key) && state == State::Ok {
            return Ok(());
        }
        self.admit(key, at)?;
        self.annotate(key, annotations);
        let reason = if value.is_nan() { "nothing was heard of it".to_owned() } else { format!("value {value}") };
        self.change(key, &Change { to: state, at, shown_at: at, value, reason: &reason }, now);
        self.confirm(key, at, now);
        self.settle(key, now);
        Ok(())
    }

    pub(super) fn take_external(&mut self, external: External, now: Timestamp) -> Result<(), Refusal> {
        let External { labels, annotations, starts_at, ends_at, generator } = external;
        let level = Level::of_severity(labels.get("severity").unwrap_or(""));
        let key = AlertKey { rule: EXTERNAL_RULE.to_owned(), labels };
        let is_over = ends_at <= now;
        if is_over && !self.alerts.contains_key(&key) {
            return Ok(());
        }
        self.admit(&key, starts_at)?;
        if let Some(alert) = self.alerts.get_mut(&key) {
            alert.expires_at = Some(ends_at);
            alert.generator = generator;
            self.dirty.insert(Of::Alert(key.clone()));
        }
        self.annotate(&key, annotations);
        // A sender says how it is now, since whenever it is so.
        let (to, at, reason) = if is_over {
            (State::Ok, ends_at, "its sender says that it is over")
        } else {
            (State::Firing(level), starts_at, "its sender says that it fires")
        };
        self.change(&key, &Change { to, at, shown_at: now, value: f64::NAN, reason }, now);
        self.settle(&key, now);
        Ok(())
    }

    /// Makes room for an alert that is not known yet.
    fn admit(&mut self, key: &AlertKey, at: Timestamp) -> Result<(), Refusal> {
        if self.alerts.contains_key(key) {
            return Ok(());
        }
        if self.alerts.len() >= ALERTS_MAX {
            return Err(Refusal::TooMany { what: "alerts", max: ALERTS_MAX });
        }
        let mut alert = Alert::new(key.clone(), at);
        if let Some(rule) = self.plan.rule(&key.rule) {
            alert.annotations = Labels::new(rule.annotations.clone());
        }
        self.alerts.insert(key.clone(), alert);
        self.dirty.insert(Of::Alert(key.clone()));
        Ok(())
    }

    fn annotate(&mut self, key: &AlertKey, annotations: Labels) {
        if annotations.is_empty() || annotations.identity().len() > ANNOTATIONS_BYTES_MAX {
            return;
        }
        if let Some(alert) = self.alerts.get_mut(key)
            && alert.annotations != annotations
        {
            alert.annotations = annotations;
            self.dirty.insert(Of::Alert(key.clone()));
        }
    }

    /// Takes an alert from a state to another, and everything that follows.
    pub(super) fn change(&mut self, key: &AlertKey, change: &Change<'_>, now: Timestamp) {
        let Change { to, at, shown_at, value, reason } = *change;
        let flap = self.plan.config.flap;
        let is_late = now.0.saturating_sub(shown_at.0) > nanos(self.plan.config.late_after);
        let Some(alert) = self.alerts.get_mut(key) else { return };
        let from = alert.state;
        if from == to {
            return;
        }
        (alert.state, alert.since, alert.value) = (to, at, value);
        let (was_active, is_active) = (from.is_active(), to.is_active());
        if was_active != is_active {
            // What was long ago is not flapping now.
            if !is_late {
                alert.flap.change(&flap, at);
            }
            if is_active {
                (alert.fired_at, alert.ended_at) = (Some(at), None);
            } else {
                alert.ended_at = Some(at);
            }
        }
        // What is told already goes on as it is told.
        let is_history = is_late && is_active && !was_active && alert.incident.is_none();
        alert.is_unconfirmed = is_active && (is_history || (alert.is_unconfirmed && is_late));
        self.meta.transitions += 1;
        let (seq, key_of, reason) = (self.meta.transitions, key.clone(), reason.to_owned());
        self.effects.transitions.push(Transition { seq, key: key_of, from, to, at, seen_at: now, value, reason });
        self.dirty.insert(Of::Meta);
        self.dirty.insert(Of::Alert(key.clone()));
        if is_history {
            self.count_late(key, to.level().unwrap_or(Level::Warning), at, now);
        } else if is_late {
            self.extend_late(key, at, now);
        }
        if self.mark_sources(key) {
            self.review_all(now);
        }
    }

    /// An alert that fired by history still fires by what is of now.
    fn confirm(&mut self, key: &AlertKey, at: Timestamp, now: Timestamp) {
        let is_late = now.0.saturating_sub(at.0) > nanos(self.plan.config.late_after);
        if let Some(alert) = self.alerts.get_mut(key).filter(|alert| alert.is_unconfirmed && !is_late) {
            alert.is_unconfirmed = false;
            self.dirty.insert(Of::Alert(key.clone()));
        }
    }

    fn count_late(&mut self, key: &AlertKey, level: Level, at: Timestamp, now: Timestamp) {
        let Some(alert) = self.alerts.get(key) else { return };
        let labels = self.labels_of(alert);
        let is_room = self.meta.late.contains_key(&key.rule) || self.meta.late.len() < LATE_RULES_MAX;
        let name = if is_room { key.rule.clone() } else { "others".to_owned() };
        let late = self.meta.late.entry(name).or_insert(Late { fired: 0, first: at, last: at, level, labels });
        late.fired += 1;
        late.first = late.first.min(at);
        late.last = late.last.max(at);
        late.level = late.level.max(level);
        self.late_came(now);
    }

    fn extend_late(&mut self, key: &AlertKey, at: Timestamp, now: Timestamp) {
        if let Some(late) = self.meta.late.get_mut(&key.rule) {
            late.last = late.last.max(at);
            self.late_came(now);
        }
    }

    /// History is complete: what still fires by it is told as everything else, the rest in one digest.
    pub(super) fn tell_late(&mut self, now: Timestamp) {
        let late = std::mem::take(&mut self.meta.late);
        self.meta.late_since = None;
        self.dirty.insert(Of::Meta);
        let waiting = self.alerts.values().filter(|alert| alert.is_unconfirmed).map(|alert| alert.key.clone());
        let waiting: Vec<AlertKey> = waiting.collect();
        for key in waiting {
            if let Some(alert) = self.alerts.get_mut(&key) {
                alert.is_unconfirmed = false;
                self.dirty.insert(Of::Alert(key.clone()));
            }
            self.settle(&key, now);
        }
        for (rule, late) in late {
            let Late { fired, first, last, level, labels } = late;
            let times = if fired == 1 { "once".to_owned() } else { format!("{fired} times") };
            let title = format!("history: {rule} fired {times} between {first} and {last}");
            for routed in self.plan.config.route.find(&labels) {
                self.digest_history(&routed.policy, level, &title, last, now);
            }
        }
    }

    /// Puts an alert where it belongs after something changed: into an incident, on a timer, or away.
    pub(super) fn settle(&mut self, key: &AlertKey, now: Timestamp) {
        self.place(key, now);
        let Some(alert) = self.alerts.get(key) else { return };
        let is_quiet = alert.state == State::Ok && alert.incident.is_none() && alert.flap.is_quiet();
        let no_data = self.plan.rule(&key.rule).and_then(|rule| rule.no_data);
        if is_quiet && (no_data.is_none() || alert.series == Series::default()) {
            self.alerts.remove(key);
            self.dirty.insert(Of::Alert(key.clone()));
            self.set_timer(TimerOf::Alert(key.clone()), None);
            return;
        }
        let expires = alert.expires_at.filter(|_| alert.state.is_active());
        let heard = alert.series.last().map(|last| last.max(self.meta.started_at));
        let is_silent = matches!(alert.state, State::NoData(_));
        let silent = no_data.and_then(|no_data| Some(heard?.after(no_data.after))).filter(|_| !is_silent);
        // What is silent already and fires on is looked at again after as long.
        let silent =
            silent.map(|at| if at <= now { now.after(no_data.map_or_else(Default::default, |n| n.after)) } else { at });
        let flap = alert.flap.due(&self.plan.config.flap);
        let due = [expires, silent, flap].into_iter().flatten().min();
        // A later time of silence is found when the timer runs: a sample does not write a row.
        let is_later = alert.due.is_some_and(|old| old > now && due.is_some_and(|due| due >= old));
        if is_later || alert.due == due {
            return;
        }
        if let Some(alert) = self.alerts.get_mut(key) {
            alert.due = due;
            self.dirty.insert(Of::Alert(key.clone()));
        }
        self.set_timer(TimerOf::Alert(key.clone()), due);
    }

    /// Whether it means that its entity is down.
    pub(crate) fn is_outage(&self, alert: &Alert) -> bool {
        if alert.state.level() != Some(Level::Critical) {
            return false;
        }
        if self.plan.rule(&alert.key.rule).is_some_and(|rule| rule.is_outage) {
            return true;
        }
        let outages = &self.plan.config.outages;
        !outages.is_empty() && {
            let labels = self.labels_of(alert);
            outages.iter().any(|matchers| all_match(matchers, &labels))
        }
    }

    /// Notes whether an alert is an outage and what it inhibits; whether that is different from before.
    pub(super) fn mark_sources(&mut self, key: &AlertKey) -> bool {
        let Some(alert) = self.alerts.get(key) else { return false };
        let labels = self.labels_of(alert);
        let is_outage = self.is_outage(alert);
        let is_active = alert.state.is_active();
        let mut is_changed = false;
        if let Some(entity) = self.plan.entities(&labels).into_iter().next() {
            let keys = self.outages.entry(entity.clone()).or_default();
            is_changed |= if is_outage { keys.insert(key.clone()) } else { keys.remove(key) };
            if keys.is_empty() {
                self.outages.remove(&entity);
            }
        }
        for (inhibition, sources) in self.plan.inhibitions().iter().zip(&mut self.inhibitors) {
            let is_source = is_active && all_match(&inhibition.sources, &labels);
            is_changed |= if is_source { sources.insert(key.clone()) } else { sources.remove(key) };
        }
        is_changed
    }

    /// Alerts of rules that are gone are over.
    pub(super) fn end_orphans(&mut self, now: Timestamp) {
        let is_orphan = |alert: &&Alert| {
            let rule = alert.key.rule.as_str();
            let about = if rule == ERROR_RULE { alert.key.labels.get("rule").unwrap_or("") } else { rule };
            rule != EXTERNAL_RULE && self.plan.rule(about).is_none()
        };
        let orphans: Vec<AlertKey> = self.alerts.values().filter(is_orphan).map(|alert| alert.key.clone()).collect();
        for key in orphans {
            if let Some(alert) = self.alerts.get_mut(&key) {
                alert.series.clear();
            }
            let change = Change { to: State::Ok, at: now, shown_at: now, value: f64::NAN, reason: "its rule is gone" };
            self.change(&key, &change, now);
            self.settle(&key, now);
        }
    }
}

fn nanos(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
