//! `corosync-cmapctl`, and `corosync-cmapctl -m stats`: lines `KEY (TYPE) = VALUE`.

use std::collections::BTreeMap;

use super::{NodeId, ToolError};

const TOOL: &str = "corosync-cmapctl";

/// The configuration that is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    pub cluster_name: String,
    /// `knet`, `udp`, `udpu`; empty for the default of the version.
    pub transport: String,
    pub token_ms: Option<u64>,
    pub consensus_ms: Option<u64>,
    pub is_two_node: bool,
    /// `net`; empty for no quorum device.
    pub device_model: String,
    pub nodes: Vec<ConfiguredNode>,
    pub members: Vec<Joined>,
}

/// A node of the node list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredNode {
    pub id: NodeId,
    pub name: String,
    /// By link.
    pub addresses: Vec<String>,
}

/// A node that has been a member since corosync started here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    pub id: NodeId,
    /// `joined`, `left`.
    pub status: String,
    pub join_count: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub links: Vec<LinkStatistics>,
    /// `stats.srp.*`, by the last part of the key.
    pub totem: BTreeMap<String, u64>,
}

/// `stats.knet.nodeN.linkN.*`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    pub node: NodeId,
    pub link: u32,
    /// `connected`, `down_count`, `latency_ave` (µs), `rx_data_bytes`, …
    pub values: BTreeMap<String, u64>,
}

/// Keys and values in the order of the keys.
fn entries(text: &str) -> Result<Vec<(&str, &str)>, ToolError> {
    let entry = |line| {
        let (key, rest): (&str, &str) = str::split_once(line, " (")?;
        let (_, value) = rest.split_once(") = ")?;
        Some((key.trim(), value))
    };
    let entries: Vec<(&str, &str)> = text.lines().filter_map(entry).collect();
    if entries.is_empty() { Err(ToolError::of(text, TOOL, "a key")) } else { Ok(entries) }
}

impl Map {
    /// Reads the answer to `corosync-cmapctl`.
    pub fn read(text: &str) -> Result<Self, ToolError> {
        let mut map = Self::default();
        let mut nodes: BTreeMap<u32, ConfiguredNode> = BTreeMap::new();
        let mut members: BTreeMap<NodeId, Joined> = BTreeMap::new();
        for (key, value) in entries(text)? {
            match key {
                "totem.cluster_name" => value.clone_into(&mut map.cluster_name),
                "totem.transport" => value.clone_into(&mut map.transport),
                "runtime.config.totem.token" => map.token_ms = value.parse().ok(),
                "runtime.config.totem.consensus" => map.consensus_ms = value.parse().ok(),
                "runtime.votequorum.two_node" => map.is_two_node = value == "1",
                "quorum.device.model" => value.clone_into(&mut map.device_model),
                _ => {}
            }
            if let Some((at, field)) = numbered(key, "nodelist.node.") {
                let node = nodes.entry(at).or_default();
                match field {
                    "nodeid" => node.id = value.parse().unwrap_or(0),
                    "name" => value.clone_into(&mut node.name),
                    field if field.starts_with("ring") && field.ends_with("_addr") => {
                        node.addresses.push(value.to_owned());
                    }
                    _ => {}
                }
            }
            // corosync 2 puts it below `totem.pg.mrp.srp`.
            let member =
                numbered(key, "runtime.members.").or_else(|| numbered(key, "runtime.totem.pg.mrp.srp.members."));
            if let Some((id, field)) = member {
                let member = members.entry(id).or_insert_with(|| Joined { id, ..Joined::default() });
                match field {
                    "status" => value.clone_into(&mut member.status),
                    "join_count" => member.join_count = value.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        map.nodes = nodes.into_values().filter(|node| node.id != 0).collect();
        map.members = members.into_values().collect();
        Ok(map)
    }
}

impl Statistics {
    /// Reads the answer to `corosync-cmapctl -m stats`.
    pub fn read(text: &str) -> Result<Self, ToolError> {
        let mut statistics = Self::default();
        let mut links: BTreeMap<(NodeId, u32), BTreeMap<String, u64>> = BTreeMap::new();
        for (key, value) in entries(text)? {
            let Ok(value) = value.trim().parse() else { continue };
            if let Some(name) = key.strip_prefix("stats.srp.") {
                statistics.totem.insert(name.to_owned(), value);
            } else if let Some((node, rest)) = numbered(key, "stats.knet.node")
                && let Some((link, name)) = numbered(rest, "link")
            {
                links.entry((node, link)).or_default().insert(name.to_owned(), value);
            }
        }
        let link = |((node, link), values)| LinkStatistics { node, link, values };
        statistics.links = links.into_iter().map(link).collect();
        Ok(statistics)
    }
}

/// The number behind the prefix, and what follows its dot.
fn numbered<'k>(key: &'k str, prefix: &str) -> Option<(u32, &'k str)> {
    let (number, rest) = key.strip_prefix(prefix)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_in_use() {
        let text = "nodelist.node.0.name (str) = a1\nnodelist.node.0.nodeid (u32) = 1\nnodelist.node.0.ring0_addr (str) = 10.0.0.1\nnodelist.node.1.nodeid (u32) = 2\nnodelist.node.1.ring0_addr (str) = a2 (x) = y\nnodelist.node.2.name (str) = lost\nquorum.device.model (str) = net\nruntime.config.totem.consensus (u32) = 2580\nruntime.config.totem.token (u32) = 2150\nruntime.members.2.config_version (u64) = 0\nruntime.members.2.join_count (u32) = 3\nruntime.members.2.status (str) = left\nruntime.votequorum.two_node (u8) = 1\ntotem.cluster_name (str) = prod\ntotem.transport (str) = knet\n";
        let node =
            |id, name: &str, address: &str| ConfiguredNode { id, name: name.into(), addresses: vec![address.into()] };
        assert_eq!(
            Map::read(text),
            Ok(Map {
                cluster_name: "prod".into(),
                transport: "knet".into(),
                token_ms: Some(2_150),
                consensus_ms: Some(2_580),
                is_two_node: true,
                device_model: "net".into(),
                nodes: vec![node(1, "a1", "10.0.0.1"), node(2, "", "a2 (x) = y")],
                members: vec![Joined { id: 2, status: "left".into(), join_count: 3 }],
            })
        );
    }

    #[test]
    fn statistics_of_links_and_totem() {
        let text = "stats.knet.handle.rx_compressed_packets (u64) = 0\nstats.knet.node2.link0.connected (u8) = 1\nstats.knet.node2.link0.latency_ave (u32) = 150\nstats.knet.nodeX.link0.connected (u8) = 1\nstats.srp.mcast_retx (u64) = 7\nstats.srp.time_since_token_last_received (u64) = oops\n";
        let values = [("connected".to_owned(), 1), ("latency_ave".to_owned(), 150)];
        let expected = Statistics {
            links: vec![LinkStatistics { node: 2, link: 0, values: values.into() }],
            totem: [("mcast_retx".to_owned(), 7)].into(),
        };
        assert_eq!(Statistics::read(text), Ok(expected));
    }

    #[test]
    fn no_answer_is_no_map() {
        let message = "Failed to initialize the cmap API. Error CS_ERR_LIBRARY".to_owned();
        assert_eq!(Map::read(&message), Err(ToolError::NotRunning { message }));
        assert_eq!(Statistics::read("no key"), Err(ToolError::Lacks { tool: TOOL, what: "a key" }));
    }
}
