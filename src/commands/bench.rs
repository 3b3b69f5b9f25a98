//! `orszem bench`: measures a fresh server of this program on a corpus.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use clap::Subcommand;

use crate::cli::Global;
use process::{Child, Usage};

mod corpus;
mod process;
mod queries;

/// Bytes of one ingest request.
const BATCH_BYTES: usize = 2 << 20;
/// Requests under way at once.
const CONNECTIONS: usize = 2;

/// Measure ingest and queries
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts a server of its own in an empty directory, loads the corpus over HTTP in batches of 2 MiB on 2 connections, runs
the query set warm after the flush and again after the seal, and prints wall and CPU time of each.

EXAMPLES
  orszem bench logs --corpus corpus.jsonl
  orszem bench logs --corpus corpus.jsonl --repeat 31 --data-dir /mnt/bench")]
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
}

/// Measures and prints.
pub async fn run(
    global: &Global,
    Args { command: Command::Logs { corpus, repeat } }: Args,
) -> anyhow::Result<ExitCode> {
    let meta = corpus::Meta::of(&corpus)?;
    let scratch = match &global.data_dir {
        Some(path) => tempfile::tempdir_in(path),
        None => tempfile::tempdir(),
    };
    let scratch = scratch.context("can't make a directory for the data")?;
    let data_dir = scratch.path().join("data");
    let server = Child::start(&data_dir).await?;
    let bytes = load(&server, &corpus).await?;
    step(&server, &data_dir, "flush", bytes).await?;
    queries::run(&server, &meta, repeat).await?;
    step(&server, &data_dir, "seal", bytes).await?;
    queries::run(&server, &meta, repeat).await?;
    server.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// Sends the corpus and prints what that cost.
async fn load(server: &Child, corpus: &Path) -> anyhow::Result<u64> {
    let before = server.usage()?;
    let begun = Instant::now();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(CONNECTIONS);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let path = corpus.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        corpus::batches(&path, BATCH_BYTES, |batch| sender.blocking_send(batch).is_ok())
    });
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (client, receiver) = (server.client().clone(), std::sync::Arc::clone(&receiver));
        sending.spawn(async move {
            loop {
                let batch = receiver.lock().await.recv().await;
                let Some(batch) = batch else { return anyhow::Ok(()) };
                client.post("/app/v1/ingest", "application/x-ndjson", batch).await?;
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.context("a connection panicked")??;
    }
    let bytes = reading.await.context("reading the corpus panicked")??;
    let spent = server.usage()?.since(&before);
    print(&format!("loaded {:.1} MB in {:.1} s: {}", mb(bytes), begun.elapsed().as_secs_f64(), shown(&spent, bytes)))?;
    Ok(bytes)
}

/// Has the server flush or seal, and prints the cost and the disk.
async fn step(server: &Child, data_dir: &Path, name: &str, bytes: u64) -> anyhow::Result<()> {
    let before = server.usage()?;
    let begun = Instant::now();
    server.client().post(&format!("/app/v1/admin/{name}"), "application/json", Bytes::from_static(b"{}")).await?;
    let spent = server.usage()?.since(&before);
    let (all, journal) = (process::disk_bytes(data_dir)?, process::disk_bytes(&data_dir.join("journal"))?);
    print(&format!(
        "{name} in {:.1} s: {}; disk {:.1} MB, {:.2}x smaller, journal {:.1} MB of it",
        begun.elapsed().as_secs_f64(),
        shown(&spent, bytes),
        mb(all),
        bytes as f64 / all.saturating_sub(journal).max(1) as f64,
        mb(journal)
    ))
}

fn shown(usage: &Usage, bytes: u64) -> String {
    let Usage { cpu_s, anonymous_bytes, peak_bytes } = usage;
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
