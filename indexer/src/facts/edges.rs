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
/// Where nothing has come of a cluster for so long, none of its edges is known to hold.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 86_400);

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
#[derive(Debug)]
pub(super) struct EdgeWatch {
    seen: BTreeMap<ClusterKey, Vec<Edge>>,
    changed: VecDeque<ChangedEdges>,
    /// The time, as of the last round.
    pub(super) now: Timestamp,
    /// Sets that were left out.
    pub(super) left_out: u64,
}

impl EdgeWatch {
    /// Nothing was looked at yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { seen: BTreeMap::new(), changed: VecDeque::new(), now, left_out: 0 }
    }

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
        let is_forgotten = self.now > cluster.ticked.after(FORGOTTEN_AFTER);
        let edges = if is_forgotten { Vec::new() } else { cluster.engine.edges() };
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
        let at = match is_forgotten {
            true => cluster.newest.after(FORGOTTEN_AFTER),
            false => cluster.engine.clock().min(cluster.newest),
        };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use orszem_facts::{Facts, Settings};
    use orszem_model::observation::{Observation, Origin, Placement, Seen};
    use orszem_model::{RecordId, Timestamp};

    use super::*;

    #[test]
    fn a_cluster_that_nobody_tells_of_is_forgotten() {
        let told_at = Timestamp(1_795_341_600_000_000_000);
        let placement = Placement {
            resource: "vip".into(),
            nodes: vec![("n1".into(), "Started".into())],
            is_managed: true,
            ..Placement::default()
        };
        let observation = Observation::Placement(placement);
        let seen = Seen { at: told_at, reporter: "n1".into(), origin: Origin::Status, is_initial: true, observation };
        let mut engine = Facts::new(Settings::default());
        engine.step(&seen, RecordId { timestamp: told_at, seq: 1 });
        engine.tick(told_at.after(Duration::from_secs(5)));
        let key = ClusterKey { tenant: 0, label: "prod".into(), is_simulated: false };
        let mut cluster = Cluster { engine, hosts: BTreeSet::new(), ticked: told_at, newest: told_at, is_fed: true };
        let mut watch = EdgeWatch::new(told_at.after(FORGOTTEN_AFTER));
        watch.look(&key, &mut cluster);
        let first = watch.next().expect("is told");
        assert_eq!((first.at, first.edges.len()), (told_at, 1));
        watch.has_told();

        watch.now = told_at.after(FORGOTTEN_AFTER + APART);
        cluster.is_fed = true;
        watch.look(&key, &mut cluster);
        let second = watch.next().expect("is told");
        assert_eq!((second.at, second.edges), (told_at.after(FORGOTTEN_AFTER), Vec::new()));
    }
}
