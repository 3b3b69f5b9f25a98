//! Which alerts are members of which incident, and when an incident begins and ends.

use orszem_model::{Labels, Timestamp};

use super::Alerting;
use super::send::Telling;
use crate::alert::{Alert, AlertKey, EXTERNAL_RULE, Level};
use crate::error::Refusal;
use crate::incident::{Candidate, Incident, Join, Member};
use crate::limits::{INCIDENTS_MAX, MEMBERS_MAX};
use crate::notify::Kind;
use crate::route::group;
use crate::rows::{Of, TimerOf};
use crate::rule::Rule;

impl Alerting {
    /// Puts an alert into the incident that it belongs to, or tells its incident what became of it.
    pub(super) fn place(&mut self, key: &AlertKey, now: Timestamp) {
        let Some(alert) = self.alerts.get(key) else { return };
        match alert.incident {
            Some(incident) => self.update_member(incident, key, now),
            None if alert.holds_open() && !alert.is_unconfirmed => self.join(key, now),
            None => {}
        }
    }

    fn join(&mut self, key: &AlertKey, now: Timestamp) {
        let Some(alert) = self.alerts.get(key) else { return };
        let labels = self.labels_of(alert);
        let entities = self.plan.entities(&labels);
        let routes = self.plan.config.route.find(&labels);
        let group = routes.first().and_then(|routed| group(routed, &labels, &key.rule));
        let onset = self.onset(alert);
        let candidate = Candidate { group: group.as_ref(), entities: &entities, labels: &key.labels, now, onset };
        let join = self.index.join(&self.incidents, &self.graph, &candidate);
        let (level, is_flapping) = (alert.state.level().unwrap_or(Level::Warning), alert.is_flapping());
        let (mut incident, why) = match join {
            Some(Join { incident, why }) => {
                let Some(incident) = self.incidents.remove(&incident) else { return };
                (incident, why)
            }
            None if self.incidents.len() >= INCIDENTS_MAX => {
                self.effects.unplaced += 1;
                return;
            }
            None => {
                self.meta.incidents += 1;
                self.dirty.insert(Of::Meta);
                (Incident::new(self.meta.incidents, group, now), "it is the first".to_owned())
            }
        };
        self.index.add(incident.id, incident.group.as_ref(), &entities, &key.labels);
        if let Some(alert) = self.alerts.get_mut(key) {
            alert.incident = Some(incident.id);
        }
        self.dirty.insert(Of::Alert(key.clone()));
        self.dirty.insert(Of::Member(incident.id, key.clone()));
        let is_new_entity =
            !entities.iter().any(|entity| incident.members.values().any(|member| member.entities.contains(entity)));
        let text = format!("{} fires ({level}): {why}", name(key));
        incident
            .members
            .insert(key.clone(), Member { joined_at: now, why, entities, is_firing: true, level, is_flapping });
        self.log(&mut incident, now, text);
        if is_new_entity {
            self.end_ack(&mut incident, "another entity is concerned", now);
        }
        self.rises(&mut incident, level, now);
        self.begins_again(&mut incident, now);
        incident.changed_at = now;
        let id = incident.id;
        self.incidents.insert(id, incident);
        self.review_soon(id, now);
    }

    /// Since when the condition of an alert that fires holds: it was waited for before it fired.
    fn onset(&self, alert: &Alert) -> Timestamp {
        let level = alert.state.level().unwrap_or(Level::Warning);
        let bands = self.plan.rule(&alert.key.rule).map(Rule::bands);
        let hold = bands.and_then(|bands| bands.of(level).map(|band| band.hold));
        alert.since.before(hold.unwrap_or_default())
    }

    fn update_member(&mut self, id: u64, key: &AlertKey, now: Timestamp) {
        let Some(alert) = self.alerts.get(key) else { return };
        let (holds, level, is_flapping) = (alert.holds_open(), alert.state.level(), alert.is_flapping());
        let count = alert.flap.count();
        let Some(mut incident) = self.incidents.remove(&id) else { return };
        let Some(old) = incident.members.get(key).cloned() else {
            self.incidents.insert(id, incident);
            return;
        };
        let mut member = old.clone();
        member.level = level.unwrap_or(old.level);
        member.is_firing = holds;
        member.is_flapping = is_flapping;
        if holds && !old.is_firing {
            member.joined_at = now;
        }
        if member != old {
            let name = name(key);
            incident.members.insert(key.clone(), member.clone());
            self.dirty.insert(Of::Member(id, key.clone()));
            match (old.is_firing, holds) {
                (false, true) => self.log(&mut incident, now, format!("{name} fires again ({})", member.level)),
                (true, false) => self.log(&mut incident, now, format!("{name} is over")),
                (true, true) if member.level != old.level => {
                    self.log(&mut incident, now, format!("{name} is {} now, after {}", member.level, old.level));
                }
                (true, true) | (false, false) => {}
            }
            match (old.is_flapping, is_flapping) {
                (false, true) => self.log(&mut incident, now, format!("{name} is flapping: it changed {count} times")),
                (true, false) => self.log(&mut incident, now, format!("{name} is steady after {count} changes")),
                (true, true) | (false, false) => {}
            }
            if holds {
                self.rises(&mut incident, member.level, now);
                self.begins_again(&mut incident, now);
            } else if incident.level().is_none() && incident.is_open() {
                self.ends(&mut incident, now);
            }
            incident.changed_at = now;
            self.review_soon(id, now);
        }
        self.incidents.insert(id, incident);
    }

    /// A level above the one that was acknowledged has to be acknowledged again.
    fn rises(&mut self, incident: &mut Incident, level: Level, now: Timestamp) {
        if incident.ack.as_ref().is_some_and(|ack| level > ack.level) {
            self.end_ack(incident, "it is worse now", now);
        }
    }

    pub(super) fn end_ack(&mut self, incident: &mut Incident, why: &str, now: Timestamp) {
        if let Some(ack) = incident.ack.take() {
            self.log(incident, now, format!("the acknowledgement of {} ends: {why}", ack.by));
        }
    }

    fn begins_again(&mut self, incident: &mut Incident, now: Timestamp) {
        if incident.ended_at.take().is_some() {
            self.log(incident, now, "it begins again".to_owned());
        }
    }

    fn ends(&mut self, incident: &mut Incident, now: Timestamp) {
        incident.ended_at = Some(now);
        // Whoever took it on is done, and nobody has to be reminded any more.
        incident.ack = None;
        incident.snooze = None;
        let lasted = std::time::Duration::from_nanos(now.0.saturating_sub(incident.started_at.0).max(0).unsigned_abs());
        let whole = std::time::Duration::from_secs(lasted.as_secs());
        let lasted = orszem_model::time::format_duration(if whole.is_zero() { lasted } else { whole });
        self.log(incident, now, format!("it is over after {lasted}"));
    }

    /// Forgets an incident that nobody has to hear of any more. What was written of it stays in the store.
    pub(super) fn forget(&mut self, incident: &Incident, now: Timestamp) {
        self.index.remove(incident);
        self.dirty.insert(Of::Incident(incident.id));
        self.set_timer(TimerOf::Incident(incident.id), None);
        for key in incident.members.keys() {
            self.dirty.insert(Of::Member(incident.id, key.clone()));
            if let Some(alert) = self.alerts.get_mut(key) {
                alert.incident = None;
                self.dirty.insert(Of::Alert(key.clone()));
            }
            self.settle(key, now);
        }
    }

    /// Moves everything of one incident into another. Whoever was told of the first is told where it goes on.
    pub(super) fn merge(&mut self, from: u64, into: u64, why: &str, now: Timestamp) -> Result<(), Refusal> {
        if from == into {
            return Err(Refusal::MergesIntoItself);
        }
        let target = self.incidents.get(&into).ok_or(Refusal::UnknownIncident(into))?;
        let source = self.incidents.get(&from).ok_or(Refusal::UnknownIncident(from))?;
        if !source.is_open() {
            return Err(Refusal::IncidentEnded(from));
        }
        if target.members.len() + source.members.len() > MEMBERS_MAX {
            return Err(Refusal::TooMany { what: "alerts of the incident", max: MEMBERS_MAX });
        }
        let Some(mut source) = self.incidents.remove(&from) else { return Err(Refusal::UnknownIncident(from)) };
        let Some(mut target) = self.incidents.remove(&into) else {
            self.incidents.insert(from, source);
            return Err(Refusal::UnknownIncident(into));
        };
        self.index.remove(&source);
        let note = format!("it goes on in incident {into}");
        source.merged_into = Some(into);
        self.close_threads(&mut source, &note, now);
        for (key, mut member) in std::mem::take(&mut source.members) {
            member.why = format!("merged from incident {from}: {why}");
            self.index.add(into, target.group.as_ref(), &member.entities, &key.labels);
            if let Some(alert) = self.alerts.get_mut(&key) {
                alert.incident = Some(into);
            }
            self.dirty.insert(Of::Alert(key.clone()));
            self.dirty.insert(Of::Member(from, key.clone()));
            self.dirty.insert(Of::Member(into, key.clone()));
            target.members.insert(key, member);
        }
        self.log(&mut source, now, format!("{note}: {why}"));
        self.ends(&mut source, now);
        self.log(&mut target, now, format!("incident {from} is merged into it: {why}"));
        self.end_ack(&mut target, "another incident was merged into it", now);
        self.begins_again(&mut target, now);
        target.changed_at = now;
        self.incidents.insert(from, source);
        self.incidents.insert(into, target);
        self.dirty.insert(Of::Incident(from));
        self.dirty.insert(Of::Incident(into));
        self.review_soon(from, now);
        self.review_soon(into, now);
        Ok(())
    }

    /// Tells everyone who was told that it is over here.
    fn close_threads(&mut self, incident: &mut Incident, note: &str, now: Timestamp) {
        let mut threads = std::mem::take(&mut incident.threads);
        for (policy, thread) in &mut threads {
            for recipient in std::mem::take(&mut thread.told).into_keys() {
                let telling = Telling { policy, recipient: &recipient, kind: Kind::Resolve, is_loud: true, note };
                self.tell(incident, &telling, now);
            }
            thread.opened_at = None;
        }
        incident.threads = threads;
    }
}

/// What people call an alert.
pub(crate) fn name(key: &AlertKey) -> String {
    let alertname = key.labels.get("alertname").filter(|_| key.rule == EXTERNAL_RULE);
    let name = alertname.unwrap_or(&key.rule);
    let labels: Vec<String> = labels_but_name(&key.labels);
    if labels.is_empty() { name.to_owned() } else { format!("{name} {}", labels.join(" ")) }
}

fn labels_but_name(labels: &Labels) -> Vec<String> {
    let pairs = labels.iter().filter(|(name, _)| *name != "alertname");
    pairs.map(|(name, value)| format!("{name}={value}")).collect()
}
