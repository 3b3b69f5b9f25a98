//! `orszem collectors`: who sends to a server, and how they are doing.

use std::io::Write;
use std::process::ExitCode;

use orszem_indexer::collectors::{CollectorReport, CollectorStatus};
use orszem_model::ByteSize;
use serde::Deserialize;

use crate::cli::Global;
use crate::lines::harmless;

/// List the collectors of a server and how they are doing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if all are well, 1 if one is not or there is none, 2 on an error.

EXAMPLES
  orszem collectors
  orszem collectors --server https://logs.example:7450 --token-file ~/read.token
  orszem collectors --json | jq 'select(.status != \"ok\") | .host'")]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Deserialize)]
struct List {
    now_ns: i64,
    collectors: Vec<CollectorReport>,
}

/// Prints the list.
pub async fn run(global: &Global, Args { json }: Args) -> anyhow::Result<ExitCode> {
    let List { now_ns, collectors } = global.client()?.get("/app/v1/collectors", &[]).await?;
    let mut out = std::io::stdout().lock();
    if json {
        for collector in &collectors {
            writeln!(out, "{}", serde_json::to_string(collector)?)?;
        }
    } else if collectors.is_empty() {
        writeln!(out, "no collector was ever heard of; `orszem collector install` on a host enrols it")?;
    } else {
        out.write_all(table(&collectors, now_ns).as_bytes())?;
    }
    let is_well = collectors.iter().all(|collector| collector.status == CollectorStatus::Ok);
    Ok(if is_well && !collectors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each, and one for each thing that is wrong.
fn table(collectors: &[CollectorReport], now_ns: i64) -> String {
    let head = ["HOST", "STATUS", "SEEN", "LAG", "LATENCY", "SKEW", "FILES", "VERSION", "CONFIG"].map(str::to_owned);
    let rows: Vec<[String; 9]> = std::iter::once(head).chain(collectors.iter().map(|one| row(one, now_ns))).collect();
    let width = |column: usize| rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max();
    let widths: Vec<usize> = (0..9).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
        let Some(one) = at.checked_sub(1).and_then(|at| collectors.get(at)) else { continue };
        if one.status != CollectorStatus::Ok {
            text.push_str(&format!("  {}\n", harmless(&one.sentence)));
        }
        for problem in &one.problems {
            text.push_str(&format!("  {}\n", harmless(problem)));
        }
    }
    text
}

fn row(one: &CollectorReport, now_ns: i64) -> [String; 9] {
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}s"));
    let seen = one.last_seen_ns.map(|at| now_ns.saturating_sub(at) as f64 / 1e9);
    let config: String = one.config_hash.chars().take(8).collect();
    [
        harmless(&one.host),
        one.status.name().to_owned(),
        seen.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.0}s ago")),
        ByteSize(one.lag_bytes).to_string(),
        seconds(one.latency_p50_s),
        seconds(one.clock_skew_s),
        one.files.to_string(),
        harmless(&one.version),
        harmless(&config),
    ]
}
