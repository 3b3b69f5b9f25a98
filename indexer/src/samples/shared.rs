//! What the threads and handles of the metrics side share.

use std::path::PathBuf;
use std::sync::Mutex;

use orszem_journal::{Deduplicator, LocalJournal};
use orszem_series::{Batch, Retention, SeriesStore};

use super::metrics::Metrics;
use super::options::SamplesOptions;
use crate::checkpoint::Checkpoint;
use crate::door::Door;
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
    pub(super) door: Door,
    pub(super) wakes: Wakes,
    /// Sees each batch once, in the order of the journal, before it is acknowledged; not those that are replayed.
    pub(super) watch: Mutex<Option<Watch>>,
}

/// Looks at batches as they are applied. It holds up all that comes in, so it is quick and never waits.
pub(crate) type Watch = Box<dyn FnMut(&SeriesStore, &[Batch]) + Send>;

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
            door: Door::default(),
            wakes: Wakes::default(),
            watch: Mutex::default(),
        }
    }

    pub(super) fn begin_stop(&self) {
        self.door.close();
        self.store.stop();
    }
}
