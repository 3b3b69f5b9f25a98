//! An observation in a sentence.

use orszem_model::observation::{FencingState, Observation};

/// What is seen, in words.
pub(crate) fn say(observation: &Observation) -> String {
    match observation {
        Observation::Member(it) if it.is_member => format!("{} is a member", it.node),
        Observation::Member(it) => format!("{} is lost", it.node),
        Observation::Operation(it) => format!("{} of {} on {}: {}", it.task, it.resource, it.node, it.result),
        Observation::Fencing(it) => {
            let how = match it.state {
                FencingState::Pending => "is under way",
                FencingState::Done => "is done",
                FencingState::Failed => "has failed",
            };
            format!("{} of {} by {} {how}", it.action, it.target, it.delegate)
        }
        Observation::NodeAttribute(it) => {
            format!("{} of {} is {}", it.attribute, it.node, it.value.as_deref().unwrap_or("not set"))
        }
        Observation::NodeState(it) => {
            let all = [
                (it.is_online, "online"),
                (!it.is_online, "offline"),
                (it.is_standby, "standby"),
                (it.is_unclean, "unclean"),
            ];
            let words: Vec<&str> = all.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            format!("node {} is {}", it.node, words.join(", "))
        }
        Observation::Placement(it) => {
            let nodes: Vec<String> = it.nodes.iter().map(|(node, role)| format!("{role} on {node}")).collect();
            let where_ = if nodes.is_empty() { "stopped".to_owned() } else { nodes.join(", ") };
            format!("{} is {where_}", it.resource)
        }
        Observation::FailCount(it) => format!("{} has failed {} times on {}", it.resource, it.count, it.node),
        Observation::ClusterState(it) => format!("cluster {}: the controller is {}", it.name, it.dc),
        Observation::Ban(it) => format!("constraint {} of {} on {}", it.id, it.resource, it.node),
        Observation::QuorumState(it) => {
            let has = if it.is_quorate { "quorate" } else { "not quorate" };
            format!("{has} with {}", it.members.join(", "))
        }
        Observation::LinkState(it) => {
            format!("link {} to {} is {}", it.link, it.peer, if it.is_connected { "up" } else { "down" })
        }
        Observation::WitnessState(it) => {
            format!("the quorum device is {}", if it.is_connected { "connected" } else { "away" })
        }
        Observation::DrbdResource(it) if it.is_gone => format!("{} is down here", it.resource),
        Observation::DrbdResource(it) => format!("{} is {} here", it.resource, it.role),
        Observation::DrbdDevice(it) => format!("{}/{}: the disk is {}", it.resource, it.volume, it.disk),
        Observation::DrbdConnection(it) => format!("{}: {} to {}", it.resource, it.connection, it.peer),
        Observation::DrbdPeerDevice(it) => {
            let rest = it.out_of_sync_bytes.filter(|bytes| *bytes > 0);
            let rest = rest.map(|bytes| format!(", {} MiB to go", bytes >> 20)).unwrap_or_default();
            format!(
                "{}/{}: {} to {}, whose disk is {}{rest}",
                it.resource, it.volume, it.replication, it.peer, it.peer_disk
            )
        }
        Observation::DrbdHelper(it) => format!("{}: helper {} is called", it.resource, it.helper),
    }
}
