//! `orszem bench`: measures fresh processes of this program.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use orszem_model::ByteSize;

use crate::cli::Global;
use alerts::Setting;
use process::Usage;

mod alerts;
mod collector;
mod corpus;
mod lines;
mod logs;
mod metrics;
mod probes;
mod process;
mod queries;
mod rsyslog;
mod rules;

/// The directory of a measurement, removed at its end.
type Scratch = tempfile::TempDir;

/// Measure ingest, queries, the collector, rules, alerts and probes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`logs` starts a server of its own in an empty directory, loads the corpus over HTTP in batches of 2 MiB on 2
connections, runs the query set warm after the flush and again after the seal, and prints wall and CPU time of each.
`collector` writes files of plain, JSON and access-log lines, lets a collector of its own bring them to a server of its
own, and prints the collector's CPU time and memory from file to acknowledgement, and what it takes idle on many files;
where rsyslogd is installed, it does the same work in the same run.
`metrics` writes series like those of node_exporter by remote write, runs a query set, and kills and restarts the
server; where Prometheus and VictoriaMetrics are installed, they do the same work in the same run.
`rules` evaluates threshold rules on a series each: sample by sample, as a group of Prometheus' rules, and in Prometheus
where it is installed, as the difference that the rules make to its CPU time.
`alerts` lets series cross a threshold and prints how long it takes from the sample, and from the change, to the webhook:
with thresholds and with Prometheus' rules in a server of its own, and with Prometheus and Alertmanager where they are
installed, all at the same time. It ends with 1 where something was never told.
`probes` has a collector of its own probe many targets on this host, and prints its CPU time and how late probes were;
where blackbox_exporter is installed, it probes the same. Exits 1 if one was late by more than a second, or missed.

EXAMPLES
  orszem bench logs --corpus corpus.jsonl
  orszem bench logs --corpus corpus.jsonl --repeat 31 --data-dir /mnt/bench
  orszem bench collector --size 512MiB
  orszem bench metrics --series 2000,200000,1000000
  orszem bench rules
  orszem bench alerts --crossings 100 --settings 15s/15s/30s --json
  orszem bench probes --targets 10000 --interval 10")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log ingest and log queries
    Logs {
        /// JSON lines with ts, host, service, level and msg; `FILE.meta.json` beside it lists needles and trace ids
        #[arg(long, value_name = "FILE")]
        corpus: PathBuf,
        /// How often each query runs
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        repeat: u32,
    },
    /// The collector, from file to acknowledgement
    Collector {
        /// How much of each kind of line is written
        #[arg(long, default_value = "256MiB", value_name = "SIZE")]
        size: ByteSize,
        /// Files that are followed while nothing is written
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        idle_files: u32,
        /// How long that is watched, in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        idle_seconds: u64,
    },
    /// Metric ingest, bytes a sample, queries and restart, beside Prometheus and VictoriaMetrics
    Metrics {
        /// How many series, each number a run of its own
        #[arg(long, value_delimiter = ',', default_value = "2000,200000,1000000", value_name = "N,…")]
        series: Vec<usize>,
        /// How many hours of samples each series gets [default: 24 for up to 20,000 series, minutes for more]
        #[arg(long, value_name = "HOURS")]
        hours: Option<f64>,
        /// How often each query runs at least
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        repeat: u32,
        /// Measure only this program
        #[arg(long)]
        alone: bool,
    },
    /// Many targets probed by one collector, beside blackbox_exporter
    Probes {
        /// How many targets, half of them HTTP, half TCP
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=20_000))]
        targets: u32,
        /// How often each is probed, in seconds
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        interval: u64,
        /// How long that is measured
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
        /// Measure only this program
        #[arg(long)]
        alone: bool,
    },
    /// A pass over threshold rules, beside Prometheus
    Rules {
        /// How many rules
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        count: u32,
        /// Measure only this program
        #[arg(long)]
        alone: bool,
    },
    /// From a sample that crosses a threshold to the webhook, beside Prometheus with Alertmanager
    Alerts {
        /// How many series cross
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        crossings: u32,
        /// The time over which they do
        #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = orszem_model::time::parse_duration)]
        spread: Duration,
        /// Scrape interval, evaluation interval and group wait of the peers, each a run of its own
        #[arg(long, value_delimiter = ',', default_value = "15s/1m/30s,1s/1s/1s", value_name = "SETTING,…")]
        settings: Vec<Setting>,
        /// Measure only this program
        #[arg(long)]
        alone: bool,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Measures and prints.
pub async fn run(global: &Global, Args { command }: Args) -> anyhow::Result<ExitCode> {
    let scratch = match &global.data_dir {
        Some(path) => tempfile::tempdir_in(path),
        None => tempfile::tempdir(),
    };
    let scratch = scratch.context("can't make a directory for the data")?;
    match command {
        Command::Logs { corpus, repeat } => logs::run(&scratch, &corpus, repeat).await,
        Command::Collector { size, idle_files, idle_seconds } => {
            collector::run(&scratch, size.bytes(), idle_files, idle_seconds).await
        }
        Command::Metrics { series, hours, repeat, alone } => {
            metrics::run(&scratch, &series, hours, repeat, !alone).await
        }
        Command::Alerts { crossings, spread, settings, alone, json } => {
            let settings = if alone { Vec::new() } else { settings };
            let plan = alerts::Plan { crossings: crossings as usize, spread, settings, is_json: json };
            alerts::run(&scratch, &plan).await
        }
        Command::Probes { targets, interval, seconds, alone } => {
            probes::run(&scratch, targets as usize, interval, seconds, !alone).await
        }
        Command::Rules { count, alone } => rules::run(&scratch, count as usize, !alone).await,
    }
}

fn shown(usage: &Usage, bytes: u64) -> String {
    let Usage { cpu_s, anonymous_bytes, resident_bytes: _, peak_bytes } = usage;
    format!(
        "{cpu_s:.2} CPU s, {:.1} MB per CPU s, RssAnon {:.0} MB, peak {:.0} MB",
        mb(bytes) / cpu_s.max(0.001),
        anonymous_bytes / 1e6,
        peak_bytes / 1e6
    )
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// One line of the report.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush().context("can't write the report")
}
