//! What changes from one answer of corosync's tools to the next, as one node sees it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use orszem_model::Timestamp;
use orszem_model::observation::{LinkState, Observation, Origin, QuorumState, Seen, WitnessState};

use super::Names;
use super::device::DeviceStatus;
use super::links::Links;
use super::map::Map;
use super::quorum::Quorum;

/// What was asked at one time. A part that was not asked or not answered changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub quorum: Option<Quorum>,
    /// The answer to `corosync-cfgtool -s`, as that to `-n` leaves out nodes that are away.
    pub links: Option<Links>,
    pub map: Option<Map>,
    pub device: Option<DeviceStatus>,
}

/// The view of one reporter. Views of several are never put together: each is that of its partition.
#[derive(Clone, Debug)]
pub struct Watch {
    reporter: String,
    names: Names,
    quorum: Option<QuorumState>,
    links: Option<BTreeMap<(String, u32), LinkState>>,
    witness: Option<WitnessState>,
    has_device: bool,
}

impl Watch {
    /// Begins to watch what the node `reporter` says.
    pub fn new(reporter: &str) -> Self {
        Self {
            reporter: reporter.to_owned(),
            names: Names::default(),
            quorum: None,
            links: None,
            witness: None,
            has_device: false,
        }
    }

    /// The names of the nodes, as far as they are known.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What is other at `at` than before; what is told for the first time is initial.
    pub fn step(&mut self, view: &View, at: Timestamp) -> Vec<Seen> {
        self.names.learn(view.quorum.as_ref(), view.map.as_ref());
        if let Some(map) = &view.map {
            self.has_device = !map.device_model.is_empty();
        }
        let mut told = Vec::new();
        if let Some(quorum) = &view.quorum {
            let state = self.quorum_state(quorum);
            if self.quorum.as_ref() != Some(&state) {
                told.push((self.quorum.is_none(), Observation::QuorumState(state.clone())));
                self.quorum = Some(state);
            }
            let state = self.witness_state(quorum, view.device.as_ref());
            // A cluster that never had one does not tell of it.
            if self.witness.as_ref().unwrap_or(&WitnessState::default()) != &state {
                told.push((self.witness.is_none(), Observation::WitnessState(state.clone())));
            }
            self.witness = Some(state);
        }
        if let Some(links) = &view.links {
            let is_first = self.links.is_none();
            told.extend(self.changed_links(links).into_iter().map(|link| (is_first, Observation::LinkState(link))));
        }
        let seen = |(is_initial, observation)| Seen {
            at,
            reporter: self.reporter.clone(),
            origin: Origin::Corosync,
            is_initial,
            observation,
        };
        told.into_iter().map(seen).collect()
    }

    fn quorum_state(&self, quorum: &Quorum) -> QuorumState {
        let mut members: Vec<String> = quorum.members.iter().map(|member| self.names.of(member.id)).collect();
        members.sort();
        QuorumState {
            is_quorate: quorum.is_quorate,
            votes: quorum.total_votes,
            expected_votes: quorum.expected_votes,
            quorum: quorum.quorum,
            ring: quorum.ring.clone(),
            members,
        }
    }

    /// Whether the witness is connected only its own daemon knows; else it is taken to be if that daemon answers.
    fn witness_state(&self, quorum: &Quorum, device: Option<&DeviceStatus>) -> WitnessState {
        let flags = quorum.local().and_then(|local| local.device);
        WitnessState {
            is_configured: self.has_device || flags.is_some() || quorum.has_flag("Qdevice"),
            is_connected: device.map_or(flags.is_some_and(|flags| flags.is_alive), DeviceStatus::is_connected),
            is_voting: flags.is_some_and(|flags| flags.is_voting),
        }
    }

    /// A ring that corosync 2 tells of as a whole has no peer.
    fn changed_links(&mut self, links: &Links) -> Vec<LinkState> {
        let mut now = BTreeMap::new();
        for link in &links.links {
            let mut put = |peer: String, is_connected| {
                let state = LinkState { peer: peer.clone(), link: link.number, is_connected, is_gone: false };
                now.insert((peer, link.number), state);
            };
            if link.peers.is_empty() && !link.status.is_empty() {
                put(String::new(), !link.is_faulty());
            }
            for peer in &link.peers {
                put(self.names.of(peer.id), peer.is_connected);
            }
        }
        let before = self.links.take().unwrap_or_default();
        let gone = before.iter().filter(|(key, _)| !now.contains_key(*key));
        let gone = gone.map(|(_, link)| LinkState { is_connected: false, is_gone: true, ..link.clone() });
        let other = now.iter().filter(|(key, link)| before.get(*key) != Some(*link)).map(|(_, link)| link.clone());
        let changes = gone.chain(other).collect();
        self.links = Some(now);
        changes
    }
}
