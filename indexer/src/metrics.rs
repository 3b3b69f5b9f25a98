//! What the indexer counts and measures.

use std::fmt;
use std::sync::{Arc, Weak};

use orszem_journal::Verdict;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::retention::EvictionReason;
use crate::shared::Shared;

/// The counters; what is a state and not a count is read from the store when it is asked for.
pub(crate) struct Metrics {
    pub(crate) records: Counter,
    pub(crate) replayed: Counter,
    pub(crate) deleted: Counter,
    pub(crate) tail_dropped: Counter,
    pub(crate) flush_seconds: Histogram,
    pub(crate) merge_seconds: Histogram,
    pub(crate) seal_seconds: Histogram,
    pub(crate) quarantined: Counter,
    groups: Counter,
    repeats: Counter,
    refused: Family<Refused, Counter>,
    evicted: Family<Evicted, Counter>,
    failures: Family<Failed, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Evicted {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    operation: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        // 1 ms to 65 s.
        let seconds = || Histogram::new(exponential_buckets(0.001, 4.0, 9));
        Self {
            records: Counter::default(),
            replayed: Counter::default(),
            deleted: Counter::default(),
            tail_dropped: Counter::default(),
            flush_seconds: seconds(),
            merge_seconds: seconds(),
            seal_seconds: seconds(),
            quarantined: Counter::default(),
            groups: Counter::default(),
            repeats: Counter::default(),
            refused: Family::default(),
            evicted: Family::default(),
            failures: Family::default(),
        }
    }
}

impl Metrics {
    /// Counts a group that the deduplication stage has judged.
    pub(crate) fn judged(&self, verdict: Verdict) {
        match verdict {
            Verdict::Fresh | Verdict::Past => self.groups.inc(),
            Verdict::Duplicate(_) => self.repeats.inc(),
        };
    }

    /// Counts a repeat that was recognised before it was written to the journal.
    pub(crate) fn repeated(&self) {
        self.repeats.inc();
    }

    /// Counts a submission that was turned away.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// Counts records that retention removed.
    pub(crate) fn evicted(&self, reason: EvictionReason, records: u64) {
        self.evicted.get_or_create(&Evicted { reason: reason.name() }).inc_by(records);
    }

    /// Counts a failure of an operation.
    pub(crate) fn failed(&self, operation: &'static str) {
        self.failures.get_or_create(&Failed { operation }).inc();
    }

    fn register(&self, registry: &mut Registry) {
        let counters = [
            ("orszem_logs_records_stored", "Records that became visible and were acknowledged", &self.records),
            ("orszem_logs_groups_applied", "Submissions that were applied, replay included", &self.groups),
            ("orszem_logs_groups_repeated", "Submissions left out because they had been applied before", &self.repeats),
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
        registry.register(
            "orszem_logs_submissions_refused",
            "Submissions turned away, by reason",
            self.refused.clone(),
        );
        registry.register(
            "orszem_logs_records_evicted",
            "Records removed by retention, by reason",
            self.evicted.clone(),
        );
        registry.register("orszem_logs_failures", "Failed operations", self.failures.clone());
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
                u64::from(shared.is_disk_full()),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let fsyncs = ConstCounter::new(shared.journal.syncs());
        let help = "Times the journal was made durable; one confirms many submissions";
        fsyncs.encode(encoder.encode_descriptor("orszem_logs_journal_fsyncs", help, None, fsyncs.metric_type())?)
    }
}
