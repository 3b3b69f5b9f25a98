//! The metrics side of the indexer: the same life as that of records, with a journal and a store of its own.
//!
//! A submission is a batch whose series are known to the store; it is journaled, applied in the order of the journal,
//! and acknowledged. Maintenance threads write samples out, merge and expire blocks, and trim the journal behind them.

mod apply;
mod backup;
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
use std::sync::Arc;

use orszem_journal::LocalJournal;
use orszem_series::SeriesStore;
use prometheus_client::registry::Registry;

use crate::error::Error;
use crate::stages::{Memory, Side, Stages, Threads};
use crate::wake::{OwnedThread, lock};
use apply::Durable;
use shared::{Shared, Watch};

pub use open::SamplesReport;
pub use options::{SamplesOptions, SamplesOptionsError, SeriesRetention};
pub use sink::BatchSink;
pub use source::TenantSource;
pub use submit::SampleSubmission;

/// Keeps metrics: takes samples in, has them by series, and answers from them. Clones share one; when the last is
/// dropped without [`Samples::shutdown`], memory is not written out and the next start replays the journal.
#[derive(Clone)]
pub struct Samples {
    stages: Arc<Stages<Shared>>,
}

impl Samples {
    /// Opens or creates the store in `data_dir`, replays the journal, and starts. Blocks on the disk.
    ///
    /// # Errors
    /// Options that can't be used, a directory or journal that can't be opened; damaged files are set aside and named
    /// in the report.
    pub fn open(data_dir: &Path, options: SamplesOptions) -> Result<(Self, SamplesReport), Error> {
        let (shared, report) = open::open(data_dir, options)?;
        Ok((Self { stages: Arc::new(Stages::start(shared)?) }, report))
    }

    /// The store, to build batches and to ask.
    pub fn store(&self) -> &SeriesStore {
        &self.shared().store
    }

    /// The series of a tenant, for queries.
    pub fn source(&self, tenant: u32) -> TenantSource {
        TenantSource::new(self.store(), tenant)
    }

    /// Whether nothing is taken in, as the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.shared().door.is_disk_full()
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
        let stopped = tokio::task::spawn_blocking(move || samples.stages.stop(Memory::WriteOut)).await;
        stopped.map_err(|source| Error::Blocking { source })
    }

    /// Shows `watch` every batch from now on, after `prepare` was called with nothing being applied meanwhile; `None`
    /// ends it.
    pub(crate) fn watch(&self, watch: Option<Watch>, prepare: impl FnOnce()) {
        let mut place = lock(&self.shared().watch);
        prepare();
        *place = watch;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.stages.shared
    }
}

impl Side for Shared {
    type Durable = Durable;
    const THREADS: Threads = Threads {
        journal: "series-journal",
        apply: "series-apply",
        drain: "series-drain",
        last_flush: "series-last-flush",
    };

    fn journal(&self) -> (&LocalJournal, &Path) {
        (&self.journal, &self.journal_dir)
    }

    fn apply_durable(&self, durable: Durable) {
        apply::apply_durable(self, durable);
    }

    fn start_maintenance(shared: &Arc<Self>) -> Result<Vec<OwnedThread>, Error> {
        maintenance::start(shared)
    }

    fn stop_maintenance(&self) {
        maintenance::stop(self);
    }

    fn close(&self) {
        self.begin_stop();
    }

    fn write_out(&self) -> Result<(), Error> {
        self.flush()
    }
}
