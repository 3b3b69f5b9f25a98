//! The topology in Graphviz' language: hosts are boxes, what runs on them points to them.

use std::collections::BTreeSet;

use orszem_model::topology::Relation;

use super::Edge;
use crate::lines::harmless;

/// A directed graph.
pub(super) fn graph(edges: &[Edge]) -> String {
    let mut out = String::from("digraph topology {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    let entities: BTreeSet<&str> = edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]).collect();
    for entity in entities {
        let shape = match entity.split('/').next() {
            Some("cluster") => "doubleoctagon",
            Some("host") => "box",
            Some("drbd" | "device") => "cylinder",
            _ => "ellipse",
        };
        out.push_str(&format!("  {} [shape={shape}];\n", quoted(entity)));
    }
    for Edge { from, relation, to, detail } in edges {
        let style = match relation.0 {
            Relation::RunsOn | Relation::PartOf => "solid",
            Relation::DependsOn => "dashed",
            Relation::ReplicatesTo => "bold",
            Relation::Calls | Relation::Probes => "dotted",
        };
        let words = relation.0.name().replace('_', " ");
        let label = if detail.is_empty() { words } else { format!("{words}: {detail}") };
        out.push_str(&format!("  {} -> {} [label={}, style={style}];\n", quoted(from), quoted(to), quoted(&label)));
    }
    out.push_str("}\n");
    out
}

/// A text between quotes. A backslash would begin one of Graphviz' escapes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::RelationName;
    use super::*;

    #[test]
    fn names_stay_within_their_quotes() {
        let edge = Edge {
            from: "resource/a\"b\\".into(),
            relation: RelationName(Relation::RunsOn),
            to: "host/n1".into(),
            detail: "Started".into(),
        };
        let lines = [
            "digraph topology {",
            "  rankdir=LR;",
            "  node [fontname=\"sans-serif\"];",
            "  \"host/n1\" [shape=box];",
            "  \"resource/a\\\"b\\\\\" [shape=ellipse];",
            "  \"resource/a\\\"b\\\\\" -> \"host/n1\" [label=\"runs on: Started\", style=solid];",
            "}",
            "",
        ];
        assert_eq!(graph(&[edge]), lines.join("\n"));
    }
}
