//! `orszem report`: what was available over a period.

use std::io::Write;
use std::process::ExitCode;

use orszem_dashboards::report::{Report, html, text};
use orszem_model::Language;

use crate::cli::Global;

/// Show what was available over a period, with outages, latencies, certificates and incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Days, weeks (from Monday) and months are the last whole ones, in UTC. Exits 0 if every target that is known reached the
goal, 1 if one did not or none was probed, 2 on an error.

EXAMPLES
  orszem report
  orszem report --period week --goal 0.9995
  orszem report --period 2026-11-01T00:00:00Z..2026-11-08T00:00:00Z
  orszem report --period day --format html --language hu > report.html")]
pub struct Args {
    /// day, week, month, a span up to now such as 12h or 7d, or FROM..TO
    #[arg(long, default_value = "month")]
    pub period: String,
    /// The share of the time that is to be reached
    #[arg(long, default_value_t = 0.999)]
    pub goal: f64,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The language of text and HTML: en or hu
    #[arg(long, default_value = "en")]
    pub language: Language,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Html,
    Json,
}

/// Asks and prints.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { period, goal, format, language } = args;
    let parameters = [("period", period), ("goal", goal.to_string())];
    let report: Report = global.client()?.get("/app/v1/report", &parameters).await?;
    let mut out = std::io::stdout().lock();
    match format {
        Format::Text => out.write_all(text(&report, language).as_bytes())?,
        Format::Html => out.write_all(html(&report, language).as_bytes())?,
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
    }
    let is_missed = report.targets.iter().any(|target| target.ratio.is_some_and(|ratio| ratio < goal));
    Ok(if is_missed || report.targets.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
