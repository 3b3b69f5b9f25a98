//! The samples of an answer, by name.

use super::*;
use crate::corosync::map::Map;
use crate::metrics::Kind;

fn texts(samples: &[Sample]) -> Vec<String> {
    samples.iter().map(Sample::text).collect()
}

#[test]
fn votes_and_rings_have_the_exporter_s_names() {
    let quorum = Quorum::read(crate::corosync::quorum::tests::WITH_DEVICE).expect("reads");
    let links = Links::read("Local node ID 2, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.2\n\tstatus:\n\t\tnodeid: 1:\tdisconnected\n\t\tnodeid: 2:\tlocalhost\n").expect("reads");
    let mut names = Names::default();
    names.learn(Some(&quorum), None);
    assert_eq!(
        texts(&samples(Some(&quorum), Some(&links), &names)),
        [
            "ha_cluster_corosync_quorate 1",
            "ha_cluster_corosync_quorum_votes{type=\"expected_votes\"} 3",
            "ha_cluster_corosync_quorum_votes{type=\"highest_expected\"} 3",
            "ha_cluster_corosync_quorum_votes{type=\"total_votes\"} 3",
            "ha_cluster_corosync_quorum_votes{type=\"quorum\"} 2",
            "ha_cluster_corosync_member_votes{node_id=\"1\",node=\"a1\",local=\"false\"} 1",
            "ha_cluster_corosync_member_votes{node_id=\"2\",node=\"a2\",local=\"true\"} 1",
            "ha_cluster_corosync_member_votes{node_id=\"0\",node=\"Qdevice\",local=\"false\"} 1",
            "orszem_corosync_members 2",
            "orszem_corosync_qdevice_alive 1",
            "orszem_corosync_qdevice_voting 1",
            "ha_cluster_corosync_rings{ring_id=\"1.b\",node_id=\"2\",number=\"0\",address=\"10.0.0.2\"} 0",
            "orszem_corosync_link_connected{node=\"a1\",link=\"0\"} 0",
            "ha_cluster_corosync_ring_errors 1",
        ]
    );
    assert_eq!(texts(&samples(None, None, &names)), [""; 0]);
}

#[test]
fn what_is_measured_is_in_base_units() {
    let text = "stats.knet.node1.link0.latency_ave (u32) = 1500\nstats.knet.node1.link0.down_count (u32) = 2\nstats.knet.node1.link0.odd (u32) = 2\nstats.srp.mcast_retx (u64) = 7\n";
    let statistics = Statistics::read(text).expect("reads");
    let mut names = Names::default();
    let map = Map::read("nodelist.node.0.nodeid (u32) = 1\nnodelist.node.0.name (str) = a1\n").expect("reads");
    names.learn(None, Some(&map));
    let samples = measured(&statistics, &names);
    assert_eq!(
        texts(&samples),
        [
            "orszem_corosync_link_latency_seconds{node=\"a1\",link=\"0\"} 0.0015",
            "orszem_corosync_link_down_total{node=\"a1\",link=\"0\"} 2",
            "orszem_corosync_retransmits_total 7",
        ]
    );
    let families: Vec<_> = samples.iter().map(|sample| (sample.family.kind, sample.family.unit)).collect();
    assert_eq!(families, [(Kind::Gauge, "seconds"), (Kind::Counter, ""), (Kind::Counter, "")]);
}
