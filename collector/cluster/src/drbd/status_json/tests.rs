//! A status and its rows.

use proptest::prelude::*;

use super::*;

const STATUS: &str = r#"[
{ "name": "data", "node-id": 1, "role": "Primary", "suspended": true, "suspended-user": false,
  "suspended-no-data": true, "suspended-fencing": false, "suspended-quorum": true, "write-ordering": "flush",
  "devices": [ { "volume": 2, "minor": 7, "disk-state": "Outdated", "client": false, "quorum": false, "size": 8,
    "read": 1, "written": 2, "al-writes": 3, "bm-writes": 4, "upper-pending": 5, "lower-pending": 6 } ],
  "connections": [ { "peer-node-id": 2, "name": "beta", "connection-state": "Connected", "congested": false,
    "peer-role": "Secondary", "ap-in-flight": 2, "rs-in-flight": 4,
    "peer_devices": [ { "volume": 2, "replication-state": "SyncTarget", "peer-disk-state": "UpToDate",
      "peer-client": false, "resync-suspended": "user,peer", "received": 9, "sent": 0, "out-of-sync": 10, "pending": 1,
      "unacked": 0, "has-sync-details": true, "percent-in-sync": 96.93, "db/dt [MiB/s]": 1.5,
      "estimated-seconds-to-finish": 12, "percent-resync-done": 71.25 } ] } ] } ]"#;

#[test]
fn all_of_it_is_read() {
    let key = |part| Key { resource: "data".into(), part };
    let rows = vec![
        (
            key(Part::Resource),
            Row::Resource(ResourceRow {
                role: Some("Primary".into()),
                suspended: Some(vec!["no-data".into(), "quorum".into()]),
                write_ordering: Some("flush".into()),
                ..ResourceRow::default()
            }),
        ),
        (
            key(Part::Device { volume: 2 }),
            Row::Device(DeviceRow {
                minor: Some(7),
                disk: Some("Outdated".into()),
                is_client: Some(false),
                has_quorum: Some(false),
                size_bytes: Some(8192),
                read_bytes: Some(1024),
                written_bytes: Some(2048),
                al_writes: Some(3),
                bm_writes: Some(4),
                upper_pending: Some(5),
                lower_pending: Some(6),
                ..DeviceRow::default()
            }),
        ),
        (
            key(Part::Connection { peer: "beta".into() }),
            Row::Connection(ConnectionRow {
                peer_node_id: Some(2),
                connection: Some("Connected".into()),
                peer_role: Some("Secondary".into()),
                is_congested: Some(false),
                ap_in_flight_bytes: Some(1024),
                rs_in_flight_bytes: Some(2048),
                ..ConnectionRow::default()
            }),
        ),
        (
            key(Part::PeerDevice { peer: "beta".into(), volume: 2 }),
            Row::PeerDevice(PeerDeviceRow {
                replication: Some("SyncTarget".into()),
                peer_disk: Some("UpToDate".into()),
                is_peer_client: Some(false),
                resync_suspended: Some(vec!["user".into(), "peer".into()]),
                received_bytes: Some(9216),
                sent_bytes: Some(0),
                out_of_sync_bytes: Some(10_240),
                pending: Some(1),
                unacked: Some(0),
                done: Some(7125),
                eta_s: Some(12),
            }),
        ),
    ];
    assert_eq!(parse(STATUS.as_bytes()).unwrap(), Snapshot { rows: rows.clone() });
    // The other style of keys says the same.
    let other = STATUS.replace("peer_devices", "peer-devices").replace("disk-state", "disk_state");
    assert_eq!(parse(other.as_bytes()).unwrap(), Snapshot { rows });
    assert_eq!(parse(b" []\n").unwrap(), Snapshot::default());
}

#[test]
fn what_is_none_is_an_error() {
    for (text, expected) in [
        ("", "status is not JSON"),
        ("[{", "status is not JSON"),
        ("{}", "status is not a list of resources"),
        ("[1]", "`{}` of a resource is missing or of the wrong kind"),
        ("[{}]", "`name` of a resource is missing or of the wrong kind"),
        (r#"[{"name":"a","role":1}]"#, "`role` of a resource is missing or of the wrong kind"),
        (r#"[{"name":"a","devices":[{}]}]"#, "`volume` of a device is missing or of the wrong kind"),
        (r#"[{"name":"a","connections":{}}]"#, "`connections` of a resource is missing or of the wrong kind"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(parse(deep.as_bytes()).unwrap_err().to_string(), "status is not JSON");
}

proptest! {
    #[test]
    fn a_cut_status_is_an_error(cut in 0..STATUS.len()) {
        prop_assert!(parse(&STATUS.as_bytes()[..cut]).is_err());
    }
}
