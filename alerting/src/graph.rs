//! Which entity depends on which, for suppression and for what belongs together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use orszem_model::topology::{Edge, Relation};

use crate::limits::{UPSTREAM_DEPTH_MAX, UPSTREAM_MAX};

/// The edges that hold now, and those that did a moment ago. Not part of the saved state: whoever knows the topology hands
/// it in at the start and when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    upstream: BTreeMap<String, Vec<String>>,
    /// What entities depended on a moment ago and do not any more.
    upstream_before: BTreeMap<String, Vec<String>>,
    neighbours: BTreeMap<String, BTreeSet<Neighbour>>,
}

/// An entity at the other end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Neighbour {
    entity: String,
    relation: Relation,
    /// The edge held a moment ago.
    is_over: bool,
}

impl Graph {
    /// The graph of these edges, all of which hold.
    pub fn of<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        Self::of_both(edges, [])
    }

    /// The graph of edges that hold, and of some that ended at most [`crate::JOIN_WINDOW`] ago: what was connected when
    /// something happened belongs together, though what happened tore it apart. What depended on something counts as
    /// worked on with it still, and no longer as down with it.
    pub fn of_both<'a>(edges: impl IntoIterator<Item = &'a Edge>, over: impl IntoIterator<Item = &'a Edge>) -> Self {
        let mut graph = Self::default();
        for edge in edges {
            graph.add(edge, false);
        }
        for edge in over {
            graph.add(edge, true);
        }
        for entities in graph.upstream.values_mut().chain(graph.upstream_before.values_mut()) {
            entities.sort_unstable();
            entities.dedup();
        }
        graph
    }

    fn add(&mut self, edge: &Edge, is_over: bool) {
        let Edge { from, relation, to, .. } = edge;
        let of = |entity: &String, is_over| Neighbour { entity: entity.clone(), relation: *relation, is_over };
        // One that was told anew, as with another detail, holds.
        if is_over && self.neighbours.get(from).is_some_and(|known| known.contains(&of(to, false))) {
            return;
        }
        if is_dependency(*relation) {
            let upstream = if is_over { &mut self.upstream_before } else { &mut self.upstream };
            upstream.entry(from.clone()).or_default().push(to.clone());
        }
        self.neighbours.entry(from.clone()).or_default().insert(of(to, is_over));
        self.neighbours.entry(to.clone()).or_default().insert(of(from, is_over));
    }

    /// What the entity depends on, nearest first, without itself; at most [`UPSTREAM_MAX`] up to [`UPSTREAM_DEPTH_MAX`]
    /// edges away.
    pub fn upstream<'a>(&'a self, entity: &'a str) -> Vec<&'a str> {
        self.follow(entity, |at| self.upstream.get(at).into_iter().flatten())
    }

    /// The same with what it depended on a moment ago.
    pub fn upstream_lately<'a>(&'a self, entity: &'a str) -> Vec<&'a str> {
        let of = |at: &str| [self.upstream.get(at), self.upstream_before.get(at)];
        self.follow(entity, |at| of(at).into_iter().flatten().flatten())
    }

    fn follow<'a, I: Iterator<Item = &'a String>>(
        &'a self,
        entity: &'a str,
        next_of: impl Fn(&str) -> I,
    ) -> Vec<&'a str> {
        let mut seen = BTreeSet::from([entity]);
        let mut found = Vec::new();
        let mut waiting = VecDeque::from([(entity, 0)]);
        while let Some((at, depth)) = waiting.pop_front() {
            for next in next_of(at) {
                if depth < UPSTREAM_DEPTH_MAX && found.len() < UPSTREAM_MAX && seen.insert(next.as_str()) {
                    found.push(next.as_str());
                    waiting.push_back((next.as_str(), depth + 1));
                }
            }
        }
        found
    }

    /// The entities at most `distance` edges away in any direction, itself among them, nearest first, with the way there
    /// in words. What is part of something of its own kind, as members of a group are, is no farther than that.
    pub fn around(&self, entity: &str, distance: usize) -> Vec<(String, String)> {
        let mut seen = BTreeSet::from([entity.to_owned()]);
        let mut found = vec![(entity.to_owned(), String::new())];
        let mut waiting = VecDeque::from([(entity.to_owned(), String::new(), 0)]);
        while let Some((at, way, depth)) = waiting.pop_front() {
            for Neighbour { entity: next, relation, is_over } in self.neighbours.get(&at).into_iter().flatten() {
                let is_one = *relation == Relation::PartOf && kind(next) == kind(&at);
                if (is_one || depth < distance) && found.len() < UPSTREAM_MAX && seen.insert(next.clone()) {
                    let comma = if way.is_empty() { "" } else { ", " };
                    let before = if *is_over { " before" } else { "" };
                    let way = format!("{way}{comma}{at} – {}{before} – {next}", relation.name());
                    found.push((next.clone(), way.clone()));
                    if is_one {
                        waiting.push_front((next.clone(), way, depth));
                    } else {
                        waiting.push_back((next.clone(), way, depth + 1));
                    }
                }
            }
        }
        found
    }
}

/// `resource` of `resource/vip`.
fn kind(entity: &str) -> &str {
    entity.split_once('/').map_or(entity, |(kind, _)| kind)
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

    #[test]
    fn what_held_a_moment_ago_is_near_and_worked_on_with_it_and_not_down_with_it() {
        let now = [edge("resource/vip", Relation::RunsOn, "host/n2"), edge("host/n2", Relation::PartOf, "cluster/c")];
        let before =
            [edge("resource/vip", Relation::RunsOn, "host/n1"), edge("host/n2", Relation::PartOf, "cluster/c")];
        let graph = Graph::of_both(&now, &before);
        assert_eq!(graph.upstream("resource/vip"), ["host/n2", "cluster/c"]);
        assert_eq!(graph.upstream_lately("resource/vip"), ["host/n2", "host/n1", "cluster/c"]);
        let ways: Vec<String> = graph.around("host/n1", 2).into_iter().map(|(_, way)| way).collect();
        let way = "host/n1 – runs_on before – resource/vip";
        assert_eq!(ways, [String::new(), way.to_owned(), format!("{way}, resource/vip – runs_on – host/n2")]);
        assert_eq!(Graph::of(&now).around("host/n1", 2).len(), 1, "a bad twin: nothing was there before");
    }

    #[test]
    fn members_of_a_group_are_no_way_from_one_another() {
        let of_group = |of: &str| edge(of, Relation::PartOf, "resource/svc");
        let runs = edge("resource/app", Relation::RunsOn, "host/n1");
        let address = edge("endpoint/::1", Relation::DependsOn, "resource/vip");
        let graph = Graph::of(&[of_group("resource/app"), of_group("resource/vip"), runs, address]);
        let near = |distance| graph.around("endpoint/::1", distance).into_iter().map(|(near, _)| near);
        assert_eq!(near(1).collect::<Vec<_>>(), ["endpoint/::1", "resource/vip", "resource/svc", "resource/app"]);
        assert_eq!(near(2).next_back().as_deref(), Some("host/n1"));
    }
}
