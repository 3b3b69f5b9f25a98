//! Which entity depends on which, for suppression and for what belongs together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use orszem_model::topology::{Edge, Relation};

use crate::limits::{UPSTREAM_DEPTH_MAX, UPSTREAM_MAX};

/// The edges that hold now. Not part of the saved state: whoever knows the topology hands it in at the start and when it
/// changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    upstream: BTreeMap<String, Vec<String>>,
    neighbours: BTreeMap<String, Vec<(String, Relation)>>,
}

impl Graph {
    /// The graph of these edges.
    pub fn of<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        let mut graph = Self::default();
        for edge in edges {
            if is_dependency(edge.relation) {
                graph.upstream.entry(edge.from.clone()).or_default().push(edge.to.clone());
            }
            let ends = [(&edge.from, &edge.to), (&edge.to, &edge.from)];
            for (from, to) in ends {
                graph.neighbours.entry(from.clone()).or_default().push((to.clone(), edge.relation));
            }
        }
        for entities in graph.upstream.values_mut() {
            entities.sort_unstable();
            entities.dedup();
        }
        for others in graph.neighbours.values_mut() {
            others.sort_unstable();
            others.dedup();
        }
        graph
    }

    /// What the entity depends on, nearest first, without itself; at most [`UPSTREAM_MAX`] up to [`UPSTREAM_DEPTH_MAX`]
    /// edges away.
    pub fn upstream<'a>(&'a self, entity: &'a str) -> Vec<&'a str> {
        let mut seen = BTreeSet::from([entity]);
        let mut found = Vec::new();
        let mut waiting = VecDeque::from([(entity, 0)]);
        while let Some((at, depth)) = waiting.pop_front() {
            for next in self.upstream.get(at).into_iter().flatten() {
                if depth < UPSTREAM_DEPTH_MAX && found.len() < UPSTREAM_MAX && seen.insert(next) {
                    found.push(next.as_str());
                    waiting.push_back((next, depth + 1));
                }
            }
        }
        found
    }

    /// The entities at most `distance` edges away in any direction, itself among them, nearest first, with the way there
    /// in words.
    pub fn around(&self, entity: &str, distance: usize) -> Vec<(String, String)> {
        let mut seen = BTreeSet::from([entity.to_owned()]);
        let mut found = vec![(entity.to_owned(), String::new())];
        let mut waiting = VecDeque::from([(entity.to_owned(), String::new(), 0)]);
        while let Some((at, way, depth)) = waiting.pop_front() {
            for (next, relation) in self.neighbours.get(&at).into_iter().flatten() {
                if depth < distance && found.len() < UPSTREAM_MAX && seen.insert(next.clone()) {
                    let comma = if way.is_empty() { "" } else { ", " };
                    let way = format!("{way}{comma}{at} – {} – {next}", relation.name());
                    found.push((next.clone(), way.clone()));
                    waiting.push_back((next.clone(), way, depth + 1));
                }
            }
        }
        found
    }
}

/// Whether an entity is useless without the other one. A call or a replica may do without.
fn is_dependency(relation: Relation) -> bool {
    match relation {
        Relation::RunsOn | Relation::DependsOn | Relation::PartOf => true,
        Relation::ReplicatesTo | Relation::Calls | Relation::Probes => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn edge(from: &str, relation: Relation, to: &str) -> Edge {
        let (from, to) = (from.to_owned(), to.to_owned());
        Edge { from, relation, to, detail: String::new(), origin: String::new() }
    }

    #[test]
    fn upstream_follows_dependencies_and_ends_in_circles() {
        let graph = Graph::of(&[
            edge("service/web", Relation::DependsOn, "db/main"),
            edge("db/main", Relation::RunsOn, "host/db1"),
            edge("host/db1", Relation::DependsOn, "service/web"),
            edge("host/db1", Relation::ReplicatesTo, "host/db2"),
        ]);
        assert_eq!(graph.upstream("service/web"), ["db/main", "host/db1"]);
        assert_eq!(graph.upstream("host/db2"), Vec::<&str>::new());
        let around = graph.around("db/main", 1);
        let around: Vec<(&str, &str)> = around.iter().map(|(near, way)| (near.as_str(), way.as_str())).collect();
        let ways = ["", "db/main – runs_on – host/db1", "db/main – depends_on – service/web"];
        assert_eq!(around, [("db/main", ways[0]), ("host/db1", ways[1]), ("service/web", ways[2])]);
        let farther = graph.around("db/main", 2);
        assert_eq!(farther.last().map(|(near, _)| near.as_str()), Some("host/db2"));
    }
}
