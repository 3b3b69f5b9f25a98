//! What the metrics side counts and measures of itself.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::shared::Shared;
use crate::counted::{Counted, encode_gauges, seconds};

/// The counters; what is a state and not a count is read from the store when it is asked for.
pub(super) struct Metrics {
    pub(super) counted: Counted,
    pub(super) samples: Counter,
    pub(super) flush_seconds: Histogram,
    pub(super) compact_seconds: Histogram,
    replayed: Counter,
    duplicates: Counter,
    unknown: Counter,
    set_aside: Counter,
    expired: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            counted: Counted::default(),
            samples: Counter::default(),
            flush_seconds: seconds(),
            compact_seconds: seconds(),
            replayed: Counter::default(),
            duplicates: Counter::default(),
            unknown: Counter::default(),
            set_aside: Counter::default(),
            expired: Counter::default(),
        }
    }
}

impl Metrics {
    /// Counts samples that were there already, and those whose series nobody knows.
    pub(super) fn applied(&self, duplicates: u64, unknown: u64) {
        self.duplicates.inc_by(duplicates);
        self.unknown.inc_by(unknown);
    }

    /// Counts samples read back from the journal.
    pub(super) fn replayed(&self, samples: u64) {
        self.replayed.inc_by(samples);
    }

    /// Counts damaged files and ranges of the journal.
    pub(super) fn set_aside(&self, parts: u64) {
        self.set_aside.inc_by(parts);
    }

    /// Counts blocks that retention removed.
    pub(super) fn expired(&self, blocks: u64) {
        self.expired.inc_by(blocks);
    }

    fn register(&self, registry: &mut Registry) {
        let counters = [
            ("orszem_metrics_samples_stored", "Samples that became visible and were acknowledged", &self.samples),
            ("orszem_metrics_samples_replayed", "Samples read back from the journal at the start", &self.replayed),
            (
                "orszem_metrics_samples_repeated",
                "Samples that were there already with the same time and value",
                &self.duplicates,
            ),
            (
                "orszem_metrics_samples_unknown",
                "Samples of the journal whose series is not known because a part of it is damaged",
                &self.unknown,
            ),
            ("orszem_metrics_quarantined", "Damaged files and journal ranges found at the start", &self.set_aside),
            ("orszem_metrics_blocks_expired", "Blocks that retention removed", &self.expired),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        self.counted.register("orszem_metrics", registry);
        registry.register(
            "orszem_metrics_flush_seconds",
            "How long write-outs of samples took",
            self.flush_seconds.clone(),
        );
        registry.register(
            "orszem_metrics_compact_seconds",
            "How long cutting and merging blocks took",
            self.compact_seconds.clone(),
        );
    }
}

/// Makes the registry show the counters and states of `shared`, as long as that lives.
pub(super) fn register(shared: &Arc<Shared>, registry: &mut Registry) {
    shared.metrics.register(registry);
    registry.register_collector(Box::new(States(Arc::downgrade(shared))));
}

/// What is read from the store when it is asked for.
struct States(Weak<Shared>);

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("States")
    }
}

impl Collector for States {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(shared) = self.0.upgrade() else { return Ok(()) };
        let sizes = shared.store.sizes();
        let gauges = [
            ("orszem_metrics_series", "Series that are written to", sizes.series),
            ("orszem_metrics_memory_bytes", "Bytes of samples in memory", sizes.memory_bytes),
            ("orszem_metrics_blocks", "Blocks on disk", sizes.blocks),
            (
                "orszem_metrics_disk_bytes",
                "Bytes of samples and their index on disk",
                sizes.file_bytes + sizes.block_bytes,
            ),
            ("orszem_metrics_journal_bytes", "Bytes of the journal of metrics on disk", shared.journal.disk_bytes()),
        ];
        encode_gauges(&mut encoder, &gauges)
    }
}
