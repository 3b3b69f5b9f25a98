//! The active node fails: for its disk, or for want of power.

use orszem_model::FactKind;
use orszem_model::FactKind::{
    DrbdConnectionLost, DrbdDegraded, DrbdDiskFailed, DrbdRestored, DrbdResyncDone, DrbdResyncStarted, Failover,
    FencingDone, FencingRequested, NodeJoined, NodeLost, ResourceFailed,
};
use orszem_model::observation::{Fencing, FencingState, Observation, Operation, Origin};

use super::starts::{rejoin, start_group};
use crate::hosts::{Node, WITNESS};
use crate::plan::{Plan, Resync, Span};
use crate::script::Script;
use crate::truth::{Story, Truth};

/// The last token came that long before the node was gone: with nothing to send it is held for a moment.
const TOKEN_HELD: f64 = 0.38;
/// Seconds from the loss of power to what follows from it.
const TOKEN_WARN: f64 = 2.25 - TOKEN_HELD;
const TOKEN_LOST: f64 = 3.0 - TOKEN_HELD;
const MEMBER_LOST: f64 = 5.6;
/// How long a database that crashed takes to open.
const RECOVERY_S: f64 = 13.6;
/// When the node that failed boots, after its loss.
const BOOTS: f64 = 62.0;

/// What followed from the loss of a node.
struct Followed {
    /// The last of the group has started elsewhere.
    back: f64,
    /// All is as it was.
    restored: f64,
    resync: Resync,
    down: Span,
}

/// Disk error, database dead, stop timed out, fencing, promotion, recovery, resync.
pub(super) fn disk(mut script: Script<'_>, node: Node) -> Plan {
    let s = &mut script;
    let name = node.name();
    let sector = s.random.below(111_000_000);
    for second in [-21.0, -9.5] {
        s.kernel(
            second,
            node,
            "sd 0:0:0:0: [sda] tag#83 FAILED Result: hostbyte=DID_OK driverbyte=DRIVER_OK cmd_age=2s",
        );
        s.kernel(second, node, "sd 0:0:0:0: [sda] tag#83 Sense Key : Recovered Error [current]");
        s.kernel(second, node, "sd 0:0:0:0: [sda] tag#83 Add. Sense: Recovered data with retries");
    }
    medium_error(s, node, sector);
    s.drbd_disk(0.003, node, "Failed", false);
    s.drbd_peer(0.01, node.other(), "Established", "Failed", false);
    s.drbd_disk(0.06, node, "Diskless", false);
    s.drbd_peer(0.07, node.other(), "Established", "Diskless", false);
    let block = s.random.below(11_000);
    s.alert_log(0.3, node, &format!("Errors in file /u01/app/oracle/diag/rdbms/erp/ERP/trace/ERP_lgwr_4711.trc:\nORA-00345: redo log write error block {block} count 2\nORA-00312: online log 2 thread 1: '/u02/oradata/ERP/redo02.log'\nORA-27072: File I/O error\nLinux-x86_64 Error: 5: Input/output error\nAdditional information: 4"));
    s.alert_log(0.34, node, "LGWR (ospid: 4711): terminating the instance due to ORA error 345");
    s.alert_log(0.9, node, "Instance terminated by LGWR, pid = 4711");
    let down_at = 0.35;

    let failed_at = 2.9;
    failed(s, failed_at, node, "monitor", 10_000, 7, 0, "not running", "oracle instance ERP is down");
    s.attribute(failed_at + 0.05, name, "fail-count-db_ora#monitor_10000", Some("1"));
    scheduled(s, failed_at + 0.1, &["Actions: Recover    db_ora", "Actions: Restart    lsn_ora"]);
    s.done(failed_at + 0.3, name, "lsn_ora", "stop", 180);
    let stop_failed = failed_at + 11.4;
    s.syslog(stop_failed - 0.01, name, "pacemaker-execd", " warning: db_ora_stop_0 process (PID 23114) timed out");
    failed(s, stop_failed, node, "stop", 0, 1, 2, "Timed Out", "process 4711 did not terminate");
    s.attribute(stop_failed + 0.04, name, "fail-count-db_ora#stop_0", Some("INFINITY"));
    let requested = stop_failed + 0.12;
    request(s, requested, node);
    let off = requested + 1.6;
    let followed = lost(s, off, off + 6.2, node);

    let mut expected = facts(node);
    expected.push((ResourceFailed, "resource/db_ora".to_owned()));
    expected.push((DrbdDiskFailed, "drbd/r0/0".to_owned()));
    let until = followed.back + 0.7;
    let truth = Truth {
        story: Story::DiskFailover,
        from: s.at(0.0),
        until: s.at(followed.restored),
        root_cause: format!("disk/{name}/sda"),
        outage: Some((s.at(down_at), s.at(until))),
        service_away_ms: Some(((followed.back - failed_at) * 1e3) as u64),
        moved: Some((name, node.other().name())),
        expected,
        text: format!(
            "the disk sda of {name} failed, its database died, its stop timed out; {name} was fenced, and the service \
             came back on {} after {:.0} s; redundancy was restored {:.0} s after the error",
            node.other().name(),
            until - down_at,
            followed.restored
        ),
    };
    let slow = s.span(-75.0, 25.0);
    let mut plan = finish(script, truth, node, &followed);
    plan.slow = Some((node, slow, 1.8));
    plan
}

/// The node is gone from one moment to the next.
pub(super) fn power(mut script: Script<'_>, node: Node) -> Plan {
    let s = &mut script;
    let name = node.name();
    request(s, MEMBER_LOST + 0.5, node);
    let followed = lost(s, 0.0, 10.6, node);
    let until = followed.back + 0.7;
    let truth = Truth {
        story: Story::PowerLoss,
        from: s.at(0.0),
        until: s.at(followed.restored),
        root_cause: format!("host/{name}"),
        outage: Some((s.at(0.0), s.at(until))),
        service_away_ms: Some((followed.back * 1e3) as u64),
        moved: Some((name, node.other().name())),
        expected: facts(node),
        text: format!(
            "{name} lost its power; it was fenced, and the service came back on {} after {until:.0} s; redundancy was \
             restored after {:.0} s",
            node.other().name(),
            followed.restored
        ),
    };
    finish(script, truth, node, &followed)
}

fn finish(script: Script<'_>, truth: Truth, node: Node, followed: &Followed) -> Plan {
    let outage = truth.outage.map(|(from, until)| Span { from, until });
    let moves = Some((script.at(followed.back), node.other()));
    Plan {
        items: script.finish(),
        moves,
        outage,
        down: Some((node, followed.down)),
        resync: Some(followed.resync),
        ..Plan::quiet(truth)
    }
}

fn facts(node: Node) -> Vec<(FactKind, String)> {
    let host = format!("host/{}", node.name());
    let (r0, volume) = ("drbd/r0".to_owned(), "drbd/r0/0".to_owned());
    vec![
        (NodeLost, host.clone()),
        (FencingRequested, host.clone()),
        (FencingDone, host.clone()),
        (Failover, "resource/svc-erp".to_owned()),
        (DrbdConnectionLost, r0.clone()),
        (DrbdDegraded, r0.clone()),
        (NodeJoined, host),
        (DrbdResyncStarted, volume.clone()),
        (DrbdResyncDone, volume),
        (DrbdRestored, r0),
    ]
}

/// What the kernel says of a block that can't be read, and DRBD of giving the disk up.
pub(super) fn medium_error(s: &mut Script<'_>, node: Node, sector: u64) {
    let peer = node.other().name();
    let lines = [
        "sd 0:0:0:0: [sda] tag#170 FAILED Result: hostbyte=DID_OK driverbyte=DRIVER_OK cmd_age=9s".to_owned(),
        "sd 0:0:0:0: [sda] tag#170 Sense Key : Medium Error [current]".to_owned(),
        "sd 0:0:0:0: [sda] tag#170 Add. Sense: Unrecovered read error".to_owned(),
        format!("critical medium error, dev sda, sector {sector} op 0x0:(READ) flags 0x800 phys_seg 1 prio class 2"),
        "drbd r0/0 drbd0: disk( UpToDate -> Failed ) [local-io-error]".to_owned(),
        "drbd r0/0 drbd0: Local IO failed in drbd_request_endio. Detaching...".to_owned(),
        format!("drbd r0/0 drbd0: local READ IO error sector {sector}+8 on sda"),
    ];
    for (number, line) in lines.iter().enumerate() {
        s.kernel(number as f64 * 4e-4, node, line);
    }
    s.kernel(0.012, node, &format!("drbd r0/0 drbd0 {peer}: sending new current UUID: 4C1A9E6F03B7D852"));
    s.kernel(0.058, node, "drbd r0/0 drbd0: disk( Failed -> Diskless ) [go-diskless]");
    s.kernel(
        0.065,
        node.other(),
        &format!("drbd r0/0 drbd0 {}: pdsk( UpToDate -> Diskless ) [peer-state]", node.name()),
    );
}

/// An operation of the database's resource failed.
#[expect(clippy::too_many_arguments, reason = "each is a field of the operation, and two callers name them all")]
fn failed(
    s: &mut Script<'_>,
    second: f64,
    node: Node,
    task: &str,
    interval_ms: u64,
    rc: i32,
    status: i32,
    result: &str,
    reason: &str,
) {
    let name = node.name();
    s.syslog(
        second,
        name,
        "pacemaker-controld",
        &format!(" notice: Result of {task} operation for db_ora on {name}: {result} ({reason})"),
    );
    let operation = Operation {
        node: name.to_owned(),
        resource: "db_ora".to_owned(),
        task: task.to_owned(),
        interval_ms,
        rc,
        expected_rc: 0,
        status,
        duration_ms: Some(if status == 2 { 11_000 } else { 210 }),
        result: result.to_owned(),
        reason: reason.to_owned(),
    };
    s.seen(second + 0.005, name, Origin::Alert, Observation::Operation(operation));
    let recorded =
        format!(" warning: Unexpected result ({result}: {reason}) was recorded for {task} of db_ora on {name}");
    s.syslog(second + 0.09, WITNESS, "pacemaker-schedulerd", &recorded);
}

fn scheduled(s: &mut Script<'_>, second: f64, actions: &[&str]) {
    for action in actions {
        s.syslog(second, WITNESS, "pacemaker-schedulerd", &format!(" notice: {action}"));
    }
    let number = s.random.below(900) + 100;
    s.syslog(
        second + 0.01,
        WITNESS,
        "pacemaker-schedulerd",
        &format!(
            " notice: Calculated transition {number}, saving inputs in /var/lib/pacemaker/pengine/pe-input-{number}.bz2"
        ),
    );
}

/// The controller asks for fencing.
fn request(s: &mut Script<'_>, second: f64, node: Node) {
    let (name, other) = (node.name(), node.other().name());
    s.syslog(second - 0.03, WITNESS, "pacemaker-schedulerd", &format!(" warning: Scheduling node {name} for fencing"));
    let moves = format!("Actions: Move       svc-erp    ( {name} -> {other} )");
    scheduled(s, second - 0.02, &[&format!("Actions: Fence (reboot) {name}"), &moves]);
    s.syslog(second, WITNESS, "pacemaker-controld", &format!(" notice: Requesting fencing (reboot) of node {name}"));
    s.syslog(
        second + 0.01,
        WITNESS,
        "pacemaker-fenced",
        &format!(" notice: Client pacemaker-controld.1187 wants to fence (reboot) {name} using any device"),
    );
}

/// What follows when a node has no power from `off` on: its loss, its fencing until `fenced`, the service on the other
/// node, the node's return, the resync.
fn lost(s: &mut Script<'_>, off: f64, fenced: f64, node: Node) -> Followed {
    let (name, other) = (node.name(), node.other());
    let number = s.random.below(400) + 9;
    let survivors = [other.name(), WITNESS];
    for host in survivors {
        let jitter = s.random.between(0.0, 0.02);
        s.syslog(off + TOKEN_WARN + jitter, host, "corosync", "  [TOTEM ] Token has not been received in 2250 ms");
        s.syslog(off + 2.6, host, "corosync", &format!("  [KNET  ] link: host: {} link: 0 is down", node.number()));
        s.syslog(off + TOKEN_LOST + jitter, host, "corosync", "  [TOTEM ] A processor failed, forming new configuration: token timed out (3000ms), waiting 3600ms for consensus.");
        let gone = off + MEMBER_LOST + jitter;
        s.syslog(
            gone,
            host,
            "corosync",
            &format!("  [TOTEM ] A new membership (2.{number}) was formed. Members left: {}", node.number()),
        );
        s.syslog(gone + 0.001, host, "corosync", &format!("  [QUORUM] Members[2]: {} 3", other.number()));
        s.member(gone + 0.01, host, name, false);
        s.quorum(gone + 0.3, host, &format!("2.{number}"), &[other.name(), WITNESS], false);
    }
    s.node(off + MEMBER_LOST + 0.2, name, |node| (node.is_online, node.is_unclean) = (false, true), false);
    disconnected(s, off + MEMBER_LOST + 0.3, other, name);
    for host in survivors {
        let text = format!(
            " notice: Operation 'reboot' targeting {name} by {WITNESS} for pacemaker-controld.1187@{WITNESS}: OK (complete)"
        );
        s.syslog(fenced, host, "pacemaker-fenced", &text);
    }
    let reference = format!(
        "{:08x}-{:04x}-4a51-9c11-{:012x}",
        s.random.below(1 << 32),
        s.random.below(1 << 16),
        s.random.below(1 << 48)
    );
    for (number, host) in survivors.into_iter().enumerate() {
        let done = Fencing {
            reference: reference.clone(),
            target: name.to_owned(),
            action: "reboot".to_owned(),
            delegate: WITNESS.to_owned(),
            client: "pacemaker-controld.1187".to_owned(),
            origin: WITNESS.to_owned(),
            state: FencingState::Done,
            reason: String::new(),
        };
        s.seen(fenced + 0.004 + number as f64 * 0.01, host, Origin::Alert, Observation::Fencing(done));
    }
    s.node(fenced + 0.1, name, |node| node.is_online = false, false);
    let back = start_group(s, fenced + 0.4, other, true, RECOVERY_S);
    s.placed(back + 1.0, other, None, false);
    let boots = off + BOOTS;
    rejoin(s, boots, node, &format!("1.{}", number + 4));
    for task in ["monitor_10000", "stop_0"] {
        s.attribute(boots + 11.3, name, &format!("fail-count-db_ora#{task}"), None);
    }
    let bytes = (s.random.below(900) + 300) << 20;
    let (from, restored) = (boots + 15.0, boots + 15.0 + s.random.between(25.0, 45.0));
    s.resync(from, restored, node, bytes);
    s.placed(from + 2.0, other, Some("Unpromoted"), false);
    Followed {
        back,
        restored: restored + 0.05,
        resync: Resync { to: node, span: s.span(from, restored), bytes },
        down: s.span(off, boots),
    }
}

/// A node's DRBD hears nothing of its peer any more.
fn disconnected(s: &mut Script<'_>, second: f64, node: Node, peer: &str) {
    s.kernel(second, node, &format!("drbd r0 {peer}: PingAck did not arrive in time."));
    s.kernel(
        second + 0.01,
        node,
        &format!("drbd r0 {peer}: conn( Connected -> NetworkFailure ) peer( Primary -> Unknown ) [ping-ack-timeout]"),
    );
    s.kernel(
        second + 0.01,
        node,
        &format!("drbd r0/0 drbd0 {peer}: pdsk( UpToDate -> DUnknown ) repl( Established -> Off )"),
    );
    s.drbd_connection(second + 0.012, node, "NetworkFailure", "Unknown", false);
    s.drbd_peer(second + 0.013, node, "Off", "DUnknown", false);
    s.kernel(second + 0.05, node, &format!("drbd r0 {peer}: helper command: /sbin/drbdadm disconnected"));
    s.kernel(second + 0.9, node, &format!("drbd r0 {peer}: conn( Unconnected -> Connecting ) [connecting]"));
    s.drbd_connection(second + 0.9, node, "Connecting", "Unknown", false);
}
