//! A disk fails and nobody notices: DRBD goes on over the network.

use orszem_model::FactKind::{
    DrbdDegraded, DrbdDiskBack, DrbdDiskFailed, DrbdRestored, DrbdResyncDone, DrbdResyncStarted,
};

use super::failover::medium_error;
use crate::hosts::Node;
use crate::plan::{Plan, Resync};
use crate::script::Script;
use crate::truth::{Story, Truth};

/// When the disk has been replaced.
const REPLACED: f64 = 70.0;

pub(super) fn detach(mut script: Script<'_>, node: Node) -> Plan {
    let s = &mut script;
    let (name, other) = (node.name(), node.other());
    let sector = s.random.below(120_000_000);
    medium_error(s, node, sector);
    s.drbd_disk(0.003, node, "Failed", false);
    s.drbd_peer(0.01, other, "Established", "Failed", false);
    s.drbd_disk(0.06, node, "Diskless", false);
    s.drbd_peer(0.07, other, "Established", "Diskless", false);
    s.attribute(2.1, name, "master-drbd_r0", Some("10"));

    s.kernel(REPLACED - 4.0, node, "sd 0:0:0:0: [sda] Synchronizing SCSI cache");
    s.kernel(REPLACED - 2.0, node, "sd 0:0:0:0: [sda] Attached SCSI disk");
    s.kernel(REPLACED, node, "drbd r0/0 drbd0: disk( Diskless -> Attaching ) [attach]");
    s.drbd_disk(REPLACED, node, "Attaching", false);
    s.kernel(REPLACED + 0.2, node, "drbd r0/0 drbd0: disk( Attaching -> Inconsistent ) [attach]");
    s.drbd_disk(REPLACED + 0.2, node, "Inconsistent", false);
    let (from, until) = (REPLACED + 0.4, REPLACED + s.random.between(40.0, 70.0));
    let bytes = (s.random.below(3_000) + 2_000) << 20;
    s.resync(from, until, node, bytes);
    s.attribute(until + 2.0, name, "master-drbd_r0", Some("10000"));
    let volume = || "drbd/r0/0".to_owned();
    let truth = Truth {
        story: Story::DiskDetach,
        from: s.at(0.0),
        until: s.at(until + 0.05),
        root_cause: format!("disk/{name}/sda"),
        outage: None,
        service_away_ms: None,
        moved: None,
        expected: vec![
            (DrbdDiskFailed, volume()),
            (DrbdDegraded, "drbd/r0".to_owned()),
            (DrbdDiskBack, volume()),
            (DrbdResyncStarted, volume()),
            (DrbdResyncDone, volume()),
            (DrbdRestored, "drbd/r0".to_owned()),
        ],
        text: format!(
            "the disk sda of {name} failed; DRBD detached it and the service went on over the network from {}; \
             redundancy was restored after {until:.0} s",
            other.name()
        ),
    };
    let (slow, diskless) = (s.span(-60.0, 0.0), s.span(0.05, REPLACED));
    let resync = Resync { to: node, span: s.span(from, until), bytes };
    Plan {
        slow: Some((node, slow, 0.9)),
        diskless: Some((node, diskless)),
        resync: Some(resync),
        items: script.finish(),
        ..Plan::quiet(truth)
    }
}
