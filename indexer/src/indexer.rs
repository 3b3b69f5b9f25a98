//! The handle to a running indexer: its threads, how it is asked, and how it ends.

use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use orszem_journal::{Writer, WriterOptions};
use orszem_logs::{SegmentRow, Sizes, Snapshot};
use orszem_search::Query;
use prometheus_client::registry::Registry;

use crate::apply::{self, Work};
use crate::collectors::Collectors;
use crate::due::ended_by;
use crate::error::{Error, chain};
use crate::open::{self, OpenReport};
use crate::options::IndexerOptions;
use crate::shared::Shared;
use crate::subscribers::Subscriber;
use crate::tail::TailClient;
use crate::wake::{OwnedThread, lock};
use crate::{collectors, maintenance, metrics};

/// Durable groups that may wait for the apply stage; beyond, the journal waits. Their bytes are bounded by the memtable.
const APPLY_QUEUE_LENGTH: usize = 256;
/// The longest a stop takes. What has not ended by then is safe in the journal.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// How much of it the last write-out may use; without it the next start replays.
const LAST_FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Keeps logs: takes them in, has them in order, and answers from them. Clones share one indexer; when the last is
/// dropped without [`Indexer::shutdown`], memory is not written out and the next start replays the journal.
#[derive(Clone)]
pub struct Indexer {
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

/// What a stop does with what is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    WriteOut,
    Leave,
}

impl Indexer {
    /// Opens or creates the store in `data_dir`, replays the journal, and starts. Blocks on the disk.
    pub fn open(data_dir: &Path, options: IndexerOptions) -> Result<(Self, OpenReport), Error> {
        let (shared, report) = open::open(data_dir, options)?;
        let shared = Arc::new(shared);
        let writer = Writer::start("logs-journal", shared.journal.clone(), WriterOptions::default());
        let writer = writer.map_err(|source| Error::OpenJournal { path: shared.journal_dir.clone(), source })?;
        let (apply_queue, work) = mpsc::sync_channel(APPLY_QUEUE_LENGTH);
        let applying = Arc::clone(&shared);
        let apply = OwnedThread::start("logs-apply", move || apply::run(&applying, &work))?;
        let maintenance = maintenance::start(&shared)?;
        let threads = Mutex::new(Some(Threads { apply, maintenance }));
        let inner = Inner { shared, writer: RwLock::new(Some(writer)), apply_queue, threads };
        Ok((Self { inner: Arc::new(inner) }, report))
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
        let stopped = tokio::task::spawn_blocking(move || indexer.inner.stop(Memory::WriteOut)).await;
        stopped.map_err(|source| Error::Blocking { source })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn apply_queue(&self) -> SyncSender<Work> {
        self.inner.apply_queue.clone()
    }

    /// Calls `submit` with the journal's writer while there is one.
    pub(crate) fn with_writer(
        &self,
        submit: impl FnOnce(&Writer) -> Result<(), orszem_journal::Error>,
    ) -> Result<(), orszem_journal::Error> {
        let writer = self.inner.writer.read().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().map_or(Err(orszem_journal::Error::WriterStopped), submit)
    }
}

impl Inner {
    /// Stops everything in order: the way in, the journal, the apply stage, maintenance.
    fn stop(&self, memory: Memory) {
        let Some(Threads { apply, maintenance }) = lock(&self.threads).take() else { return };
        let deadline = Instant::now() + STOP_WITHIN;
        self.shared.begin_stop();
        maintenance::stop(&self.shared);
        let writer = self.writer.write().unwrap_or_else(PoisonError::into_inner).take();
        let is_drained = self.drain(writer, deadline) && apply.join_by(deadline);
        if memory == Memory::WriteOut && is_drained {
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
        OwnedThread::joined("logs-drain", drain, deadline)
    }

    fn write_out(&self, deadline: Instant) {
        let shared = Arc::clone(&self.shared);
        let flush = move || {
            if let Err(error) = shared.flush() {
                tracing::warn!(error = %chain(&error), "memory was not written out; the next start replays the journal");
            }
        };
        OwnedThread::joined("logs-last-flush", flush, deadline.min(Instant::now() + LAST_FLUSH_WITHIN));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(Memory::Leave);
    }
}
