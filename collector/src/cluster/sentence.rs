//! An observation in a short sentence, and how grave it is.

use std::fmt::Write;

use orszem_model::Severity;
use orszem_model::observation::{
    DrbdConnection, DrbdDevice, DrbdPeerDevice, DrbdResource, FencingState, INFINITY, LinkState, NodeState,
    Observation, Operation, Placement, QuorumState, WitnessState,
};

/// Handlers that DRBD calls in its course; all others mean trouble.
const USUAL_HELPERS: [&str; 7] = [
    "before-resync-source",
    "before-resync-target",
    "after-resync-target",
    "unfence-peer",
    "fence-peer",
    "disconnected",
    "initial-split-brain",
];

/// The sentence, without a full stop.
pub(super) fn of(observation: &Observation) -> String {
    match observation {
        Observation::Member(it) => {
            format!("node {} {}", it.node, if it.is_member { "is a member of the cluster" } else { "is lost" })
        }
        Observation::Operation(it) => operation(it),
        Observation::Fencing(it) => {
            let action = if it.action.is_empty() { "fencing" } else { &it.action };
            let by = if it.delegate.is_empty() { String::new() } else { format!(" by {}", it.delegate) };
            let how = match it.state {
                FencingState::Pending => "is under way",
                FencingState::Done => "is done",
                FencingState::Failed => "has failed",
            };
            format!("fencing: {action} of {}{by} {how}{}", it.target, because(&it.reason))
        }
        Observation::NodeAttribute(it) => match &it.value {
            Some(value) => format!("node {} has {}={value}", it.node, it.attribute),
            None => format!("node {} has no {} any more", it.node, it.attribute),
        },
        Observation::NodeState(it) => node(it),
        Observation::Placement(it) => placement(it),
        Observation::FailCount(it) => {
            let (count, threshold) = (times(it.count), times(it.threshold));
            format!("fail count of {} on {} is {count} of {threshold}", it.resource, it.node)
        }
        Observation::ClusterState(it) => {
            let quorum = if it.has_quorum { "with quorum" } else { "without quorum" };
            let dc = if it.dc.is_empty() { "no DC".to_owned() } else { format!("DC {}", it.dc) };
            let mut text = format!("cluster {}: {dc}, {quorum}", it.name).replace("cluster :", "cluster:");
            text.push_str(if it.is_maintenance { ", in maintenance" } else { "" });
            text.push_str(if it.is_fencing_enabled { "" } else { ", fencing is off" });
            text
        }
        Observation::Ban(it) => {
            let how = if it.is_there { "keeps" } else { "no longer keeps" };
            format!("constraint {} {how} {} off {} ({})", it.id, it.resource, it.node, it.weight)
        }
        Observation::QuorumState(it) => quorum(it),
        Observation::LinkState(LinkState { peer, link, is_connected, is_gone }) => {
            let to = if peer.is_empty() { String::new() } else { format!(" to {peer}") };
            let how = state(*is_gone, if *is_connected { "connected" } else { "down" });
            format!("corosync link {link}{to} is {how}")
        }
        Observation::WitnessState(it) => witness(it),
        Observation::DrbdResource(DrbdResource { resource, role, suspended, is_gone }) => {
            let mut text = format!("{resource} is {}", state(*is_gone, role));
            if !suspended.is_empty() {
                put(&mut text, format_args!(", suspended: {}", suspended.join(", ")));
            }
            text
        }
        Observation::DrbdDevice(it) => {
            let quorum = if it.has_quorum || it.is_gone { "" } else { ", without quorum" };
            format!("{}/{} disk is {}{quorum}", it.resource, it.volume, state(it.is_gone, &it.disk))
        }
        Observation::DrbdConnection(DrbdConnection { resource, peer, connection, peer_role, is_gone }) => {
            let role = if peer_role.is_empty() || *is_gone { String::new() } else { format!(", peer is {peer_role}") };
            format!("{resource} connection to {peer} is {}{role}", state(*is_gone, connection))
        }
        Observation::DrbdPeerDevice(it) => peer_device(it),
        Observation::DrbdHelper(it) => {
            let volume = it.volume.map(|volume| format!("/{volume}")).unwrap_or_default();
            let peer = if it.peer.is_empty() { String::new() } else { format!(" for {}", it.peer) };
            match it.exit {
                Some(exit) => format!("{}{volume} handler {}{peer} has ended with {exit}", it.resource, it.helper),
                None => format!("{}{volume} handler {}{peer} is called", it.resource, it.helper),
            }
        }
    }
}

/// How grave it is for whoever runs the cluster.
pub(super) fn severity(observation: &Observation) -> Severity {
    let of = |is_wrong: bool, wrong: Severity| if is_wrong { wrong } else { Severity::INFO };
    match observation {
        Observation::Member(it) => of(!it.is_member, Severity::ERROR),
        Observation::Operation(it) => of(it.has_failed(), Severity::ERROR),
        Observation::Fencing(it) => match it.state {
            FencingState::Failed => Severity::ERROR,
            FencingState::Pending | FencingState::Done => Severity::WARN,
        },
        Observation::NodeAttribute(it) => {
            of(it.attribute.starts_with("fail-count-") && it.value.is_some(), Severity::WARN)
        }
        Observation::NodeState(it) if it.is_unclean => Severity::ERROR,
        Observation::NodeState(it) => {
            of(!it.is_online || it.is_standby || it.is_maintenance || it.is_gone, Severity::WARN)
        }
        Observation::Placement(it) if it.is_failed || it.is_blocked => Severity::ERROR,
        Observation::Placement(it) => of(!it.is_managed || it.is_orphaned, Severity::WARN),
        Observation::FailCount(it) if it.count > 0 && it.count >= it.threshold => Severity::ERROR,
        Observation::FailCount(it) => of(it.count > 0, Severity::WARN),
        Observation::ClusterState(it) if !it.has_quorum => Severity::ERROR,
        Observation::ClusterState(it) => of(it.is_maintenance || it.dc.is_empty(), Severity::WARN),
        Observation::Ban(it) => of(it.is_there, Severity::WARN),
        Observation::QuorumState(it) => of(!it.is_quorate, Severity::ERROR),
        Observation::LinkState(it) => of(!it.is_connected, Severity::WARN),
        Observation::WitnessState(it) => of(it.is_configured && !(it.is_connected && it.is_voting), Severity::WARN),
        Observation::DrbdResource(it) => of(!it.suspended.is_empty(), Severity::ERROR),
        Observation::DrbdDevice(it) => disk(it),
        Observation::DrbdConnection(it) => match it.connection.as_str() {
            "StandAlone" => Severity::ERROR,
            "Connected" => Severity::INFO,
            _ => of(!it.is_gone, Severity::WARN),
        },
        Observation::DrbdPeerDevice(it) => of(it.peer_disk == "Failed", Severity::WARN),
        Observation::DrbdHelper(it) => {
            of(!USUAL_HELPERS.contains(&it.helper.as_str()) && it.exit.is_none(), Severity::ERROR)
        }
    }
}

fn disk(it: &DrbdDevice) -> Severity {
    if it.is_gone {
        return Severity::INFO;
    }
    match it.disk.as_str() {
        "Failed" => Severity::ERROR,
        "Diskless" if !it.is_client => Severity::ERROR,
        _ if !it.has_quorum => Severity::ERROR,
        "Inconsistent" | "Outdated" => Severity::WARN,
        _ => Severity::INFO,
    }
}

fn operation(it: &Operation) -> String {
    let Operation { node, resource, task, rc, expected_rc, status, result, .. } = it;
    let how = match (it.has_succeeded(), it.has_failed()) {
        (true, _) => "has succeeded",
        (false, true) => "has failed",
        (false, false) => "was cancelled",
    };
    let mut text = format!("{task} of {resource} on {node} {how}");
    if it.has_failed() {
        let result = if result.is_empty() { String::new() } else { format!("{result}, ") };
        put(&mut text, format_args!(": {result}rc={rc}, expected {expected_rc}, status={status}"));
        text.push_str(&because(&it.reason));
    } else if let Some(took) = it.duration_ms.filter(|_| it.has_succeeded()) {
        put(&mut text, format_args!(" in {took} ms"));
    }
    text
}

fn node(it: &NodeState) -> String {
    if it.is_gone {
        return format!("node {} was removed", it.node);
    }
    let words = [
        (it.is_online, "online"),
        (!it.is_online, "offline"),
        (it.is_unclean, "unclean"),
        (it.is_pending, "pending"),
        (it.is_standby, "standby"),
        (it.is_maintenance, "maintenance"),
        (it.is_shutdown, "shutting down"),
        (it.is_dc, "DC"),
    ];
    let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    format!("node {} is {}", it.node, words.join(", "))
}

fn placement(it: &Placement) -> String {
    if it.is_gone {
        return format!("resource {} was removed", it.resource);
    }
    let places: Vec<String> = it.nodes.iter().map(|(node, role)| format!("{role} on {node}")).collect();
    let mut text = match places.is_empty() {
        true => format!("resource {} is stopped", it.resource),
        false => format!("resource {} is {}", it.resource, places.join(", ")),
    };
    let marks = [
        (it.is_failed, ", failed"),
        (it.is_blocked, ", blocked"),
        (!it.is_managed, ", unmanaged"),
        (it.is_orphaned, ", orphaned"),
    ];
    marks.iter().filter(|(is, _)| *is).for_each(|(_, mark)| text.push_str(mark));
    text
}

fn quorum(it: &QuorumState) -> String {
    let has = if it.is_quorate { "quorum" } else { "no quorum" };
    let QuorumState { votes, expected_votes, quorum, .. } = it;
    let members = it.members.join(", ");
    format!("{has}: {votes} of {expected_votes} votes, {quorum} are needed; members {members}")
}

fn witness(it: &WitnessState) -> String {
    if !it.is_configured {
        return "no quorum device is configured".to_owned();
    }
    let connected = if it.is_connected { "connected" } else { "not connected" };
    let voting = if it.is_voting { "votes" } else { "does not vote" };
    format!("the quorum device is {connected} and {voting}")
}

fn peer_device(it: &DrbdPeerDevice) -> String {
    let mut text = format!("{}/{} to {} is {}", it.resource, it.volume, it.peer, state(it.is_gone, &it.replication));
    if it.is_gone {
        return text;
    }
    if !it.peer_disk.is_empty() {
        put(&mut text, format_args!(", peer disk {}", it.peer_disk));
    }
    if let Some(done) = it.done {
        put(&mut text, format_args!(", {}.{:02} % in sync", done / 100, done % 100));
    }
    if let Some(eta) = it.eta_s {
        put(&mut text, format_args!(", {eta} s left"));
    }
    text
}

/// Writing to a text does not fail.
fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    if text.write_fmt(more).is_err() {
        text.push('…');
    }
}

fn state(is_gone: bool, word: &str) -> &str {
    match (is_gone, word.is_empty()) {
        (true, _) => "gone",
        (false, true) => "not known",
        (false, false) => word,
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn times(count: u32) -> String {
    if count >= INFINITY { "INFINITY".to_owned() } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use orszem_model::observation::{Ban, DrbdHelper, Fencing, Member};

    use super::*;

    #[test]
    fn sentences_and_how_grave_they_are() {
        let word = |text: &str| text.to_owned();
        let operation = |rc, status| {
            Observation::Operation(Operation {
                node: word("n1"),
                resource: word("vip"),
                task: word("start"),
                rc,
                status,
                duration_ms: Some(12),
                result: word("error"),
                ..Operation::default()
            })
        };
        let volume = |disk: &str, is_client| {
            Observation::DrbdDevice(DrbdDevice {
                resource: word("r0"),
                disk: word(disk),
                is_client,
                has_quorum: true,
                ..DrbdDevice::default()
            })
        };
        let resync = DrbdPeerDevice {
            resource: word("r0"),
            peer: word("n2"),
            replication: word("SyncSource"),
            peer_disk: word("Inconsistent"),
            done: Some(1_850),
            eta_s: Some(69),
            ..DrbdPeerDevice::default()
        };
        let fencing = Fencing {
            reference: word("r"),
            target: word("n2"),
            action: word("reboot"),
            delegate: word("n1"),
            client: String::new(),
            origin: String::new(),
            state: FencingState::Failed,
            reason: word("No data available"),
        };
        let helper = |helper: &str, exit| {
            Observation::DrbdHelper(DrbdHelper {
                resource: word("r0"),
                helper: word(helper),
                exit,
                ..Default::default()
            })
        };
        let ban =
            Ban { id: word("cli-ban"), resource: word("vip"), node: word("n1"), weight: -1_000_000, is_there: true };
        let node = NodeState { node: word("n2"), is_unclean: true, ..NodeState::default() };
        for (observation, expected, severity_expected) in [
            (Observation::Member(Member { node: word("n2"), is_member: false }), "node n2 is lost", Severity::ERROR),
            (operation(0, 0), "start of vip on n1 has succeeded in 12 ms", Severity::INFO),
            (operation(1, 1), "start of vip on n1 was cancelled", Severity::INFO),
            (operation(1, 0), "start of vip on n1 has failed: error, rc=1, expected 0, status=0", Severity::ERROR),
            (
                Observation::Fencing(fencing),
                "fencing: reboot of n2 by n1 has failed: No data available",
                Severity::ERROR,
            ),
            (Observation::NodeState(node), "node n2 is offline, unclean", Severity::ERROR),
            (Observation::Ban(ban), "constraint cli-ban keeps vip off n1 (-1000000)", Severity::WARN),
            (volume("Diskless", false), "r0/0 disk is Diskless", Severity::ERROR),
            (volume("Diskless", true), "r0/0 disk is Diskless", Severity::INFO),
            (
                Observation::DrbdPeerDevice(resync),
                "r0/0 to n2 is SyncSource, peer disk Inconsistent, 18.50 % in sync, 69 s left",
                Severity::INFO,
            ),
            (helper("split-brain", None), "r0 handler split-brain is called", Severity::ERROR),
            (helper("split-brain", Some(0)), "r0 handler split-brain has ended with 0", Severity::INFO),
            (helper("before-resync-target", None), "r0 handler before-resync-target is called", Severity::INFO),
        ] {
            assert_eq!((of(&observation).as_str(), severity(&observation)), (expected, severity_expected));
        }
    }
}
