//! The active node is set to standby for maintenance, and comes back.

use orszem_model::FactKind::{NodeActive, NodeStandby, Switchover};

use super::starts::{bring_up, start_group};
use crate::hosts::{Node, WITNESS};
use crate::plan::{Plan, Resync, Span};
use crate::script::Script;
use crate::truth::{Story, Truth};

/// When the node is taken back.
const BACK: f64 = 95.0;

pub(super) fn standby(mut script: Script<'_>, node: Node) -> Plan {
    let s = &mut script;
    let (name, other) = (node.name(), node.other());
    s.syslog(-0.6, name, "sudo", "  admin : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/sbin/crm node standby");
    s.syslog(0.05, WITNESS, "pacemaker-controld", " notice: State transition S_IDLE -> S_POLICY_ENGINE");
    s.syslog(
        0.08,
        WITNESS,
        "pacemaker-schedulerd",
        &format!(" notice: Actions: Move       svc-erp    ( {name} -> {} )", other.name()),
    );
    s.done(0.4, name, "lsn_ora", "stop", 260);
    s.alert_log(0.6, node, "Shutting down instance (immediate) (OS id: 9120)");
    s.alert_log(3.3, node, "ALTER DATABASE CLOSE NORMAL\nCompleted: ALTER DATABASE CLOSE NORMAL");
    s.alert_log(4.2, node, "Instance shutdown complete (OS id: 9120)");
    s.done(4.4, name, "db_ora", "stop", 3_950);
    s.kernel(4.7, node, "XFS (drbd0): Unmounting Filesystem");
    s.done(4.9, name, "fs_ora", "stop", 430);
    s.done(5.1, name, "vip_erp", "stop", 90);
    s.kernel(5.25, node, "drbd r0: role( Primary -> Secondary ) [secondary]");
    s.drbd_role(5.26, node, "Secondary", false);
    s.done(5.3, name, "drbd_r0", "demote", 160);
    s.node(5.35, name, |node| node.is_standby = true, false);
    down(s, 5.5, node);
    s.done(5.8, name, "drbd_r0", "stop", 410);
    let back = start_group(s, 6.3, other, false, 7.4);
    s.placed(back + 1.0, other, None, false);

    s.syslog(
        BACK - 0.4,
        name,
        "sudo",
        "  admin : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/sbin/crm node online",
    );
    s.node(BACK, name, |_| {}, false);
    bring_up(s, BACK + 0.5, node);
    let (from, until) = (BACK + 1.6, BACK + 1.6 + s.random.between(9.0, 20.0));
    let bytes = (s.random.below(200) + 60) << 20;
    s.resync(from, until, node, bytes);
    s.placed(from + 2.0, other, Some("Unpromoted"), false);

    let outage = (s.at(0.3), s.at(back + 0.7));
    let truth = Truth {
        story: Story::Standby,
        from: s.at(0.0),
        until: s.at(until + 0.05),
        root_cause: String::new(),
        outage: Some(outage),
        service_away_ms: Some(((back - 0.4 + 0.26) * 1e3) as u64),
        moved: Some((name, other.name())),
        expected: vec![
            (NodeStandby, format!("host/{name}")),
            (Switchover, "resource/svc-erp".to_owned()),
            (NodeActive, format!("host/{name}")),
        ],
        text: format!("{name} was set to standby; the service went to {} in order, away for {back:.0} s", other.name()),
    };
    let resync = Resync { to: node, span: s.span(from, until), bytes };
    let standby = (node, s.span(5.3, BACK));
    let moves = (s.at(back), other);
    Plan {
        outage: Some(Span { from: outage.0, until: outage.1 }),
        moves: Some(moves),
        standby: Some(standby),
        resync: Some(resync),
        items: script.finish(),
        ..Plan::quiet(truth)
    }
}

/// DRBD is taken down on a node.
fn down(s: &mut Script<'_>, second: f64, node: Node) {
    let (name, other) = (node.name(), node.other());
    s.kernel(
        second,
        other,
        &format!("drbd r0 {name}: conn( Connected -> TearDown ) peer( Secondary -> Unknown ) [down]"),
    );
    s.kernel(
        second,
        other,
        &format!("drbd r0/0 drbd0 {name}: pdsk( UpToDate -> Outdated ) repl( Established -> Off ) [down]"),
    );
    s.drbd_connection(second + 0.01, other, "TearDown", "Unknown", false);
    s.drbd_peer(second + 0.01, other, "Off", "Outdated", false);
    s.kernel(second + 0.1, node, "drbd r0/0 drbd0: disk( UpToDate -> Detaching ) [down]");
    s.drbd_peer(second + 0.1, node, "", "", false);
    s.drbd_connection(second + 0.11, node, "", "", false);
    s.drbd_disk(second + 0.12, node, "", false);
    s.drbd_role(second + 0.13, node, "", false);
    s.drbd_connection(second + 0.3, other, "Connecting", "Unknown", false);
}
