//! Just enough of `crm_mon`'s XML to feed the engine as a poller does.

use std::collections::BTreeMap;

use orszem_model::observation::{Ban, ClusterState, FailCount, INFINITY, NodeState, Observation, Placement};

struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
    is_end: bool,
    is_empty: bool,
}

impl Tag {
    fn get(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.get(name) == "true"
    }
}

fn tags(xml: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    for part in xml.split('<').skip(1) {
        let Some((inner, _)) = part.split_once('>') else { continue };
        let is_end = inner.starts_with('/');
        let is_empty = inner.ends_with('/');
        let inner = inner.trim_matches('/');
        let (name, rest) = inner.split_once(' ').unwrap_or((inner, ""));
        let mut attributes = BTreeMap::new();
        let mut pieces = rest.split('"');
        while let (Some(key), Some(value)) = (pieces.next(), pieces.next()) {
            attributes.insert(key.trim().trim_end_matches('=').to_owned(), value.to_owned());
        }
        tags.push(Tag { name: name.to_owned(), attributes, is_end, is_empty });
    }
    tags
}

/// What a status says, by a key for each state.
pub(crate) fn read(xml: &str) -> Vec<(String, Observation)> {
    let mut told = Vec::new();
    let mut cluster = ClusterState::default();
    let mut placements: BTreeMap<String, Placement> = BTreeMap::new();
    let mut unclean = Vec::new();
    let (mut section, mut parent, mut resource, mut role, mut node) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for tag in tags(xml) {
        if ["nodes", "resources", "node_history", "bans", "summary", "node_attributes"].contains(&tag.name.as_str()) {
            section = if tag.is_end { String::new() } else { tag.name.clone() };
        }
        match (section.as_str(), tag.name.as_str()) {
            (_, "current_dc") => {
                cluster.dc = tag.get("name");
                cluster.has_quorum = tag.is("with_quorum");
            }
            (_, "cluster_options") => cluster.is_maintenance = tag.is("maintenance-mode"),
            ("nodes", "node") => {
                if tag.is("unclean") {
                    unclean.push(tag.get("name"));
                }
                let state = NodeState {
                    node: tag.get("name"),
                    kind: tag.get("type"),
                    is_online: tag.is("online"),
                    is_standby: tag.is("standby"),
                    is_maintenance: tag.is("maintenance"),
                    is_pending: tag.is("pending"),
                    is_unclean: tag.is("unclean"),
                    is_shutdown: tag.is("shutdown"),
                    is_dc: tag.is("is_dc"),
                    health: tag.get("health"),
                    is_gone: false,
                };
                told.push((format!("node {}", state.node), Observation::NodeState(state)));
            }
            ("resources", "group" | "clone") => {
                if tag.is_end {
                    parent.clear();
                } else if parent.is_empty() {
                    parent = tag.get("id");
                }
            }
            ("resources", "resource") if !tag.is_end => {
                resource = tag.get("id");
                role = tag.get("role");
                let placement = placements.entry(resource.clone()).or_default();
                placement.resource.clone_from(&resource);
                placement.parent.clone_from(&parent);
                placement.agent = tag.get("resource_agent");
                placement.is_managed = tag.is("managed");
                placement.is_blocked |= tag.is("blocked");
                placement.is_failed |= tag.is("failed");
                placement.target_role = tag.get("target_role");
            }
            ("resources", "node") if tag.is_empty && !unclean.contains(&tag.get("name")) => {
                if let Some(placement) = placements.get_mut(&resource) {
                    placement.nodes.push((tag.get("name"), role.clone()));
                    placement.nodes.sort();
                }
            }
            ("node_history", "node") if !tag.is_end => node = tag.get("name"),
            ("node_history", "resource_history") if !tag.is_end => {
                let number = |key: &str| match tag.get(key).as_str() {
                    "INFINITY" => INFINITY,
                    text => text.parse().unwrap_or(0),
                };
                let count = FailCount {
                    node: node.clone(),
                    resource: tag.get("id"),
                    count: number("fail-count"),
                    threshold: number("migration-threshold"),
                };
                told.push((format!("count {} {}", node, count.resource), Observation::FailCount(count)));
            }
            ("bans", "ban") => {
                let ban = Ban {
                    id: tag.get("id"),
                    resource: tag.get("resource"),
                    node: tag.get("node"),
                    weight: tag.get("weight").parse().unwrap_or(0),
                    is_there: true,
                };
                // Others are the administrator's own.
                if ban.id.starts_with("cli-") {
                    told.push((format!("ban {}", ban.id), Observation::Ban(ban)));
                }
            }
            _ => {}
        }
    }
    told.insert(0, ("cluster".to_owned(), Observation::ClusterState(cluster)));
    told.extend(placements.into_values().map(|p| (format!("placement {}", p.resource), Observation::Placement(p))));
    told
}

/// What of a status has changed since the last one; bans that are not listed any more are gone.
pub(crate) fn changes(known: &mut BTreeMap<String, Observation>, xml: &str) -> Vec<Observation> {
    let now = read(xml);
    let mut changed = Vec::new();
    let gone: Vec<String> = known
        .keys()
        .filter(|key| key.starts_with("ban ") && !now.iter().any(|(other, _)| other == *key))
        .cloned()
        .collect();
    for key in gone {
        if let Some(Observation::Ban(ban)) = known.remove(&key) {
            changed.push(Observation::Ban(Ban { is_there: false, ..ban }));
        }
    }
    for (key, observation) in now {
        if known.get(&key) != Some(&observation) {
            known.insert(key, observation.clone());
            changed.push(observation);
        }
    }
    changed
}
