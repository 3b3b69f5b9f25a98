//! Observations as event records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use orszem_model::observation::{Observation, Seen};
use orszem_model::{AttributeValue, Kind, Timestamp};
use orszem_parse::{Layer, Parsed, Value};

use super::sentence;
use crate::counters::{Counters, count};
use crate::pipeline::{Facts, LastStamp, Origin, Stage};

/// The slot of what is seen of clusters.
const SLOT: u64 = 4 << 40;

/// Puts the observation into the batch, as a record of its reporter; `false` when that is full. `cluster` is the
/// cluster's name, empty where it is not known.
pub(crate) fn push(seen: &Seen, cluster: &str, now: Timestamp, stage: &mut Stage, counters: &Counters) -> bool {
    let body = sentence::of(&seen.observation);
    if !stage.fits(body.len()) {
        return false;
    }
    let (service, layer) = place(&seen.observation);
    let none = BTreeMap::new();
    let origin = Origin { slot: SLOT, service, layer: Some(layer), file: None, unit: None, labels: &none };
    let attributes = seen.attributes();
    let parsed = Parsed {
        timestamp: Some(seen.at),
        severity: sentence::severity(&seen.observation),
        host: Some(Cow::Borrowed(&seen.reporter)),
        attributes: attributes.iter().map(|it| (Cow::Borrowed(it.key.as_str()), value(&it.value))).collect(),
        entities: entities(&seen.observation, cluster).into_iter().map(Cow::Owned).collect(),
        ..Parsed::default()
    };
    let facts = Facts { now, backlog: None, is_split: false, kind: Kind::Event };
    stage.take(&origin, body.as_bytes(), parsed, facts, &mut LastStamp::default(), counters);
    count(&counters.observations);
    true
}

/// The program and the layer of its stream.
fn place(observation: &Observation) -> (&'static str, Layer) {
    match observation.name().split('.').next() {
        Some("drbd") => ("drbd", Layer::Storage),
        Some("corosync") => ("corosync", Layer::Cluster),
        _ => ("pacemaker", Layer::Cluster),
    }
}

/// The value of an attribute as parsers give it.
pub(crate) fn value(value: &AttributeValue) -> Value<'_> {
    let text = |text| Value::Text(Cow::Borrowed(text));
    match value {
        AttributeValue::String(it) => text(it),
        AttributeValue::Integer(it) => it.parse().map_or_else(|_| text(it), Value::Integer),
        AttributeValue::Float(it) => it.parse().map_or_else(|_| text(it), Value::Float),
        AttributeValue::Bool(is) => Value::Bool(*is),
        AttributeValue::Null => Value::Null,
        AttributeValue::Json(it) => Value::Json(Cow::Borrowed(it)),
        AttributeValue::Bytes(bytes) => Value::Text(String::from_utf8_lossy(bytes)),
    }
}

/// What it is about, each once; the reporter is added later.
fn entities(observation: &Observation, cluster: &str) -> Vec<String> {
    let host = |node: &str| ("host", node.to_owned());
    let resource = |id: &str| ("resource", id.to_owned());
    let drbd = |name: &str| ("drbd", name.to_owned());
    let about = match observation {
        Observation::Member(it) => vec![host(&it.node)],
        Observation::Operation(it) => vec![resource(&it.resource), host(&it.node)],
        Observation::Fencing(it) => vec![host(&it.target), host(&it.delegate)],
        Observation::NodeAttribute(it) => vec![host(&it.node)],
        Observation::NodeState(it) => vec![host(&it.node)],
        Observation::Placement(it) => {
            let nodes = it.nodes.iter().map(|(node, _)| host(node));
            [resource(&it.resource), resource(&it.parent)].into_iter().chain(nodes).collect()
        }
        Observation::FailCount(it) => vec![resource(&it.resource), host(&it.node)],
        Observation::ClusterState(it) => vec![("cluster", it.name.clone()), host(&it.dc)],
        Observation::Ban(it) => vec![resource(&it.resource), host(&it.node)],
        Observation::QuorumState(it) => {
            std::iter::once(("cluster", cluster.to_owned())).chain(it.members.iter().map(|node| host(node))).collect()
        }
        Observation::LinkState(it) => vec![host(&it.peer)],
        Observation::WitnessState(_) => vec![("cluster", cluster.to_owned())],
        Observation::DrbdResource(it) => vec![drbd(&it.resource)],
        Observation::DrbdDevice(it) => vec![drbd(&it.resource)],
        Observation::DrbdConnection(it) => vec![drbd(&it.resource), host(&it.peer)],
        Observation::DrbdPeerDevice(it) => vec![drbd(&it.resource), host(&it.peer)],
        Observation::DrbdHelper(it) => vec![drbd(&it.resource), host(&it.peer)],
    };
    let mut named = Vec::new();
    for (kind, name) in about {
        // DRBD 8.4 tells no peer's name.
        let is_nameless = name.is_empty() || (kind == "host" && name == orszem_cluster::drbd::word::PEER_OF_84);
        let entity = format!("{kind}/{name}");
        if !is_nameless && !named.contains(&entity) {
            named.push(entity);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use orszem_model::observation::{DrbdConnection, Placement, QuorumState};

    use super::*;

    #[test]
    fn entities_are_named_once_and_only_where_they_are_known() {
        let word = |text: &str| text.to_owned();
        let placement = Placement {
            resource: word("vip"),
            nodes: vec![(word("n1"), word("Started")), (word("n1"), word("Stopping"))],
            ..Placement::default()
        };
        assert_eq!(entities(&Observation::Placement(placement), "c"), ["resource/vip", "host/n1"]);
        let quorum = QuorumState { members: vec![word("n1")], ..QuorumState::default() };
        assert_eq!(entities(&Observation::QuorumState(quorum.clone()), "c"), ["cluster/c", "host/n1"]);
        assert_eq!(entities(&Observation::QuorumState(quorum), ""), ["host/n1"]);
        let connection = |peer: &str| {
            let it = DrbdConnection { resource: word("r0"), peer: word(peer), ..DrbdConnection::default() };
            entities(&Observation::DrbdConnection(it), "c")
        };
        assert_eq!((connection("n2").len(), connection("peer")), (2, vec![word("drbd/r0")]));
    }

    #[test]
    fn each_observation_has_its_place() {
        let of = |observation: Observation| place(&observation);
        assert_eq!(of(Observation::QuorumState(QuorumState::default())), ("corosync", Layer::Cluster));
        assert_eq!(of(Observation::DrbdConnection(DrbdConnection::default())), ("drbd", Layer::Storage));
        assert_eq!(of(Observation::Placement(Placement::default())), ("pacemaker", Layer::Cluster));
    }
}
