//! The environment of an alert agent (`CRM_alert_*`), and of ClusterMon's external agent (`CRM_notify_*`).
//!
//! Alerts: Pacemaker Administration, chapter "Alert Agents". Up to 2.1 an alert agent gets every variable under both
//! prefixes. ClusterMon gives neither time nor sequence, and runs on every node, so that each event comes once a node.

mod fencing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use orszem_model::observation::{Fencing, Member, NodeAttribute, Operation};
use orszem_model::observation::{Observation, Origin, Seen};
use orszem_model::time::parse_timestamp_at;
use orszem_model::{Timestamp, time::NANOS_PER_SECOND};

use crate::words::without_instance;

const ALERT: &str = "CRM_alert_";
const NOTIFY: &str = "CRM_notify_";
/// The task of an event of the fencer, of which there are others than fencing (`st_notify_…`).
const FENCER: &str = "st_";
const FENCED: &str = "st_notify_fence";
/// `PCMK_EXEC_PENDING` and `PCMK_OCF_UNKNOWN`: the operation has begun.
const STATUS_PENDING: i32 = -1;
const RC_PENDING: i32 = 193;

/// Why an environment tells no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    #[error("neither CRM_alert_kind nor CRM_notify_task is set: Pacemaker did not start this program for an event")]
    NoEvent,
    #[error("{variable} is not set")]
    Missing { variable: String },
    #[error("{variable} is `{value}`, which is not known")]
    Unknown { variable: String, value: String },
}

/// What happened, and by what it is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub observation: Observation,
    pub origin: Origin,
    /// When it happened. None for ClusterMon, and where Pacemaker's `timestamp-format` tells no full time.
    pub at: Option<Timestamp>,
    /// The number of the alert among those of the host that it came from. It begins anew with Pacemaker on that host.
    pub sequence: Option<u64>,
    /// What the agent was configured with; empty for nothing.
    pub recipient: String,
    /// Pacemaker's version; empty for ClusterMon.
    pub version: String,
}

/// What is the same for all reports of one event. Only a fencing is known by it forever: two events of another kind
/// are the same if they are also close in time (10 s).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Fencing { reference: String },
    Member { node: String, is_member: bool },
    Attribute { node: String, attribute: String, value: Option<String> },
    Operation { node: String, resource: String, task: String, status: i32, rc: i32 },
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fencing { reference } => write!(f, "fencing/{reference}"),
            Self::Member { node, is_member } => write!(f, "member/{node}/{is_member}"),
            Self::Attribute { node, attribute, value: Some(value) } => {
                write!(f, "attribute/{node}/{attribute}={value}")
            }
            Self::Attribute { node, attribute, value: None } => write!(f, "attribute/{node}/{attribute}"),
            Self::Operation { node, resource, task, status, rc } => {
                write!(f, "operation/{node}/{resource}/{task}/{status}/{rc}")
            }
        }
    }
}

impl Event {
    /// What is the same for all reports of this event; `None` for what is reported once, and can't be known again.
    pub fn key(&self) -> Option<Key> {
        match &self.observation {
            Observation::Fencing(Fencing { reference, .. }) => {
                (!reference.is_empty()).then(|| Key::Fencing { reference: reference.clone() })
            }
            Observation::Member(Member { node, is_member }) => {
                Some(Key::Member { node: node.clone(), is_member: *is_member })
            }
            Observation::NodeAttribute(NodeAttribute { node, attribute, value }) => {
                Some(Key::Attribute { node: node.clone(), attribute: attribute.clone(), value: value.clone() })
            }
            Observation::Operation(Operation { node, resource, task, status, rc, .. }) => Some(Key::Operation {
                node: node.clone(),
                resource: resource.clone(),
                task: task.clone(),
                status: *status,
                rc: *rc,
            }),
            _ => None,
        }
    }

    /// The event as seen by the host `reporter`, which received it at `received`.
    pub fn seen(self, reporter: &str, received: Timestamp) -> Seen {
        Seen {
            at: self.at.unwrap_or(received),
            reporter: reporter.to_owned(),
            origin: self.origin,
            is_initial: false,
            observation: self.observation,
        }
    }
}

/// Reads the environment of an agent. `None` is no event: an operation that has only begun, a change of fence devices.
pub fn read<N: AsRef<str>, V: AsRef<str>>(
    environment: impl IntoIterator<Item = (N, V)>,
) -> Result<Option<Event>, AlertError> {
    let all: Vec<(N, V)> = environment.into_iter().collect();
    let variables = |prefix: &'static str| {
        let of =
            |(name, value): &(N, V)| Some((name.as_ref().strip_prefix(prefix)?.to_owned(), value.as_ref().to_owned()));
        Variables { prefix, values: all.iter().filter_map(of).collect() }
    };
    let alert = variables(ALERT);
    if alert.has("version") || alert.has("kind") {
        return alert.event(Origin::Alert);
    }
    let notify = variables(NOTIFY);
    if notify.has("task") || notify.has("kind") {
        return notify.event(Origin::Notify);
    }
    match (alert.values.is_empty(), notify.values.is_empty()) {
        (false, _) => Err(alert.missing("kind")),
        (true, false) => Err(notify.missing("task")),
        (true, true) => Err(AlertError::NoEvent),
    }
}

/// The variables of one prefix.
struct Variables {
    prefix: &'static str,
    values: BTreeMap<String, String>,
}

impl Variables {
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A variable that is set to something.
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Result<&str, AlertError> {
        self.get(name).ok_or_else(|| self.missing(name))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, AlertError> {
        let value = self.text(name)?;
        value.trim().parse().map_err(|_| self.unknown(name, value))
    }

    fn number_or<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, AlertError> {
        if self.has(name) { self.number(name) } else { Ok(default) }
    }

    fn missing(&self, name: &str) -> AlertError {
        AlertError::Missing { variable: format!("{}{name}", self.prefix) }
    }

    fn unknown(&self, name: &str, value: &str) -> AlertError {
        AlertError::Unknown { variable: format!("{}{name}", self.prefix), value: value.chars().take(64).collect() }
    }

    fn event(&self, origin: Origin) -> Result<Option<Event>, AlertError> {
        // ClusterMon tells no kind, and sets no node or attribute events off.
        let kind = match self.get("kind") {
            Some(kind) => kind,
            None if origin == Origin::Alert => return Err(self.missing("kind")),
            None if self.text("task")?.starts_with(FENCER) => "fencing",
            None => "resource",
        };
        let observation = match kind {
            "node" => Some(Observation::Member(self.member()?)),
            "fencing" => self.fencing()?.map(Observation::Fencing),
            "resource" => self.operation()?.map(Observation::Operation),
            "attribute" => Some(Observation::NodeAttribute(self.attribute()?)),
            kind => return Err(self.unknown("kind", kind)),
        };
        Ok(observation.map(|observation| Event {
            observation,
            origin,
            at: self.time(),
            sequence: self.get("node_sequence").and_then(|number| number.parse().ok()),
            recipient: self.get("recipient").unwrap_or_default().to_owned(),
            version: self.get("version").unwrap_or_default().to_owned(),
        }))
    }

    fn member(&self) -> Result<Member, AlertError> {
        let node = self.text("node")?.to_owned();
        match self.text("desc")? {
            "member" => Ok(Member { node, is_member: true }),
            "lost" => Ok(Member { node, is_member: false }),
            desc => Err(self.unknown("desc", desc)),
        }
    }

    /// The resource is not looked at: ClusterMon leaves that of the event before in place.
    fn fencing(&self) -> Result<Option<Fencing>, AlertError> {
        let task = self.get("task").unwrap_or(FENCED);
        if task.starts_with(FENCER) && task != FENCED {
            return Ok(None);
        }
        let node = self.text("node")?;
        let rc = if self.has("rc") { Some(self.number("rc")?) } else { None };
        Ok(fencing::read(self.text("desc")?, rc).map(|mut fencing| {
            if fencing.target.is_empty() {
                node.clone_into(&mut fencing.target);
            }
            if fencing.action.is_empty() && !task.starts_with(FENCER) {
                task.clone_into(&mut fencing.action);
            }
            fencing
        }))
    }

    fn operation(&self) -> Result<Option<Operation>, AlertError> {
        let operation = Operation {
            node: self.text("node")?.to_owned(),
            resource: without_instance(self.text("rsc")?).to_owned(),
            task: self.text("task")?.to_owned(),
            interval_ms: self.number_or("interval", 0)?,
            rc: self.number("rc")?,
            expected_rc: self.number_or("target_rc", 0)?,
            status: self.number("status")?,
            duration_ms: if self.has("exec_time") { Some(self.number("exec_time")?) } else { None },
            result: self.get("desc").unwrap_or_default().to_owned(),
            reason: String::new(),
        };
        let is_pending = operation.status == STATUS_PENDING || operation.rc == RC_PENDING;
        Ok((!is_pending).then_some(operation))
    }

    fn attribute(&self) -> Result<NodeAttribute, AlertError> {
        Ok(NodeAttribute {
            node: self.text("node")?.to_owned(),
            attribute: self.text("attribute_name")?.to_owned(),
            value: self.get("attribute_value").map(str::to_owned),
        })
    }

    /// The time of the event. The epoch is the cluster's own; the text has the format of the administrator's choice.
    fn time(&self) -> Option<Timestamp> {
        if let Some(seconds) = self.get("timestamp_epoch").and_then(|text| text.parse::<i64>().ok()) {
            let micros = self.get("timestamp_usec").and_then(|text| text.parse::<i64>().ok());
            let micros = micros.filter(|micros| (0..1_000_000).contains(micros)).unwrap_or(0);
            return Some(Timestamp(seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(micros * 1_000)?));
        }
        let text = self.get("timestamp")?;
        // Whether the text names day and zone shows in that neither is asked for.
        let read = |now, offset_s| parse_timestamp_at(text, now, offset_s).ok();
        let at = read(Timestamp(0), 0)?;
        (read(Timestamp(i64::MAX / 2), 3_600) == Some(at)).then_some(at)
    }
}
