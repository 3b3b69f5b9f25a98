//! Where everything is, as it follows from the observations so far.

use std::collections::BTreeSet;

use orszem_model::Timestamp;
use orszem_model::topology::{Edge, Relation};

use crate::drbd::{Drbd, pair};
use crate::engine::Facts;
use crate::members::Standing;
use crate::words::{host, resource};

const PACEMAKER: &str = "pacemaker";
const DRBD: &str = "drbd";
/// What is said of a resource that runs nowhere.
const STOPPED: &str = "stopped";

impl Facts {
    /// The edges that hold now, sorted and each once.
    ///
    /// `host/NODE` is part of `cluster/NAME` (`member`, `lost`, `left`); `resource/NAME` runs on `host/NODE` in a role,
    /// unless the node is away, and one that runs nowhere is part of `cluster/NAME` (`stopped`); `drbd/NAME` runs on `host/NODE` (`Primary UpToDate`), and is replicated to `host/PEER`
    /// (`NODE Connected`: who says so, how the connection is, and `resync` while one runs).
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        let cluster = self.cluster_entity();
        for node in self.members.nodes.keys() {
            let standing = match self.members.standing(node) {
                Standing::Unknown => continue,
                Standing::Up => "member",
                Standing::Left => "left",
                Standing::Lost => "lost",
            };
            edges.insert(edge(host(node), Relation::PartOf, cluster.clone(), standing.to_owned(), PACEMAKER));
        }
        for (name, known) in &self.resources.known {
            let mut places = known.active.iter().filter(|(node, _)| !self.members.is_away(node)).peekable();
            if places.peek().is_none() {
                edges.insert(edge(resource(name), Relation::PartOf, cluster.clone(), STOPPED.to_owned(), PACEMAKER));
            }
            for (node, (role, _)) in places {
                edges.insert(edge(resource(name), Relation::RunsOn, host(node), role.clone(), PACEMAKER));
            }
        }
        self.drbd.edges(&mut edges);
        edges.into_iter().collect()
    }

    /// Up to which moment observations were taken in order.
    pub fn clock(&self) -> Timestamp {
        self.waiting.clock()
    }
}

impl Drbd {
    fn edges(&self, edges: &mut BTreeSet<Edge>) {
        for ((name, node), role) in &self.roles {
            let disks: BTreeSet<&str> = self
                .disks
                .iter()
                .filter(|((resource, _, reporter), _)| resource == name && reporter == node)
                .map(|(_, disk)| disk.state.as_str())
                .collect();
            let words: Vec<&str> = std::iter::once(role.role.as_str()).chain(disks).collect();
            edges.insert(edge(format!("drbd/{name}"), Relation::RunsOn, host(node), words.join(" "), DRBD));
        }
        for ((name, node, peer), connection) in &self.connections {
            let Some(to) = self.peer_of(name, node, peer) else { continue };
            let ends = pair(node, peer);
            let is_syncing = |((resource, _, pair), sync): (&(String, u32, String), &crate::resync::Sync)| {
                resource == name && *pair == ends && sync.is_running
            };
            let resync = if self.syncs.iter().any(is_syncing) { " resync" } else { "" };
            let detail = format!("{node} {}{resync}", connection.state);
            edges.insert(edge(format!("drbd/{name}"), Relation::ReplicatesTo, host(to), detail, DRBD));
        }
    }

    /// The peer's name. DRBD 8.4 tells none: there it is the one other node that has the resource.
    fn peer_of<'a>(&'a self, name: &str, node: &str, peer: &'a str) -> Option<&'a str> {
        if !matches!(peer, "peer" | "") {
            return Some(peer);
        }
        let mut others = self.roles.keys().filter(|(resource, other)| resource == name && other != node);
        match (others.next(), others.next()) {
            (Some((_, only)), None) => Some(only),
            _ => None,
        }
    }
}

fn edge(from: String, relation: Relation, to: String, detail: String, origin: &str) -> Edge {
    Edge { from, relation, to, detail, origin: origin.to_owned() }
}

#[cfg(test)]
mod tests {
    use orszem_model::RecordId;
    use orszem_model::observation::{
        DrbdConnection, DrbdDevice, DrbdResource, Member, Observation, Origin, Placement, Seen,
    };

    use super::*;
    use crate::Settings;

    const SECOND: i64 = 1_000_000_000;

    fn told(edges: &[Edge]) -> Vec<String> {
        let line = |edge: &Edge| format!("{} {} {} ({})", edge.from, edge.relation.name(), edge.to, edge.detail);
        edges.iter().map(line).collect()
    }

    #[test]
    fn what_was_seen_is_where_it_is() {
        let mut facts = Facts::new(Settings { cluster: "lab".to_owned(), ..Settings::default() });
        let word = |word: &str| word.to_owned();
        let mut see = |at: i64, reporter: &str, observation: Observation| {
            let at = Timestamp(1_795_341_600 * SECOND + at * SECOND);
            let seen = Seen { at, reporter: word(reporter), origin: Origin::Status, is_initial: false, observation };
            facts.step(&seen, RecordId { timestamp: at, seq: 1 });
            facts.tick(Timestamp(at.0 + 5 * SECOND));
            facts.edges()
        };
        let placement = |node: &str, role: &str| {
            let nodes = vec![(word(node), word(role))];
            Observation::Placement(Placement { resource: word("vip"), nodes, is_managed: true, ..Placement::default() })
        };
        let role = |role: &str| {
            Observation::DrbdResource(DrbdResource {
                resource: word("r0"),
                role: word(role),
                ..DrbdResource::default()
            })
        };
        let device = |disk: &str| {
            let disk = word(disk);
            Observation::DrbdDevice(DrbdDevice {
                resource: word("r0"),
                disk,
                has_quorum: true,
                ..DrbdDevice::default()
            })
        };
        let connection = |peer: &str, connection: &str| {
            let (peer, connection) = (word(peer), word(connection));
            Observation::DrbdConnection(DrbdConnection {
                resource: word("r0"),
                peer,
                connection,
                ..DrbdConnection::default()
            })
        };
        let member = |node: &str, is_member| Observation::Member(Member { node: word(node), is_member });
        see(0, "n1", member("n2", true));
        see(10, "n2", member("n1", true));
        see(20, "n1", placement("n1", "Started"));
        see(30, "n1", role("Primary"));
        see(40, "n2", role("Secondary"));
        see(50, "n1", device("UpToDate"));
        let edges = see(60, "n1", connection("peer", "Connected"));
        let both = [
            "drbd/r0 runs_on host/n1 (Primary UpToDate)",
            "drbd/r0 runs_on host/n2 (Secondary)",
            "drbd/r0 replicates_to host/n2 (n1 Connected)",
            "host/n1 part_of cluster/lab (member)",
            "host/n2 part_of cluster/lab (member)",
            "resource/vip runs_on host/n1 (Started)",
        ];
        assert_eq!(told(&edges), both);
        let edges = see(70, "n2", member("n1", false));
        let lost: Vec<String> = told(&edges).into_iter().filter(|line| !line.starts_with("drbd/")).collect();
        let nowhere = "resource/vip part_of cluster/lab (stopped)";
        assert_eq!(lost, ["host/n1 part_of cluster/lab (lost)", "host/n2 part_of cluster/lab (member)", nowhere]);
    }
}
