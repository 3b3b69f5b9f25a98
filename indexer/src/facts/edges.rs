//! The edges of each cluster as they were last looked at, and the sets that the topology does not know yet.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use orszem_model::Timestamp;
use orszem_model::topology::Edge;

use super::stage::{Cluster, ClusterKey};

/// Sets of edges that wait for the topology; beyond it the oldest, which newer ones replace, is left out and counted.
const SETS_MAX: usize = 64;
/// Reports that are further apart do not change edges at one moment.
const APART: Duration = Duration::from_secs(1);

/// The edges of a cluster from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChangedEdges {
    pub(super) tenant: u32,
    /// Who tells of them.
    pub(super) reporter: String,
    pub(super) at: Timestamp,
    pub(super) edges: Vec<Edge>,
}

/// Looks for changes.
#[derive(Debug, Default)]
pub(super) struct EdgeWatch {
    seen: BTreeMap<ClusterKey, Vec<Edge>>,
    changed: VecDeque<ChangedEdges>,
    /// Sets that were left out.
    pub(super) left_out: u64,
}

impl EdgeWatch {
    /// Looks at a cluster that is about to be told of a moment `at`: what older reports changed has its own time.
    pub(super) fn look_before(&mut self, key: &ClusterKey, cluster: &mut Cluster, at: Timestamp) {
        if at >= cluster.newest.after(APART) {
            self.look(key, cluster);
        }
    }

    /// Looks at a cluster, if it was fed.
    pub(super) fn look(&mut self, key: &ClusterKey, cluster: &mut Cluster) {
        if !std::mem::take(&mut cluster.is_fed) {
            return;
        }
        let edges = cluster.engine.edges();
        let is_known = self.seen.get(key).map_or(edges.is_empty(), |seen| *seen == edges);
        // A start learns what the topology has of an earlier one by telling it once.
        if is_known && (self.seen.contains_key(key) || cluster.newest.0 == 0) {
            return;
        }
        if self.changed.len() >= SETS_MAX {
            self.changed.pop_front();
            self.left_out += 1;
        }
        // What was reported may wait to be put in order, and time may go on without reports.
        let at = cluster.engine.clock().min(cluster.newest);
        let (tenant, reporter) = (key.tenant, key.reporter());
        self.changed.push_back(ChangedEdges { tenant, reporter, at, edges: edges.clone() });
        self.seen.insert(key.clone(), edges);
    }

    /// The oldest set that the topology does not know yet.
    pub(super) fn next(&self) -> Option<ChangedEdges> {
        self.changed.front().cloned()
    }

    /// The topology knows the oldest now.
    pub(super) fn has_told(&mut self) {
        self.changed.pop_front();
    }
}
