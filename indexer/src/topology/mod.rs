//! The topology: which entity is what to which other, now and at any past moment.
//!
//! Whoever knows edges tells its whole current set. What that changes is journaled as commands among the records and
//! kept in a catalogue of its own, each edge with the time for which it held.

mod command;
mod replace;
mod silent;
mod store;
#[cfg(test)]
mod tests;

use orszem_model::Timestamp;
use orszem_model::topology::{Edge, EdgeChange};

use crate::error::Error;
use crate::indexer::Indexer;

pub(crate) use command::EdgeChanges;
pub use replace::{EdgeSet, EdgeTally};
pub(crate) use store::{Store, directory};

/// Edges of a tenant that hold at one moment; a set that would bring more is refused.
pub const EDGES_MAX: usize = 100_000;
/// Edges of a tenant that are over and still known; beyond it the oldest are forgotten.
pub const HISTORY_MAX: usize = 500_000;
/// Edges that were over for this long before the newest change are forgotten.
pub const HISTORY_DAYS: i64 = 400;
/// Changes that one question is answered with at most: the newest.
pub const CHANGES_MAX: usize = 10_000;

/// An edge with the time from which it holds, or held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldEdge {
    pub edge: Edge,
    pub since: Timestamp,
}

/// The topology of all tenants. Clones share one. Questions block on the disk.
#[derive(Clone)]
pub struct Topology {
    indexer: Indexer,
}

impl Topology {
    pub(crate) fn new(indexer: Indexer) -> Self {
        Self { indexer }
    }

    /// The tenant's edges that held at a moment, sorted, each once whoever told of it.
    pub fn at(&self, tenant: u32, at: Timestamp) -> Result<Vec<HeldEdge>, Error> {
        self.store().at(tenant, at)
    }

    /// What changed from `from` on and before `to`, oldest first; the newest [`CHANGES_MAX`].
    pub fn changes(&self, tenant: u32, from: Timestamp, to: Timestamp) -> Result<Vec<EdgeChange>, Error> {
        self.store().changes(tenant, from, to)
    }

    fn store(&self) -> &Store {
        &self.indexer.shared().topology
    }
}
