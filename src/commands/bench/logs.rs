//! `orszem bench logs`: ingest and queries of a server on a corpus.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;

use super::process::{self, Child};
use super::{Scratch, corpus, mb, print, queries, shown};

/// Bytes of one ingest request.
const BATCH_BYTES: usize = 2 << 20;
/// Requests under way at once.
const CONNECTIONS: usize = 2;

/// Measures and prints.
pub(super) async fn run(scratch: &Scratch, corpus: &Path, repeat: u32) -> anyhow::Result<ExitCode> {
    let meta = corpus::Meta::of(corpus)?;
    let data_dir = scratch.path().join("data");
    let server = Child::start(&data_dir).await?;
    let bytes = load(&server, corpus).await?;
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
