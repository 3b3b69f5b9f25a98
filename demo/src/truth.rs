//! What really happened: by it can be judged what is concluded from the records.

use orszem_model::{FactKind, Timestamp};

/// The kinds of story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Story {
    /// The active node's disk fails; its DRBD goes on over the network, and nobody notices.
    DiskDetach,
    /// The active node's disk fails, the database dies, its stop times out: fencing and failover.
    DiskFailover,
    /// The active node loses its power.
    PowerLoss,
    /// The active node is set to standby, and back.
    Standby,
    /// A backup loads the disks. Nothing is wrong.
    Backup,
    /// Cron restarts a service. Nothing is wrong.
    CronRestart,
}

impl Story {
    /// Its name in the truth that is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiskDetach => "disk-detach",
            Self::DiskFailover => "disk-failover",
            Self::PowerLoss => "power-loss",
            Self::Standby => "standby",
            Self::Backup => "backup",
            Self::CronRestart => "cron-restart",
        }
    }
}

/// One story as it really went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    pub story: Story,
    /// From the first thing that is wrong, or is done, until all is as it was.
    pub from: Timestamp,
    pub until: Timestamp,
    /// What everything else follows from: `disk/db1/sda`, `host/db2`; empty where nothing is wrong.
    pub root_cause: String,
    /// When users of the service got errors.
    pub outage: Option<(Timestamp, Timestamp)>,
    /// What the cluster's own records show of it, from the first failed operation or the node's last word to the last
    /// start.
    pub service_away_ms: Option<u64>,
    /// The node that had the service, and the one that has it then.
    pub moved: Option<(&'static str, &'static str)>,
    /// Facts that have to be told: kind and entity.
    pub expected: Vec<(FactKind, String)>,
    pub text: String,
}
