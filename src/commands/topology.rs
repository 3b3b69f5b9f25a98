//! `orszem topology`: what runs where and what depends on what, now or at a past moment.

mod dot;
mod text;

use std::io::Write;
use std::process::ExitCode;

use orszem_model::topology::Relation;
use serde::Deserialize;

use crate::cli::Global;

/// Show what runs where and what depends on what, now or at a past moment
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if anything was known at that moment, 1 if nothing was, 2 on an error.

EXAMPLES
  orszem topology
  orszem topology --at 2026-11-22T10:00:00Z
  orszem topology --since 1h
  orszem topology --output json | jq '.edges[] | select(.relation == \"runs_on\")'
  orszem topology --dot | dot -Tsvg > topology.svg")]
pub struct Args {
    /// At this moment, such as 2026-11-22T10:00:00Z or now-2h [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Also what has changed from this long before it, such as 1h or 14d
    #[arg(long, value_name = "SPAN", conflicts_with = "dot")]
    pub since: Option<String>,
    /// In Graphviz' language
    #[arg(long, conflicts_with = "output")]
    pub dot: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

/// What the server answers.
#[derive(Deserialize)]
struct Found {
    at: String,
    edges: Vec<Edge>,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Clone, Debug, Deserialize)]
struct Edge {
    from: String,
    relation: RelationName,
    to: String,
    detail: String,
}

#[derive(Debug, Deserialize)]
struct Change {
    at: String,
    is_there: bool,
    #[serde(flatten)]
    edge: Edge,
}

/// A relation by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct RelationName(Relation);

impl TryFrom<String> for RelationName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Relation::from_name(&name).map(Self).ok_or_else(|| format!("{name:?} is no relation that this version knows"))
    }
}

/// Asks and prints.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { at, since, dot, output } = args;
    let given = [("at", at), ("since", since.clone())];
    let parameters: Vec<(&str, String)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let answer: serde_json::Value = global.client()?.get("/app/v1/topology", &parameters).await?;
    let mut out = std::io::stdout().lock();
    if output == Output::Json {
        let is_empty = answer["edges"].as_array().is_none_or(Vec::is_empty);
        writeln!(out, "{answer}")?;
        return Ok(if is_empty { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let found: Found = serde_json::from_value(answer)?;
    let shown = if dot { dot::graph(&found.edges) } else { text::page(&found, since.is_some()) };
    out.write_all(shown.as_bytes())?;
    Ok(if found.edges.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
