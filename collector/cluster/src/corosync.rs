//! corosync: quorum, links, its map, its quorum device.

pub mod change;
pub mod device;
pub mod links;
pub mod map;
pub mod metrics;
pub mod quorum;

use std::collections::BTreeMap;

/// A node's number.
pub type NodeId = u32;

/// Why an answer of corosync's tools is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    #[error("corosync does not run here: {message}")]
    NotRunning { message: String },
    #[error("{tool} does not tell {what}")]
    Lacks { tool: &'static str, what: &'static str },
}

impl ToolError {
    /// What to say of an answer that lacks `what`: that nobody answered, if it says so.
    fn of(text: &str, tool: &'static str, what: &'static str) -> Self {
        let is_refusal = |line: &&str| {
            ["Cannot initiali", "Could not initiali", "Unable to ", "Failed to initiali"]
                .iter()
                .any(|w| line.starts_with(w))
        };
        match text.lines().map(str::trim).find(is_refusal) {
            Some(line) => Self::NotRunning { message: line.chars().take(200).collect() },
            None => Self::Lacks { tool, what },
        }
    }
}

/// The names of nodes, remembered also while a node is away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<NodeId, String>);

impl Names {
    /// Remembers a name. What the node list says counts more than what a membership shows, which may be an address.
    pub fn learn(&mut self, quorum: Option<&quorum::Quorum>, map: Option<&map::Map>) {
        for member in quorum.iter().flat_map(|quorum| &quorum.members) {
            self.0.entry(member.id).or_insert_with(|| member.name.clone());
        }
        for node in map.iter().flat_map(|map| &map.nodes).filter(|node| !node.name.is_empty()) {
            self.0.insert(node.id, node.name.clone());
        }
    }

    /// The node's name, or its number where it is not known.
    pub fn of(&self, id: NodeId) -> String {
        self.0.get(&id).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// A number, decimal or as `0x0000002a`.
fn node_id(text: &str) -> Option<NodeId> {
    match text.strip_prefix("0x") {
        Some(digits) => NodeId::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
