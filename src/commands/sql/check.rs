//! `orszem sql check`: tells all that is wrong with metric files, or what is in them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use orszem_sql::{Metric, Role, Schedule};

/// Check metric files
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells every problem of all files with file, line, key and remedy. Exits 0 if there is none, 1 if there are some. Files
are read in this order; a later metric of the same context and fields replaces an earlier one.

EXAMPLES
  orszem sql check config/sql/oracle.toml
  orszem sql check default-metrics.toml our-metrics.yaml")]
pub struct Args {
    /// The files; those called .yaml or .yml are YAML, all others TOML
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match orszem_sql::load(&args.files, &super::variable) {
        Ok(loaded) => {
            show(&mut out, &loaded.metrics)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            super::tell(&mut out, &problems)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A line a metric: where it is, when it runs, what it gives.
fn show(out: &mut impl Write, metrics: &[Metric]) -> std::io::Result<()> {
    let rows: Vec<[String; 5]> = metrics.iter().map(row).collect();
    let heads = ["CONTEXT", "WHEN", "WHERE", "LABELS", "FIELDS"];
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).chain([heads[at].len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    for [context, when, place, labels, fields] in std::iter::once(heads.map(str::to_owned)).chain(rows) {
        let (a, b, c, d) = (widths[0], widths[1], widths[2], widths[3]);
        writeln!(out, "{context:<a$}  {when:<b$}  {place:<c$}  {labels:<d$}  {fields}")?;
    }
    writeln!(out, "{} metrics, in order", metrics.len())
}

fn row(metric: &Metric) -> [String; 5] {
    let when = match &metric.schedule {
        None => "each interval".to_owned(),
        Some(Schedule::Every(every)) => format!("every {}", orszem_model::Span(*every)),
        Some(Schedule::Cron(cron)) => format!("cron {}", cron.as_str()),
    };
    let mut place = match metric.role {
        Role::Any => "any".to_owned(),
        Role::Primary => "primary".to_owned(),
        Role::Standby => "standby".to_owned(),
    };
    if let Some(databases) = &metric.databases {
        place = if databases.is_empty() { "none".to_owned() } else { format!("{place} of {}", databases.join(", ")) };
    }
    let fields = metric.fields.iter().map(|(name, field)| {
        let thresholds = metric.thresholds.get(name).map(|thresholds| {
            let bounds = [thresholds.warning, thresholds.critical].into_iter().flatten();
            let bounds: Vec<String> = bounds.map(|bound| bound.to_string()).collect();
            format!(" [{}]", bounds.join(", "))
        });
        format!("{name} ({}){}", field.kind.name(), thresholds.unwrap_or_default())
    });
    let context = if metric.context.is_empty() { "-".to_owned() } else { metric.context.clone() };
    let labels = if metric.labels.is_empty() { "-".to_owned() } else { metric.labels.join(",") };
    [context, when, place, labels, fields.collect::<Vec<_>>().join(", ")]
}
