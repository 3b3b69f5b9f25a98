//! The state as rows and back.

use std::collections::BTreeSet;

use orszem_model::Timestamp;

use super::{Alerting, Effects, Meta, Waiting};
use crate::alert::{Alert, AlertKey};
use crate::config::Plan;
use crate::error::RestoreError;
use crate::graph::Graph;
use crate::incident::{Incident, Member};
use crate::maintenance::Maintenance;
use crate::recipient::Mailbox;
use crate::rows::{Of, Row, Table, TimerOf, read, read_key, value};
use crate::silence::{Silence, Timed};

impl Alerting {
    /// The state that rows tell, in any order; deleted ones are left out by whoever keeps them.
    ///
    /// # Errors
    /// When a row is damaged or of a newer program. Nothing is guessed: whoever starts decides.
    pub fn restore<'a>(
        plan: Plan,
        graph: Graph,
        rows: impl IntoIterator<Item = (Table, &'a [u8], &'a [u8])>,
    ) -> Result<Self, RestoreError> {
        let mut engine = Self::new(plan, graph);
        let mut members: Vec<(u64, AlertKey, Member)> = Vec::new();
        for (table, key, bytes) in rows {
            match table {
                Table::Meta => engine.meta = read(table, bytes)?,
                Table::Alert => {
                    let alert: Alert = read(table, bytes)?;
                    engine.alerts.insert(alert.key.clone(), alert);
                }
                Table::Incident => {
                    let incident: Incident = read(table, bytes)?;
                    engine.incidents.insert(incident.id, incident);
                }
                Table::Member => {
                    let (incident, key) = read_key(table, key)?;
                    members.push((incident, key, read(table, bytes)?));
                }
                Table::Silence => {
                    let silence: Silence = read(table, bytes)?;
                    engine.silences.insert(silence.id.clone(), Timed::new(silence)?);
                }
                Table::Maintenance => {
                    let window: Maintenance = read(table, bytes)?;
                    engine.maintenance.insert(window.id.clone(), Timed::new(window)?);
                }
                Table::Mailbox => {
                    engine.mailboxes.insert(read_key(table, key)?, read::<Mailbox>(table, bytes)?);
                }
                Table::Outbox => {
                    engine.outbox.insert(read_key(table, key)?, read::<Waiting>(table, bytes)?);
                }
                Table::Gone => {
                    engine.gone.insert(read_key(table, key)?, read::<Timestamp>(table, bytes)?);
                }
                Table::Report => {
                    engine.reports.insert(read_key(table, key)?, read::<Timestamp>(table, bytes)?);
                }
                Table::Timer => {
                    engine.timers.insert(read_key::<TimerOf>(table, key)?, read::<Timestamp>(table, bytes)?);
                }
            }
        }
        for (incident, key, member) in members {
            let incident = engine.incidents.get_mut(&incident).ok_or(RestoreError::Damaged { table: Table::Member })?;
            incident.members.insert(key, member);
        }
        engine.derive();
        Ok(engine)
    }

    /// Whether it has never been given anything.
    pub fn is_new(&self) -> bool {
        self.meta == Meta::default()
    }

    /// All rows, as a store would have them after the last step. The time of the last sample of an alert and the last
    /// value may be newer here than in what the steps wrote: they are written with the next change.
    pub fn rows(&self) -> Vec<Row> {
        let mut all: BTreeSet<Of> = BTreeSet::new();
        if self.meta != Meta::default() {
            all.insert(Of::Meta);
        }
        all.extend(self.alerts.keys().cloned().map(Of::Alert));
        for incident in self.incidents.values() {
            all.insert(Of::Incident(incident.id));
            all.extend(incident.members.keys().map(|key| Of::Member(incident.id, key.clone())));
        }
        all.extend(self.silences.keys().cloned().map(Of::Silence));
        all.extend(self.maintenance.keys().cloned().map(Of::Maintenance));
        all.extend(self.mailboxes.keys().cloned().map(Of::Mailbox));
        all.extend(self.outbox.keys().copied().map(Of::Outbox));
        all.extend(self.gone.keys().cloned().map(Of::Gone));
        all.extend(self.reports.keys().cloned().map(Of::Report));
        all.extend(self.timers.keys().cloned().map(Of::Timer));
        all.iter().map(|of| of.row(self.value_of(of))).collect()
    }

    /// Ends a step: what changed becomes rows.
    pub(super) fn finish(&mut self) -> Effects {
        let dirty = std::mem::take(&mut self.dirty);
        let rows: Vec<Row> = dirty.iter().map(|of| of.row(self.value_of(of))).collect();
        let mut effects = std::mem::take(&mut self.effects);
        effects.rows = rows;
        for of in &dirty {
            if let Of::Incident(id) = of
                && let Some(incident) = self.incidents.get(id)
            {
                effects.incidents.push(incident.clone());
            }
        }
        effects
    }

    fn value_of(&self, of: &Of) -> Option<Vec<u8>> {
        match of {
            Of::Meta => Some(value(&self.meta)),
            Of::Alert(key) => self.alerts.get(key).map(value),
            Of::Incident(id) => self.incidents.get(id).map(value),
            Of::Member(id, key) => self.incidents.get(id).and_then(|incident| incident.members.get(key)).map(value),
            Of::Silence(id) => self.silences.get(id).map(|silence| value(&silence.item)),
            Of::Maintenance(id) => self.maintenance.get(id).map(|window| value(&window.item)),
            Of::Mailbox(recipient) => self.mailboxes.get(recipient).map(value),
            Of::Outbox(key) => self.outbox.get(key).map(value),
            Of::Gone(recipient) => self.gone.get(recipient).map(value),
            Of::Report(name) => self.reports.get(name).map(value),
            Of::Timer(of) => self.timers.get(of).map(value),
        }
    }

    /// Finds again what follows from the rest.
    pub(super) fn derive(&mut self) {
        self.outages.clear();
        self.inhibitors = vec![BTreeSet::new(); self.plan.inhibitions().len()];
        self.index = crate::incident::Index::default();
        self.due = self.timers.iter().map(|(of, at)| (*at, of.clone())).collect();
        self.waiting.clear();
        let keys: Vec<AlertKey> = self.alerts.keys().cloned().collect();
        for key in keys {
            self.mark_sources(&key);
        }
        for incident in self.incidents.values() {
            for (key, member) in &incident.members {
                self.index.add(incident.id, incident.group.as_ref(), &member.entities, &key.labels);
            }
        }
        let mut outbox: Vec<_> = self.outbox.iter().collect();
        outbox.sort_by_key(|(_, waiting)| waiting.order);
        for (key, waiting) in outbox {
            self.waiting.entry((waiting.incident, waiting.recipient.clone())).or_default().push(*key);
        }
    }
}
