//! DRBD: roles, disks and connections as each node reports them, and what follows for the data.

use std::collections::BTreeMap;

use orszem_model::fact::FactKind;
use orszem_model::observation::{DrbdConnection, DrbdDevice, DrbdHelper, DrbdResource};
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::{Facts, Timer};
use crate::flags::FlagFacts;
use crate::input::Source;
use crate::resync::Sync;
use crate::settings::DRBD_MAX;
use crate::words::{Draft, between, host, later, list, span};

/// How often it is looked whether two nodes are primary at once, until that is certain.
const LOOK_MS: u64 = 1_000;
/// After this it is not looked again.
const LOOK_MAX_MS: u64 = 60_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) role: String,
    since: Timestamp,
    id: RecordId,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) state: String,
    /// It has been seen with data: one that never was is meant to have none.
    pub(crate) is_copy: bool,
    pub(crate) at: Timestamp,
    pub(crate) has_quorum: bool,
    pub(crate) minor: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) state: String,
    peer_role: String,
    since: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drbd {
    /// By resource and reporter.
    pub(crate) roles: BTreeMap<(String, String), Role>,
    /// By resource, volume and reporter.
    pub(crate) disks: BTreeMap<(String, u32, String), Disk>,
    /// By resource, reporter and peer.
    pub(crate) connections: BTreeMap<(String, String, String), Connection>,
    /// The peer's disk by resource, volume, and reporter with peer.
    pub(crate) peer_disks: BTreeMap<(String, u32, (String, String)), Disk>,
    /// By resource, volume and pair of nodes.
    pub(crate) syncs: BTreeMap<(String, u32, String), Sync>,
    /// The pair of nodes of a resource whose data went apart.
    splits: BTreeMap<String, String>,
}

coded! {
    Role { role, since, id }
    Disk { state, is_copy, at, has_quorum, minor }
    Connection { state, peer_role, since }
    Drbd { roles, disks, connections, peer_disks, syncs, splits }
}

impl Drbd {
    /// Whether there is room for another object.
    pub(crate) fn has_room(&self) -> bool {
        let objects = self.roles.len() + self.disks.len() + self.connections.len();
        objects + self.peer_disks.len() + self.syncs.len() < DRBD_MAX
    }
}

/// Two ends have one name, whoever says it. DRBD 8.4 does not name the peer.
pub(crate) fn pair(reporter: &str, peer: &str) -> String {
    match peer {
        "peer" | "" => "peer".to_owned(),
        _ if reporter < peer => format!("{reporter} {peer}"),
        _ => format!("{peer} {reporter}"),
    }
}

/// The disk holds a copy of the data, of whatever age.
pub(crate) fn is_copy(state: &str) -> bool {
    matches!(state, "UpToDate" | "Consistent" | "Outdated" | "Inconsistent")
}

fn entity(name: &str) -> String {
    format!("drbd/{name}")
}

impl Facts {
    pub(crate) fn drbd_resource(&mut self, source: &Source, told: &DrbdResource) {
        let name = &told.resource;
        let reporter = &source.reporter;
        if told.is_gone {
            self.forget_drbd(name, reporter);
            self.look_again(source.at, self.settings.settle_ms, Timer::DrbdRedundancy(name.clone()));
            self.look_again(source.at, self.settings.settle_ms, Timer::DrbdSplit(name.clone()));
            return;
        }
        if !self.drbd.has_room() {
            self.ignored += 1;
            return;
        }
        let why = told.suspended.join(", ");
        let facts = FlagFacts {
            begin: FactKind::DrbdSuspended,
            end: FactKind::DrbdResumed,
            entity: entity(name),
            others: vec![host(reporter)],
            begun: format!("Input and output of {name} are suspended on {reporter}: {why}"),
            ended: format!("Input and output of {name} go on on {reporter}"),
            cause: why,
        };
        self.flag(source, &format!("{name} {reporter}"), !told.suspended.is_empty(), &facts);
        let key = (name.clone(), reporter.clone());
        let before = self.drbd.roles.get(&key);
        if before.is_some_and(|before| source.at < before.since || before.role == told.role) {
            return;
        }
        let was = before.map(|before| before.role.clone()).unwrap_or_default();
        let role = Role { role: told.role.clone(), since: source.at, id: source.id };
        self.drbd.roles.insert(key, role);
        if !source.is_initial && is_role(&was) && is_role(&told.role) {
            let text = format!("{name} is {} on {reporter} now, before it was {was}", told.role);
            let draft = Draft::new(FactKind::DrbdRoleChanged, source.at, entity(name), text)
                .change(&was, &told.role)
                .other(host(reporter))
                .detail("node", reporter)
                .record(source.id);
            self.tell(source.at, &format!("role:{name}:{reporter}"), draft);
        }
        self.look_again(source.at, self.settings.settle_ms, Timer::DrbdSplit(name.clone()));
    }

    pub(crate) fn drbd_device(&mut self, source: &Source, told: &DrbdDevice) {
        let (name, reporter) = (&told.resource, &source.reporter);
        let key = (name.clone(), told.volume, reporter.clone());
        if told.is_gone {
            self.drbd.disks.remove(&key);
            return;
        }
        if !self.drbd.has_room() {
            self.ignored += 1;
            return;
        }
        let before = self.drbd.disks.get(&key).cloned();
        if before.as_ref().is_some_and(|before| source.at < before.at) {
            return;
        }
        let was = before.as_ref().map(|before| before.state.clone()).unwrap_or_default();
        let had_quorum = before.as_ref().is_some_and(|before| before.has_quorum);
        let is_data = !told.is_client && (is_copy(&told.disk) || before.as_ref().is_some_and(|before| before.is_copy));
        // A disk that failed was `Failed` before it was gone: this is a device that was just made, as after a boot.
        let is_anew = is_copy(&was) && told.disk == "Diskless" && !told.has_quorum;
        let at = if was == told.disk { before.as_ref().map_or(source.at, |before| before.at) } else { source.at };
        let minor = told.minor.or(before.and_then(|before| before.minor));
        let is_copy_now = is_data || (source.is_initial && !told.is_client);
        let disk = Disk { state: told.disk.clone(), is_copy: is_copy_now, at, has_quorum: told.has_quorum, minor };
        self.drbd.disks.insert(key, disk);
        self.disk_changed(source, told, &was);
        if had_quorum != told.has_quorum && !is_anew {
            self.drbd_quorum(source, name, had_quorum && !told.has_quorum, told.has_quorum);
        }
        self.look_again(source.at, self.settings.settle_ms, Timer::DrbdRedundancy(name.clone()));
    }

    fn disk_changed(&mut self, source: &Source, told: &DrbdDevice, was: &str) {
        let (name, reporter) = (&told.resource, &source.reporter);
        let volume = format!("{}/{}", entity(name), told.volume);
        let is_gone = told.disk == "Diskless" && !told.is_client && (is_copy(was) || source.is_initial);
        let key = format!("disk:{name}:{}:{reporter}", told.volume);
        if told.disk == "Attaching" && self.outbox.withdraw(FactKind::DrbdDiskFailed, &volume, reporter, &key) {
            return;
        }
        if told.disk == "Failed" || is_gone {
            if self.outbox.begin(FactKind::DrbdDiskFailed, &volume, reporter, source.at) {
                let device =
                    if told.backing_device.is_empty() { String::new() } else { format!(" ({})", told.backing_device) };
                let text = format!(
                    "The disk of {name}/{} on {reporter}{device} failed: it was detached, and the data is read and \
                     written over the network",
                    told.volume
                );
                let draft = Draft::new(FactKind::DrbdDiskFailed, source.at, volume, text)
                    .change(was, &told.disk)
                    .cause("an error of the backing device".to_owned())
                    .other(host(reporter))
                    .other(entity(name))
                    .detail("node", reporter)
                    .detail("backing_device", &told.backing_device)
                    .record(source.id)
                    .holding(source.is_initial);
                // A device that was just made has no disk at first.
                let wait_ms = if told.disk == "Failed" { 0 } else { self.settings.settle_ms };
                self.tell(later(source.at, wait_ms), &key, draft);
            } else {
                self.outbox.also(&key, source.id);
            }
        } else if is_copy(&told.disk)
            && let Some(since) = self.outbox.end(FactKind::DrbdDiskFailed, &volume, reporter)
        {
            let ms = between(since, source.at);
            let text = format!("The disk of {name}/{} on {reporter} is back, after {}", told.volume, span(ms));
            let draft = Draft::new(FactKind::DrbdDiskBack, source.at, volume, text)
                .change(was, &told.disk)
                .other(host(reporter))
                .lasting(ms)
                .detail("node", reporter)
                .record(source.id);
            self.tell(source.at, &key, draft);
        }
    }

    fn drbd_quorum(&mut self, source: &Source, name: &str, is_lost: bool, has_quorum: bool) {
        let reporter = &source.reporter;
        let key = format!("drbd_quorum:{name}:{reporter}:{is_lost}");
        if is_lost {
            if !self.outbox.begin(FactKind::DrbdQuorumLost, &entity(name), reporter, source.at) {
                self.outbox.also(&key, source.id);
                return;
            }
            let text = format!("{name} lost quorum on {reporter}: it cannot reach enough of its peers");
            let draft = Draft::new(FactKind::DrbdQuorumLost, source.at, entity(name), text)
                .change("quorum", "no quorum")
                .other(host(reporter))
                .detail("node", reporter)
                .record(source.id);
            self.tell(source.at, &key, draft);
        } else if has_quorum && let Some(since) = self.outbox.end(FactKind::DrbdQuorumLost, &entity(name), reporter) {
            let ms = between(since, source.at);
            let text = format!("{name} has quorum on {reporter} again, after {}", span(ms));
            let draft = Draft::new(FactKind::DrbdQuorumRegained, source.at, entity(name), text)
                .change("no quorum", "quorum")
                .other(host(reporter))
                .lasting(ms)
                .detail("node", reporter)
                .record(source.id);
            self.tell(source.at, &key, draft);
        }
    }

    pub(crate) fn drbd_connection(&mut self, source: &Source, told: &DrbdConnection) {
        let (name, reporter, peer) = (&told.resource, &source.reporter, &told.peer);
        let key = (name.clone(), reporter.clone(), peer.clone());
        if told.is_gone {
            self.drbd.connections.remove(&key);
            return;
        }
        if !self.drbd.has_room() {
            self.ignored += 1;
            return;
        }
        let before = self.drbd.connections.get(&key).cloned();
        if before.as_ref().is_some_and(|before| source.at < before.since) {
            return;
        }
        let was = before.as_ref().map(|before| before.state.clone()).unwrap_or_default();
        let is_same = before.as_ref().is_some_and(|before| before.peer_role == told.peer_role);
        if was == told.connection && is_same {
            return;
        }
        let since = match &before {
            Some(before) if was == told.connection => before.since,
            _ => source.at,
        };
        let connection = Connection { state: told.connection.clone(), peer_role: told.peer_role.clone(), since };
        self.drbd.connections.insert(key, connection);
        self.look_again(source.at, self.settings.settle_ms, Timer::DrbdSplit(name.clone()));
        if was != told.connection {
            self.connection_changed(source, told, &was);
        }
    }

    fn connection_changed(&mut self, source: &Source, told: &DrbdConnection, was: &str) {
        let (name, reporter, peer) = (&told.resource, &source.reporter, &told.peer);
        let pair = pair(reporter, peer);
        let is_connected = told.connection == "Connected";
        let evidence = format!("connection:{name}:{pair}:{is_connected}");
        let ends = [host(reporter), host(peer)];
        if is_connected {
            if let Some(since) = self.outbox.end(FactKind::DrbdConnectionLost, &entity(name), &pair) {
                let ms = between(since, source.at);
                let text = format!("{name} is connected again between {reporter} and {peer}, after {}", span(ms));
                let draft = Draft::new(FactKind::DrbdConnected, source.at, entity(name), text)
                    .change(was, &told.connection)
                    .lasting(ms)
                    .detail("peer", peer)
                    .record(source.id);
                let draft = ends.into_iter().fold(draft, Draft::other);
                self.tell(source.at, &evidence, draft);
            } else {
                self.outbox.also(&evidence, source.id);
            }
        } else if was == "Connected" || source.is_initial {
            if !self.outbox.begin(FactKind::DrbdConnectionLost, &entity(name), &pair, source.at) {
                self.outbox.also(&evidence, source.id);
                return;
            }
            let text = format!("{name} is not connected between {reporter} and {peer}: {}", told.connection);
            let draft = Draft::new(FactKind::DrbdConnectionLost, source.at, entity(name), text)
                .change(was, &told.connection)
                .cause(told.connection.clone())
                .detail("peer", peer)
                .record(source.id)
                .holding(source.is_initial);
            let draft = ends.into_iter().fold(draft, Draft::other);
            self.tell(source.at, &evidence, draft);
        }
    }

    pub(crate) fn drbd_helper(&mut self, source: &Source, told: &DrbdHelper) {
        // Its end tells nothing new.
        if source.is_initial || told.exit.is_some() {
            return;
        }
        match told.helper.as_str() {
            "split-brain" | "initial-split-brain" => {
                self.split_brain(source, &told.resource, &pair(&source.reporter, &told.peer));
            }
            "quorum-lost" => self.drbd_quorum(source, &told.resource, true, false),
            _ => {}
        }
    }

    /// The kernel's own words; 8.4 says the minor only.
    pub(crate) fn split_brain_said(&mut self, source: &Source, name: &str, peer: &str, minor: u32) {
        let by_minor = || {
            let own = self.drbd.disks.iter().filter(|((.., reporter), _)| *reporter == source.reporter);
            own.filter(|(_, disk)| disk.minor == Some(minor)).map(|((name, ..), _)| name.clone()).next()
        };
        let name = if name.is_empty() { by_minor() } else { Some(name.to_owned()) };
        if let Some(name) = name {
            self.split_brain(source, &name, &pair(&source.reporter, peer));
        }
    }

    fn split_brain(&mut self, source: &Source, name: &str, pair: &str) {
        let key = format!("split:{name}");
        if !self.outbox.begin(FactKind::DrbdSplitBrain, &entity(name), "", source.at) {
            self.outbox.also(&key, source.id);
            return;
        }
        self.drbd.splits.insert(name.to_owned(), pair.to_owned());
        let nodes: Vec<&str> = if pair == "peer" { vec![&source.reporter] } else { pair.split(' ').collect() };
        let ends = if pair == "peer" { format!("{} and its peer", source.reporter) } else { list(&nodes) };
        let text = format!("Split brain of {name}: {ends} have changed the data each without the other");
        let draft = Draft::new(FactKind::DrbdSplitBrain, source.at, entity(name), text)
            .detail("reported_by", &source.reporter)
            .record(source.id);
        let draft = nodes.iter().fold(draft, |draft, node| draft.other(host(node)));
        self.tell(source.at, &key, draft);
    }

    /// The ends of this pair replicate again: to be connected is not enough, as that is how they find out.
    pub(crate) fn split_healed(&mut self, source: &Source, name: &str, pair: &str) {
        if self.drbd.splits.get(name).is_none_or(|split| split != pair) {
            return;
        }
        self.drbd.splits.remove(name);
        if let Some(since) = self.outbox.end(FactKind::DrbdSplitBrain, &entity(name), "") {
            let ms = between(since, source.at);
            let text = format!("The split brain of {name} is resolved, after {}", span(ms));
            let draft = Draft::new(FactKind::DrbdSplitBrainResolved, source.at, entity(name), text)
                .lasting(ms)
                .record(source.id);
            self.tell(source.at, "", draft);
        }
    }

    /// Looks for two ends that do not speak to each other any more, and for two primaries.
    pub(crate) fn decide_split(&mut self, name: &str, due: Timestamp) {
        let connections: Vec<(&String, &String, &Connection)> = self
            .drbd
            .connections
            .iter()
            .filter(|((resource, ..), _)| resource == name)
            .map(|((_, reporter, peer), connection)| (reporter, peer, connection))
            .collect();
        let alone: Vec<&(&String, &String, &Connection)> =
            connections.iter().filter(|(.., connection)| connection.state == "StandAlone").collect();
        let both = alone.iter().find(|(reporter, peer, _)| {
            alone.iter().any(|(other, its_peer, _)| {
                other != reporter && (other == peer || *peer == "peer") && (its_peer == reporter || *its_peer == "peer")
            })
        });
        // Of a resource that was just made both ends are alone, and neither had been connected.
        let found = both.map(|(reporter, peer, connection)| (pair(reporter, peer), connection.since));
        let was_lost = |pair: &str| self.outbox.since(FactKind::DrbdConnectionLost, &entity(name), pair).is_some();
        if let Some((pair, since)) = found.filter(|(pair, _)| was_lost(pair))
            && self.outbox.begin(FactKind::DrbdSplitBrain, &entity(name), "", since)
        {
            self.drbd.splits.insert(name.to_owned(), pair.clone());
            let text = format!("Split brain of {name}: both ends stand alone and do not connect any more");
            let draft = Draft::new(FactKind::DrbdSplitBrain, since, entity(name), text).detail("nodes", &pair);
            self.tell(due, &format!("split:{name}"), draft);
        }
        self.decide_primaries(name, due);
    }

    fn decide_primaries(&mut self, name: &str, due: Timestamp) {
        if self.settings.dual_primary_allowed.iter().any(|allowed| allowed == name) {
            return;
        }
        let primaries: Vec<(String, Timestamp, RecordId)> = self
            .drbd
            .roles
            .iter()
            .filter(|((resource, node), role)| {
                resource == name && role.role == "Primary" && !self.members.is_away(node)
            })
            .map(|((_, node), role)| (node.clone(), role.since, role.id))
            .collect();
        let newest = primaries.iter().map(|(_, since, _)| *since).max().unwrap_or(due);
        // One that was not heard since the other was promoted may be dead.
        let certain: Vec<&(String, Timestamp, RecordId)> =
            primaries.iter().filter(|(node, ..)| self.is_heard_since(node, newest)).collect();
        let by_peer = self.drbd.connections.iter().find(|((resource, reporter, peer), connection)| {
            let is_primary = primaries.iter().any(|(node, ..)| node == reporter);
            resource == name
                && is_primary
                && connection.peer_role == "Primary"
                && peer != reporter
                && connection.state == "Connected"
        });
        let by_peer = by_peer.map(|((_, reporter, peer), _)| vec![reporter.clone(), peer.clone()]);
        let nodes: Vec<String> = match by_peer {
            Some(nodes) => nodes,
            None => certain.iter().map(|(node, ..)| node.clone()).collect(),
        };
        if nodes.len() > 1 {
            if self.outbox.begin(FactKind::DrbdDualPrimary, &entity(name), "", newest) {
                let text = format!("{name} is primary on {} at once", list(&nodes));
                let ids: Vec<RecordId> = primaries.iter().map(|(.., id)| *id).collect();
                let draft = Draft::new(FactKind::DrbdDualPrimary, newest, entity(name), text).records(&ids);
                let draft = nodes.iter().fold(draft, |draft, node| draft.other(host(node)));
                self.tell(due, "", draft);
            }
        } else if primaries.len() > 1 {
            if between(newest, due) < LOOK_MAX_MS {
                self.look_again(due, LOOK_MS, Timer::DrbdSplit(name.to_owned()));
            }
        } else if let Some(since) = self.outbox.end(FactKind::DrbdDualPrimary, &entity(name), "") {
            let text = match primaries.first() {
                Some((node, ..)) => format!("{name} is primary on {node} alone"),
                None => format!("{name} is primary nowhere"),
            };
            let draft = Draft::new(FactKind::DrbdSinglePrimary, due, entity(name), text).lasting(between(since, due));
            self.tell(due, "", draft);
        }
    }

    /// What a reporter's peer is called: DRBD 8.4 does not say, but of two nodes it is the other.
    pub(crate) fn peer_name<'a>(&'a self, name: &str, reporter: &str, peer: &'a str) -> &'a str {
        if peer != "peer" {
            return peer;
        }
        let mut others = self.drbd.roles.keys().filter(|(of, by)| of == name && by != reporter).map(|(_, by)| by);
        match (others.next(), others.next()) {
            (Some(other), None) => other,
            _ => peer,
        }
    }

    /// A node is gone: what it said of itself and its peers is not so any more.
    pub(crate) fn forget_drbd_of(&mut self, node: &str, at: Timestamp) {
        let names: Vec<String> =
            self.drbd.roles.keys().filter(|(_, by)| by == node).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.forget_drbd(&name, node);
            self.look_again(at, self.settings.settle_ms, Timer::DrbdRedundancy(name.clone()));
            self.look_again(at, self.settings.settle_ms, Timer::DrbdSplit(name));
        }
    }

    fn forget_drbd(&mut self, name: &str, reporter: &str) {
        let drbd = &mut self.drbd;
        drbd.roles.retain(|(resource, by), _| !(resource == name && by == reporter));
        drbd.disks.retain(|(resource, _, by), _| !(resource == name && by == reporter));
        drbd.connections.retain(|(resource, by, _), _| !(resource == name && by == reporter));
        drbd.peer_disks.retain(|(resource, _, (by, _)), _| !(resource == name && by == reporter));
    }
}

fn is_role(role: &str) -> bool {
    matches!(role, "Primary" | "Secondary")
}
