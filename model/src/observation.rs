//! What the parts of a cluster are seen to be or to do: the words between collectors, which see, and the server, which
//! concludes. One observation is one reporter's; two nodes of a split cluster may well say the opposite.
//!
//! On its way an observation is an event record: `event.name` is [`Observation::name`], and each field is an attribute
//! `PREFIX.FIELD` with the prefix that belongs to the name. Fields that are not known are left out.

mod attributes;

pub use attributes::EVENT_NAME;

/// Pacemaker's `INFINITY`, as `crm_mon` writes it in XML.
pub const INFINITY: u32 = 1_000_000;

/// What was seen. A state is told when it is first seen (`is_initial` of [`Seen`]) and whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A node became a member of the cluster or was lost.
    Member(Member),
    /// An operation of a resource ended.
    Operation(Operation),
    /// A node is to be fenced, is fenced, or could not be.
    Fencing(Fencing),
    /// A transient attribute of a node was set; `None` when it was removed.
    NodeAttribute(NodeAttribute),
    /// What a cluster manager says of a node.
    NodeState(NodeState),
    /// Where a resource runs, as a cluster manager says it.
    Placement(Placement),
    FailCount(FailCount),
    /// The cluster as a whole.
    ClusterState(ClusterState),
    /// A constraint that an administrator's command left behind.
    Ban(Ban),
    /// Quorum and membership as corosync says it.
    QuorumState(QuorumState),
    /// A link of corosync to another node.
    LinkState(LinkState),
    /// The quorum device.
    WitnessState(WitnessState),
    /// A DRBD resource on the reporter.
    DrbdResource(DrbdResource),
    /// A volume of it on the reporter.
    DrbdDevice(DrbdDevice),
    /// Its connection to a peer.
    DrbdConnection(DrbdConnection),
    /// A volume as it stands between the reporter and a peer.
    DrbdPeerDevice(DrbdPeerDevice),
    /// The kernel calls a helper, or the helper has ended.
    DrbdHelper(DrbdHelper),
}

/// An observation with who made it, when, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: crate::Timestamp,
    /// The host that says so.
    pub reporter: String,
    pub origin: Origin,
    /// The state was there when looking began: nothing follows from it about a change.
    pub is_initial: bool,
    pub observation: Observation,
}

/// How something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A Pacemaker alert agent (`CRM_alert_*`).
    Alert,
    /// ClusterMon's external agent (`CRM_notify_*`).
    Notify,
    /// `crm_mon` in machine form.
    Status,
    /// corosync's tools.
    Corosync,
    /// `drbdsetup events2`, its status or /proc/drbd.
    Drbd,
    /// A DRBD handler.
    Handler,
    /// A line of a log.
    Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub node: String,
    pub is_member: bool,
}

/// A finished operation. It succeeded if `status` is 0 and `rc` is `expected_rc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    pub node: String,
    /// Without the number of a clone's instance.
    pub resource: String,
    /// `start`, `stop`, `monitor`, `promote`, `demote`, `migrate_to`, …
    pub task: String,
    /// 0 for an operation that does not recur.
    pub interval_ms: u64,
    /// The agent's exit code (OCF).
    pub rc: i32,
    pub expected_rc: i32,
    /// 0 done, 1 cancelled, 2 timed out, 3 unsupported, 4 error, 5 hard error, 6 fatal, 7 not installed, …
    pub status: i32,
    pub duration_ms: Option<u64>,
    /// The text of the result, and the agent's own reason.
    pub result: String,
    pub reason: String,
}

impl Operation {
    pub fn has_succeeded(&self) -> bool {
        self.status == 0 && self.rc == self.expected_rc
    }

    /// What is cancelled has neither succeeded nor failed.
    pub fn has_failed(&self) -> bool {
        !self.has_succeeded() && self.status != 1
    }
}

/// How far fencing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FencingState {
    Pending,
    Done,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fencing {
    /// The same for all reporters; empty where the source does not tell.
    pub reference: String,
    pub target: String,
    /// `reboot`, `off`, `on`.
    pub action: String,
    /// The node that carries it out, if known.
    pub delegate: String,
    /// Who asked: `pacemaker-controld.86`.
    pub client: String,
    /// The node of whoever asked.
    pub origin: String,
    pub state: FencingState,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAttribute {
    pub node: String,
    pub attribute: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    pub node: String,
    /// `member`, `remote`, `ping`.
    pub kind: String,
    pub is_online: bool,
    pub is_standby: bool,
    pub is_maintenance: bool,
    pub is_pending: bool,
    /// What it does is not known; it has to be fenced.
    pub is_unclean: bool,
    /// It is leaving by itself.
    pub is_shutdown: bool,
    pub is_dc: bool,
    /// `green`, `yellow`, `red`; empty where it is not told.
    pub health: String,
    /// It was removed from the cluster.
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Without the number of a clone's instance.
    pub resource: String,
    /// The clone, group or bundle that it belongs to; empty for none. The outermost counts.
    pub parent: String,
    /// `ocf:heartbeat:apache`.
    pub agent: String,
    /// The nodes where it is active, sorted, by role `Started`, `Promoted`, `Unpromoted`, `Starting`, `Stopping`, …;
    /// nodes that are unclean are left out.
    pub nodes: Vec<(String, String)>,
    pub is_managed: bool,
    pub is_blocked: bool,
    pub is_failed: bool,
    pub is_orphaned: bool,
    /// It is meant to be stopped, or not to be promoted: `Stopped`, `Unpromoted`; empty for what is meant to run.
    pub target_role: String,
    /// The resource is no longer told of: it was removed.
    pub is_gone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailCount {
    pub node: String,
    pub resource: String,
    /// [`INFINITY`] for Pacemaker's.
    pub count: u32,
    /// `migration-threshold`; [`INFINITY`] for none.
    pub threshold: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    pub name: String,
    /// The designated controller; empty for none.
    pub dc: String,
    pub has_quorum: bool,
    pub is_maintenance: bool,
    pub is_fencing_enabled: bool,
    /// Of the last change of the configuration: when, by whom, as the source writes it.
    pub changed: String,
    pub changed_by: String,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub id: String,
    pub resource: String,
    pub node: String,
    /// Negative infinity is `-1000000`.
    pub weight: i32,
    pub is_there: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumState {
    pub is_quorate: bool,
    pub votes: u32,
    pub expected_votes: u32,
    pub quorum: u32,
    /// `2.11`.
    pub ring: String,
    /// The members' names, sorted: the reporter's view of its partition.
    pub members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The node at the other end.
    pub peer: String,
    pub link: u32,
    pub is_connected: bool,
    /// The link, or the node behind it, was removed.
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WitnessState {
    pub is_configured: bool,
    pub is_connected: bool,
    pub is_voting: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrbdResource {
    pub resource: String,
    /// `Primary`, `Secondary`, `Unknown`.
    pub role: String,
    /// Why input and output are suspended: `user`, `no-data`, `fencing`, `quorum`; empty when they are not.
    pub suspended: Vec<String>,
    /// The resource was taken down.
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrbdDevice {
    pub resource: String,
    pub volume: u32,
    pub minor: Option<u32>,
    pub backing_device: String,
    /// In DRBD 9's words: `UpToDate`, `Inconsistent`, `Diskless`, `Failed`, …
    pub disk: String,
    /// It is meant to have no disk.
    pub is_client: bool,
    pub has_quorum: bool,
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrbdConnection {
    pub resource: String,
    /// The peer's name; `peer` where DRBD 8.4 tells none.
    pub peer: String,
    /// In DRBD 9's words: `Connected`, `Connecting`, `StandAlone`, `NetworkFailure`, …
    pub connection: String,
    pub peer_role: String,
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrbdPeerDevice {
    pub resource: String,
    pub peer: String,
    pub volume: u32,
    /// `Off`, `Established`, `SyncSource`, `SyncTarget`, `VerifyS`, `Ahead`, …
    pub replication: String,
    pub peer_disk: String,
    /// Hundredths of a percent that are in sync, while a resync runs.
    pub done: Option<u32>,
    /// Seconds that the rest of it takes.
    pub eta_s: Option<u64>,
    pub out_of_sync_bytes: Option<u64>,
    pub is_gone: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrbdHelper {
    pub resource: String,
    pub peer: String,
    pub volume: Option<u32>,
    /// `split-brain`, `fence-peer`, `before-resync-target`, …
    pub helper: String,
    /// The exit code of one that has ended.
    pub exit: Option<i32>,
}
