//! From the queue to the receiver: one batch after the other, each until it is taken.

use std::sync::Arc;
use std::time::Duration;

use orszem_queue::{Batch, QueueError, Reader};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::CollectorError;
use crate::counters::add;
use crate::error::chain;
use crate::output::{Outbound, Sender, Undelivered};
use crate::shared::Shared;

/// The pause after a failed operation on the queue.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// The task that empties the queue.
pub(crate) struct Sending {
    /// `None` only while a blocking task has it.
    pub(crate) reader: Option<Reader>,
    pub(crate) sender: Sender,
    /// The number behind the last durable batch.
    pub(crate) durable: watch::Receiver<u64>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: CancellationToken,
    /// The output of the next configuration.
    pub(crate) next_sender: tokio::sync::mpsc::Receiver<Sender>,
}

impl Sending {
    /// Sends until it is told to stop, or until the pipeline has ended and everything is sent. What is not
    /// acknowledged stays in the queue and is sent by the next start under the same number.
    pub(crate) async fn run(mut self) {
        let mut ahead: Option<Batch> = None;
        while !self.shutdown.is_cancelled() {
            if let Ok(sender) = self.next_sender.try_recv() {
                self.sender = sender;
            }
            let next = match ahead.take() {
                Some(batch) => Ok(Some(batch)),
                None => self.next().await,
            };
            let sent = match next {
                Ok(Some(batch)) => self.deliver(batch).await,
                Ok(None) if self.wait().await => Ok(Some(None)),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            match sent {
                Ok(Some(next)) => {
                    self.shared.sending();
                    ahead = next;
                }
                Ok(None) => return,
                Err(error) if self.is_over(&error) => return,
                Err(_told) => self.pause().await,
            }
        }
    }

    /// Tells of a failure; whether nothing can be sent any more.
    fn is_over(&self, error: &CollectorError) -> bool {
        // The server would take new batches for repeats of others.
        let is_ahead = matches!(error, CollectorError::Queue(QueueError::HorizonAhead { .. }));
        let is_over = is_ahead || self.reader.is_none();
        if self.shared.not_sending(&chain(error)) {
            let error = error as &dyn std::error::Error;
            match is_over {
                true => error!(error, "sending has stopped; what is queued is sent by the next start"),
                false => error!(error, "the queue can't be read, trying again"),
            }
        }
        is_over
    }

    async fn pause(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(FAILED_PAUSE) => {}
        }
    }

    /// Waits for more; `false` when there will be none.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = self.shutdown.cancelled() => false,
            changed = self.durable.changed() => changed.is_ok(),
            Some(sender) = self.next_sender.recv() => {
                self.sender = sender;
                true
            }
        }
    }

    /// Delivers a batch and reads the next one meanwhile; `None` when told to stop.
    async fn deliver(&mut self, batch: Batch) -> Result<Option<Option<Batch>>, CollectorError> {
        let Batch { seq, skipped, records, raw_bytes, hash, payload, .. } = batch;
        let raw_len = usize::try_from(raw_bytes).unwrap_or(usize::MAX);
        let outbound = Outbound { payload: payload.into(), hash, raw_len, records, seq, skipped };
        let reading = self.reader.take().map(|mut reader| {
            tokio::task::spawn_blocking(move || {
                let next = reader.next();
                (reader, next)
            })
        });
        let delivered = loop {
            tokio::select! {
                delivered = self.sender.deliver(&outbound) => break delivered,
                // The batch has a number, so whatever became of it, it counts once.
                Some(sender) = self.next_sender.recv() => self.sender = sender,
            }
        };
        let Some(reading) = reading else { return Err(CollectorError::Stopped) };
        let (reader, next) = reading.await.map_err(CollectorError::Step)?;
        let delivered = match delivered {
            Ok(delivered) => delivered,
            Err(Undelivered::Cancelled) => return Ok(None),
            Err(Undelivered::Closed) => return Err(CollectorError::Stopped),
        };
        let counters = &self.shared.counters;
        let refused = delivered.refused.as_ref().map_or(0, |refused| refused.records);
        add(&counters.batches_sent, 1);
        add(&counters.bytes_sent, raw_bytes);
        add(&counters.records_sent, u64::from(records).saturating_sub(refused));
        add(&counters.records_refused, refused);
        let horizon = delivered.horizon_seq;
        let (reader, released) = blocking(reader, move |reader| reader.release(horizon)).await?;
        self.reader = Some(reader);
        // What is not released now is released with the next batch.
        let next = next?;
        if let Err(error) = released {
            let error = CollectorError::from(error);
            if self.is_over(&error) {
                return Ok(None);
            }
        }
        Ok(Some(next))
    }

    async fn next(&mut self) -> Result<Option<Batch>, CollectorError> {
        let Some(reader) = self.reader.take() else { return Err(CollectorError::Stopped) };
        let (reader, next) = blocking(reader, Reader::next).await?;
        self.reader = Some(reader);
        Ok(next?)
    }
}

/// Does something with the reader off the async threads.
async fn blocking<T: Send + 'static>(
    mut reader: Reader,
    work: impl FnOnce(&mut Reader) -> T + Send + 'static,
) -> Result<(Reader, T), CollectorError> {
    let task = tokio::task::spawn_blocking(move || {
        let done = work(&mut reader);
        (reader, done)
    });
    task.await.map_err(CollectorError::Step)
}
