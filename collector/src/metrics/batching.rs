//! The thread that gathers samples into batches and puts them into the queue of metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_model::{Labels, METRIC_NAME};
use orszem_queue::{AppendError, Appended, Changes, Entry, QueueError, Writer};
use orszem_scrape::{Exemplar, Scraped};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::book::Book;
use super::encode::{Point, Value, WriteEncoder};
use crate::counters::{add, count};
use crate::encode::Encoded;
use crate::error::chain;
use crate::output::Signal;
use crate::pipeline::Drops;
use crate::shared::Shared;

/// How long a sample waits for others before its batch is closed.
const BATCH_AGE: Duration = Duration::from_secs(1);
/// How long what was queued waits for more before the queue is synced.
const SYNC_AGE: Duration = Duration::from_millis(200);
/// The pause after a failed write to the queue, and while it is full.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Batching {
    pub(super) scraped: mpsc::Receiver<Scraped>,
    pub(super) encoder: WriteEncoder,
    pub(super) book: Book,
    pub(super) writer: Writer,
    /// The number behind the last durable batch, for the sender.
    pub(super) durable: watch::Sender<u64>,
    pub(super) shared: Arc<Shared>,
    pub(super) drops: Drops,
    /// Reading stops: nothing may wait for room any more.
    pub(super) stopping: CancellationToken,
    /// Nothing more will come.
    pub(super) finish: CancellationToken,
    /// The thread's own, so that it can wait for whatever comes first, and for nobody else.
    pub(super) runtime: Runtime,
    /// When the batch at hand was begun, and when the first of what is not synced was queued.
    pub(super) opened: Option<Instant>,
    pub(super) unsynced: Option<Instant>,
    /// The queue has lost what it had taken; it has to be opened again.
    pub(super) is_lost: bool,
}

impl Batching {
    /// Runs until nothing more comes, or until the queue has failed for good (`false`).
    pub(super) fn run(mut self) -> bool {
        loop {
            let has_ended = match self.receive() {
                Received::Scraped(scraped) => {
                    self.take(&scraped);
                    false
                }
                Received::Nothing => false,
                Received::End => true,
            };
            let tick = Instant::now();
            let is_due =
                |since: Option<Instant>, age| since.is_some_and(|at| tick.saturating_duration_since(at) >= age);
            if has_ended || is_due(self.opened, BATCH_AGE) {
                self.close();
            }
            if self.scraped.is_empty() || has_ended || is_due(self.unsynced, SYNC_AGE) {
                self.sync();
            }
            if let Some(notice) = self.drops.notice(tick) {
                self.shared.tell(notice);
            }
            if has_ended || self.is_lost {
                return !self.is_lost;
            }
        }
    }

    fn receive(&mut self) -> Received {
        let tick = Instant::now();
        let wait = self.opened.map_or(BATCH_AGE, |at| (at + BATCH_AGE).saturating_duration_since(tick));
        let (scraped, finish) = (&mut self.scraped, &self.finish);
        self.runtime.block_on(async {
            let received = async {
                tokio::select! {
                    biased;
                    received = scraped.recv() => received.map_or(Received::End, Received::Scraped),
                    () = finish.cancelled() => Received::End,
                }
            };
            tokio::time::timeout(wait, received).await.unwrap_or(Received::Nothing)
        })
    }

    /// Adds all samples to the batch, and closes it whenever it is full.
    fn take(&mut self, scraped: &Scraped) {
        let tick = Instant::now();
        let Scraped { samples, histograms, exemplars, metadata } = scraped;
        metadata.iter().for_each(|metadata| self.book.learn(metadata));
        let mut of_series: HashMap<&Labels, Vec<&Exemplar>> = HashMap::new();
        for (labels, exemplar) in exemplars {
            of_series.entry(labels).or_default().push(exemplar);
        }
        let numbers = samples.iter().map(|(labels, time, value)| (labels, *time, Value::Number(*value)));
        let natives = histograms.iter().map(|(labels, time, histogram)| (labels, *time, Value::Histogram(histogram)));
        for (labels, time, value) in numbers.chain(natives) {
            let exemplars = if of_series.is_empty() { None } else { of_series.remove(labels) };
            self.push(Point { labels, time, value, exemplars: &exemplars.unwrap_or_default(), metadata: None }, tick);
        }
        for (labels, exemplar) in exemplars {
            if let Some(left) = of_series.remove(labels) {
                let time = exemplar.time.unwrap_or_default();
                self.push(Point { labels, time, value: Value::None, exemplars: &left, metadata: None }, tick);
            }
        }
        let taken = samples.len() + histograms.len() + exemplars.len();
        add(&self.shared.counters.samples_read, taken as u64);
    }

    fn push(&mut self, point: Point<'_>, tick: Instant) {
        let metadata = point.labels.get(METRIC_NAME).and_then(|name| self.book.tell(name, tick));
        self.encoder.push(&Point { metadata, ..point });
        self.opened.get_or_insert(tick);
        if self.encoder.is_full() {
            self.close();
        }
    }

    /// Puts the batch at hand into the queue, however long that takes; only while stopping it is given up.
    fn close(&mut self) {
        if self.encoder.is_empty() {
            return;
        }
        let encoded = loop {
            match self.encoder.finish() {
                Ok(encoded) => break encoded,
                Err(error) => {
                    if self.shared.block(Signal::Metrics, &chain(&error)) {
                        error!(error = &error as &dyn std::error::Error, "a batch can't be closed, trying again");
                    }
                    if !self.pause() {
                        return;
                    }
                }
            }
        };
        self.opened = None;
        let mut changes = Changes::new();
        changes.extend(self.drops.change());
        while let Err(error) = self.append(&encoded, &changes) {
            self.tell_blocked(&error);
            if self.is_lost || !self.pause() {
                error!(samples = encoded.records, "metrics that could not be queued are lost");
                return;
            }
        }
        self.unsynced.get_or_insert_with(Instant::now);
        if self.drops.update(&self.writer.usage()) {
            let changes: Changes = self.drops.change().into_iter().collect();
            if let Err(error) = self.writer.checkpoint(&changes) {
                // The next batch has it, too.
                debug!(error = &error as &dyn std::error::Error, "what was dropped is not noted yet");
            }
        }
    }

    fn append(&mut self, encoded: &Encoded, changes: &Changes) -> Result<(), AppendError> {
        let appended = self.writer.append(&Entry {
            payload: &encoded.payload,
            hash: encoded.hash,
            records: encoded.records,
            raw_bytes: encoded.raw_len as u64,
            time_range: Some((encoded.first.0, encoded.last.0)),
            changes,
        })?;
        match appended {
            Appended::Queued { .. } => self.shared.unblocked(Signal::Metrics),
            // Counted by the queue.
            Appended::Dropped => {}
        }
        Ok(())
    }

    fn tell_blocked(&mut self, error: &AppendError) {
        let is_news = self.shared.block(Signal::Metrics, &chain(error));
        match error {
            AppendError::Full if is_news => {
                warn!("the queue of metrics is full, scraping pauses until something is sent")
            }
            AppendError::Full => {}
            _ => {
                self.is_lost = matches!(error, AppendError::Io(QueueError::Lost { .. }));
                count(&self.shared.counters.queue_errors);
                if is_news {
                    let error = error as &dyn std::error::Error;
                    error!(error, "the queue of metrics can't be written, scraping pauses");
                }
            }
        }
    }

    /// Waits before another attempt; `false` when there will be none.
    fn pause(&self) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.stopping.cancelled() => false,
                () = tokio::time::sleep(FULL_PAUSE) => true,
            }
        })
    }

    /// Makes what was queued durable; after a failure the next turn tries it again.
    fn sync(&mut self) {
        if self.unsynced.is_none() {
            return;
        }
        match self.writer.sync() {
            Ok(durable) => {
                self.unsynced = None;
                self.durable.send_replace(durable);
            }
            Err(error) => {
                count(&self.shared.counters.queue_errors);
                self.is_lost = matches!(error, QueueError::Lost { .. });
                if self.shared.block(Signal::Metrics, &chain(&error)) {
                    let error = &error as &dyn std::error::Error;
                    error!(error, "the queue of metrics can't be synced, trying again");
                }
            }
        }
    }
}

/// What came.
enum Received {
    Scraped(Scraped),
    Nothing,
    End,
}
