//! What the threads and handles of the metrics side share.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use orszem_journal::{Deduplicator, LocalJournal};
use orszem_series::{Retention, SeriesStore};
use tokio::sync::Notify;

use super::metrics::Metrics;
use super::options::SamplesOptions;
use crate::checkpoint::Checkpoint;
use crate::judge::Judge;
use crate::wake::Wake;

/// The parts of a running store of metrics.
pub(crate) struct Shared {
    pub(super) options: SamplesOptions,
    pub(super) retention: Retention,
    pub(super) data_dir: PathBuf,
    pub(super) journal_dir: PathBuf,
    pub(super) store: SeriesStore,
    pub(super) journal: LocalJournal,
    pub(super) judge: Mutex<Judge>,
    /// Held while the journal is trimmed or its checkpoint replaced.
    pub(super) checkpoint: Mutex<Checkpoint>,
    pub(super) metrics: Metrics,
    /// Tells that there may be room in memory again.
    pub(super) room: Notify,
    pub(super) wakes: Wakes,
    is_stopping: AtomicBool,
    is_disk_full: AtomicBool,
}

/// What each maintenance thread waits on.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    pub(super) flush: Wake,
    pub(super) compact: Wake,
    pub(super) retention: Wake,
}

/// The parts that [`Shared::new`] does not make itself.
pub(super) struct Opened {
    pub(super) options: SamplesOptions,
    pub(super) data_dir: PathBuf,
    pub(super) journal_dir: PathBuf,
    pub(super) store: SeriesStore,
    pub(super) journal: LocalJournal,
    pub(super) deduplicator: Deduplicator,
}

impl Shared {
    pub(super) fn new(opened: Opened) -> Self {
        let Opened { options, data_dir, journal_dir, store, journal, deduplicator } = opened;
        let checkpoint = Checkpoint::new(deduplicator.position());
        Self {
            retention: options.store_retention(),
            options,
            data_dir,
            journal_dir,
            store,
            journal,
            judge: Mutex::new(Judge::new(deduplicator)),
            checkpoint: Mutex::new(checkpoint),
            metrics: Metrics::default(),
            room: Notify::new(),
            wakes: Wakes::default(),
            is_stopping: AtomicBool::new(false),
            is_disk_full: AtomicBool::new(false),
        }
    }

    /// Whether nothing more is taken in because the end has begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.store.stop();
        self.room.notify_waiters();
    }

    /// Whether nothing more is taken in because the disk is nearly full.
    pub(super) fn is_disk_full(&self) -> bool {
        self.is_disk_full.load(Ordering::Acquire)
    }

    /// Answers what it was before.
    pub(super) fn set_disk_full(&self, is_full: bool) -> bool {
        self.is_disk_full.swap(is_full, Ordering::AcqRel)
    }
}
