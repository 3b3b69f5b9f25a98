//! What is concluded from observations: one happening in the words of an operator, told once for the whole cluster.
//!
//! On its way a fact is an event record: `event.name` is [`FactKind::name`], the body is a sentence, `entities` has
//! [`Fact::entity`] first and then the other entities concerned, and the rest are attributes `fact.*`.

mod attributes;

/// Where a record is: its timestamp in nanoseconds and its sequence number, together unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    pub timestamp: crate::Timestamp,
    pub seq: u64,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When it became so, as the first record of it says.
    pub at: crate::Timestamp,
    pub kind: FactKind,
    /// What it is about: `host/node1`, `resource/vip`, `drbd/r0`, `drbd/r0/0` for a volume, `cluster/NAME`.
    pub entity: String,
    /// Others that it concerns.
    pub others: Vec<String>,
    /// The state before and after, in the source's words; empty where there is none.
    pub from: String,
    pub to: String,
    /// Why, in words, as far as it is known.
    pub cause: String,
    /// How long it took or lasted.
    pub duration_ms: Option<u64>,
    /// Numbers and words of this kind: `peer`, `eta_s`, `delegate`, `count`, `members`, …
    pub details: Vec<(String, String)>,
    /// A sentence for people.
    pub text: String,
    /// The records that show it, oldest first, at most [`RECORDS_MAX`].
    pub records: Vec<RecordId>,
}

/// Records that a fact names at most.
pub const RECORDS_MAX: usize = 16;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident, $ends:expr;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FactKind {
            $($(#[$doc])* $variant,)*
        }

        impl FactKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name as an event.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is by itself.
            pub fn severity(self) -> crate::Severity {
                match self { $(Self::$variant => crate::Severity::$severity,)* }
            }

            /// The kind of fact about the same entity that ends the condition that this one begins; `None` for what
            /// begins none.
            pub fn ended_by(self) -> Option<Self> {
                use FactKind::*;
                match self { $(Self::$variant => $ends,)* }
            }
        }
    };
}

kinds! {
    /// A node is not a member any more, and did not say goodbye.
    NodeLost = "node.lost", ERROR, Some(NodeJoined);
    /// A node left by itself.
    NodeLeft = "node.left", INFO, Some(NodeJoined);
    NodeJoined = "node.joined", INFO, None;
    NodeStandby = "node.standby", WARN, Some(NodeActive);
    NodeActive = "node.active", INFO, None;
    NodeMaintenance = "node.maintenance", INFO, Some(NodeMaintenanceEnded);
    NodeMaintenanceEnded = "node.maintenance_ended", INFO, None;
    /// The cluster does not know what the node does.
    NodeUnclean = "node.unclean", ERROR, Some(NodeClean);
    NodeClean = "node.clean", INFO, None;
    ClusterMaintenance = "cluster.maintenance", INFO, Some(ClusterMaintenanceEnded);
    ClusterMaintenanceEnded = "cluster.maintenance_ended", INFO, None;
    /// Somebody changed the configuration.
    ConfigurationChanged = "cluster.configuration_changed", INFO, None;
    DcChanged = "cluster.dc_changed", INFO, None;
    /// An operation failed.
    ResourceFailed = "resource.failed", ERROR, Some(ResourceRecovered);
    ResourceRecovered = "resource.recovered", INFO, None;
    /// It runs on another node than before.
    ResourceMoved = "resource.moved", INFO, None;
    /// It was stopped and started where it was.
    ResourceRestarted = "resource.restarted", WARN, None;
    ResourceStopped = "resource.stopped", WARN, Some(ResourceStarted);
    ResourceStarted = "resource.started", INFO, None;
    /// The cluster does not touch it, as something has to be mended first.
    ResourceBlocked = "resource.blocked", ERROR, Some(ResourceUnblocked);
    ResourceUnblocked = "resource.unblocked", INFO, None;
    ResourceUnmanaged = "resource.unmanaged", WARN, Some(ResourceManaged);
    ResourceManaged = "resource.managed", INFO, None;
    ResourcePromoted = "resource.promoted", INFO, None;
    ResourceDemoted = "resource.demoted", INFO, None;
    /// It went up and down too often.
    ResourceFlapping = "resource.flapping", ERROR, Some(ResourceSteady);
    ResourceSteady = "resource.steady", INFO, None;
    /// It failed as often as it may on a node.
    FailCountExceeded = "resource.fail_count_exceeded", ERROR, Some(FailCountCleared);
    FailCountCleared = "resource.fail_count_cleared", INFO, None;
    /// A constraint keeps it from a node, or on one, that a command left behind.
    ConstraintAdded = "resource.constraint_added", INFO, Some(ConstraintRemoved);
    ConstraintRemoved = "resource.constraint_removed", INFO, None;
    FencingRequested = "fencing.requested", WARN, None;
    FencingDone = "fencing.done", WARN, None;
    FencingFailed = "fencing.failed", ERROR, Some(FencingDone);
    QuorumLost = "quorum.lost", ERROR, Some(QuorumRegained);
    QuorumRegained = "quorum.regained", INFO, None;
    /// The nodes do not agree on who is a member.
    Partitioned = "cluster.partitioned", ERROR, Some(Rejoined);
    Rejoined = "cluster.rejoined", INFO, None;
    LinkDown = "link.down", WARN, Some(LinkUp);
    LinkUp = "link.up", INFO, None;
    WitnessLost = "witness.lost", WARN, Some(WitnessBack);
    WitnessBack = "witness.back", INFO, None;
    /// A service went from one node to another; `duration_ms` is how long it was away.
    Failover = "service.failover", ERROR, None;
    /// The same on purpose.
    Switchover = "service.switchover", INFO, None;
    DrbdDegraded = "drbd.degraded", WARN, Some(DrbdRestored);
    /// All copies are up to date again.
    DrbdRestored = "drbd.restored", INFO, None;
    DrbdDiskFailed = "drbd.disk_failed", ERROR, Some(DrbdDiskBack);
    DrbdDiskBack = "drbd.disk_back", INFO, None;
    DrbdConnectionLost = "drbd.connection_lost", WARN, Some(DrbdConnected);
    DrbdConnected = "drbd.connected", INFO, None;
    DrbdSplitBrain = "drbd.split_brain", ERROR, Some(DrbdSplitBrainResolved);
    DrbdSplitBrainResolved = "drbd.split_brain_resolved", INFO, None;
    DrbdDualPrimary = "drbd.dual_primary", ERROR, Some(DrbdSinglePrimary);
    DrbdSinglePrimary = "drbd.single_primary", INFO, None;
    DrbdSuspended = "drbd.suspended", ERROR, Some(DrbdResumed);
    DrbdResumed = "drbd.resumed", INFO, None;
    DrbdQuorumLost = "drbd.quorum_lost", ERROR, Some(DrbdQuorumRegained);
    DrbdQuorumRegained = "drbd.quorum_regained", INFO, None;
    DrbdRoleChanged = "drbd.role_changed", INFO, None;
    DrbdResyncStarted = "drbd.resync_started", INFO, Some(DrbdResyncDone);
    DrbdResyncStalled = "drbd.resync_stalled", WARN, Some(DrbdResyncDone);
    DrbdResyncDone = "drbd.resync_done", INFO, None;
    /// Nothing was heard from a reporter: its state is unknown.
    ReporterSilent = "reporter.silent", WARN, Some(ReporterBack);
    ReporterBack = "reporter.back", INFO, None;
}
