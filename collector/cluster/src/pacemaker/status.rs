//! The status of a cluster as one of its nodes sees it: what `crm_mon` writes as XML.
//!
//! Both forms: `<crm_mon>` of Pacemaker up to 2.0.2 and of crmsh, and `<pacemaker-result>` of 2.0.3 and later, for which
//! `crm_mon --one-shot --inactive --output-as=xml` is to be run. Without `--inactive` what is stopped may be missing.

mod read;
#[cfg(test)]
pub(super) mod tests;

use orszem_model::Timestamp;

use super::role;
use crate::xml::XmlError;

/// Why an answer is no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("the status can't be read")]
    Xml(#[from] XmlError),
    #[error("Pacemaker does not run here: {message}")]
    NotConnected { message: String },
    #[error("Pacemaker answers with an error {code}: {message}")]
    Refused { code: i32, message: String },
    #[error("the document is a `{root}`, not the status of a cluster")]
    NotStatus { root: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `crm_mon` does not tell it: whoever knows it from the configuration puts it in.
    pub cluster_name: String,
    pub summary: Summary,
    pub nodes: Vec<Node>,
    /// One for each instance of a clone and each replica of a bundle.
    pub resources: Vec<Resource>,
    pub attributes: Vec<Attribute>,
    pub history: Vec<History>,
    pub failures: Vec<Failure>,
    pub fencing: Vec<FenceEvent>,
    pub bans: Vec<Ban>,
    pub tickets: Vec<Ticket>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `running`, `init`, `shutting_down`, …; empty before 2.0.5.
    pub daemon_state: String,
    /// The designated controller; empty for none.
    pub dc: String,
    pub version: String,
    pub has_quorum: bool,
    /// The nodes have different versions.
    pub is_mixed: bool,
    pub updated: Option<Timestamp>,
    /// The last change of the configuration or the state: when, as it is written and as it is read, and by whom.
    pub changed_text: String,
    pub changed: Option<Timestamp>,
    pub changed_by: String,
    pub nodes_configured: u32,
    pub resources_configured: u32,
    pub resources_disabled: u32,
    pub resources_blocked: u32,
    pub is_fencing_enabled: bool,
    pub is_maintenance: bool,
    /// `stop`, `freeze`, `ignore`, `suicide`, `demote`.
    pub no_quorum_policy: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub id: String,
    pub is_online: bool,
    pub is_standby: bool,
    /// Standby because a resource failed there.
    pub is_standby_on_fail: bool,
    pub is_maintenance: bool,
    pub is_pending: bool,
    pub is_unclean: bool,
    pub is_shutdown: bool,
    pub is_expected_up: bool,
    pub is_dc: bool,
    pub health: String,
    pub resources_running: u32,
    /// `member`, `remote`, `ping`.
    pub kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Without the number of a clone's instance.
    pub id: String,
    pub agent: String,
    /// As it is written: `Started`, `Promoted`, `Master`, …
    pub role: String,
    pub target_role: String,
    pub is_active: bool,
    pub is_orphaned: bool,
    pub is_blocked: bool,
    pub is_managed: bool,
    pub is_failed: bool,
    pub is_failure_ignored: bool,
    /// What is under way: `Monitoring`, `Starting`.
    pub pending: String,
    /// Where it is said to be active.
    pub nodes: Vec<Place>,
    pub group: String,
    pub clone: String,
    pub bundle: String,
    /// Its group or clone is meant to be stopped.
    pub is_parent_disabled: bool,
}

/// A node on which a resource is active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    /// The node is there; what is said of one that is not is from before.
    pub is_online: bool,
}

impl Resource {
    /// The outermost of what it belongs to; empty for none.
    pub fn parent(&self) -> &str {
        [&self.bundle, &self.clone, &self.group].into_iter().find(|parent| !parent.is_empty()).map_or("", |p| p)
    }

    /// In the words of Pacemaker 2.1 and later.
    pub fn role(&self) -> &str {
        role(&self.role)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribute {
    pub node: String,
    pub name: String,
    pub value: String,
}

/// What is remembered of a resource on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub node: String,
    pub resource: String,
    /// [`INFINITY`](orszem_model::observation::INFINITY) for Pacemaker's.
    pub fail_count: u32,
    /// [`INFINITY`](orszem_model::observation::INFINITY) for none.
    pub migration_threshold: u32,
    pub last_failure: Option<Timestamp>,
    pub operations: Vec<Run>,
}

/// The last run of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub call: i64,
    pub task: String,
    pub interval_ms: u64,
    pub rc: i32,
    pub rc_text: String,
    /// When its result last changed.
    pub changed: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub queue_ms: Option<u64>,
}

/// A failed operation that is not cleaned up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub node: String,
    pub resource: String,
    pub task: String,
    pub interval_ms: u64,
    pub call: i64,
    pub rc: i32,
    /// The text of `rc`.
    pub rc_text: String,
    /// 0 done, 2 timed out, …: see [`Operation`](orszem_model::observation::Operation).
    pub status: i32,
    pub status_text: String,
    pub reason: String,
    pub changed: Option<Timestamp>,
    pub duration_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FenceStatus {
    Pending,
    Success,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FenceEvent {
    pub action: String,
    pub target: String,
    pub client: String,
    pub origin: String,
    pub delegate: String,
    pub status: FenceStatus,
    pub reason: String,
    pub completed: Option<Timestamp>,
}

/// A constraint that keeps a resource from a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ban {
    pub id: String,
    pub resource: String,
    pub node: String,
    pub weight: i32,
    pub is_promoted_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    pub id: String,
    pub is_granted: bool,
    pub is_standby: bool,
}

impl Status {
    /// Reads the answer of `crm_mon`. Its times without a zone are `offset_s` seconds east of UTC.
    pub fn read(text: &str, offset_s: i32) -> Result<Self, StatusError> {
        read::status(text, offset_s)
    }

    /// Where a resource runs for certain: not on nodes that are unclean or away.
    pub fn places<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = &'a str> {
        let is_unclean = |place: &Place| self.nodes.iter().any(|node| node.name == place.node && node.is_unclean);
        let places =
            resource.nodes.iter().filter(move |place| resource.is_active && place.is_online && !is_unclean(place));
        places.map(|place| place.node.as_str())
    }
}
