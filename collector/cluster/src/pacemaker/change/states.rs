//! The states in a status, and which of them are other than before.

use std::collections::BTreeMap;

use orszem_model::observation::{
    Ban, ClusterState, FailCount, INFINITY, NodeAttribute, NodeState, Observation, Placement,
};

use crate::pacemaker::status::{self, Resource, Status};
use crate::pacemaker::{LEFT_BEHIND, role};

/// What was last told.
#[derive(Clone, Debug, Default)]
pub(super) struct States {
    cluster: Option<ClusterState>,
    nodes: BTreeMap<String, NodeState>,
    placements: BTreeMap<String, Placement>,
    fail_counts: BTreeMap<(String, String), FailCount>,
    attributes: BTreeMap<(String, String), NodeAttribute>,
    bans: BTreeMap<(String, String), Ban>,
}

impl States {
    /// What is other in this status. Nodes and resources are kept where it tells of none at all.
    pub(super) fn step(&mut self, status: &Status) -> Vec<Observation> {
        let mut told = Vec::new();
        let cluster = cluster(status);
        if self.cluster.as_ref() != Some(&cluster) {
            told.push(Observation::ClusterState(cluster.clone()));
            self.cluster = Some(cluster);
        }
        if !status.nodes.is_empty() {
            let gone = |node: &NodeState| NodeState { node: node.node.clone(), is_gone: true, ..NodeState::default() };
            told.extend(changes(&mut self.nodes, nodes(status), gone).into_iter().map(Observation::NodeState));
        }
        if !status.resources.is_empty() || status.summary.resources_configured == 0 {
            let gone = |placement: &Placement| Placement {
                resource: placement.resource.clone(),
                is_gone: true,
                ..Placement::default()
            };
            told.extend(
                changes(&mut self.placements, placements(status), gone).into_iter().map(Observation::Placement),
            );
        }
        let zero = |count: &FailCount| FailCount { count: 0, ..count.clone() };
        told.extend(changes(&mut self.fail_counts, fail_counts(status), zero).into_iter().map(Observation::FailCount));
        let unset = |attribute: &NodeAttribute| NodeAttribute { value: None, ..attribute.clone() };
        let set = changes(&mut self.attributes, attributes(status), unset);
        told.extend(set.into_iter().map(Observation::NodeAttribute));
        let lifted = |ban: &Ban| Ban { is_there: false, ..ban.clone() };
        told.extend(changes(&mut self.bans, bans(status), lifted).into_iter().map(Observation::Ban));
        told
    }
}

/// What is new or other, and what `gone` says of what is no longer there.
fn changes<K: Ord, V: PartialEq + Clone>(
    before: &mut BTreeMap<K, V>,
    now: BTreeMap<K, V>,
    gone: impl Fn(&V) -> V,
) -> Vec<V> {
    let left = before.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(_, value)| gone(value));
    let other = now.iter().filter(|(key, value)| before.get(*key) != Some(*value)).map(|(_, value)| value.clone());
    let changes = left.chain(other).collect();
    *before = now;
    changes
}

fn cluster(status: &Status) -> ClusterState {
    let summary = &status.summary;
    ClusterState {
        name: status.cluster_name.clone(),
        dc: summary.dc.clone(),
        has_quorum: summary.has_quorum,
        is_maintenance: summary.is_maintenance,
        is_fencing_enabled: summary.is_fencing_enabled,
        changed: summary.changed_text.clone(),
        changed_by: summary.changed_by.clone(),
        version: summary.version.clone(),
    }
}

fn nodes(status: &Status) -> BTreeMap<String, NodeState> {
    let state = |node: &status::Node| NodeState {
        node: node.name.clone(),
        kind: node.kind.clone(),
        is_online: node.is_online,
        is_standby: node.is_standby || node.is_standby_on_fail,
        is_maintenance: node.is_maintenance,
        is_pending: node.is_pending,
        is_unclean: node.is_unclean,
        is_shutdown: node.is_shutdown,
        is_dc: node.is_dc,
        health: node.health.clone(),
        is_gone: false,
    };
    status.nodes.iter().map(|node| (node.name.clone(), state(node))).collect()
}

/// The instances of a clone together are one placement.
fn placements(status: &Status) -> BTreeMap<String, Placement> {
    let mut placements: BTreeMap<String, Placement> = BTreeMap::new();
    for resource in &status.resources {
        let placement = placements.entry(resource.id.clone()).or_insert_with(|| Placement {
            resource: resource.id.clone(),
            parent: resource.parent().to_owned(),
            agent: resource.agent.replace("::", ":"),
            is_managed: true,
            target_role: target_role(resource),
            ..Placement::default()
        });
        placement.is_managed &= resource.is_managed;
        placement.is_blocked |= resource.is_blocked;
        placement.is_failed |= resource.is_failed;
        placement.is_orphaned |= resource.is_orphaned;
        placement.nodes.extend(status.places(resource).map(|node| (node.to_owned(), resource.role().to_owned())));
    }
    for placement in placements.values_mut() {
        placement.nodes.sort();
        placement.nodes.dedup();
    }
    placements
}

/// Empty for what is meant to run.
fn target_role(resource: &Resource) -> String {
    match role(&resource.target_role) {
        "Stopped" => "Stopped".to_owned(),
        "Unpromoted" => "Unpromoted".to_owned(),
        "" if resource.is_parent_disabled => "Stopped".to_owned(),
        _ => String::new(),
    }
}

/// Those above zero. Instances of a clone on one node count as the worst of them.
fn fail_counts(status: &Status) -> BTreeMap<(String, String), FailCount> {
    let mut counts: BTreeMap<(String, String), FailCount> = BTreeMap::new();
    for history in status.history.iter().filter(|history| history.fail_count > 0) {
        let count = counts.entry((history.node.clone(), history.resource.clone())).or_insert_with(|| FailCount {
            node: history.node.clone(),
            resource: history.resource.clone(),
            count: 0,
            threshold: INFINITY,
        });
        count.count = count.count.max(history.fail_count);
        count.threshold = count.threshold.min(history.migration_threshold);
    }
    counts
}

fn attributes(status: &Status) -> BTreeMap<(String, String), NodeAttribute> {
    let of = |attribute: &status::Attribute| NodeAttribute {
        node: attribute.node.clone(),
        attribute: attribute.name.clone(),
        value: Some(attribute.value.clone()),
    };
    status
        .attributes
        .iter()
        .map(|attribute| ((attribute.node.clone(), attribute.name.clone()), of(attribute)))
        .collect()
}

/// Those that a command left behind; others are configuration.
fn bans(status: &Status) -> BTreeMap<(String, String), Ban> {
    let of = |ban: &status::Ban| Ban {
        id: ban.id.clone(),
        resource: ban.resource.clone(),
        node: ban.node.clone(),
        weight: ban.weight,
        is_there: true,
    };
    let left = status.bans.iter().filter(|ban| ban.id.starts_with(LEFT_BEHIND));
    left.map(|ban| ((ban.id.clone(), ban.node.clone()), of(ban))).collect()
}
