//! The store as a whole: head and blocks over one directory.
//!
//! The journal stands in front of it: a batch is journaled, then applied, and what was applied is in memory until a
//! flush has written it into files; the journal may be cut below [`SeriesStore::flushed`].

mod apply;
mod aside;
mod backup;
mod compaction;
mod delete;
mod flush;
mod gc;
mod head_file;
mod head_merge;
mod labels;
mod manifest;
mod open;
mod options;
mod paths;
mod present;
mod reader;
mod report;
mod retention;
mod select;
mod series_log;
mod settle;
mod state;

#[cfg(test)]
mod tests;

pub use apply::Applied;
pub use labels::SeriesExemplars;
pub use open::{OpenReport, SetAside};
pub use options::Options;
pub use reader::SelectionReader;
pub use report::{CardinalityReport, LabelCount, Sizes, ValueCount};
pub use retention::{Retained, Retention, RetentionRule};
pub use select::SeriesSelection;
pub use settle::Settle;

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::batch::BatchBuilder;
use crate::head::epoch::Epochs;
use crate::head::keys::Keys;
use crate::head::table::Table;
use aside::Aside;
use gc::Leaving;
use paths::Paths;
use state::State;

/// A series store over one directory, which it locks. Cheap to clone. Its calls block on disk and processor, so they
/// belong off the async threads; building a batch stays in memory.
#[derive(Clone, Debug)]
pub struct SeriesStore {
    inner: Arc<Inner>,
    /// What was left out of answers, since [`SeriesStore::asking`].
    damaged: Arc<AtomicU64>,
}

/// What clones share. Locks are taken in the order of the fields.
#[derive(Debug)]
pub(crate) struct Inner {
    paths: Paths,
    pub(crate) options: Options,
    /// The store's own number.
    pub(crate) id: u64,
    pub(crate) keys: Keys,
    pub(crate) epochs: Epochs,
    /// One flush at a time; whoever wants no flush meanwhile.
    flushing: Mutex<()>,
    /// One cut or compaction at a time.
    rewriting: Mutex<Rewriting>,
    /// A deletion waits for `rewriting`.
    interrupted: AtomicBool,
    /// No rewrite begins any more.
    stopped: AtomicBool,
    /// One change of the manifest at a time.
    committing: Mutex<()>,
    state: RwLock<State>,
    table: RwLock<Table>,
    aside: Mutex<Aside>,
    /// Series below are in the log of series.
    known_below: AtomicU32,
    /// Where the batch after the last applied one begins.
    applied: AtomicU64,
    next_number: AtomicU64,
    counters: Counters,
    _lock: File,
}

/// What cuts and compactions remember of each other.
#[derive(Debug, Default)]
struct Rewriting {
    leaving: Option<Leaving>,
    /// Where the last cut ended.
    cut_until: Option<i64>,
    /// Blocks that could not be read whole: served as far as they can be, rewritten no more.
    unsound: Vec<u64>,
    /// For each block how many retention rules have been carried out on it.
    expired: std::collections::BTreeMap<u64, usize>,
    /// For each block and rule with a limit of bytes what the rule speaks of in it.
    ruled: std::collections::BTreeMap<(u64, usize), retention::Ruled>,
}

/// Totals since the store was opened.
#[derive(Debug, Default)]
struct Counters {
    samples: AtomicU64,
    duplicates: AtomicU64,
    unknown_series: AtomicU64,
    damaged_reads: AtomicU64,
}

impl SeriesStore {
    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// A handle for one question: it and what it selects count what they leave out because it is damaged.
    pub fn asking(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), damaged: Arc::default() }
    }

    /// How often this handle, its clones and what they selected left out a part of a series or of a block's index
    /// because it is damaged.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Begins a batch of a tenant. While it or the batch is held no series leaves the head.
    pub fn batch(&self, tenant: u32) -> BatchBuilder {
        BatchBuilder::new(self.clone(), tenant)
    }

    /// Where replay starts: everything before is in files.
    pub fn flushed(&self) -> u64 {
        self.inner.state().manifest.flushed
    }

    /// Where the batch after the last applied one begins.
    pub fn applied(&self) -> u64 {
        self.inner.applied.load(Ordering::Acquire)
    }

    /// Whether enough was applied for a flush, or one failed.
    pub fn wants_flush(&self) -> bool {
        let state = self.inner.state();
        state.frozen.is_some() || state.active.read().bytes() >= self.inner.options.flush_bytes
    }

    /// Whether a batch may be journaled; otherwise flushing has to catch up first, and the sender should come back.
    pub fn has_room(&self) -> bool {
        let state = self.inner.state();
        let frozen = state.frozen.as_ref().map_or(0, |frozen| frozen.samples.read().bytes());
        state.active.read().bytes() + frozen < self.inner.options.flush_bytes * 2
    }
}

impl Inner {
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn aside(&self) -> MutexGuard<'_, Aside> {
        lock(&self.aside)
    }

    /// Series with lower numbers need no definition in a batch.
    pub(crate) fn known_below(&self) -> u32 {
        self.known_below.load(Ordering::Acquire)
    }

    /// A number for a file or block, higher than all before.
    fn new_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
