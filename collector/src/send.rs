//! From the queue to the receiver: one batch after the other, each until it is taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orszem_queue::{Batch, Flow, Flows, Reader};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::counters::{add, count};
use crate::error::chain;
use crate::output::{Delivered, Outbound, Sender, Signal, Undelivered};
use crate::pipeline::Notice;
use crate::shared::Shared;
use crate::{CollectorError, clock};

/// The pause after a failed operation on the queue.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// The task that empties the queue.
///
/// # When the state directory was set back
/// A receiver that tells of higher numbers than were given out in a batch's flow has them from a later state of the
/// same directory: an older copy was put back, or a virtual machine went on from a snapshot.
///
/// - A flow of an earlier start: its batches in the queue are the ones that the receiver judges by their numbers, so
///   what it has is released and what it has not is sent. Batches that were made since the copy was put back are in the
///   flow that began with this start, so they are never taken for repeats.
/// - The flow of this start (the process itself was set back): its numbers may stand for other batches. Another flow
///   begins at the batch that showed it, which is sent once more, as nothing proves that the receiver has these very
///   records. They may be doubled, and are not lost.
///
/// Either way the sources are read again from where the copy stood.
pub(crate) struct Sending {
    pub(crate) signal: Signal,
    /// `None` only while a blocking task has it.
    pub(crate) reader: Option<Reader>,
    pub(crate) flows: Flows,
    /// The first number that this start gives out.
    pub(crate) first_seq: u64,
    pub(crate) sender: Sender,
    /// The number behind the last durable batch.
    pub(crate) durable: watch::Receiver<u64>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) next_way: mpsc::Receiver<Way>,
    /// The epoch of which was told that it was set back.
    pub(crate) set_back: Option<u64>,
}

/// How sending goes on with another configuration.
#[derive(Debug)]
pub(crate) struct Way {
    /// `None`: as before.
    pub(crate) sender: Option<Sender>,
    /// The source of what is read from now on.
    pub(crate) source: String,
}

impl Sending {
    /// Sends until it is told to stop, or until the pipeline has ended and everything is sent. What is not
    /// acknowledged stays in the queue and is sent by the next start under the same name and number.
    pub(crate) async fn run(mut self) {
        let mut ahead: Option<Batch> = None;
        while !self.shutdown.is_cancelled() {
            if let Ok(way) = self.next_way.try_recv() {
                self.go(way);
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
                    self.shared.sending(self.signal);
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
        let is_over = self.reader.is_none();
        if self.shared.not_sending(self.signal, &chain(error)) {
            let error = error as &dyn std::error::Error;
            match is_over {
                true => error!(error, "sending has stopped; what is queued is sent by the next start"),
                false => error!(error, "the queue can't be used, trying again"),
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
            Some(way) = self.next_way.recv() => {
                self.go(way);
                true
            }
        }
    }

    /// Goes on another way. Another source takes what is not yet given out; a number keeps the source it had.
    fn go(&mut self, way: Way) {
        let Way { sender, source } = way;
        if let Some(sender) = sender {
            self.sender = sender;
        }
        let Flow { source: before, .. } = self.flows.current();
        if source != *before {
            warn!(before, source, "the collector has another name; what is queued is sent under the one before");
            let behind = *self.durable.borrow();
            self.flows.go_on(behind, &source, new_epoch());
        }
    }

    /// Delivers a batch and reads the next one meanwhile; `None` when told to stop.
    async fn deliver(&mut self, batch: Batch) -> Result<Option<Option<Batch>>, CollectorError> {
        let Batch { seq, skipped, records, raw_bytes, hash, payload, .. } = batch;
        let raw_len = usize::try_from(raw_bytes).unwrap_or(usize::MAX);
        if seq >= self.first_seq && !self.save_flows().await {
            return Ok(None);
        }
        let Flow { source, epoch, .. } = self.flows.of(seq).clone();
        let payload = Bytes::from(payload);
        let outbound = Outbound { source, epoch, payload, hash, raw_len, records, seq, skipped };
        let reading = self.reader.take().map(|mut reader| {
            tokio::task::spawn_blocking(move || {
                let next = reader.next();
                (reader, next)
            })
        });
        let delivered = self.settle(outbound).await;
        let Some(reading) = reading else { return Err(CollectorError::Stopped) };
        let (reader, next) = reading.await.map_err(CollectorError::Step)?;
        let Some((delivered, horizon)) = delivered? else { return Ok(None) };
        let sent = self.shared.counters.sent(self.signal);
        let refused = delivered.refused.as_ref().map_or(0, |refused| refused.records);
        add(sent.batches, 1);
        add(sent.bytes, raw_bytes);
        add(sent.records, u64::from(records).saturating_sub(refused));
        add(sent.refused, refused);
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

    /// Sends a batch until it is decided on, under another name where its own turns out to be taken. Answers up to
    /// which number the queue may be released; `None` when told to stop.
    async fn settle(&mut self, mut outbound: Outbound) -> Result<Option<(Delivered, u64)>, CollectorError> {
        let seq = outbound.seq;
        loop {
            let delivered = loop {
                tokio::select! {
                    delivered = self.sender.deliver(&outbound) => break delivered,
                    // The batch has a name, so whatever became of it, it counts once.
                    Some(way) = self.next_way.recv() => self.go(way),
                }
            };
            let delivered = match delivered {
                Ok(delivered) => delivered,
                Err(Undelivered::Cancelled) => return Ok(None),
                Err(Undelivered::Closed) => return Err(CollectorError::Stopped),
            };
            let is_own = seq >= self.first_seq;
            // This start gives its numbers out in order: none beyond the batch's own is known to anyone.
            let last = if is_own { seq } else { self.flows.last_of(seq).unwrap_or(seq) };
            let told = delivered.accepted_seq.max(delivered.horizon_seq);
            let horizon = delivered.horizon_seq.min(last);
            if told <= last {
                return Ok(Some((delivered, horizon)));
            }
            self.tell_set_back(outbound.epoch, told, last);
            if !is_own {
                return Ok(Some((delivered, horizon)));
            }
            outbound.source.clone_from(&self.flows.current().source);
            outbound.epoch = new_epoch();
            self.flows.go_on(seq, &outbound.source, outbound.epoch);
            if !self.save_flows().await {
                return Ok(None);
            }
        }
    }

    /// Tells, once for each flow, that the receiver has more of it than was given out.
    fn tell_set_back(&mut self, epoch: u64, told: u64, last: u64) {
        if self.set_back != Some(epoch) {
            self.set_back = Some(epoch);
            count(&self.shared.counters.set_backs);
            let notice = Notice::set_back(self.signal, epoch, told, last);
            warn!(epoch, told, last, "{}", notice.text);
            self.shared.tell(notice);
        }
    }

    /// Makes the flows durable, however long that takes; `false` when told to stop.
    async fn save_flows(&mut self) -> bool {
        while let Some(unsaved) = self.flows.unsaved() {
            let saved = tokio::task::spawn_blocking(move || unsaved.save()).await;
            let error = match saved {
                Ok(Ok(())) => {
                    self.flows.saved();
                    break;
                }
                Ok(Err(error)) => CollectorError::from(error),
                Err(error) => CollectorError::Step(error),
            };
            if self.shared.not_sending(self.signal, &chain(&error)) {
                error!(error = &error as &dyn std::error::Error, "the queue's flows can't be written, trying again");
            }
            self.pause().await;
            if self.shutdown.is_cancelled() {
                return false;
            }
        }
        true
    }

    async fn next(&mut self) -> Result<Option<Batch>, CollectorError> {
        let Some(reader) = self.reader.take() else { return Err(CollectorError::Stopped) };
        let (reader, next) = blocking(reader, Reader::next).await?;
        self.reader = Some(reader);
        Ok(next?)
    }
}

/// A number that no other epoch has: 62 random bits, so that it is exact wherever numbers are signed.
pub(crate) fn new_epoch() -> u64 {
    getrandom::u64().map_or_else(
        |error| {
            warn!(%error, "there are no random numbers: an epoch is named after the time");
            clock::now().0.unsigned_abs()
        },
        |random| random >> 2,
    )
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
