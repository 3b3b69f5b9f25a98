//! The topology as an operator reads it: clusters with their hosts and what runs there, replication, dependencies.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::Timestamp;
use orszem_model::topology::Relation;

use super::{Change, Edge, Found};
use crate::lines::harmless;

/// The whole page; with `has_changes` also what has changed.
pub(super) fn page(found: &Found, has_changes: bool) -> String {
    let Found { at, edges, changes } = found;
    let mut out = String::new();
    let at = moment(at);
    if edges.is_empty() {
        out.push_str(&format!("nothing was known at {at}\n"));
    } else {
        out.push_str(&format!("at {at}\n"));
        let view = View::of(edges);
        view.clusters(&mut out);
        view.replication(&mut out);
        view.dependencies(&mut out);
    }
    if has_changes {
        out.push_str("\nchanges\n");
        if changes.is_empty() {
            out.push_str("  none\n");
        }
        changes.iter().for_each(|one| out.push_str(&change(one)));
    }
    out
}

/// The edges by what they say.
#[derive(Default)]
struct View<'a> {
    /// Clusters, each with its hosts and their standing.
    clusters: BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>,
    /// What runs on each host, and in which role.
    hosts: BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>>,
    /// What is replicated, to where, and how that is.
    replicas: BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>>,
    /// What needs, is part of, calls or probes what.
    others: BTreeMap<&'a str, BTreeSet<(&'static str, &'a str, &'a str)>>,
}

impl<'a> View<'a> {
    fn of(edges: &'a [Edge]) -> Self {
        let mut view = Self::default();
        for Edge { from, relation, to, detail } in edges {
            match relation.0 {
                Relation::PartOf if from.starts_with("host/") && to.starts_with("cluster/") => {
                    view.clusters.entry(to).or_default().entry(from).or_default().insert(detail);
                    view.hosts.entry(from).or_default();
                }
                Relation::RunsOn => {
                    view.hosts.entry(to).or_default().insert((from, detail));
                }
                Relation::ReplicatesTo => {
                    view.replicas.entry(from).or_default().insert((to, detail));
                }
                Relation::DependsOn => view.other(from, "needs", to, detail),
                Relation::PartOf => view.other(from, "part of", to, detail),
                Relation::Calls => view.other(from, "calls", to, detail),
                Relation::Probes => view.other(from, "probes", to, detail),
            }
        }
        view
    }

    fn other(&mut self, from: &'a str, words: &'static str, to: &'a str, detail: &'a str) {
        self.others.entry(from).or_default().insert((words, to, detail));
    }

    fn clusters(&self, out: &mut String) {
        let mut placed = BTreeSet::new();
        for (cluster, hosts) in &self.clusters {
            out.push_str(&format!("\n{}\n", harmless(cluster)));
            for (host, standings) in hosts {
                placed.insert(*host);
                // What is told of a host's standing comes before its kind, which nearly always is `member`.
                let said: Vec<&str> = standings.iter().copied().filter(|said| !said.is_empty()).collect();
                let bad: Vec<&str> = said.iter().copied().filter(|said| *said != "member").collect();
                let shown = if bad.is_empty() { said } else { bad };
                self.host(out, host, &shown.join(", "));
            }
        }
        let alone: Vec<&str> = self.hosts.keys().copied().filter(|host| !placed.contains(host)).collect();
        if !alone.is_empty() {
            out.push_str("\nhosts of no cluster\n");
        }
        for host in alone {
            self.host(out, host, "");
        }
    }

    fn host(&self, out: &mut String, host: &str, standing: &str) {
        let line = format!("  {:<24} {}", harmless(host), harmless(standing));
        out.push_str(line.trim_end());
        out.push('\n');
        for (entity, role) in self.hosts.get(host).into_iter().flatten() {
            let line = format!("    {:<24} {}", harmless(entity), harmless(role));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }

    fn replication(&self, out: &mut String) {
        if !self.replicas.is_empty() {
            out.push_str("\nreplication\n");
        }
        for (entity, peers) in &self.replicas {
            let mut pairs: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
            for (peer, detail) in peers {
                let peer = peer.strip_prefix("host/").unwrap_or(peer);
                let (node, state) = detail.split_once(' ').unwrap_or(("?", detail));
                let ends = if node < peer { (node, peer) } else { (peer, node) };
                let said = format!("{state} (says {node})");
                pairs.entry((ends.0.to_owned(), ends.1.to_owned())).or_default().insert(said);
            }
            for ((one, two), said) in pairs {
                let states: BTreeSet<&str> =
                    said.iter().filter_map(|said| said.split_once(" (says").map(|(state, _)| state)).collect();
                // Two ends that agree are told once.
                let shown = match states.iter().next() {
                    Some(state) if states.len() == 1 && said.len() > 1 => (*state).to_owned(),
                    _ => said.into_iter().collect::<Vec<_>>().join(", "),
                };
                let pair = format!("{one} - {two}");
                out.push_str(&format!("  {:<24} {:<20} {}\n", harmless(entity), harmless(&pair), harmless(&shown)));
            }
        }
    }

    fn dependencies(&self, out: &mut String) {
        if !self.others.is_empty() {
            out.push_str("\ndependencies\n");
        }
        for (from, others) in &self.others {
            for (words, to, detail) in others {
                let detail = if detail.is_empty() { String::new() } else { format!(" ({})", harmless(detail)) };
                out.push_str(&format!("  {:<24} {words} {}{detail}\n", harmless(from), harmless(to)));
            }
        }
    }
}

fn change(Change { at, is_there, edge }: &Change) -> String {
    let Edge { from, relation, to, detail } = edge;
    let mark = if *is_there { '+' } else { '-' };
    let words = relation.0.name().replace('_', " ");
    let detail = if detail.is_empty() { String::new() } else { format!(" ({})", harmless(detail)) };
    format!("  {} {mark} {} {words} {}{detail}\n", moment(at), harmless(from), harmless(to))
}

/// A time to the millisecond: nobody reads more.
fn moment(at: &str) -> String {
    const MILLISECOND: i64 = 1_000_000;
    match at.parse::<Timestamp>() {
        Ok(time) => Timestamp(time.0 - time.0.rem_euclid(MILLISECOND)).to_string(),
        Err(_) => harmless(at).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelationName;
    use super::*;

    fn edge(from: &str, relation: Relation, to: &str, detail: &str) -> Edge {
        Edge { from: from.into(), relation: RelationName(relation), to: to.into(), detail: detail.into() }
    }

    #[test]
    fn a_page_reads_from_clusters_to_dependencies() {
        let edges = vec![
            edge("drbd/r0", Relation::RunsOn, "host/n1", "Primary UpToDate"),
            edge("drbd/r0", Relation::ReplicatesTo, "host/n2", "n1 Connected"),
            edge("drbd/r0", Relation::ReplicatesTo, "host/n1", "n2 Connected"),
            edge("drbd/r0", Relation::ReplicatesTo, "host/n3", "n1 Connecting"),
            edge("host/n1", Relation::PartOf, "cluster/lab", "member"),
            edge("host/n2", Relation::PartOf, "cluster/lab", "member"),
            edge("host/n2", Relation::PartOf, "cluster/lab", "lost"),
            edge("resource/vip", Relation::RunsOn, "host/n1", "Started"),
            edge("resource/vip", Relation::DependsOn, "resource/fs\x1b", "group"),
            edge("service/web", Relation::RunsOn, "host/w1", ""),
            edge("probe/home", Relation::Probes, "service/web", ""),
        ];
        let changes =
            vec![Change { at: "2026-11-22T09:59:58.123456789Z".into(), is_there: false, edge: edges[7].clone() }];
        let found = Found { at: "2026-11-22T10:00:00Z".into(), edges, changes };
        let expected = "\
at 2026-11-22T10:00:00Z

cluster/lab
  host/n1                  member
    drbd/r0                  Primary UpToDate
    resource/vip             Started
  host/n2                  lost

hosts of no cluster
  host/w1
    service/web

replication
  drbd/r0                  n1 - n2              Connected
  drbd/r0                  n1 - n3              Connecting (says n1)

dependencies
  probe/home               probes service/web
  resource/vip             needs resource/fs\\x1b (group)

changes
  2026-11-22T09:59:58.123Z - resource/vip runs on host/n1 (Started)
";
        assert_eq!(page(&found, true), expected);
        let nothing = Found { at: "T".into(), edges: Vec::new(), changes: Vec::new() };
        assert_eq!(page(&nothing, false), "nothing was known at T\n");
        assert_eq!(page(&nothing, true), "nothing was known at T\n\nchanges\n  none\n");
    }
}
