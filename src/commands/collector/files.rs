//! `orszem collector files`: what is followed, how far it was read, and what can't be read.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use orszem_collector::{FileReportState, Report};

use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// List what the collector of this host follows
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads what the collector wrote about itself; it is at most ten seconds old while it runs.

EXAMPLES
  orszem collector files
  orszem collector files --json
  orszem collector files --data-dir /srv/orszem")]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints the list.
pub(super) fn run(global: &Global, Args { json }: Args) -> anyhow::Result<ExitCode> {
    let dir = collecting::state_dir(global)?;
    let report = Report::read_from(&dir)?
        .with_context(|| format!("no collector has written of itself in {}; is it running?", dir.display()))?;
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &report.files)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_good = true;
    writeln!(out, "{:>14} {:>14} {:>12}  FILE", "SIZE", "POSITION", "LAG")?;
    for file in &report.files {
        let path = harmless(&file.path.to_string_lossy());
        writeln!(out, "{:>14} {:>14} {:>12}  {path}", file.size, file.position, file.lag)?;
        if file.state == FileReportState::Unreadable {
            is_good = false;
            writeln!(out, "{:>44}can't be read: {}", "", file.reason)?;
            writeln!(out, "{:>44}fix: {}", "", file.fix)?;
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
