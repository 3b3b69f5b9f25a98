//! What a cluster's facts may be told about beforehand, and how long the engine waits for what.

/// Nodes of one cluster; what is said of further ones is ignored and counted.
pub const NODES_MAX: usize = 256;
/// Resources of one cluster; further ones are ignored and counted.
pub const RESOURCES_MAX: usize = 4_096;
/// States of DRBD objects, one for each reporter; further ones are ignored and counted.
pub const DRBD_MAX: usize = 16_384;
/// Observations that wait to be put in order; beyond it the oldest is taken at once.
pub const WAITING_MAX: usize = 16_384;
/// Operations, fencing references and the like that are remembered to know a repeat; the oldest is forgotten.
pub const REMEMBERED_MAX: usize = 1_024;
/// Facts that wait for more records of them; beyond it the oldest is told at once.
pub const HELD_MAX: usize = 4_096;
/// Conditions that hold; the end of one beyond it is not told.
pub const CONDITIONS_MAX: usize = 16_384;

/// How the facts of one cluster are found. A fact is told at most `reorder_ms + settle_ms + hold_ms` after the first
/// record of it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name, as long as the cluster does not say its own.
    pub cluster: String,
    /// How long an observation waits for earlier ones of other reporters.
    pub reorder_ms: u64,
    /// How long the nodes have to say the same of each other before it is decided who is lost.
    pub settle_ms: u64,
    /// How long a fact waits for further records that show it.
    pub hold_ms: u64,
    /// How long a resource is stopped before that is told by itself, and not as a restart or a move.
    pub stopped_after_ms: u64,
    /// Failures of a resource on a node within `flapping_window_ms` that make it flap.
    pub flapping_failures: u32,
    pub flapping_window_ms: u64,
    /// How long nothing may be heard from a reporter that is heard regularly.
    pub silent_after_ms: u64,
    /// Since when anybody listens: before it nobody was silent.
    pub listening_since: orszem_model::Timestamp,
    /// How long a resync whose progress is seen may make none.
    pub stalled_after_ms: u64,
    /// DRBD resources that may be primary on two nodes.
    pub dual_primary_allowed: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "cluster".to_owned(),
            reorder_ms: 1_000,
            settle_ms: 700,
            hold_ms: 300,
            stopped_after_ms: 2_500,
            flapping_failures: 2,
            flapping_window_ms: 300_000,
            silent_after_ms: 60_000,
            listening_since: orszem_model::Timestamp(0),
            stalled_after_ms: 60_000,
            dual_primary_allowed: Vec::new(),
        }
    }
}
