//! The engine: an input and the time in, what is to be written out.

mod actions;
mod membership;
mod observe;
mod reports;
mod review;
mod send;
mod state;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::{Fact, Labels, Timestamp, coded};

use crate::alert::{Alert, AlertKey, Level, Observation, State, Transition};
use crate::config::Plan;
use crate::error::Refusal;
use crate::graph::Graph;
use crate::incident::{Event, Incident, Index};
use crate::maintenance::Maintenance;
use crate::notify::{Intent, IntentKey, Kind};
use crate::recipient::{Mailbox, Recipient};
use crate::report::DueReport;
use crate::rows::{Of, Row, TimerOf};
use crate::silence::{Silence, Timed};

/// An alert that somebody else evaluates, as Alertmanager's API takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// All of them identify it; `severity` is its level.
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: Timestamp,
    /// Until when it fires unless it is sent again; not later than now: it is over.
    pub ends_at: Timestamp,
    pub generator: String,
}

/// How an attempt to deliver went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Sent,
    /// It surely did not arrive and never will; the attempt says why.
    Refused,
    /// It did not arrive, and nothing ever will: the address itself is no more.
    Gone,
    /// It was given up.
    Expired,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Time passes. To be given at [`Alerting::next_due`] at the latest.
    Tick,
    /// The program has started: opening incidents is held back until the sources are back.
    Started,
    /// Every source that was alive before the start has reported.
    SourcesBack,
    Observed(Observation),
    /// The state that [`crate::Thresholds`] came to where samples come in.
    Level {
        key: AlertKey,
        state: State,
        at: Timestamp,
        value: f64,
        annotations: Labels,
    },
    External(External),
    /// What the cluster says of itself: maintenance and standby open and end windows, and what is near to an open incident
    /// is a line of its timeline.
    Fact(Fact),
    /// Adds or changes it.
    Silence(Silence),
    EndSilence {
        id: String,
    },
    /// Adds or changes it.
    Maintenance(Maintenance),
    EndMaintenance {
        id: String,
    },
    Acknowledge {
        incident: u64,
        by: String,
        note: String,
        until: Option<Timestamp>,
    },
    Unacknowledge {
        incident: u64,
        by: String,
    },
    Snooze {
        incident: u64,
        by: String,
        until: Timestamp,
    },
    /// The next step of each policy, now.
    EscalateNow {
        incident: u64,
        by: String,
    },
    /// A word of somebody in the timeline.
    Note {
        incident: u64,
        by: String,
        text: String,
    },
    /// `from` goes on in `into`; whoever was told of `from` is told so.
    Merge {
        from: u64,
        into: u64,
        why: String,
    },
    /// A message to every address of a contact.
    Test {
        contact: String,
        by: String,
    },
    /// A report is due, or is known from now on.
    Report(DueReport),
    /// A sender has taken the intent and may be sending it from now on.
    Leased(IntentKey),
    Delivered {
        key: IntentKey,
        outcome: Delivery,
    },
}

/// What a step comes to: all of it is written in one transaction before anything is acknowledged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Only added.
    pub transitions: Vec<Transition>,
    /// The timelines of incidents; only added.
    pub events: Vec<Event>,
    /// To be sent.
    pub intents: Vec<Intent>,
    /// Intents that are not to be sent any more, each with the one that says what it said: an attempt to record.
    pub superseded: Vec<(IntentKey, IntentKey)>,
    /// Incidents that changed, as they are now; the store keeps the last form of each when it is no longer live.
    pub incidents: Vec<Incident>,
    /// The state.
    pub rows: Vec<Row>,
    /// Alerts that fire and are in no incident, as there are [`crate::INCIDENTS_MAX`]: nobody is told of them until one
    /// of their next observations finds room.
    pub unplaced: u64,
    /// Inputs that were not taken, by their place.
    pub refused: Vec<(usize, Refusal)>,
}

/// Counters and holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Meta {
    transitions: u64,
    incidents: u64,
    intents: u64,
    tests: u64,
    /// When the program started last.
    started_at: Timestamp,
    /// Until when nothing is opened, and nothing critical.
    hold_until: Timestamp,
    hold_critical_until: Timestamp,
    /// When history began to come in that was not told yet.
    late_since: Option<Timestamp>,
    /// By rule.
    late: BTreeMap<String, Late>,
}

/// What a rule's history came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Late {
    fired: u64,
    first: Timestamp,
    last: Timestamp,
    level: Level,
    /// Of one of the alerts, for the route.
    labels: Labels,
}

/// An intent that is not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    incident: u64,
    recipient: Recipient,
    kind: Kind,
    is_leased: bool,
    /// The policy whose thread it belongs to; empty for none.
    policy: String,
    /// Its place among all intents.
    order: u64,
}

coded! {
    Meta { transitions, incidents, intents, tests, started_at, hold_until, hold_critical_until, late_since, late }
    Late { fired, first, last, level, labels }
    Waiting { incident, recipient, kind, is_leased, policy, order }
}

/// All of alerting but its configuration and the topology.
#[derive(Clone, Debug)]
pub struct Alerting {
    pub(crate) plan: Plan,
    pub(crate) graph: Graph,
    pub(crate) alerts: BTreeMap<AlertKey, Alert>,
    pub(crate) incidents: BTreeMap<u64, Incident>,
    pub(crate) silences: BTreeMap<String, Timed<Silence>>,
    pub(crate) maintenance: BTreeMap<String, Timed<Maintenance>>,
    mailboxes: BTreeMap<Recipient, Mailbox>,
    /// Addresses of the plan that are no more, and since when that is known: nothing is sent there.
    gone: BTreeMap<Recipient, Timestamp>,
    pub(crate) outbox: BTreeMap<IntentKey, Waiting>,
    /// When each report was due last.
    reports: BTreeMap<String, Timestamp>,
    timers: BTreeMap<TimerOf, Timestamp>,
    meta: Meta,

    // What follows from the above.
    /// By the entity that is down.
    pub(crate) outages: BTreeMap<String, BTreeSet<AlertKey>>,
    /// Alerts that fire and are sources of each inhibition.
    pub(crate) inhibitors: Vec<BTreeSet<AlertKey>>,
    index: Index,
    due: BTreeSet<(Timestamp, TimerOf)>,
    /// Intents that are not done, in the order in which they were written.
    waiting: BTreeMap<(u64, Recipient), Vec<IntentKey>>,

    // What the step at work came to.
    effects: Effects,
    dirty: BTreeSet<Of>,
}

impl Alerting {
    /// Nothing has happened yet.
    pub fn new(plan: Plan, graph: Graph) -> Self {
        let inhibitors = vec![BTreeSet::new(); plan.inhibitions().len()];
        Self {
            plan,
            graph,
            alerts: BTreeMap::new(),
            incidents: BTreeMap::new(),
            silences: BTreeMap::new(),
            maintenance: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            gone: BTreeMap::new(),
            outbox: BTreeMap::new(),
            reports: BTreeMap::new(),
            timers: BTreeMap::new(),
            meta: Meta::default(),
            outages: BTreeMap::new(),
            inhibitors,
            index: Index::default(),
            due: BTreeSet::new(),
            waiting: BTreeMap::new(),
            effects: Effects::default(),
            dirty: BTreeSet::new(),
        }
    }

    /// One input. See [`Alerting::steps`].
    pub fn step(&mut self, input: Input, now: Timestamp) -> Effects {
        self.steps([input], now)
    }

    /// Takes inputs in, in order, all at `now`, after whatever was due by then. The effects are one transaction; what is
    /// read from the engine before that is written may be lost again.
    pub fn steps(&mut self, inputs: impl IntoIterator<Item = Input>, now: Timestamp) -> Effects {
        self.run_timers(now);
        for (place, input) in inputs.into_iter().enumerate() {
            if let Err(refusal) = self.take(input, now) {
                self.effects.refused.push((place, refusal));
            }
        }
        self.run_timers(now);
        self.finish()
    }

    /// When the next [`Input::Tick`] is needed.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Puts another configuration in force. What alerts and series have come to stays; alerts of rules that are gone end;
    /// whoever was told stays owed the all-clear at the address of then.
    pub fn reconfigure(&mut self, plan: Plan, now: Timestamp) -> Effects {
        self.plan = plan;
        self.derive();
        self.forget_gone();
        self.end_orphans(now);
        self.review_all(now);
        self.edges_changed(now);
        self.run_timers(now);
        self.finish()
    }

    /// Puts another topology in force.
    pub fn set_graph(&mut self, graph: Graph, now: Timestamp) -> Effects {
        if self.graph != graph {
            self.graph = graph;
            self.review_all(now);
        }
        self.finish()
    }

    /// The configuration in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The topology in force.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Alerts that are not quiet.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// The alert of this key, if it is not quiet.
    pub fn alert(&self, key: &AlertKey) -> Option<&Alert> {
        self.alerts.get(key)
    }

    /// Incidents that are open or ended a moment ago.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// The incident of this number, if it is live.
    pub fn incident(&self, id: u64) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// Silences, ended ones among them for some days.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values().map(|silence| &silence.item)
    }

    /// Maintenance windows, ended ones among them for some days.
    pub fn maintenance(&self) -> impl Iterator<Item = &Maintenance> {
        self.maintenance.values().map(|window| &window.item)
    }

    /// Intents that are not done.
    pub fn outstanding(&self) -> usize {
        self.outbox.len()
    }

    /// When a report was due last, or since when it is known; `None` where it is not.
    pub fn reported(&self, name: &str) -> Option<Timestamp> {
        self.reports.get(name).copied()
    }

    /// The labels by which an alert is matched and shown: its own, those of its rule, `alertname` and `severity`.
    pub fn labels_of(&self, alert: &Alert) -> Labels {
        let key = &alert.key;
        let rule = self.plan.rule(&key.rule);
        let mut pairs: Vec<(&str, &str)> = vec![("alertname", key.rule.as_str())];
        pairs.extend(key.labels.iter());
        if let Some(rule) = rule {
            pairs.extend(rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        let level = alert.state.level().or_else(|| self.member_level(alert));
        // Whoever says how severe it is says so in words of his own.
        if let Some(level) = level.filter(|_| key.labels.get("severity").is_none()) {
            pairs.push(("severity", level.name()));
        }
        Labels::new(pairs)
    }

    /// The level that it had in its incident, when it does not fire now.
    fn member_level(&self, alert: &Alert) -> Option<Level> {
        let member = self.incidents.get(&alert.incident?)?.members.get(&alert.key)?;
        Some(member.level)
    }

    fn take(&mut self, input: Input, now: Timestamp) -> Result<(), Refusal> {
        match input {
            Input::Tick => Ok(()),
            Input::Started => {
                self.start(now);
                Ok(())
            }
            Input::SourcesBack => {
                self.end_hold(now);
                Ok(())
            }
            Input::Observed(observation) => self.observe(observation, now),
            Input::Level { key, state, at, value, annotations } => {
                self.take_level(&key, state, at, value, annotations, now)
            }
            Input::External(external) => self.take_external(external, now),
            Input::Fact(fact) => self.take_fact(&fact, now),
            Input::Silence(silence) => self.add_silence(silence, now),
            Input::EndSilence { id } => self.end_silence(&id, now),
            Input::Maintenance(window) => self.add_maintenance(window, now),
            Input::EndMaintenance { id } => self.end_maintenance(&id, now),
            Input::Acknowledge { incident, by, note, until } => self.acknowledge(incident, by, note, until, now),
            Input::Unacknowledge { incident, by } => self.unacknowledge(incident, &by, now),
            Input::Snooze { incident, by, until } => self.snooze(incident, by, until, now),
            Input::EscalateNow { incident, by } => self.escalate_now(incident, &by, now),
            Input::Note { incident, by, text } => self.note(incident, &by, &text, now),
            Input::Merge { from, into, why } => self.merge(from, into, &why, now),
            Input::Test { contact, by } => self.test(&contact, &by, now),
            Input::Report(report) => self.take_report(report, now),
            Input::Leased(key) => self.lease(key),
            Input::Delivered { key, outcome } => self.delivered(key, &outcome, now),
        }
    }

    fn log(&mut self, incident: &mut Incident, at: Timestamp, text: String) {
        let event = Event { incident: incident.id, at, text };
        incident.keep(event.clone());
        self.effects.events.push(event);
        self.dirty.insert(Of::Incident(incident.id));
    }

    /// Lets `change` work on a live incident.
    fn with_incident<T>(&mut self, id: u64, change: impl FnOnce(&mut Self, &mut Incident) -> T) -> Result<T, Refusal> {
        let mut incident = self.incidents.remove(&id).ok_or(Refusal::UnknownIncident(id))?;
        let result = change(self, &mut incident);
        self.incidents.insert(id, incident);
        self.dirty.insert(Of::Incident(id));
        Ok(result)
    }
}
