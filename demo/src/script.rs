//! Writing down what hosts log and report in one story, by seconds since its beginning.

use orszem_model::observation::{
    DrbdConnection, DrbdDevice, DrbdPeerDevice, DrbdResource, Member, NodeAttribute, NodeState, Observation, Operation,
    Origin, Placement, QuorumState,
};
use orszem_model::{Seen, Timestamp};

use crate::calendar::iso;
use crate::hosts::{ALERT, GROUP, KERN, Node, SERVICE, SYSLOG, WITNESS, agent};
use crate::item::Item;
use crate::plan::Span;
use crate::random::Random;

/// Bytes of the replicated volume.
pub(crate) const VOLUME_BYTES: u64 = 64 << 30;

pub(crate) struct Script<'a> {
    /// The story's second 0.
    pub(crate) begun: Timestamp,
    pub(crate) random: &'a mut Random,
    /// When each node was started.
    pub(crate) booted: [Timestamp; 2],
    pub(crate) items: Vec<Item>,
}

impl Script<'_> {
    /// A moment of the story.
    pub(crate) fn at(&self, second: f64) -> Timestamp {
        Timestamp(self.begun.0 + (second * 1e6) as i64 * 1_000)
    }

    pub(crate) fn span(&self, from: f64, until: f64) -> Span {
        Span { from: self.at(from), until: self.at(until) }
    }

    /// The items by time; what is of one moment stays in the order in which it was written.
    pub(crate) fn finish(self) -> Vec<Item> {
        let mut items = self.items;
        items.sort_by_key(Item::at);
        items
    }

    /// A line of the kernel.
    pub(crate) fn kernel(&mut self, second: f64, node: Node, text: &str) {
        let at = self.at(second);
        let booted = self.booted[node as usize];
        let up = at.0.saturating_sub(booted.0).max(0) as f64 / 1e9;
        let text = format!("{} {} kernel: [{up:12.6}] {text}", iso(at), node.name());
        self.items.push(Item::Line { at, host: node.name(), file: KERN, text });
    }

    /// A line of a daemon.
    pub(crate) fn syslog(&mut self, second: f64, host: &'static str, program: &str, text: &str) {
        let at = self.at(second);
        let text = format!("{} {host} {program}[{}]: {text}", iso(at), pid(program));
        self.items.push(Item::Line { at, host, file: SYSLOG, text });
    }

    /// A record of the database's alert log.
    pub(crate) fn alert_log(&mut self, second: f64, node: Node, text: &str) {
        let at = self.at(second);
        self.items.push(Item::Line { at, host: node.name(), file: ALERT, text: format!("{}\n{text}", iso(at)) });
    }

    pub(crate) fn seen(&mut self, second: f64, reporter: &str, origin: Origin, observation: Observation) {
        self.see(second, reporter, origin, false, observation);
    }

    /// What was so when looking began.
    pub(crate) fn initial(&mut self, second: f64, reporter: &str, origin: Origin, observation: Observation) {
        self.see(second, reporter, origin, true, observation);
    }

    fn see(&mut self, second: f64, reporter: &str, origin: Origin, is_initial: bool, observation: Observation) {
        let at = self.at(second);
        let seen = Seen { at, reporter: reporter.to_owned(), origin, is_initial, observation };
        self.items.push(Item::Seen(seen));
    }

    /// An operation that went well, as the node's log and its alert agent tell it.
    pub(crate) fn done(&mut self, second: f64, node: &'static str, resource: &str, task: &str, duration_ms: u64) {
        let line = format!(" notice: Result of {task} operation for {resource} on {node}: ok");
        self.syslog(second, node, "pacemaker-controld", &line);
        let operation = Operation {
            node: node.to_owned(),
            resource: resource.to_owned(),
            task: task.to_owned(),
            duration_ms: Some(duration_ms),
            result: "ok".to_owned(),
            ..Operation::default()
        };
        self.seen(second + 0.004, node, Origin::Alert, Observation::Operation(operation));
    }

    /// A transient attribute, as two nodes tell it.
    pub(crate) fn attribute(&mut self, second: f64, node: &str, attribute: &str, value: Option<&str>) {
        let line = format!(" notice: Setting {attribute}[{node}]: (unset) -> {}", value.unwrap_or("(unset)"));
        self.syslog(second, WITNESS, "pacemaker-attrd", &line);
        let set =
            NodeAttribute { node: node.to_owned(), attribute: attribute.to_owned(), value: value.map(str::to_owned) };
        self.seen(second + 0.006, WITNESS, Origin::Alert, Observation::NodeAttribute(set));
    }

    /// A member came or was lost, as `reporter` tells it.
    pub(crate) fn member(&mut self, second: f64, reporter: &'static str, node: &str, is_member: bool) {
        let state = if is_member { "member" } else { "lost" };
        let line = format!(" notice: Node {node} state is now {state}");
        self.syslog(second, reporter, "pacemaker-controld", &line);
        let member = Observation::Member(Member { node: node.to_owned(), is_member });
        self.seen(second + 0.003, reporter, Origin::Alert, member);
    }

    /// The members that a node's corosync has.
    pub(crate) fn quorum(&mut self, second: f64, reporter: &str, ring: &str, members: &[&str], is_initial: bool) {
        let state = QuorumState {
            is_quorate: true,
            votes: members.len() as u32,
            expected_votes: 3,
            quorum: 2,
            ring: ring.to_owned(),
            members: members.iter().map(|&name| name.to_owned()).collect(),
        };
        self.see(second, reporter, Origin::Corosync, is_initial, Observation::QuorumState(state));
    }

    /// What the status says of a node.
    pub(crate) fn node(&mut self, second: f64, name: &str, change: impl FnOnce(&mut NodeState), is_initial: bool) {
        let mut state = NodeState {
            node: name.to_owned(),
            kind: "member".to_owned(),
            is_online: true,
            is_dc: name == WITNESS,
            ..NodeState::default()
        };
        change(&mut state);
        self.see(second, WITNESS, Origin::Status, is_initial, Observation::NodeState(state));
    }

    /// Where the status says that a resource is.
    pub(crate) fn placement(&mut self, second: f64, resource: &str, nodes: &[(&str, &str)], is_initial: bool) {
        let parent = match resource {
            "drbd_r0" => "ms_drbd_r0",
            name if GROUP.contains(&name) => SERVICE,
            _ => "",
        };
        let placement = Placement {
            resource: resource.to_owned(),
            parent: parent.to_owned(),
            agent: agent(resource).to_owned(),
            nodes: nodes.iter().map(|&(node, role)| (node.to_owned(), role.to_owned())).collect(),
            is_managed: true,
            ..Placement::default()
        };
        self.see(second, WITNESS, Origin::Status, is_initial, Observation::Placement(placement));
    }

    /// The group is whole on a node, whose DRBD is promoted; the other's is in `peer_role`, if it has one.
    pub(crate) fn placed(&mut self, second: f64, node: Node, peer_role: Option<&str>, is_initial: bool) {
        let mut drbd = vec![(node.name(), "Promoted")];
        drbd.extend(peer_role.map(|role| (node.other().name(), role)));
        drbd.sort_unstable();
        self.placement(second, "drbd_r0", &drbd, is_initial);
        for resource in GROUP {
            self.placement(second, resource, &[(node.name(), "Started")], is_initial);
        }
    }

    pub(crate) fn drbd_role(&mut self, second: f64, node: Node, role: &str, is_initial: bool) {
        let state = DrbdResource {
            resource: "r0".to_owned(),
            role: role.to_owned(),
            is_gone: role.is_empty(),
            ..Default::default()
        };
        self.see(second, node.name(), Origin::Drbd, is_initial, Observation::DrbdResource(state));
    }

    pub(crate) fn drbd_disk(&mut self, second: f64, node: Node, disk: &str, is_initial: bool) {
        let state = DrbdDevice {
            resource: "r0".to_owned(),
            minor: Some(0),
            backing_device: "/dev/sda".to_owned(),
            disk: disk.to_owned(),
            has_quorum: true,
            is_gone: disk.is_empty(),
            ..DrbdDevice::default()
        };
        self.see(second, node.name(), Origin::Drbd, is_initial, Observation::DrbdDevice(state));
    }

    pub(crate) fn drbd_connection(&mut self, second: f64, node: Node, state: &str, peer_role: &str, is_initial: bool) {
        let state = DrbdConnection {
            resource: "r0".to_owned(),
            peer: node.other().name().to_owned(),
            connection: state.to_owned(),
            peer_role: peer_role.to_owned(),
            is_gone: state.is_empty(),
        };
        self.see(second, node.name(), Origin::Drbd, is_initial, Observation::DrbdConnection(state));
    }

    pub(crate) fn drbd_peer(&mut self, second: f64, node: Node, replication: &str, peer_disk: &str, is_initial: bool) {
        let state = peer_device(node, replication, peer_disk);
        self.see(second, node.name(), Origin::Drbd, is_initial, Observation::DrbdPeerDevice(state));
    }

    /// A resync of `bytes` to `to`, with its progress as both ends report it.
    pub(crate) fn resync(&mut self, from: f64, until: f64, to: Node, bytes: u64) {
        let source = to.other();
        let (source_name, to_name) = (source.name(), to.name());
        let kib = bytes >> 10;
        self.kernel(
            from,
            to,
            &format!("drbd r0/0 drbd0 {source_name}: repl( WFBitMapT -> SyncTarget ) [receive-bitmap]"),
        );
        let began = format!(
            "drbd r0/0 drbd0 {to_name}: Began resync as SyncSource (will sync {kib} KB [{} bits set]).",
            kib / 4
        );
        self.kernel(from + 0.01, source, &began);
        let steps = 10_u32;
        for step in 0..steps {
            let share = f64::from(step) / f64::from(steps);
            let rest = bytes - (bytes as f64 * share) as u64;
            let second = from + (until - from) * share + 0.02;
            for (node, replication, peer_disk) in
                [(to, "SyncTarget", "UpToDate"), (source, "SyncSource", "Inconsistent")]
            {
                let mut state = peer_device(node, replication, peer_disk);
                state.done = Some(step * 10_000 / steps);
                state.eta_s = Some(((until - from) * (1.0 - share)) as u64);
                state.out_of_sync_bytes = Some(rest);
                self.seen(second, node.name(), Origin::Drbd, Observation::DrbdPeerDevice(state));
            }
        }
        let took = (until - from).max(1.0);
        let rate = kib as f64 / took;
        let done = format!("Resync done (total {took:.0} sec; paused 0 sec; {rate:.0} K/sec)");
        self.kernel(until, to, &format!("drbd r0/0 drbd0 {source_name}: {done}"));
        self.kernel(until + 0.001, to, "drbd r0/0 drbd0: disk( Inconsistent -> UpToDate ) [resync-finished]");
        self.kernel(until + 0.002, source, &format!("drbd r0/0 drbd0 {to_name}: {done}"));
        self.kernel(until + 0.003, source, &format!("drbd r0/0 drbd0 {to_name}: pdsk( Inconsistent -> UpToDate ) repl( SyncSource -> Established ) [peer-state]"));
        self.drbd_disk(until + 0.005, to, "UpToDate", false);
        self.drbd_peer(until + 0.006, to, "Established", "UpToDate", false);
        self.drbd_peer(until + 0.05, source, "Established", "UpToDate", false);
    }
}

fn peer_device(node: Node, replication: &str, peer_disk: &str) -> DrbdPeerDevice {
    DrbdPeerDevice {
        resource: "r0".to_owned(),
        peer: node.other().name().to_owned(),
        replication: replication.to_owned(),
        peer_disk: peer_disk.to_owned(),
        is_gone: replication.is_empty(),
        ..DrbdPeerDevice::default()
    }
}

/// A number that stays the same for a daemon.
fn pid(program: &str) -> u32 {
    program.bytes().fold(811, |pid, byte| (pid * 31 + u32::from(byte)) % 30_000) + 300
}
