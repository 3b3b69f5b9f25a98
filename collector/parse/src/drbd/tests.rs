//! Lines and what is recognised in them.

use crate::testing::check_refined;

#[test]
fn messages_behind_a_header_are_read() {
    for (message, expected) in [
        (
            "drbd r0/0 drbd1000: disk( UpToDate -> Failed ) [local-io-error]",
            r#"error17 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.disk.from="UpToDate" drbd.disk.to="Failed" drbd.reason="local-io-error" {drbd/r0}"#,
        ),
        (
            "drbd r0 node2: conn( Connected -> NetworkFailure ) peer( Primary -> Unknown )",
            r#"warn13 layer=storage drbd.resource="r0" drbd.peer="node2" drbd.conn.from="Connected" drbd.conn.to="NetworkFailure" drbd.peer_role.from="Primary" drbd.peer_role.to="Unknown" {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: pdsk( UpToDate -> DUnknown ) repl( Established -> Off )",
            r#"info10 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" drbd.peer_disk.from="UpToDate" drbd.peer_disk.to="DUnknown" drbd.repl.from="Established" drbd.repl.to="Off" {drbd/r0}"#,
        ),
        (
            "drbd r0: role( Secondary -> Primary ) [primary]",
            r#"info10 layer=storage drbd.resource="r0" drbd.role.from="Secondary" drbd.role.to="Primary" drbd.reason="primary" {drbd/r0}"#,
        ),
        (
            "drbd r0: susp-io( no-disk -> no-disk,quorum )",
            r#"error17 layer=storage drbd.resource="r0" drbd.susp_io.from="no-disk" drbd.susp_io.to="no-disk,quorum" {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000: quorum( yes -> no )",
            r#"error17 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.quorum.from="yes" drbd.quorum.to="no" {drbd/r0}"#,
        ),
        (
            "drbd r0: Preparing cluster-wide state change 1234567890 (0->1 496/16)",
            r#"unset0 layer=storage drbd.resource="r0" drbd.transaction=1234567890 {drbd/r0}"#,
        ),
        (
            "drbd r0: Aborting cluster-wide state change 1234567890 (1ms) rv = -10",
            r#"warn13 layer=storage drbd.resource="r0" drbd.transaction=1234567890 drbd.result=-10 {drbd/r0}"#,
        ),
        (
            "drbd r0 node2: Preparing remote state change 1234567890",
            r#"unset0 layer=storage drbd.resource="r0" drbd.peer="node2" drbd.transaction=1234567890 {drbd/r0}"#,
        ),
        (
            "drbd r0: State change 1234567890: primary_nodes=1, weak_nodes=FFFFFFFFFFFFFFF8",
            r#"unset0 layer=storage drbd.resource="r0" drbd.transaction=1234567890 {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: Split-Brain detected but unresolved, dropping connection!",
            r#"error18 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: Split-Brain detected, manually solved. Sync from peer node",
            r#"warn13 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: helper command: /sbin/drbdadm split-brain exit code 0",
            r#"error17 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" drbd.helper="split-brain" drbd.helper_exit=0 {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: Resync done (total 33 sec; paused 0 sec; 1984 K/sec)",
            r#"unset0 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" drbd.resync.seconds=33 drbd.resync.kib_per_second=1984 {drbd/r0}"#,
        ),
        (
            "drbd r0/0 drbd1000: local READ IO error sector 4656+8 on sda",
            r#"error17 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 sector=4656 disk="sda" {drbd/r0 disk/sda}"#,
        ),
        (
            "drbd r0/0 drbd1000 node2: resync-susp( no -> connection dependency ) [start-sync]",
            r#"info10 layer=storage drbd.resource="r0" drbd.volume=0 drbd.minor=1000 drbd.peer="node2" drbd.resync_susp.from="no" drbd.resync_susp.to="connection dependency" drbd.reason="start-sync" {drbd/r0}"#,
        ),
        (
            "block drbd0: peer( Unknown -> Primary ) conn( WFReportParams -> WFBitMapT ) disk( UpToDate -> Outdated ) pdsk( DUnknown -> UpToDate ) ",
            r#"warn13 layer=storage drbd.minor=0 drbd.peer_role.from="Unknown" drbd.peer_role.to="Primary" drbd.conn.from="WFReportParams" drbd.conn.to="WFBitMapT" drbd.disk.from="UpToDate" drbd.disk.to="Outdated" drbd.peer_disk.from="DUnknown" drbd.peer_disk.to="UpToDate" {disk/drbd0}"#,
        ),
        (
            "block drbd0: Began resync as SyncTarget (will sync 65496 KB [16374 bits set]).",
            "unset0 layer=storage drbd.minor=0 drbd.resync.kib=65496 {disk/drbd0}",
        ),
        (
            "block drbd0: helper command: /sbin/drbdadm before-resync-target minor-0 exit code 0 (0x0)",
            r#"unset0 layer=storage drbd.minor=0 drbd.helper="before-resync-target" drbd.helper_exit=0 {disk/drbd0}"#,
        ),
        (
            "drbd /unregistered/data/1 drbd1001: disk( UpToDate -> Detaching ) [down]",
            r#"info10 layer=storage drbd.resource="data" drbd.volume=1 drbd.minor=1001 drbd.disk.from="UpToDate" drbd.disk.to="Detaching" drbd.reason="down" {drbd/data}"#,
        ),
        (
            "drbd /unregistered/data: Terminating worker thread",
            r#"unset0 layer=storage drbd.resource="data" {drbd/data}"#,
        ),
        (
            "drbd data lb-tcp:beta: conn( Connected -> BrokenPipe )",
            r#"warn13 layer=storage drbd.resource="data" drbd.peer="beta" drbd.conn.from="Connected" drbd.conn.to="BrokenPipe" {drbd/data}"#,
        ),
        ("drbd /unregistered/: Terminating", "unset0"),
        ("drbd: initialized. Version: 9.2.9 (api:2/proto:86-122)", "unset0 layer=storage"),
        ("drbd0: detected capacity change from 0 to 1024", "unset0 layer=storage drbd.minor=0 {disk/drbd0}"),
        ("drbd r0: conn( unfinished", r#"unset0 layer=storage drbd.resource="r0" {drbd/r0}"#),
        ("drbdx y: not a name", "unset0"),
    ] {
        check_refined("kernel", message, expected);
    }
}
