//! Samples of a cluster's status and configuration.
//!
//! `ha_cluster_pacemaker_*` have the names, labels and values of ClusterLabs' ha_cluster_exporter, so that its
//! dashboards and rules work; what it lacks is called `orszem_pacemaker_*`, in base units.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use orszem_model::observation::INFINITY;
use orszem_model::time::NANOS_PER_SECOND;

use super::cib::Configuration;
use super::status::{FenceStatus, Resource, Status};
use crate::metrics::{Family, Sample, flag};

static NODES: Family = Family::gauge(
    "ha_cluster_pacemaker_nodes",
    "The status of each node in the cluster; 1 means the node is in that status, 0 otherwise",
);
static NODE_ATTRIBUTES: Family =
    Family::gauge("ha_cluster_pacemaker_node_attributes", "Metadata attributes of each node; value is always 1");
static RESOURCES: Family = Family::gauge(
    "ha_cluster_pacemaker_resources",
    "The status of each resource in the cluster; 1 means the resource is in that status, 0 otherwise",
);
static STONITH_ENABLED: Family =
    Family::gauge("ha_cluster_pacemaker_stonith_enabled", "Whether or not stonith is enabled");
static MAINTENANCE: Family = Family::gauge(
    "ha_cluster_pacemaker_maintenance_mode_enabled",
    "Whether or not cluster wide maintenance-mode is enabled",
);
static FAIL_COUNT: Family =
    Family::gauge("ha_cluster_pacemaker_fail_count", "The Fail count number per node and resource id");
static MIGRATION_THRESHOLD: Family = Family::gauge(
    "ha_cluster_pacemaker_migration_threshold",
    "The migration_threshold number per node and resource id",
);
static LAST_CHANGE: Family = Family::counter(
    "ha_cluster_pacemaker_config_last_change",
    "The timestamp of the last change of the cluster configuration",
);
static LOCATIONS: Family = Family::gauge(
    "ha_cluster_pacemaker_location_constraints",
    "Resource location constraints. The value indicates the score.",
);
static QUORATE: Family =
    Family::gauge("orszem_pacemaker_quorate", "Whether the designated controller has quorum; 0 without one");
static FAILURES: Family =
    Family::gauge("orszem_pacemaker_failed_operations", "Failed operations that are not cleaned up");
static DURATION: Family =
    Family::gauge("orszem_pacemaker_operation_duration_seconds", "How long the last run of an operation took")
        .of("seconds");
static RUNNING: Family = Family::gauge(
    "orszem_pacemaker_resource_running",
    "On how many nodes a resource is active for certain, by role; unclean nodes do not count",
);
static FENCINGS: Family =
    Family::gauge("orszem_pacemaker_fencings", "Fencings that the cluster remembers, by target, action and result");
static BANS: Family =
    Family::gauge("orszem_pacemaker_bans", "Constraints that keep a resource from nodes, left behind by a command");
static TICKETS: Family = Family::gauge("orszem_pacemaker_ticket_granted", "Whether a ticket is granted");

/// All samples of a status, and of the configuration where it is known.
pub fn samples(status: &Status, configuration: Option<&Configuration>) -> Vec<Sample> {
    let mut samples = Vec::new();
    cluster(status, &mut samples);
    nodes(status, &mut samples);
    resources(status, &mut samples);
    history(status, &mut samples);
    counted(status, &mut samples);
    samples.extend(configuration.into_iter().flat_map(locations));
    samples
}

fn cluster(status: &Status, samples: &mut Vec<Sample>) {
    let summary = &status.summary;
    samples.push(Sample::new(&STONITH_ENABLED, &[], flag(summary.is_fencing_enabled)));
    samples.push(Sample::new(&MAINTENANCE, &[], flag(summary.is_maintenance)));
    samples.push(Sample::new(&QUORATE, &[], flag(summary.has_quorum)));
    if let Some(changed) = summary.changed {
        // Whole seconds, exact below 2⁵³.
        samples.push(Sample::new(&LAST_CHANGE, &[], changed.0.div_euclid(NANOS_PER_SECOND) as f64));
    }
    for ticket in &status.tickets {
        samples.push(Sample::new(&TICKETS, &[("ticket", &ticket.id)], flag(ticket.is_granted)));
    }
}

fn nodes(status: &Status, samples: &mut Vec<Sample>) {
    for node in &status.nodes {
        for (word, is) in [
            ("online", node.is_online),
            ("standby", node.is_standby),
            ("standby_onfail", node.is_standby_on_fail),
            ("maintenance", node.is_maintenance),
            ("pending", node.is_pending),
            ("unclean", node.is_unclean),
            ("shutdown", node.is_shutdown),
            ("expected_up", node.is_expected_up),
            ("dc", node.is_dc),
        ] {
            let labels = [("node", node.name.as_str()), ("type", &node.kind), ("status", word)];
            samples.push(Sample::new(&NODES, &labels, flag(is)));
        }
    }
    for attribute in &status.attributes {
        let labels = [("node", attribute.node.as_str()), ("name", &attribute.name), ("value", &attribute.value)];
        samples.push(Sample::new(&NODE_ATTRIBUTES, &labels, 1.0));
    }
}

/// One of each set of labels: the stopped instances of a clone have the same.
fn resources(status: &Status, samples: &mut Vec<Sample>) {
    let mut all: BTreeMap<Vec<(&'static str, String)>, f64> = BTreeMap::new();
    let mut running: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for resource in &status.resources {
        let nodes: Vec<&str> = resource.nodes.iter().map(|place| place.node.as_str()).collect();
        for node in if nodes.is_empty() { vec![""] } else { nodes } {
            for (labels, is) in statuses(resource, node) {
                let value = all.entry(labels).or_default();
                *value = value.max(flag(is));
            }
        }
        for _ in status.places(resource) {
            *running.entry((&resource.id, resource.role())).or_default() += 1;
        }
    }
    samples.extend(all.into_iter().map(|(labels, value)| Sample { family: &RESOURCES, labels, value }));
    for ((resource, role), count) in running {
        let labels = [("resource", resource), ("role", &role.to_lowercase())];
        samples.push(Sample::new(&RUNNING, &labels, f64::from(count)));
    }
}

fn statuses(resource: &Resource, node: &str) -> [(Vec<(&'static str, String)>, bool); 5] {
    let labels = |status: &str| {
        vec![
            ("node", node.to_owned()),
            ("resource", resource.id.clone()),
            ("role", resource.role.to_lowercase()),
            ("managed", resource.is_managed.to_string()),
            ("status", status.to_owned()),
            ("agent", resource.agent.clone()),
            ("group", resource.group.clone()),
            ("clone", resource.clone.clone()),
        ]
    };
    [
        (labels("active"), resource.is_active),
        (labels("orphaned"), resource.is_orphaned),
        (labels("blocked"), resource.is_blocked),
        (labels("failed"), resource.is_failed),
        (labels("failure_ignored"), resource.is_failure_ignored),
    ]
}

fn history(status: &Status, samples: &mut Vec<Sample>) {
    for history in &status.history {
        let labels = [("node", history.node.as_str()), ("resource", &history.resource)];
        let count = if history.fail_count >= INFINITY { f64::INFINITY } else { f64::from(history.fail_count) };
        samples.push(Sample::new(&FAIL_COUNT, &labels, count));
        samples.push(Sample::new(&MIGRATION_THRESHOLD, &labels, f64::from(history.migration_threshold)));
        for run in &history.operations {
            let interval = seconds(run.interval_ms).to_string();
            let [node, resource] = labels;
            let labels = [node, resource, ("task", run.task.as_str()), ("interval_seconds", &interval)];
            samples.extend(run.duration_ms.map(|duration| Sample::new(&DURATION, &labels, seconds(duration))));
        }
    }
}

fn counted(status: &Status, samples: &mut Vec<Sample>) {
    let mut failures: BTreeMap<&str, u32> = status.nodes.iter().map(|node| (node.name.as_str(), 0)).collect();
    for failure in &status.failures {
        *failures.entry(&failure.node).or_default() += 1;
    }
    samples.extend(failures.into_iter().map(|(node, count)| Sample::new(&FAILURES, &[("node", node)], count.into())));
    let mut fencings: BTreeMap<(&str, &str, FenceStatus), u32> = BTreeMap::new();
    for event in &status.fencing {
        *fencings.entry((&event.target, &event.action, event.status)).or_default() += 1;
    }
    for ((target, action, status), count) in fencings {
        let status = match status {
            FenceStatus::Pending => "pending",
            FenceStatus::Success => "done",
            FenceStatus::Failed => "failed",
        };
        let labels = [("target", target), ("action", action), ("status", status)];
        samples.push(Sample::new(&FENCINGS, &labels, count.into()));
    }
    let bans = status.bans.iter().filter(|ban| ban.id.starts_with(super::LEFT_BEHIND)).count();
    samples.push(Sample::new(&BANS, &[], f64::from(u32::try_from(bans).unwrap_or(u32::MAX))));
}

fn locations(configuration: &Configuration) -> Vec<Sample> {
    let sample = |location: &super::cib::Location| {
        let score = match location.score {
            1_000_000.. => f64::INFINITY,
            ..=-1_000_000 => f64::NEG_INFINITY,
            score => f64::from(score),
        };
        let role = location.role.to_lowercase();
        let labels = [
            ("constraint", location.id.as_str()),
            ("node", &location.node),
            ("resource", &location.resource),
            ("role", &role),
        ];
        Sample::new(&LOCATIONS, &labels, score)
    };
    configuration.locations.iter().map(sample).collect()
}

/// Exact below 2⁵³ ms.
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}
