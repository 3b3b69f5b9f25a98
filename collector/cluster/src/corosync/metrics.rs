//! Samples of what corosync's tools tell.
//!
//! `ha_cluster_corosync_*` have the names, labels and values of ClusterLabs' ha_cluster_exporter; what it lacks is
//! called `orszem_corosync_*`, in base units.

#[cfg(test)]
mod tests;

use super::Names;
use super::links::Links;
use super::map::Statistics;
use super::quorum::Quorum;
use crate::metrics::{Family, Sample, flag};

static QUORATE: Family = Family::gauge("ha_cluster_corosync_quorate", "Whether or not the cluster is quorate");
static RINGS: Family =
    Family::gauge("ha_cluster_corosync_rings", "The status of each Corosync ring; 1 means healthy, 0 means faulty.");
static RING_ERRORS: Family =
    Family::gauge("ha_cluster_corosync_ring_errors", "The total number of faulty corosync rings");
static MEMBER_VOTES: Family = Family::gauge(
    "ha_cluster_corosync_member_votes",
    "How many votes each member node has contributed with to the current quorum",
);
static QUORUM_VOTES: Family =
    Family::gauge("ha_cluster_corosync_quorum_votes", "Cluster quorum votes; one line per type");
static MEMBERS: Family = Family::gauge("orszem_corosync_members", "Nodes in the partition of this node");
static DEVICE_ALIVE: Family =
    Family::gauge("orszem_corosync_qdevice_alive", "Whether the daemon of the quorum device answers here");
static DEVICE_VOTING: Family =
    Family::gauge("orszem_corosync_qdevice_voting", "Whether the quorum device votes for this node's partition");
static LINK: Family = Family::gauge("orszem_corosync_link_connected", "Whether a node can be reached over a link");

/// A value of a link's statistics: its name, its family, and what it is divided by.
type Measure = (&'static str, Family, f64);

const MICROSECONDS: f64 = 1e6;

static LINK_MEASURES: [Measure; 12] = [
    (
        "latency_ave",
        Family::gauge("orszem_corosync_link_latency_seconds", "Average latency of a link").of("seconds"),
        MICROSECONDS,
    ),
    (
        "latency_min",
        Family::gauge("orszem_corosync_link_latency_min_seconds", "Least latency of a link").of("seconds"),
        MICROSECONDS,
    ),
    (
        "latency_max",
        Family::gauge("orszem_corosync_link_latency_max_seconds", "Greatest latency of a link").of("seconds"),
        MICROSECONDS,
    ),
    ("down_count", Family::counter("orszem_corosync_link_down_total", "How often a link went down"), 1.0),
    ("up_count", Family::counter("orszem_corosync_link_up_total", "How often a link came up"), 1.0),
    ("mtu", Family::gauge("orszem_corosync_link_mtu_bytes", "What fits into a packet of a link").of("bytes"), 1.0),
    (
        "rx_total_bytes",
        Family::counter("orszem_corosync_link_received_bytes_total", "Received over a link").of("bytes"),
        1.0,
    ),
    ("tx_total_bytes", Family::counter("orszem_corosync_link_sent_bytes_total", "Sent over a link").of("bytes"), 1.0),
    (
        "tx_total_errors",
        Family::counter("orszem_corosync_link_send_errors_total", "Packets that could not be sent"),
        1.0,
    ),
    (
        "tx_total_retries",
        Family::counter("orszem_corosync_link_send_retries_total", "Packets that were sent again"),
        1.0,
    ),
    (
        "rx_total_packets",
        Family::counter("orszem_corosync_link_received_packets_total", "Packets received over a link"),
        1.0,
    ),
    ("tx_total_packets", Family::counter("orszem_corosync_link_sent_packets_total", "Packets sent over a link"), 1.0),
];

static TOTEM_MEASURES: [Measure; 9] = [
    ("mcast_retx", Family::counter("orszem_corosync_retransmits_total", "Messages that were sent again"), 1.0),
    ("mcast_tx", Family::counter("orszem_corosync_messages_sent_total", "Messages sent"), 1.0),
    ("mcast_rx", Family::counter("orszem_corosync_messages_received_total", "Messages received"), 1.0),
    (
        "rx_msg_dropped",
        Family::counter("orszem_corosync_messages_dropped_total", "Messages that were not expected"),
        1.0,
    ),
    (
        "operational_token_lost",
        Family::counter("orszem_corosync_tokens_lost_total", "Tokens lost while operational"),
        1.0,
    ),
    ("gather_entered", Family::counter("orszem_corosync_gathers_total", "How often members were gathered"), 1.0),
    (
        "consensus_timeouts",
        Family::counter("orszem_corosync_consensus_timeouts_total", "How often no membership was agreed on in time"),
        1.0,
    ),
    (
        "continuous_gather",
        Family::gauge("orszem_corosync_continuous_gathers", "How often in turn no consensus was reached"),
        1.0,
    ),
    (
        "firewall_enabled_or_nic_failure",
        Family::gauge(
            "orszem_corosync_network_failure",
            "Whether no consensus is reached for long, as with a firewall or a broken network",
        ),
        1.0,
    ),
];

/// The samples of quorum and links.
pub fn samples(quorum: Option<&Quorum>, links: Option<&Links>, names: &Names) -> Vec<Sample> {
    let mut samples = Vec::new();
    if let Some(quorum) = quorum {
        votes(quorum, &mut samples);
    }
    if let Some(links) = links {
        rings(links, quorum, names, &mut samples);
    }
    samples
}

fn votes(quorum: &Quorum, samples: &mut Vec<Sample>) {
    samples.push(Sample::new(&QUORATE, &[], flag(quorum.is_quorate)));
    for (kind, votes) in [
        ("expected_votes", quorum.expected_votes),
        ("highest_expected", quorum.highest_expected),
        ("total_votes", quorum.total_votes),
        ("quorum", quorum.quorum),
    ] {
        samples.push(Sample::new(&QUORUM_VOTES, &[("type", kind)], votes.into()));
    }
    let members = quorum.members.iter().map(|member| (member.id, &member.name, member.is_local, member.votes));
    let device = quorum.device.iter().map(|device| (0, &device.name, false, device.votes));
    for (id, name, is_local, votes) in members.chain(device) {
        let labels =
            [("node_id", &*id.to_string()), ("node", name), ("local", if is_local { "true" } else { "false" })];
        samples.push(Sample::new(&MEMBER_VOTES, &labels, votes.into()));
    }
    samples.push(Sample::new(&MEMBERS, &[], f64::from(u32::try_from(quorum.members.len()).unwrap_or(u32::MAX))));
    if let Some(flags) = quorum.local().and_then(|local| local.device) {
        samples.push(Sample::new(&DEVICE_ALIVE, &[], flag(flags.is_alive)));
        samples.push(Sample::new(&DEVICE_VOTING, &[], flag(flags.is_voting)));
    }
}

fn rings(links: &Links, quorum: Option<&Quorum>, names: &Names, samples: &mut Vec<Sample>) {
    let ring = quorum.map_or("", |quorum| &quorum.ring);
    let node = links.node_id.or(quorum.map(|quorum| quorum.node_id)).map(|id| id.to_string()).unwrap_or_default();
    let mut faulty = 0_u32;
    for link in &links.links {
        let number = link.number.to_string();
        let labels = [("ring_id", ring), ("node_id", &node), ("number", &number), ("address", &link.address)];
        samples.push(Sample::new(&RINGS, &labels, flag(!link.is_faulty())));
        faulty += u32::from(link.is_faulty());
        for peer in &link.peers {
            let labels = [("node", &*names.of(peer.id)), ("link", &number)];
            samples.push(Sample::new(&LINK, &labels, flag(peer.is_connected)));
        }
    }
    samples.push(Sample::new(&RING_ERRORS, &[], faulty.into()));
}

/// The samples of what corosync measures; values that this version does not measure are left out.
pub fn measured(statistics: &Statistics, names: &Names) -> Vec<Sample> {
    let mut samples = Vec::new();
    for link in &statistics.links {
        let (node, number) = (names.of(link.node), link.link.to_string());
        let labels = [("node", &*node), ("link", &*number)];
        for (name, family, divisor) in &LINK_MEASURES {
            samples.extend(link.values.get(*name).map(|value| Sample::new(family, &labels, *value as f64 / divisor)));
        }
    }
    for (name, family, divisor) in &TOTEM_MEASURES {
        samples.extend(statistics.totem.get(*name).map(|value| Sample::new(family, &[], *value as f64 / divisor)));
    }
    samples
}
