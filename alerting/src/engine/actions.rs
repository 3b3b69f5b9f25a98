//! What people and the cluster do: acknowledge, snooze, silence, maintain.

use orszem_model::{Fact, Timestamp};

use super::Alerting;
use crate::alert::Level;
use crate::error::Refusal;
use crate::incident::{Ack, Incident, Snooze};
use crate::limits::{JOIN_WINDOW, SETTLES_AFTER_WORK, SILENCES_MAX};
use crate::maintenance::Maintenance;
use crate::rows::Of;
use crate::silence::{Silence, Timed};

impl Alerting {
    pub(super) fn acknowledge(
        &mut self,
        id: u64,
        by: String,
        note: String,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let until = until.unwrap_or_else(|| now.after(self.plan.config.ack_expires_after));
        self.with_open(id, now, |engine, incident| {
            let colon = if note.is_empty() { "" } else { ": " };
            engine.log(incident, now, format!("{by} acknowledges it until {until}{colon}{note}"));
            let level = incident.level().unwrap_or(Level::Warning);
            incident.ack = Some(Ack { by, note, at: now, until, level });
        })
    }

    pub(super) fn unacknowledge(&mut self, id: u64, by: &str, now: Timestamp) -> Result<(), Refusal> {
        self.with_open(id, now, |engine, incident| engine.end_ack(incident, &format!("{by} takes it back"), now))
    }

    pub(super) fn snooze(&mut self, id: u64, by: String, until: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        if until < now {
            return Err(Refusal::EndsBeforeItBegins);
        }
        self.with_open(id, now, |engine, incident| {
            engine.log(incident, now, format!("{by} snoozes it until {until}"));
            incident.snooze = Some(Snooze { by, until });
        })
    }

    pub(super) fn escalate_now(&mut self, id: u64, by: &str, now: Timestamp) -> Result<(), Refusal> {
        self.with_open(id, now, |engine, incident| {
            engine.log(incident, now, format!("{by} escalates it"));
            engine.end_ack(incident, "it is escalated", now);
            for (policy, thread) in &mut incident.threads {
                let policy = engine.plan.policy(policy);
                if let Some((after, _)) = policy.and_then(|policy| policy.step(thread.next_step)) {
                    thread.counts_from = now.before(after);
                }
            }
        })
    }

    pub(super) fn note(&mut self, id: u64, by: &str, text: &str, now: Timestamp) -> Result<(), Refusal> {
        self.with_incident(id, |engine, incident| engine.log(incident, now, format!("{by}: {text}")))
    }

    fn with_open(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Self, &mut Incident),
    ) -> Result<(), Refusal> {
        let incident = self.incidents.get(&id).ok_or(Refusal::UnknownIncident(id))?;
        if !incident.is_open() {
            return Err(Refusal::IncidentEnded(id));
        }
        self.with_incident(id, change)?;
        self.review_soon(id, now);
        Ok(())
    }

    pub(super) fn add_silence(&mut self, silence: Silence, now: Timestamp) -> Result<(), Refusal> {
        silence.check()?;
        if !self.silences.contains_key(&silence.id) && self.silences.len() >= SILENCES_MAX {
            return Err(Refusal::TooMany { what: "silences", max: SILENCES_MAX });
        }
        let id = silence.id.clone();
        self.silences.insert(id.clone(), Timed::new(silence)?);
        self.dirty.insert(Of::Silence(id));
        self.review_all(now);
        self.edges_changed(now);
        Ok(())
    }

    pub(super) fn end_silence(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let silence = self.silences.get_mut(id).ok_or_else(|| Refusal::UnknownSilence(id.to_owned()))?;
        let period = &mut silence.item.period;
        let until = period.until.map_or(now, |until| until.min(now));
        period.until = Some(until.max(period.from.min(now)));
        period.from = period.from.min(now);
        self.dirty.insert(Of::Silence(id.to_owned()));
        self.review_all(now);
        self.edges_changed(now);
        Ok(())
    }

    pub(super) fn add_maintenance(&mut self, window: Maintenance, now: Timestamp) -> Result<(), Refusal> {
        window.check()?;
        if !self.maintenance.contains_key(&window.id) && self.maintenance.len() >= SILENCES_MAX {
            return Err(Refusal::TooMany { what: "maintenance windows", max: SILENCES_MAX });
        }
        let id = window.id.clone();
        self.maintenance.insert(id.clone(), Timed::new(window)?);
        self.dirty.insert(Of::Maintenance(id));
        self.review_all(now);
        self.edges_changed(now);
        Ok(())
    }

    pub(super) fn end_maintenance(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        self.maintenance_ends(id, now, now)
    }

    fn maintenance_ends(&mut self, id: &str, at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        let window = self.maintenance.get_mut(id).ok_or_else(|| Refusal::UnknownMaintenance(id.to_owned()))?;
        window.item.end(at);
        self.dirty.insert(Of::Maintenance(id.to_owned()));
        self.review_all(now);
        self.edges_changed(now);
        Ok(())
    }

    /// Maintenance and standby of the cluster open a window, and end the one that they opened. What happens to what an
    /// open incident is about is a line of its timeline.
    pub(super) fn take_fact(&mut self, fact: &Fact, now: Timestamp) -> Result<(), Refusal> {
        self.note_fact(fact, now);
        if let Some(window) = Maintenance::of_fact(fact) {
            return self.add_maintenance(window, now);
        }
        match Maintenance::ended_by(fact) {
            Some(id) if self.maintenance.contains_key(&id) => {
                let settled = fact.at.max(now.before(SETTLES_AFTER_WORK)).after(SETTLES_AFTER_WORK);
                self.maintenance_ends(&id, settled, now)
            }
            _ => Ok(()),
        }
    }

    fn note_fact(&mut self, fact: &Fact, now: Timestamp) {
        let mut entities = std::iter::once(&fact.entity).chain(&fact.others);
        let found = entities.find_map(|entity| self.index.about(&self.incidents, &self.graph, entity));
        // What was before it, and is told as history, is not of its story.
        let incident = found.and_then(|id| self.incidents.get(&id));
        let Some(id) = incident.filter(|of| of.started_at.before(JOIN_WINDOW) <= fact.at).map(|of| of.id) else {
            return;
        };
        if fact.text.is_empty() {
            return;
        }
        if let Some(mut incident) = self.incidents.remove(&id) {
            self.log(&mut incident, fact.at.min(now), fact.text.clone());
            self.incidents.insert(id, incident);
        }
    }
}
