//! What the indexer counts and measures.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::counted::{Counted, encode_gauges, seconds};
use crate::retention::EvictionReason;
use crate::shared::Shared;

/// The counters; what is a state and not a count is read from the store when it is asked for.
pub(crate) struct Metrics {
    pub(crate) counted: Counted,
    pub(crate) records: Counter,
    pub(crate) replayed: Counter,
    pub(crate) deleted: Counter,
    pub(crate) tail_dropped: Counter,
    pub(crate) flush_seconds: Histogram,
    pub(crate) merge_seconds: Histogram,
    pub(crate) seal_seconds: Histogram,
    pub(crate) quarantined: Counter,
    evicted: Family<Evicted, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Evicted {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            counted: Counted::default(),
            records: Counter::default(),
            replayed: Counter::default(),
            deleted: Counter::default(),
            tail_dropped: Counter::default(),
            flush_seconds: seconds(),
            merge_seconds: seconds(),
            seal_seconds: seconds(),
            quarantined: Counter::default(),
            evicted: Family::default(),
        }
    }
}

impl Metrics {
    /// Counts records that retention removed.
    pub(crate) fn evicted(&self, reason: EvictionReason, records: u64) {
        self.evicted.get_or_create(&Evicted { reason: reason.name() }).inc_by(records);
    }

    fn register(&self, registry: &mut Registry) {
        let counters = [
            ("orszem_logs_records_stored", "Records that became visible and were acknowledged", &self.records),
            ("orszem_logs_records_replayed", "Records read back from the journal at the start", &self.replayed),
            ("orszem_logs_records_deleted", "Records removed by deletions", &self.deleted),
            (
                "orszem_logs_tail_records_dropped",
                "Records that live tail clients were too slow for",
                &self.tail_dropped,
            ),
            ("orszem_logs_quarantined", "Damaged files and journal ranges found at the start", &self.quarantined),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        self.counted.register("orszem_logs", registry);
        registry.register(
            "orszem_logs_records_evicted",
            "Records removed by retention, by reason",
            self.evicted.clone(),
        );
        registry.register("orszem_logs_flush_seconds", "How long write-outs took", self.flush_seconds.clone());
        registry.register("orszem_logs_merge_seconds", "How long merges took", self.merge_seconds.clone());
        registry.register("orszem_logs_seal_seconds", "How long sealing a partition took", self.seal_seconds.clone());
    }
}

/// Makes the registry show the counters and states of `shared`, as long as that lives.
pub(crate) fn register(shared: &Arc<Shared>, registry: &mut Registry) {
    shared.metrics.register(registry);
    registry.register_collector(Box::new(States(Arc::downgrade(shared))));
}

/// Reads states when they are asked for.
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
            ("orszem_logs_memtable_bytes", "Encoded bytes not yet in segments", sizes.memtable_bytes),
            ("orszem_logs_memtable_records", "Records not yet in segments", sizes.memtable_rows),
            ("orszem_logs_segments", "Live segments", sizes.segments),
            ("orszem_logs_segments_sealed", "Live segments rewritten for good", sizes.sealed_segments),
            ("orszem_logs_segment_records", "Records in segments", sizes.segment_rows),
            ("orszem_logs_segment_raw_bytes", "Bytes of the bodies in segments", sizes.segment_raw_bytes),
            ("orszem_logs_segment_disk_bytes", "Bytes of the segment files", sizes.segment_disk_bytes),
            ("orszem_logs_journal_bytes", "Bytes of the journal", shared.journal.disk_bytes()),
            ("orszem_logs_tail_clients", "Live tail clients", shared.tail.clients() as u64),
            (
                "orszem_logs_disk_full",
                "1 while nothing is taken in for want of space",
                u64::from(shared.door.is_disk_full()),
            ),
        ];
        encode_gauges(&mut encoder, &gauges)?;
        let fsyncs = ConstCounter::new(shared.journal.syncs());
        let help = "Times the journal was made durable; one confirms many submissions";
        fsyncs.encode(encoder.encode_descriptor("orszem_logs_journal_fsyncs", help, None, fsyncs.metric_type())?)
    }
}
