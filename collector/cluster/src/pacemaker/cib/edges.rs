//! What the configuration says of how entities depend on each other.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::topology::{Edge, Relation};

use super::{Configuration, Primitive};

/// The origin of all of them.
pub const EDGES_ORIGIN: &str = "pacemaker";
/// The score from which a colocation is a need, not a wish.
const MANDATORY: i32 = 1_000_000;

impl Configuration {
    /// All edges, sorted and each once.
    ///
    /// A resource is `resource/ID`, also a group, clone or bundle. Members of a group depend on the one before them
    /// (`group`); what is ordered behind or mandatorily colocated with another depends on it (`order`, `colocation`).
    /// A DRBD resource is `drbd/NAME`; a device `/dev/drbdN` is that of the resource that `minors` names for N, else
    /// `device/drbdN`. `endpoint/ADDRESS` depends on the resource that has the address.
    pub fn edges(&self, minors: &BTreeMap<u32, String>) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        self.members(&mut edges);
        self.parts(&mut edges);
        self.constraints(&mut edges);
        for primitive in &self.primitives {
            means(primitive, minors, &mut edges);
        }
        edges.into_iter().collect()
    }

    fn members(&self, edges: &mut BTreeSet<Edge>) {
        if self.cluster_name.is_empty() {
            return;
        }
        for node in self.nodes.iter().filter(|node| !node.name.is_empty()) {
            let (from, to) = (format!("host/{}", node.name), format!("cluster/{}", self.cluster_name));
            edges.insert(edge(from, Relation::PartOf, to, &node.kind));
        }
    }

    fn parts(&self, edges: &mut BTreeSet<Edge>) {
        let primitives = self.primitives.iter().map(|primitive| (&primitive.id, &primitive.parent));
        let groups = self.groups.iter().map(|group| (&group.id, &group.parent));
        for (id, parent) in primitives.chain(groups).filter(|(_, parent)| !parent.is_empty()) {
            edges.insert(edge(resource(id), Relation::PartOf, resource(parent), ""));
        }
        for group in &self.groups {
            for (before, member) in group.members.iter().zip(group.members.iter().skip(1)) {
                edges.insert(edge(resource(member), Relation::DependsOn, resource(before), "group"));
            }
        }
    }

    fn constraints(&self, edges: &mut BTreeSet<Edge>) {
        let is_start = |action: &str| action == "start" || action == "promote";
        for order in self.orders.iter().filter(|order| order.is_mandatory && is_start(&order.first_action)) {
            edges.insert(edge(resource(&order.then), Relation::DependsOn, resource(&order.first), "order"));
        }
        for colocation in self.colocations.iter().filter(|colocation| colocation.score >= MANDATORY) {
            let (from, to) = (resource(&colocation.resource), resource(&colocation.with));
            edges.insert(edge(from, Relation::DependsOn, to, "colocation"));
        }
    }
}

/// What a resource needs, or gives, by the meaning of its agent's parameters.
fn means(primitive: &Primitive, minors: &BTreeMap<u32, String>, edges: &mut BTreeSet<Edge>) {
    let value = |name: &str| primitive.parameters.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let own = || resource(&primitive.id);
    let agent = primitive.agent.rsplit(':').next().unwrap_or_default();
    match agent {
        "drbd" => {
            let name = value("drbd_resource").map(|name| format!("drbd/{name}"));
            edges.extend(name.map(|name| edge(own(), Relation::DependsOn, name, "drbd_resource")));
        }
        "Filesystem" => {
            let device = value("device").and_then(|device| drbd_device(device, minors));
            edges.extend(device.map(|device| edge(own(), Relation::DependsOn, device, "device")));
        }
        "IPaddr2" | "IPaddr" | "IPv6addr" => {
            let parameter = if agent == "IPv6addr" { "ipv6addr" } else { "ip" };
            let address = value(parameter).or_else(|| value("ip")).and_then(|address| address.split('/').next());
            let endpoint = address.map(|address| format!("endpoint/{address}"));
            edges.extend(endpoint.map(|endpoint| edge(endpoint, Relation::DependsOn, own(), "address")));
        }
        _ => {}
    }
}

/// The entity of `/dev/drbdN` or `/dev/drbd/by-res/NAME/VOLUME`.
fn drbd_device(device: &str, minors: &BTreeMap<u32, String>) -> Option<String> {
    let rest = device.strip_prefix("/dev/drbd")?;
    if let Some(path) = rest.strip_prefix("/by-res/") {
        return path.split('/').next().filter(|name| !name.is_empty()).map(|name| format!("drbd/{name}"));
    }
    let minor: u32 = rest.trim_start_matches('_').parse().ok()?;
    Some(minors.get(&minor).map_or_else(|| format!("device/drbd{minor}"), |name| format!("drbd/{name}")))
}

fn resource(id: &str) -> String {
    format!("resource/{id}")
}

fn edge(from: String, relation: Relation, to: String, detail: &str) -> Edge {
    Edge { from, relation, to, detail: detail.to_owned(), origin: EDGES_ORIGIN.to_owned() }
}
