//! What is kept of incidents and deliveries for people to look at, and as it is written.

use std::time::Duration;

use orszem_alerting::{Incident, IntentKey, Level, Recipient};
use orszem_model::Timestamp;
use serde::{Deserialize, Serialize};

/// An incident as it was last, or is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentRecord {
    pub id: u64,
    /// Labels that its alerts have in common, where labels group them.
    pub group: Option<String>,
    pub started_ns: i64,
    pub changed_ns: i64,
    pub ended_ns: Option<i64>,
    /// `warning` or `critical`: the highest of its members, firing ones first.
    pub level: String,
    pub acknowledged_by: Option<String>,
    pub acknowledged_until_ns: Option<i64>,
    pub snoozed_until_ns: Option<i64>,
    pub merged_into: Option<u64>,
    pub members: Vec<MemberRecord>,
}

/// An alert of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberRecord {
    pub rule: String,
    pub labels: Vec<(String, String)>,
    pub level: String,
    pub is_firing: bool,
    pub is_flapping: bool,
    pub joined_ns: i64,
    /// Why it belongs to the incident, in words.
    pub why: String,
}

impl IncidentRecord {
    /// The incident as it is.
    pub fn of(incident: &Incident) -> Self {
        let highest = incident.members.values().map(|member| member.level).max();
        let level = incident.level().or(highest).unwrap_or(Level::Warning);
        let members = incident.members.iter().map(|(key, member)| MemberRecord {
            rule: key.rule.clone(),
            labels: key.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            level: member.level.name().to_owned(),
            is_firing: member.is_firing,
            is_flapping: member.is_flapping,
            joined_ns: member.joined_at.0,
            why: member.why.clone(),
        });
        Self {
            id: incident.id,
            group: incident.group.as_ref().map(ToString::to_string),
            started_ns: incident.started_at.0,
            changed_ns: incident.changed_at.0,
            ended_ns: incident.ended_at.map(|at| at.0),
            level: level.name().to_owned(),
            acknowledged_by: incident.ack.as_ref().map(|ack| ack.by.clone()),
            acknowledged_until_ns: incident.ack.as_ref().map(|ack| ack.until.0),
            snoozed_until_ns: incident.snooze.as_ref().map(|snooze| snooze.until.0),
            merged_into: incident.merged_into,
            members: members.collect(),
        }
    }

    /// Whether an alert of it fires.
    pub fn is_open(&self) -> bool {
        self.ended_ns.is_none() && self.merged_into.is_none()
    }
}

/// A line of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEvent {
    pub at: Timestamp,
    pub text: String,
}

/// One try to send an intent, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub key: IntentKey,
    pub at: Timestamp,
    pub took: Duration,
    pub outcome: AttemptOutcome,
    /// What the other side said, without secrets.
    pub detail: String,
    /// What the other side calls the message; empty where it has no name.
    pub remote_id: String,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    Delivered,
    /// It is tried again then.
    Retry {
        next_at: Timestamp,
    },
    Refused,
    Expired,
    /// Another intent says what it said.
    Superseded {
        by: IntentKey,
    },
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Waiting,
    Delivered,
    Refused,
    Expired,
    Superseded,
}

impl DeliveryState {
    /// All of them; the place of each is its code on disk.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Delivered, Self::Refused, Self::Expired, Self::Superseded];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Its code on disk; never changes.
    pub(super) fn code(self) -> i64 {
        self as i64
    }

    pub(super) fn of_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

impl AttemptOutcome {
    /// Where it leaves the intent.
    pub fn state(self) -> DeliveryState {
        match self {
            Self::Delivered => DeliveryState::Delivered,
            Self::Retry { .. } => DeliveryState::Waiting,
            Self::Refused => DeliveryState::Refused,
            Self::Expired => DeliveryState::Expired,
            Self::Superseded { .. } => DeliveryState::Superseded,
        }
    }
}

/// An intent with its attempts, newest intents first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    pub key: String,
    pub incident: u64,
    pub kind: String,
    pub recipient: Recipient,
    pub title: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: DeliveryState,
    /// Oldest first: when, what it came to, and what was said.
    pub attempts: Vec<(Timestamp, DeliveryState, String)>,
}
