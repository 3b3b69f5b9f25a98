//! A table and all of its samples.

use super::super::events2::parse;
use super::*;

/// Lines without their `# HELP`, sorted.
fn shown(samples: &[Sample]) -> Vec<String> {
    let mut lines: Vec<_> = samples
        .iter()
        .map(|sample| {
            let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}{{{}}} {}", sample.metric.name, labels.join(","), sample.value)
        })
        .collect();
    lines.sort();
    lines
}

fn table(lines: &str) -> Table {
    let mut table = Table::new("alpha");
    for line in lines.lines() {
        table.apply(&parse(line.as_bytes()).unwrap().unwrap(), Timestamp(0)).unwrap();
    }
    table
}

const LINES: &str = "\
exists resource name:r0 role:Primary suspended:quorum force-io-failures:no write-ordering:flush may_promote:no promotion_score:10101
exists connection name:r0 peer-node-id:2 conn-name:beta connection:Connected role:Secondary congested:no ap-in-flight:2 rs-in-flight:1
exists device name:r0 volume:0 minor:5 backing_dev:none disk:Diskless client:no open:yes quorum:yes size:200 read:3 written:4 al-writes:5 bm-writes:6 upper-pending:7 lower-pending:8 al-suspended:no blocked:no
exists peer-device name:r0 peer-node-id:2 conn-name:beta volume:0 replication:SyncSource peer-disk:Inconsistent peer-client:no resync-suspended:no done:25.50 received:1 sent:2 out-of-sync:50 pending:3 unacked:4 dbdt1:1.00 eta:9
exists path name:r0 peer-node-id:2 conn-name:beta local:ipv4:192.0.2.1:7788 peer:ipv4:192.0.2.2:7788 established:yes
exists -
call helper name:r0 peer-node-id:2 conn-name:beta volume:0 minor:5 helper:before-resync-source
call helper name:r0 peer-node-id:2 conn-name:beta volume:0 minor:5 helper:before-resync-source
call helper name:r0 peer-node-id:2 conn-name:beta volume:0 minor:5 helper:split-brain";

#[test]
fn all_three_families_are_there() {
    let options = Options { has_states: false, versions: Some(("9.2.9".into(), "9.28.0".into())) };
    let expected = "\
drbd_connection_apinflight_bytes{name=r0,conn_name=beta,peer_node_id=2} 1024
drbd_connection_congested{name=r0,conn_name=beta,peer_node_id=2} 0
drbd_connection_rsinflight_bytes{name=r0,conn_name=beta,peer_node_id=2} 512
drbd_device_alsuspended{name=r0,volume=0,minor=5} 0
drbd_device_alwrites_total{name=r0,volume=0,minor=5} 5
drbd_device_bmwrites_total{name=r0,volume=0,minor=5} 6
drbd_device_client{name=r0,volume=0,minor=5} 0
drbd_device_lowerpending{name=r0,volume=0,minor=5} 8
drbd_device_open{name=r0,volume=0,minor=5} 1
drbd_device_quorum{name=r0,volume=0,minor=5} 1
drbd_device_read_bytes_total{name=r0,volume=0,minor=5} 3072
drbd_device_size_bytes{name=r0,volume=0,minor=5} 204800
drbd_device_unintentionaldiskless{name=r0,volume=0,minor=5} 1
drbd_device_upperpending{name=r0,volume=0,minor=5} 7
drbd_device_written_bytes_total{name=r0,volume=0,minor=5} 4096
drbd_peerdevice_outofsync_bytes{name=r0,conn_name=beta,peer_node_id=2,volume=0} 51200
drbd_peerdevice_received_bytes{name=r0,conn_name=beta,peer_node_id=2,volume=0} 1024
drbd_peerdevice_sent_bytes{name=r0,conn_name=beta,peer_node_id=2,volume=0} 2048
drbd_resource_forceiofailures{name=r0} 0
drbd_resource_maypromote{name=r0} 0
drbd_resource_promotionscore{name=r0} 10101
drbd_resource_resources{} 1
drbd_resource_suspended{name=r0} 1
drbd_version{kmod=9.2.9,utils=9.28.0} 1
drbdreactor_up{} 1
ha_cluster_drbd_al_writes{resource=r0,volume=0} 5
ha_cluster_drbd_bm_writes{resource=r0,volume=0} 6
ha_cluster_drbd_connections_pending{resource=r0,peer_node_id=2,volume=0} 3
ha_cluster_drbd_connections_received{resource=r0,peer_node_id=2,volume=0} 1
ha_cluster_drbd_connections_sent{resource=r0,peer_node_id=2,volume=0} 2
ha_cluster_drbd_connections_sync{resource=r0,peer_node_id=2,volume=0} 75
ha_cluster_drbd_connections_unacked{resource=r0,peer_node_id=2,volume=0} 4
ha_cluster_drbd_connections{resource=r0,peer_node_id=2,peer_role=Secondary,volume=0,peer_disk_state=inconsistent} 1
ha_cluster_drbd_lower_pending{resource=r0,volume=0} 8
ha_cluster_drbd_quorum{resource=r0,volume=0} 1
ha_cluster_drbd_read{resource=r0,volume=0} 3
ha_cluster_drbd_resources{resource=r0,role=Primary,volume=0,disk_state=diskless} 1
ha_cluster_drbd_split_brain{resource=r0,volume=0} 1
ha_cluster_drbd_upper_pending{resource=r0,volume=0} 7
ha_cluster_drbd_written{resource=r0,volume=0} 4
orszem_drbd_helper_calls_total{resource=r0,helper=before-resync-source} 2
orszem_drbd_helper_calls_total{resource=r0,helper=split-brain} 1
orszem_drbd_out_of_sync_bytes{resource=r0,peer=beta,volume=0} 51200
orszem_drbd_path_established{resource=r0,peer=beta,local=ipv4:192.0.2.1:7788,remote=ipv4:192.0.2.2:7788} 1
orszem_drbd_resync_eta_seconds{resource=r0,peer=beta,volume=0} 9
orszem_drbd_resync_ratio{resource=r0,peer=beta,volume=0} 0.255
orszem_drbd_suspended{resource=r0,reason=quorum} 1";
    let samples = samples(&table(LINES), &options, Timestamp(0));
    assert_eq!(shown(&samples), expected.lines().collect::<Vec<_>>());
}

#[test]
fn with_states_there_is_one_of_each() {
    let options = Options { has_states: true, versions: None };
    let samples = samples(&table(LINES), &options, Timestamp(0));
    let of = |name: &str| -> Vec<_> {
        samples
            .iter()
            .filter(|sample| sample.metric.name == name)
            .map(|sample| (sample.labels.last().cloned().unwrap(), sample.value))
            .collect()
    };
    let role = |role: &str, value| (("drbd_resource_role", role.to_owned()), value);
    assert_eq!(of("drbd_resource_role"), [role("Unknown", 0.0), role("Primary", 1.0), role("Secondary", 0.0)]);
    let of_state = |name: &str| {
        of(name).iter().filter(|(_, value)| *value == 1.0).map(|((_, state), _)| state.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of_state("drbd_device_state"), of("drbd_device_state").len()), (vec!["Diskless".to_owned()], 10));
    assert_eq!(
        (of_state("drbd_connection_state"), of("drbd_connection_state").len()),
        (vec!["Connected".to_owned()], 10)
    );
}

#[test]
fn what_8_4_does_not_tell_has_no_sample() {
    let table = table("exists device name:r0 volume:0 minor:0 disk:UpToDate");
    let expected = [
        "drbd_device_unintentionaldiskless{name=r0,volume=0,minor=0} 0",
        "drbd_resource_resources{} 0",
        "drbdreactor_up{} 0",
    ];
    assert_eq!(shown(&samples(&table, &Options::default(), Timestamp(0))), expected);
}
