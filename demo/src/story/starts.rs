//! What stories have in common: the state that is known at first, a service that starts, a node that boots.

use orszem_model::observation::{ClusterState, Observation, Origin};

use crate::CLUSTER;
use crate::hosts::{Node, VIP, WITNESS};
use crate::script::Script;

/// What all collectors see when they begin to look.
pub(crate) fn known(script: &mut Script<'_>, active: Node) {
    let cluster = ClusterState {
        name: CLUSTER.to_owned(),
        dc: WITNESS.to_owned(),
        has_quorum: true,
        is_fencing_enabled: true,
        version: "2.1.5".to_owned(),
        ..ClusterState::default()
    };
    script.initial(0.0, WITNESS, Origin::Status, Observation::ClusterState(cluster));
    for name in ["db1", "db2", WITNESS] {
        script.node(0.1, name, |_| {}, true);
        script.quorum(0.2, name, "1.8", &["db1", "db2", WITNESS], true);
    }
    script.placed(0.3, active, Some("Unpromoted"), true);
    for fence in ["fence_db1", "fence_db2"] {
        script.placement(0.4, fence, &[(WITNESS, "Started")], true);
    }
    for (node, role, peer_role) in [(active, "Primary", "Secondary"), (active.other(), "Secondary", "Primary")] {
        script.drbd_role(0.5, node, role, true);
        script.drbd_disk(0.5, node, "UpToDate", true);
        script.drbd_connection(0.5, node, "Connected", peer_role, true);
        script.drbd_peer(0.5, node, "Established", "UpToDate", true);
    }
}

/// DRBD is promoted and the group starts on a node, whose database takes `recovery_s` to open; when the last of it has
/// started.
pub(super) fn start_group(script: &mut Script<'_>, from: f64, node: Node, is_crashed: bool, recovery_s: f64) -> f64 {
    let name = node.name();
    script.kernel(from - 0.03, node, "drbd r0: Preparing cluster-wide state change 2718281828 (->-1 3/1)");
    script.kernel(from - 0.02, node, "drbd r0: role( Secondary -> Primary ) [primary]");
    script.drbd_role(from - 0.01, node, "Primary", false);
    script.done(from, name, "drbd_r0", "promote", 210);
    let vip = from + 0.31;
    script.syslog(
        vip - 0.02,
        name,
        "IPaddr2(vip_erp)",
        &format!("INFO: Adding inet address {VIP}/24 to device ens192"),
    );
    script.done(vip, name, "vip_erp", "start", 104);
    let mounted = vip + 1.2;
    script.kernel(mounted - 0.7, node, "XFS (drbd0): Mounting V5 Filesystem");
    let log = if is_crashed {
        "XFS (drbd0): Starting recovery (logdev: internal)"
    } else {
        "XFS (drbd0): Ending clean mount"
    };
    script.kernel(mounted - 0.5, node, log);
    if is_crashed {
        script.kernel(mounted - 0.05, node, "XFS (drbd0): Ending recovery (logdev: internal)");
    }
    script.done(mounted, name, "fs_ora", "start", 1_120);
    let opened = mounted + recovery_s;
    script.alert_log(mounted + 1.1, node, "Starting ORACLE instance (normal) (OS id: 9120)");
    script.alert_log(mounted + 3.0, node, "ALTER DATABASE   MOUNT");
    script.alert_log(mounted + 4.4, node, "Completed: ALTER DATABASE   MOUNT\nALTER DATABASE OPEN");
    if is_crashed {
        let kib = script.random.below(900) + 120;
        let blocks = script.random.below(600) + 90;
        let began = "Beginning crash recovery of 1 threads\n Started redo scan";
        script.alert_log(mounted + 4.6, node, began);
        let scanned = format!("Completed redo scan\n read {kib} KB redo, {blocks} data blocks need recovery");
        script.alert_log(mounted + 6.0, node, &scanned);
        let applied = "Started redo application at\n Thread 1: logseq 417, block 2211\nRecovery of Online Redo Log: Thread 1 Group 2 Seq 417 Reading mem 0\n  Mem# 0: /u02/oradata/ERP/redo02.log";
        script.alert_log(mounted + 6.3, node, applied);
        script.alert_log(
            opened - 1.2,
            node,
            "Completed crash recovery at\n Thread 1: logseq 417, block 4093, scn 91863904",
        );
    }
    let open = "Thread 1 opened at log sequence 418\nCompleted: ALTER DATABASE OPEN";
    script.alert_log(opened - 0.3, node, open);
    script.done(opened, name, "db_ora", "start", (recovery_s * 1e3) as u64);
    let last = opened + 1.5;
    script.done(last, name, "lsn_ora", "start", 1_320);
    last
}

/// A node boots and joins the cluster again; its DRBD comes up with a disk that is behind, from `from + 15` on.
pub(super) fn rejoin(script: &mut Script<'_>, from: f64, node: Node, ring: &str) {
    let name = node.name();
    let other = node.other();
    script.booted[node as usize] = script.at(from);
    script.kernel(from + 0.2, node, "Linux version 6.1.0-28-amd64 (build@demo) (gcc 12.2.0) #1 SMP PREEMPT_DYNAMIC");
    script.kernel(from + 1.4, node, "sd 0:0:0:0: [sda] 134217728 512-byte logical blocks: (68.7 GB/64.0 GiB)");
    script.kernel(from + 1.5, node, "sd 0:0:0:0: [sda] Attached SCSI disk");
    script.kernel(from + 6.1, node, "drbd: initialized. Version: 9.2.12 (api:2/proto:118-122)");
    script.syslog(from + 8.0, name, "systemd", "Started Corosync Cluster Engine.");
    script.syslog(from + 9.0, name, "corosync", "  [TOTEM ] Initializing transport (Kronosnet).");
    let joined = from + 11.0;
    let formed = format!("  [TOTEM ] A new membership ({ring}) was formed. Members joined: {}", node.number());
    for host in [other.name(), WITNESS] {
        script.syslog(
            joined - 0.02,
            host,
            "corosync",
            &format!("  [KNET  ] link: host: {} link: 0 is up", node.number()),
        );
        script.syslog(joined, host, "corosync", &formed);
        script.syslog(joined + 0.01, host, "corosync", "  [QUORUM] Members[3]: 1 2 3");
        script.member(joined + 0.05, host, name, true);
    }
    let within = "  [QUORUM] This node is within the primary component and will provide service.";
    script.syslog(joined + 0.05, name, "corosync", within);
    for host in [name, other.name(), WITNESS] {
        script.quorum(joined + 0.4, host, ring, &["db1", "db2", WITNESS], host == name);
    }
    script.member(joined + 0.7, name, other.name(), true);
    script.member(joined + 0.75, name, WITNESS, true);
    script.node(joined + 1.0, name, |_| {}, false);
    bring_up(script, joined + 3.0, node);
}

/// DRBD of a secondary starts and connects.
pub(super) fn bring_up(script: &mut Script<'_>, from: f64, node: Node) {
    let (name, other) = (node.name(), node.other());
    script.kernel(from, node, &format!("drbd r0 {}: Starting sender thread (from drbdsetup [2114])", other.name()));
    script.kernel(from + 0.1, node, "drbd r0/0 drbd0: disk( Diskless -> Attaching ) [attach]");
    script.drbd_role(from + 0.1, node, "Secondary", true);
    script.drbd_disk(from + 0.1, node, "Attaching", true);
    script.kernel(from + 0.3, node, "drbd r0/0 drbd0: disk( Attaching -> Outdated ) [attach]");
    script.drbd_disk(from + 0.3, node, "Outdated", false);
    let connected = from + 0.7;
    for (at, peer) in [(node, other), (other, node)] {
        let agreed = format!(
            "drbd r0 {}: Handshake to peer {} successful: Agreed network protocol version 122",
            peer.name(),
            peer.number()
        );
        script.kernel(connected - 0.1, at, &agreed);
    }
    script.kernel(
        connected,
        other,
        &format!("drbd r0 {name}: conn( Connecting -> Connected ) peer( Unknown -> Secondary ) [connected]"),
    );
    script.kernel(
        connected,
        node,
        &format!("drbd r0 {}: conn( Connecting -> Connected ) peer( Unknown -> Primary ) [connected]", other.name()),
    );
    script.drbd_connection(connected, node, "Connected", "Primary", false);
    script.drbd_connection(connected + 0.01, other, "Connected", "Secondary", false);
    script.kernel(connected + 0.1, node, "drbd r0/0 drbd0: disk( Outdated -> Inconsistent ) [resync-target]");
    script.drbd_disk(connected + 0.1, node, "Inconsistent", false);
    script.done(from + 0.6, name, "drbd_r0", "start", 560);
}
