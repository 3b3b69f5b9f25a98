//! What the indexer's threads and handles share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use orszem_journal::{Cursors, Deduplicator, LocalJournal};
use orszem_logs::LogStore;
use tokio::sync::watch;

use crate::checkpoint::Checkpoint;
use crate::collectors::Collectors;
use crate::door::Door;
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::options::IndexerOptions;
use crate::tail::Tail;
use crate::topology;
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
    pub(crate) topology: topology::Store,
    /// Held by whoever compares a set of edges with the known ones, until that is carried out.
    pub(crate) topology_turn: tokio::sync::Mutex<()>,
    /// Held while the state of facts is replaced, or copied together with the journal.
    pub(crate) facts_saved: Mutex<()>,
    pub(crate) metrics: Metrics,
    pub(crate) door: Door,
    pub(crate) wakes: Wakes,
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
    pub(crate) topology: topology::Store,
    pub(crate) journal: LocalJournal,
    pub(crate) deduplicator: Deduplicator,
    pub(crate) cursors: Cursors,
}

impl Shared {
    pub(crate) fn new(opened: Opened) -> Self {
        let Opened { options, data_dir, journal_dir, store, topology, journal, deduplicator, cursors } = opened;
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
            topology,
            topology_turn: tokio::sync::Mutex::new(()),
            facts_saved: Mutex::new(()),
            metrics,
            door: Door::default(),
            wakes: Wakes::default(),
        }
    }

    pub(crate) fn begin_stop(&self) {
        self.door.close();
        self.tail.close();
        // Subscribers wake up and see that it is over.
        self.applied.send_modify(|_same| {});
    }
}
