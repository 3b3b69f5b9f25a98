//! Gathers what one listener receives, up to 1 MiB or for 200 ms, and submits it.

use std::sync::Arc;
use std::time::Duration;

use orszem_parse::Zone;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use super::super::Decoded;
use super::super::error::IngestError;
use super::super::http::{IngestState, Submission, SubmitError};
use super::Listener;
use super::chunk::Chunk;
use super::record;

/// Messages are submitted once they have so many bytes …
const BATCH_BYTES: usize = 1 << 20;
/// … are so many …
const BATCH_MESSAGES: usize = 50_000;
/// … or the first of them has waited so long.
pub(super) const BATCH_WAIT: Duration = Duration::from_millis(200);
/// More than this is parsed off the async threads.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// After the store could not write, before the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The protocol's name in the metrics of ingest.
const PROTOCOL: &str = "syslog";

/// The task between one listener's sockets and the store.
pub(super) struct Gathering {
    pub(super) receiver: mpsc::Receiver<Chunk>,
    pub(super) listener: Arc<Listener>,
    pub(super) ingest: Arc<IngestState>,
    pub(super) zone: Arc<Zone>,
    pub(super) tenant: u32,
}

impl Gathering {
    /// Runs until the sockets are closed and all they received is submitted.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.receiver.recv().await {
            let until = Instant::now() + BATCH_WAIT;
            let (mut bytes, mut messages) = (first.byte_len(), first.len());
            let mut chunks = vec![first];
            while bytes < BATCH_BYTES && messages < BATCH_MESSAGES {
                match timeout_at(until, self.receiver.recv()).await {
                    Ok(Some(chunk)) => {
                        bytes += chunk.byte_len();
                        messages += chunk.len();
                        chunks.push(chunk);
                    }
                    Ok(None) | Err(_) => break,
                }
            }
            self.take_in(chunks, bytes, messages).await;
        }
    }

    async fn take_in(&self, chunks: Vec<Chunk>, bytes: usize, messages: usize) {
        match self.encode(chunks, bytes).await {
            Ok((decoded, malformed)) => {
                self.listener.counters.malformed.inc_by(malformed as u64);
                self.submit(decoded, messages).await;
            }
            Err(error) => {
                self.ingest.metrics.refused(PROTOCOL, error.code);
                self.listener.counters.dropped_refused.inc_by(messages as u64);
                error!(listener = self.listener.name, messages, %error, "syslog messages were lost");
            }
        }
    }

    async fn encode(&self, chunks: Vec<Chunk>, bytes: usize) -> Result<(Decoded, usize), IngestError> {
        let (ingest, zone, tenant) = (Arc::clone(&self.ingest), Arc::clone(&self.zone), self.tenant);
        let now = (ingest.clock)();
        let encode = move || record::encode(&chunks, &record::context(&ingest, tenant, now), &zone);
        if bytes <= INLINE_BYTES_MAX {
            return encode();
        }
        let encoding = tokio::task::spawn_blocking(encode).await;
        encoding.map_err(|error| IngestError::new("ingest.internal", 500, format!("decoding stopped: {error}")))?
    }

    /// Submits until the store has taken it, or a stop was asked for and it does not.
    async fn submit(&self, mut decoded: Decoded, messages: usize) {
        let batches = std::mem::take(&mut decoded.batches);
        let mut is_told = false;
        loop {
            let submission =
                Submission { tenant: self.tenant, identity: None, idempotency_key: None, batches: batches.clone() };
            let wait = match (self.ingest.submit)(submission).await {
                Ok(_) => {
                    self.ingest.metrics.taken(PROTOCOL, "ok", &decoded);
                    return;
                }
                Err(error @ SubmitError::TooLarge { .. }) => {
                    self.listener.counters.dropped_refused.inc_by(messages as u64);
                    error!(listener = self.listener.name, messages, %error, "syslog messages were lost");
                    return;
                }
                Err(error) if self.listener.stop.is_cancelled() => {
                    self.listener.counters.dropped_stop.inc_by(messages as u64);
                    error!(listener = self.listener.name, messages, %error, "syslog messages were lost at the stop");
                    return;
                }
                Err(error) => {
                    if !is_told {
                        warn!(listener = self.listener.name, messages, %error, "syslog messages wait for the store");
                        is_told = true;
                    }
                    match error {
                        SubmitError::Overloaded { retry_after_s } => Duration::from_secs(retry_after_s),
                        SubmitError::TooLarge { .. }
                        | SubmitError::DiskFull
                        | SubmitError::ShuttingDown
                        | SubmitError::Io(_) => RETRY_AFTER,
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.listener.stop.cancelled() => {}
            }
        }
    }
}
