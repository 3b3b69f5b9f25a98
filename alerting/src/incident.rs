//! Incidents: alerts that belong together, what was told of them, and to whom.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::code::Code;
use orszem_model::{Labels, Timestamp, coded};

use crate::alert::{AlertKey, Level};
use crate::graph::Graph;
use crate::group::Group;
use crate::limits::{EVENTS_KEPT, JOIN_DISTANCE_MAX, JOIN_WINDOW, MEMBERS_MAX};
use crate::recipient::Recipient;
use crate::route::Timing;

/// Labels whose equal values make alerts belong together wherever they are.
const SHARED_IDS: [&str; 3] = ["trace_id", "cluster_transition", "drbd_resource"];

/// Something that happened to an incident, in words. Only added, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub incident: u64,
    pub at: Timestamp,
    pub text: String,
}

/// An alert of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// When it last began to fire, by the clock of whoever saw it.
    pub joined_at: Timestamp,
    /// Why it belongs here, in words.
    pub why: String,
    pub entities: Vec<String>,
    pub is_firing: bool,
    /// The level that it has, or had when it ended.
    pub level: Level,
    /// It counts as firing as it changes too often.
    pub is_flapping: bool,
}

/// Somebody took it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub by: String,
    pub note: String,
    pub at: Timestamp,
    pub until: Timestamp,
    /// A higher level than this ends it.
    pub level: Level,
}

/// Nobody wants to hear of it for a while; the all-clear still comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snooze {
    pub by: String,
    pub until: Timestamp,
}

/// What a message showed: another one is due when this differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub level: Level,
    pub firing: u64,
    pub members: u64,
    pub flapping: u64,
    pub acknowledged_by: String,
    pub root: String,
}

/// What a recipient was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldState {
    pub at: Timestamp,
    pub shown: Shown,
    /// A message of this incident reached the channel, or is in a digest for it.
    pub is_delivered: bool,
}

/// The notification of an incident under one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub timing: Timing,
    /// When it was opened; `None` before, and after the all-clear.
    pub opened_at: Option<Timestamp>,
    /// From when the steps of the policy count; later than the opening by the time for which they were held back.
    pub counts_from: Timestamp,
    /// The number of the next step, through all rounds.
    pub next_step: u64,
    /// What is not a rise waits until then.
    pub next_at: Timestamp,
    /// When it last made a sound.
    pub loud_at: Timestamp,
    /// The highest level told.
    pub level: Option<Level>,
    pub told: BTreeMap<Recipient, ToldState>,
}

impl Thread {
    pub(crate) fn new(timing: Timing, now: Timestamp) -> Self {
        Self {
            timing,
            opened_at: None,
            counts_from: now,
            next_step: 0,
            next_at: Timestamp(i64::MIN),
            loud_at: now,
            level: None,
            told: BTreeMap::new(),
        }
    }
}

/// Alerts that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Counts from 1.
    pub id: u64,
    /// What its alerts have in common where labels group them.
    pub group: Option<Group>,
    pub started_at: Timestamp,
    /// When something last joined or changed.
    pub changed_at: Timestamp,
    /// When it was over; `None` while it is not. It begins again when an alert joins within [`JOIN_WINDOW`].
    pub ended_at: Option<Timestamp>,
    pub members: BTreeMap<AlertKey, Member>,
    /// By policy.
    pub threads: BTreeMap<String, Thread>,
    pub ack: Option<Ack>,
    pub snooze: Option<Snooze>,
    /// Messages so far.
    pub step: u64,
    /// The last [`EVENTS_KEPT`].
    pub events: Vec<Event>,
    pub events_left_out: u64,
    /// The incident that goes on with it.
    pub merged_into: Option<u64>,
}

impl Incident {
    pub(crate) fn new(id: u64, group: Option<Group>, now: Timestamp) -> Self {
        Self {
            id,
            group,
            started_at: now,
            changed_at: now,
            ended_at: None,
            members: BTreeMap::new(),
            threads: BTreeMap::new(),
            ack: None,
            snooze: None,
            step: 0,
            events: Vec::new(),
            events_left_out: 0,
            merged_into: None,
        }
    }

    /// Whether an alert of it fires.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The highest level of the alerts that fire.
    pub fn level(&self) -> Option<Level> {
        self.members.values().filter(|member| member.is_firing).map(|member| member.level).max()
    }

    pub(crate) fn keep(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.remove(0);
            self.events_left_out += 1;
        }
        self.events.push(event);
    }

    /// Whether somebody has to be told that it is over.
    pub(crate) fn owes(&self) -> bool {
        self.threads.values().any(|thread| !thread.told.is_empty())
    }
}

/// An incident that an alert belongs to, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    pub incident: u64,
    pub why: String,
}

/// What of an alert decides where it belongs.
pub(crate) struct Candidate<'a> {
    pub(crate) group: Option<&'a Group>,
    pub(crate) entities: &'a [String],
    pub(crate) labels: &'a Labels,
    pub(crate) now: Timestamp,
    /// Since when its condition holds, which may be long before it fires.
    pub(crate) onset: Timestamp,
}

impl Candidate<'_> {
    /// Whether it fires shortly after something happened to the incident, or what makes it fire began then.
    fn is_of_the_time_of(&self, incident: &Incident) -> bool {
        let until = incident.changed_at.after(JOIN_WINDOW);
        let began_then = incident.started_at.before(JOIN_WINDOW) <= self.onset && self.onset <= until;
        self.now <= until || (incident.is_open() && began_then)
    }
}

/// Where live incidents are found by what their members have. Follows from the incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    groups: BTreeMap<Group, BTreeSet<u64>>,
    entities: BTreeMap<String, BTreeSet<u64>>,
    ids: BTreeMap<(String, String), BTreeSet<u64>>,
}

impl Index {
    pub(crate) fn add(&mut self, incident: u64, group: Option<&Group>, entities: &[String], labels: &Labels) {
        if let Some(group) = group {
            self.groups.entry(group.clone()).or_default().insert(incident);
            return;
        }
        for entity in entities {
            self.entities.entry(entity.clone()).or_default().insert(incident);
        }
        for id in shared_ids(labels) {
            self.ids.entry(id).or_default().insert(incident);
        }
    }

    /// Forgets an incident with all of its members.
    pub(crate) fn remove(&mut self, incident: &Incident) {
        if let Some(group) = &incident.group {
            remove_from(&mut self.groups, group, incident.id);
        }
        for (key, member) in &incident.members {
            for entity in &member.entities {
                remove_from(&mut self.entities, entity, incident.id);
            }
            for id in shared_ids(&key.labels) {
                remove_from(&mut self.ids, &id, incident.id);
            }
        }
    }

    /// The incident that an alert belongs to: by labels where they group, else by a shared id, else by the nearest
    /// entity. An older incident comes before a newer one.
    pub(crate) fn join(
        &self,
        incidents: &BTreeMap<u64, Incident>,
        graph: &Graph,
        alert: &Candidate<'_>,
    ) -> Option<Join> {
        let has_room = |id: &&u64| incidents.get(id).is_some_and(|incident| incident.members.len() < MEMBERS_MAX);
        if let Some(group) = alert.group {
            let incident = *self.groups.get(group)?.iter().find(has_room)?;
            return Some(Join { incident, why: format!("same group {group}") });
        }
        let is_recent = |id: &&u64| incidents.get(id).is_some_and(|incident| alert.is_of_the_time_of(incident));
        for id in shared_ids(alert.labels) {
            let found = self.ids.get(&id).into_iter().flatten().filter(has_room).find(is_recent);
            if let Some(incident) = found {
                return Some(Join { incident: *incident, why: format!("same {} {}", id.0, id.1) });
            }
        }
        for entity in alert.entities {
            // However long it lasts, what happens to one entity is one incident.
            let is_live = |id: &&u64| is_recent(id) || incidents.get(id).is_some_and(Incident::is_open);
            if let Some(incident) = self.entities.get(entity).into_iter().flatten().filter(has_room).find(is_live) {
                return Some(Join { incident: *incident, why: format!("same entity {entity}") });
            }
        }
        for entity in alert.entities {
            for (near, way) in graph.around(entity, JOIN_DISTANCE_MAX) {
                let found = self.entities.get(&near).into_iter().flatten().filter(has_room).find(is_recent);
                if let Some(incident) = found {
                    return Some(Join { incident: *incident, why: format!("near in time and topology: {way}") });
                }
            }
        }
        None
    }
}

impl Index {
    /// The open incident that what happens to an entity belongs to: its own, else the nearest one's.
    pub(crate) fn about(&self, incidents: &BTreeMap<u64, Incident>, graph: &Graph, entity: &str) -> Option<u64> {
        let near = graph.around(entity, JOIN_DISTANCE_MAX);
        let mut ids = near.iter().flat_map(|(near, _)| self.entities.get(near).into_iter().flatten());
        ids.find(|id| incidents.get(id).is_some_and(Incident::is_open)).copied()
    }
}

fn shared_ids(labels: &Labels) -> impl Iterator<Item = (String, String)> {
    SHARED_IDS.iter().filter_map(|name| Some(((*name).to_owned(), labels.get(name)?.to_owned())))
}

fn remove_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, incident: u64) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&incident);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

coded! {
    Event { incident, at, text }
    Member { joined_at, why, entities, is_firing, level, is_flapping }
    Ack { by, note, at, until, level }
    Snooze { by, until }
    Shown { level, firing, members, flapping, acknowledged_by, root }
    ToldState { at, shown, is_delivered }
    Thread { timing, opened_at, counts_from, next_step, next_at, loud_at, level, told }
}

/// Without its members: each is a row of its own.
impl Code for Incident {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { id, group, started_at, changed_at, ended_at, members: _, threads, .. } = self;
        let Self { ack, snooze, step, events, events_left_out, merged_into, .. } = self;
        id.put(out);
        group.put(out);
        started_at.put(out);
        changed_at.put(out);
        ended_at.put(out);
        threads.put(out);
        ack.put(out);
        snooze.put(out);
        step.put(out);
        events.put(out);
        events_left_out.put(out);
        merged_into.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(Self {
            id: Code::take(input)?,
            group: Code::take(input)?,
            started_at: Code::take(input)?,
            changed_at: Code::take(input)?,
            ended_at: Code::take(input)?,
            members: BTreeMap::new(),
            threads: Code::take(input)?,
            ack: Code::take(input)?,
            snooze: Code::take(input)?,
            step: Code::take(input)?,
            events: Code::take(input)?,
            events_left_out: Code::take(input)?,
            merged_into: Code::take(input)?,
        })
    }
}
