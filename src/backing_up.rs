//! Backups of a running server: `POST /app/v1/admin/backup` answers with the archive.
//!
//! The stores are copied into a directory beside them first, mostly as hard links, so that they need not stand still
//! while the archive is sent.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use orszem_indexer::Indexer;
use orszem_indexer::samples::Samples;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{error, info, warn};

use crate::archive::ArchiveWriter;
use crate::catalogue::ApiError;
use crate::data_dir::{DataDir, STAGING_NAME};
use crate::heartbeats;

/// Chunks that wait for the client; the archive waits when they are full.
const CHUNKS: usize = 4;
/// A chunk is sent when it is this large.
const CHUNK_BYTES: usize = 256 << 10;

/// What a backup is made of.
#[derive(Clone)]
struct Sources {
    indexer: Indexer,
    samples: Samples,
    /// Copied as they are, where they are there.
    others: [PathBuf; 3],
    staging: PathBuf,
    /// One at a time.
    turn: Arc<Semaphore>,
}

/// The route. Removes what a backup left behind when the server was killed.
pub(crate) fn routes(indexer: Indexer, samples: Samples, data_dir: &DataDir) -> anyhow::Result<Router> {
    let staging = data_dir.path().join(STAGING_NAME);
    remove(&staging).with_context(|| format!("can't remove {}", staging.display()))?;
    let others = [data_dir.collector(), data_dir.tls(), heartbeats::file(data_dir.path())];
    let sources = Sources { indexer, samples, others, staging, turn: Arc::new(Semaphore::new(1)) };
    Ok(Router::new().route("/app/v1/admin/backup", post(backup)).with_state(sources))
}

/// Copies everything, then sends it. If that fails midway the connection is cut at the end of what there is.
async fn backup(State(sources): State<Sources>) -> Response {
    let Ok(turn) = Arc::clone(&sources.turn).try_acquire_owned() else {
        return ApiError::BackupBusy.into_response();
    };
    let copied = tokio::task::spawn_blocking(move || Copied::make(&sources, turn)).await;
    let copied = match copied.map_err(anyhow::Error::new).flatten() {
        Ok(copied) => copied,
        Err(failure) => {
            error!(error = format!("{failure:#}"), "a backup failed");
            return ApiError::BackupFailed.into_response();
        }
    };
    let (chunks, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut out = Chunks { chunks, chunk: Vec::with_capacity(CHUNK_BYTES) };
        let sent = copied.send(&mut out);
        // Before the answer ends, so that whoever has all of it can ask for the next.
        drop(copied);
        match sent {
            Ok(()) => info!("a backup was sent"),
            Err(failure) => {
                warn!(error = format!("{failure:#}"), "a backup ended early");
                // The connection is cut, so that the client sees that the file is not whole; if it left, nobody cares.
                out.chunks.blocking_send(Err(io::Error::other("the backup ended early"))).unwrap_or(());
            }
        }
    });
    let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        if chunk.is_err() {
            // What came before is still being sent; an error at once would take it along.
            tokio::task::yield_now().await;
        }
        Some((chunk, receiver))
    }));
    ([(CONTENT_TYPE, "application/zstd")], body).into_response()
}

/// The copy; it goes when it is dropped.
struct Copied {
    staging: PathBuf,
    _turn: OwnedSemaphorePermit,
}

impl Copied {
    fn make(sources: &Sources, turn: OwnedSemaphorePermit) -> anyhow::Result<Self> {
        let Sources { indexer, samples, others, staging, turn: _ } = sources;
        remove(staging).with_context(|| format!("can't remove {}", staging.display()))?;
        let copied = Self { staging: staging.clone(), _turn: turn };
        fs::create_dir_all(copied.rest()).with_context(|| format!("can't create {}", copied.rest().display()))?;
        // The collector's queue comes before the stores: what it takes for delivered is in them, what is in both is
        // recognised, and what its positions do not cover is read again.
        for other in others {
            let name = other.file_name().unwrap_or_default();
            copy(other, &copied.rest().join(name)).with_context(|| format!("can't copy {}", other.display()))?;
        }
        orszem_indexer::backup(indexer, samples, &copied.stores())?;
        Ok(copied)
    }

    fn stores(&self) -> PathBuf {
        self.staging.join("stores")
    }

    fn rest(&self) -> PathBuf {
        self.staging.join("rest")
    }

    fn send(&self, out: &mut Chunks) -> anyhow::Result<()> {
        let mut archive = ArchiveWriter::new(out)?;
        archive.add(&self.rest(), &[])?;
        archive.add(&self.stores(), &[])?;
        archive.finish()?.flush().context("the client left")
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.staging) {
            warn!(path = %self.staging.display(), %error, "what a backup needed can't be removed; the next start tries it again");
        }
    }
}

/// Copies a file, or a directory that is written to meanwhile, if it is there. In the order of names: in a collector's
/// queue the segments come before `horizon`, so that it names all that are gone. A segment that grows has the begin of it
/// copied, as a crash would leave it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copied = match fs::metadata(from) {
        Ok(metadata) if metadata.is_dir() => copy_directory(from, to),
        Ok(metadata) if metadata.is_file() => fs::copy(from, to).map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    match copied {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = fs::read_dir(from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    fs::create_dir_all(to)?;
    names.into_iter().try_for_each(|name| copy(&from.join(&name), &to.join(&name)))
}

fn remove(staging: &Path) -> io::Result<()> {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes into the body of an answer.
struct Chunks {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        self.chunks.blocking_send(Ok(Bytes::from(full))).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_copied_and_what_is_not_there_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("queue/deep")).expect("creates");
        fs::write(at("queue/deep/1"), "one").expect("writes");
        fs::write(at("state"), "two").expect("writes");
        for name in ["queue", "state", "missing"] {
            copy(&at(name), &at(&format!("copy-{name}"))).expect("copies");
        }
        assert_eq!(fs::read_to_string(at("copy-queue/deep/1")).expect("is there"), "one");
        assert_eq!(fs::read_to_string(at("copy-state")).expect("is there"), "two");
        assert!(!at("copy-missing").try_exists().expect("can tell"));
    }
}
