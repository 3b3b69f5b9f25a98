//! The handle to a running indexer: how it is asked, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orszem_journal::LocalJournal;
use orszem_logs::{SegmentRow, Sizes, Snapshot};
use orszem_search::Query;
use prometheus_client::registry::Registry;

use crate::apply::{self, Durable};
use crate::collectors::Collectors;
use crate::due::ended_by;
use crate::error::Error;
use crate::open::{self, OpenReport};
use crate::options::IndexerOptions;
use crate::shared::Shared;
use crate::stages::{Memory, Side, Stages, Threads};
use crate::subscribers::Subscriber;
use crate::tail::TailClient;
use crate::topology::Topology;
use crate::wake::OwnedThread;
use crate::{collectors, maintenance, metrics};

/// Keeps logs: takes them in, has them in order, and answers from them. Clones share one indexer; when the last is
/// dropped without [`Indexer::shutdown`], memory is not written out and the next start replays the journal.
#[derive(Clone)]
pub struct Indexer {
    stages: Arc<Stages<Shared>>,
}

impl Indexer {
    /// Opens or creates the store in `data_dir`, replays the journal, and starts. Blocks on the disk.
    pub fn open(data_dir: &Path, options: IndexerOptions) -> Result<(Self, OpenReport), Error> {
        let (shared, report) = open::open(data_dir, options)?;
        Ok((Self { stages: Arc::new(Stages::start(shared)?) }, report))
    }

    /// One consistent view of everything acknowledged so far, to query. Queries block; run them off the async threads.
    pub fn snapshot(&self) -> Snapshot {
        self.shared().store.snapshot()
    }

    /// The sizes of the store now.
    pub fn sizes(&self) -> Sizes {
        self.shared().store.sizes()
    }

    /// The live segments.
    pub fn segments(&self) -> Vec<SegmentRow> {
        self.shared().store.segments()
    }

    /// Bytes of the journal on disk.
    pub fn journal_bytes(&self) -> u64 {
        self.shared().journal.disk_bytes()
    }

    /// Whether nothing is taken in, as the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.shared().door.is_disk_full()
    }

    /// Follows what `query` matches of the tenant's records from now on.
    pub fn tail(&self, query: Query, tenant: u32) -> TailClient {
        TailClient::new(self.shared(), query, tenant)
    }

    /// The subscriber `name`: goes on at its cursor, or begins with what is applied after now. At most one at a time
    /// should use a name. Blocks on the disk.
    pub fn subscribe(&self, name: &str) -> Result<Subscriber, Error> {
        Subscriber::open(self.shared(), name)
    }

    /// What is known of the collectors that send here.
    pub fn collectors(&self) -> Arc<Collectors> {
        Arc::clone(&self.shared().collectors)
    }

    /// The topology.
    pub fn topology(&self) -> Topology {
        Topology::new(self.clone())
    }

    /// Makes `registry` show the indexer's metrics.
    pub fn register_metrics(&self, registry: &mut Registry) {
        metrics::register(self.shared(), registry);
        collectors::register(&self.shared().collectors, registry);
    }

    /// Writes everything acknowledged so far into segments. Blocks on the disk.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared().flush()
    }

    /// Writes everything out and does all merges that are due; with `seals` also seals all days that are over, without
    /// waiting until they are quiet. For benchmarks and before a backup; all of it happens by itself in time. Blocks.
    pub fn settle(&self, seals: bool) -> Result<(), Error> {
        let shared = self.shared();
        shared.flush()?;
        shared.merge()?;
        if seals { shared.seal(ended_by(maintenance::now(), Duration::ZERO)) } else { Ok(()) }
    }

    /// Stops: nothing more is taken in, what was is acknowledged, memory is written out if that is quick. Takes at most
    /// 10 s and loses nothing; a second call does nothing. Tails and subscribers end.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let indexer = self.clone();
        let stopped = tokio::task::spawn_blocking(move || indexer.stages.stop(Memory::WriteOut)).await;
        stopped.map_err(|source| Error::Blocking { source })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.stages.shared
    }

    pub(crate) fn stages(&self) -> &Stages<Shared> {
        &self.stages
    }
}

impl Side for Shared {
    type Durable = Durable;
    const THREADS: Threads =
        Threads { journal: "logs-journal", apply: "logs-apply", drain: "logs-drain", last_flush: "logs-last-flush" };

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
