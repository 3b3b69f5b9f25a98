//! The names of fields: those with a meaning of their own, and the groups of names that mean the same.

use std::fmt;

use crate::ast::FieldName;

/// Groups of labels and attributes; a query for one name finds all of its group.
pub const ALIASES: [&[&str]; 11] = [
    &["host", "host.name", "hostname", "host_name"],
    &["service", "service.name", "service_name"],
    &["unit", "systemd_unit", "systemd.unit", "_SYSTEMD_UNIT"],
    &["namespace", "k8s.namespace.name", "k8s_namespace_name"],
    &["pod", "k8s.pod.name", "k8s_pod_name"],
    &["container", "container.name", "container_name", "k8s.container.name", "k8s_container_name"],
    &["node", "k8s.node.name", "k8s_node_name"],
    &["cluster", "cluster.name", "cluster_name", "k8s.cluster.name", "k8s_cluster_name"],
    &["environment", "env", "deployment.environment", "deployment.environment.name", "deployment_environment"],
    &["file", "filename", "log.file.path", "log_file_path"],
    &["pid", "process.pid", "process_pid", "_PID"],
];

impl FieldName {
    /// The field that a name in a query means.
    pub fn resolve(name: &str) -> Self {
        match name {
            "severity" | "level" => Self::Severity,
            "trace_id" | "traceid" | "trace.id" => Self::TraceId,
            "span_id" | "spanid" | "span.id" => Self::SpanId,
            "kind" => Self::Kind,
            "entity" => Self::Entity,
            "body" | "message" | "msg" => Self::Body,
            other => Self::Named(with_aliases(other)),
        }
    }
}

/// `name`, then the other names of its group.
fn with_aliases(name: &str) -> Vec<String> {
    let group = ALIASES.iter().find(|group| group.contains(&name)).copied().unwrap_or_default();
    let others = group.iter().filter(|other| **other != name);
    std::iter::once(name).chain(others.copied()).map(str::to_owned).collect()
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Severity => f.write_str("severity"),
            Self::TraceId => f.write_str("trace_id"),
            Self::SpanId => f.write_str("span_id"),
            Self::Kind => f.write_str("kind"),
            Self::Entity => f.write_str("entity"),
            Self::Body => f.write_str("body"),
            Self::Named(names) => f.write_str(&names.join("|")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_name_comes_first_and_its_group_follows() {
        let named = |names: &[&str]| FieldName::Named(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(FieldName::resolve("hostname"), named(&["hostname", "host", "host.name", "host_name"]));
        assert_eq!(FieldName::resolve("job"), named(&["job"]));
        assert_eq!(FieldName::resolve("level"), FieldName::Severity);
        assert_eq!(FieldName::resolve("Level"), named(&["Level"]));
    }

    #[test]
    fn no_name_is_in_two_groups() {
        let mut names: Vec<&str> = ALIASES.iter().flat_map(|group| group.iter().copied()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
