//! Which resource attributes identify a stream, and under which label.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// A resource attribute with this prefix is the stream label behind it.
const LABEL_PREFIX: &str = "orszem.label.";
/// Attribute and label. Of several that give one label the earlier in this order counts; the others stay attributes.
const LABELS: [(&str, &str); 35] = [
    ("service.name", "service"),
    ("service.namespace", "service_namespace"),
    ("host.name", "host"),
    ("deployment.environment.name", "env"),
    ("deployment.environment", "env"),
    ("cloud.region", "region"),
    ("k8s.cluster.name", "cluster"),
    ("k8s.namespace.name", "namespace"),
    ("k8s.pod.name", "pod"),
    ("k8s.container.name", "container"),
    ("container.name", "container"),
    ("k8s.node.name", "node"),
    ("k8s.deployment.name", "deployment"),
    ("k8s.statefulset.name", "statefulset"),
    ("k8s.daemonset.name", "daemonset"),
    ("k8s.cronjob.name", "cronjob"),
    ("k8s.job.name", "k8s_job"),
    ("os.type", "os"),
    ("systemd.unit", "unit"),
    ("log.file.path", "file"),
    ("service", "service"),
    ("host", "host"),
    ("env", "env"),
    ("cluster", "cluster"),
    ("namespace", "namespace"),
    ("pod", "pod"),
    ("container", "container"),
    ("unit", "unit"),
    ("file", "file"),
    ("job", "job"),
    ("app", "app"),
    ("layer", "layer"),
    ("source", "source"),
    ("resource", "resource"),
    ("instance", "instance"),
];

/// The attributes with their labels: those that may become labels first, in the order of preference.
pub(super) fn in_order(attributes: &[KeyValue]) -> Vec<(&KeyValue, Option<&str>)> {
    let mut ranked: Vec<(usize, &KeyValue, Option<&str>)> = attributes
        .iter()
        .map(|attribute| {
            let key = attribute.key.as_str();
            if let Some(label) = key.strip_prefix(LABEL_PREFIX).filter(|label| !label.is_empty()) {
                return (0, attribute, Some(label));
            }
            match LABELS.iter().position(|(name, _)| *name == key) {
                Some(rank) => (rank + 1, attribute, LABELS.get(rank).map(|(_, label)| *label)),
                None => (usize::MAX, attribute, None),
            }
        })
        .collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.into_iter().map(|(_, attribute, label)| (attribute, label)).collect()
}

/// Whether a value can be a label's: text, number or truth, and not empty.
pub(super) fn is_plain(value: &Value) -> bool {
    match value {
        Value::StringValue(text) => !text.is_empty(),
        Value::BoolValue(_) | Value::IntValue(_) | Value::DoubleValue(_) => true,
        Value::ArrayValue(_) | Value::KvlistValue(_) | Value::BytesValue(_) | Value::StringValueStrindex(_) => false,
    }
}
