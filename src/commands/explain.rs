//! `orszem explain`: how a query is answered.

use std::io::Write;
use std::process::ExitCode;

use serde::Deserialize;

use super::search::Range;
use crate::cli::Global;
use crate::lines::harmless;

/// Show how a query is answered, and what it costs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES
  orszem explain 'error' --since 1h
  orszem explain 'host:db1 AND /blk_-?[0-9]+9/'")]
pub struct Args {
    /// The query; docs/search.md has the language
    #[arg(default_value = "")]
    pub query: String,
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

/// Prints the plan.
pub async fn run(global: &Global, Args { query, range }: Args) -> anyhow::Result<ExitCode> {
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
