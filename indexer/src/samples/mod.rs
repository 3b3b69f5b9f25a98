//! The metrics side of the indexer: the same life as that of records, with a journal and a store of its own.
//!
//! A submission is a batch whose series are known to the store; it is journaled, applied in the order of the journal,
//! and acknowledged. Maintenance threads write samples out, merge and expire blocks, and trim the journal behind them.

mod apply;
mod maintenance;
mod metrics;
mod open;
mod options;
mod shared;
mod sink;
mod source;
mod submit;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use orszem_journal::{Writer, WriterOptions};
use orszem_series::SeriesStore;
use prometheus_client::registry::Registry;

use crate::error::{Error, chain};
use crate::wake::{OwnedThread, lock};
use apply::Work;
use shared::Shared;

pub use open::SamplesReport;
pub use options::{SamplesOptions, SamplesOptionsError, SeriesRetention};
pub use sink::BatchSink;
pub use source::TenantSource;
pub use submit::SampleSubmission;

/// Durable groups that may wait for the apply stage; beyond, the journal waits.
const APPLY_QUEUE_LENGTH: usize = 256;
/// The longest a stop takes. What has not ended by then is safe in the journal.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// How much of it the last write-out may use; without it the next start replays.
const LAST_FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Keeps metrics: takes samples in, has them by series, and answers from them. Clones share one; when the last is
/// dropped without [`Samples::shutdown`], memory is not written out and the next start replays the journal.
#[derive(Clone)]
pub struct Samples {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// `None` once the end has begun.
    writer: RwLock<Option<Writer>>,
    apply_queue: SyncSender<Work>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    apply: OwnedThread,
    maintenance: Vec<OwnedThread>,
}

impl Samples {
    /// Opens or creates the store in `data_dir`, replays the journal, and starts. Blocks on the disk.
    ///
    /// # Errors
    /// Options that can't be used, a directory or journal that can't be opened; damaged files are set aside and named
    /// in the report.
    pub fn open(data_dir: &Path, options: SamplesOptions) -> Result<(Self, SamplesReport), Error> {
        let (shared, report) = open::open(data_dir, options)?;
        let shared = Arc::new(shared);
        let writer = Writer::start("series-journal", shared.journal.clone(), WriterOptions::default());
        let writer = writer.map_err(|source| Error::OpenJournal { path: shared.journal_dir.clone(), source })?;
        let (apply_queue, work) = mpsc::sync_channel(APPLY_QUEUE_LENGTH);
        let applying = Arc::clone(&shared);
        let apply = OwnedThread::start("series-apply", move || apply::run(&applying, &work))?;
        let maintenance = maintenance::start(&shared)?;
        let threads = Mutex::new(Some(Threads { apply, maintenance }));
        let inner = Inner { shared, writer: RwLock::new(Some(writer)), apply_queue, threads };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// The store, to build batches and to ask.
    pub fn store(&self) -> &SeriesStore {
        &self.shared().store
    }

    /// The series of a tenant, for queries.
    pub fn source(&self, tenant: u32) -> TenantSource {
        TenantSource::new(self.store().clone(), tenant)
    }

    /// Bytes of the journal on disk.
    pub fn journal_bytes(&self) -> u64 {
        self.shared().journal.disk_bytes()
    }

    /// Makes `registry` show the metrics of all this.
    pub fn register_metrics(&self, registry: &mut Registry) {
        metrics::register(self.shared(), registry);
    }

    /// Writes everything acknowledged so far into files. Blocks on the disk.
    ///
    /// # Errors
    /// When it can't be written; it stays in memory and in the journal.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared().flush()
    }

    /// Writes everything out and does all merges that are due; with `all` also what would wait for more samples. For
    /// benchmarks and before a backup; all of it happens by itself in time. Blocks.
    ///
    /// # Errors
    /// When files can't be written; what was there before is served.
    pub fn settle(&self, all: bool) -> Result<(), Error> {
        self.shared().settle(all)
    }

    /// Stops: nothing more is taken in, what was is acknowledged, memory is written out if that is quick. Takes at most
    /// 10 s and loses nothing; a second call does nothing.
    ///
    /// # Errors
    /// When the stop itself broke off.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let samples = self.clone();
        let stopped = tokio::task::spawn_blocking(move || samples.inner.stop(true)).await;
        stopped.map_err(|source| Error::Blocking { source })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn apply_queue(&self) -> SyncSender<Work> {
        self.inner.apply_queue.clone()
    }

    /// Calls `submit` with the journal's writer while there is one.
    fn with_writer(
        &self,
        submit: impl FnOnce(&Writer) -> Result<(), orszem_journal::Error>,
    ) -> Result<(), orszem_journal::Error> {
        let writer = self.inner.writer.read().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().map_or(Err(orszem_journal::Error::WriterStopped), submit)
    }
}

impl Inner {
    /// Stops everything in order: the way in, the journal, the apply stage, maintenance.
    fn stop(&self, writes_out: bool) {
        let Some(Threads { apply, maintenance }) = lock(&self.threads).take() else { return };
        let deadline = Instant::now() + STOP_WITHIN;
        self.shared.begin_stop();
        maintenance::stop(&self.shared);
        let writer = self.writer.write().unwrap_or_else(PoisonError::into_inner).take();
        let is_drained = self.drain(writer, deadline) && apply.join_by(deadline);
        if writes_out && is_drained {
            self.write_out(deadline);
        }
        for thread in maintenance {
            thread.join_by(deadline);
        }
    }

    /// Lets the journal finish what is queued, then tells the apply stage that nothing follows.
    fn drain(&self, writer: Option<Writer>, deadline: Instant) -> bool {
        let apply_queue = self.apply_queue.clone();
        let drain = move || {
            if let Some(Err(error)) = writer.map(Writer::stop) {
                tracing::error!(error = %chain(&error), "the journal's writer ended badly");
            }
            if apply_queue.send(Work::Stop).is_err() {
                tracing::error!("the apply stage had stopped before");
            }
        };
        OwnedThread::joined("series-drain", drain, deadline)
    }

    fn write_out(&self, deadline: Instant) {
        let shared = Arc::clone(&self.shared);
        let flush = move || {
            if let Err(error) = shared.flush() {
                tracing::warn!(error = %chain(&error), "samples were not written out; the next start replays the journal");
            }
        };
        OwnedThread::joined("series-last-flush", flush, deadline.min(Instant::now() + LAST_FLUSH_WITHIN));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(false);
    }
}
