//! Entities and how they depend on each other, with the time for which each edge held.

use crate::Timestamp;

/// What one entity is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// `resource/vip` runs on `host/node1`; `host/node1` is a member of `cluster/prod`.
    RunsOn,
    /// The first needs the second: order, colocation, group, file system on a DRBD device.
    DependsOn,
    /// `drbd/r0` is replicated to `host/node2`.
    ReplicatesTo,
    Calls,
    Probes,
    PartOf,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    pub from: String,
    pub relation: Relation,
    pub to: String,
    /// More about it: a role (`Promoted`), `order`, `colocation`.
    pub detail: String,
    /// Where it is known from: `pacemaker`, `drbd`, `configuration`.
    pub origin: String,
}

/// An edge from a moment on, or until one: what is journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeChange {
    pub at: Timestamp,
    pub edge: Edge,
    pub is_there: bool,
}
