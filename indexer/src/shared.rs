//! What the indexer's threads and handles share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use orszem_journal::{Cursors, Deduplicator, LocalJournal};
use orszem_logs::LogStore;
use tokio::sync::{Notify, watch};

use crate::checkpoint::Checkpoint;
use crate::collectors::Collectors;
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::options::IndexerOptions;
use crate::tail::Tail;
use crate::wake::Wake;

/// The parts of a running indexer.
pub(crate) struct Shared {
    pub(crate) options: IndexerOptions,
    pub(crate) data_dir: PathBuf,
    pub(crate) journal_dir: PathBuf,
    pub(crate) store: LogStore,
    pub(crate) journal: LocalJournal,
    pub(crate) judge: Mutex<Judge>,
    pub(crate) cursors: Mutex<Cursors>,
    /// Held while the journal is trimmed, its checkpoint replaced, or both copied.
    pub(crate) checkpoint: Mutex<Checkpoint>,
    /// Where the group after the last applied one may begin.
    pub(crate) applied: watch::Sender<u64>,
    pub(crate) tail: Tail,
    pub(crate) collectors: Arc<Collectors>,
    pub(crate) metrics: Metrics,
    /// Tells that there may be room in the memtable again.
    pub(crate) room: Notify,
    pub(crate) wakes: Wakes,
    is_stopping: AtomicBool,
    is_disk_full: AtomicBool,
}

/// What each maintenance thread waits on.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) flush: Wake,
    pub(crate) rewrite: Wake,
    pub(crate) retention: Wake,
}

/// The parts that [`Shared::new`] does not make itself.
pub(crate) struct Opened {
    pub(crate) options: IndexerOptions,
    pub(crate) data_dir: PathBuf,
    pub(crate) journal_dir: PathBuf,
    pub(crate) store: LogStore,
    pub(crate) journal: LocalJournal,
    pub(crate) deduplicator: Deduplicator,
    pub(crate) cursors: Cursors,
}

impl Shared {
    pub(crate) fn new(opened: Opened) -> Self {
        let Opened { options, data_dir, journal_dir, store, journal, deduplicator, cursors } = opened;
        let checkpoint = Checkpoint::new(deduplicator.position());
        let applied = store.applied().max(deduplicator.position());
        let metrics = Metrics::default();
        let collectors = Arc::new(Collectors::load(&data_dir));
        Self {
            options,
            data_dir,
            journal_dir,
            store,
            journal,
            judge: Mutex::new(Judge::new(deduplicator)),
            cursors: Mutex::new(cursors),
            checkpoint: Mutex::new(checkpoint),
            applied: watch::Sender::new(applied),
            tail: Tail::new(metrics.tail_dropped.clone()),
            collectors,
            metrics,
            room: Notify::new(),
            wakes: Wakes::default(),
            is_stopping: AtomicBool::new(false),
            is_disk_full: AtomicBool::new(false),
        }
    }

    /// Whether nothing more is taken in because the end has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(crate) fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.tail.close();
        self.room.notify_waiters();
        // Subscribers wake up and see that it is over.
        self.applied.send_modify(|_same| {});
    }

    /// Whether nothing more is taken in because the disk is nearly full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full.load(Ordering::Acquire)
    }

    /// Answers what it was before.
    pub(crate) fn set_disk_full(&self, is_full: bool) -> bool {
        self.is_disk_full.swap(is_full, Ordering::AcqRel)
    }
}
