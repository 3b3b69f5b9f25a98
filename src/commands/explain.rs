//! `orszem explain`: how a query is answered, or how a log line is read.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use orszem_collector::{Explained, Explainer, local_zone};
use orszem_model::Timestamp;
use serde::Deserialize;

use super::search::Range;
use crate::app::host_name;
use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// Show how a log line is read, or how a query is answered and what it costs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A text that begins as a log line does is read as one: which format it is, and the record that a collector would make of
it. Anything else is a query, which the server explains.

EXAMPLES
  orszem explain 'Nov 22 10:00:00 db1 sshd[42]: Failed password for root from 10.0.0.9 port 22 ssh2'
  orszem explain --line --file /var/log/shop/app.log 'no time at all'
  orszem explain 'error' --since 1h
  orszem explain --query 'host:db1 AND /blk_-?[0-9]+9/'")]
pub struct Args {
    /// The log line, or the query; docs/search.md has the language
    #[arg(default_value = "")]
    pub text: String,
    /// Read it as a log line, whatever it looks like
    #[arg(long, conflicts_with = "query")]
    pub line: bool,
    /// Take it for a query, whatever it looks like
    #[arg(long)]
    pub query: bool,
    /// Read the line as if it stood in this file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub range: Range,
}

#[derive(Deserialize)]
struct Explanation {
    plan: Vec<String>,
    stats: Stats,
    partial: bool,
}

#[derive(Deserialize)]
struct Stats {
    bytes_scanned: u64,
    records_scanned: u64,
}

/// Prints what the line becomes, or the plan of the query.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { text, line, query, file, range } = args;
    if !query {
        let mut explainer = Explainer::new(collecting::load(global)?, &host_name(), local_zone())?;
        let explained = explainer.explain(text.as_bytes(), file.as_deref(), collecting::now());
        if line || file.is_some() || explained.format.is_some() {
            show(&mut std::io::stdout().lock(), &explained)?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    explain_query(global, text, range).await
}

fn show(out: &mut impl Write, explained: &Explained) -> std::io::Result<()> {
    let mut row = |name: &str, value: &str| writeln!(out, "{name:<16} {}", harmless(value));
    row("format", explained.format.as_deref().unwrap_or("none"))?;
    row("timestamp", &Timestamp(explained.timestamp).to_string())?;
    match &explained.severity_text {
        Some(text) => row("severity", &format!("{} ({text})", explained.severity))?,
        None => row("severity", &explained.severity)?,
    }
    for (name, value) in &explained.labels {
        row(&format!("label {name}"), value)?;
    }
    for (key, value) in &explained.attributes {
        row(key, &value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
    }
    if !explained.entities.is_empty() {
        row("entities", &explained.entities.join(" "))?;
    }
    if let Some(id) = &explained.trace_id {
        row("trace_id", id)?;
    }
    row("body", &explained.body)?;
    match &explained.dropped {
        Some(reason) => row("dropped", reason),
        None => Ok(()),
    }
}

/// Prints the plan of a query.
pub async fn explain_query(global: &Global, query: String, range: Range) -> anyhow::Result<ExitCode> {
    let mut parameters = vec![("q", query)];
    range.push_to(&mut parameters);
    let Explanation { plan, stats, partial } = global.client()?.get("/app/v1/explain", &parameters).await?;
    let mut out = std::io::stdout().lock();
    for step in plan {
        writeln!(out, "{}", harmless(&step))?;
    }
    writeln!(out, "scanned {} bytes, {} records", stats.bytes_scanned, stats.records_scanned)?;
    if partial {
        writeln!(out, "partial: the deadline or the memory budget ended it")?;
    }
    Ok(ExitCode::SUCCESS)
}
