//! What is counted of submissions and failures alike for records and samples, and how states are shown.

use std::fmt;

use orszem_journal::Verdict;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The counters of one side.
#[derive(Default)]
pub(crate) struct Counted {
    groups: Counter,
    repeats: Counter,
    refused: Family<Refused, Counter>,
    failures: Family<Failed, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    operation: &'static str,
}

impl Counted {
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

    /// Counts a failure of an operation.
    pub(crate) fn failed(&self, operation: &'static str) {
        self.failures.get_or_create(&Failed { operation }).inc();
    }

    /// Shows them under names that begin with `prefix`.
    pub(crate) fn register(&self, prefix: &str, registry: &mut Registry) {
        let name = |rest: &str| format!("{prefix}_{rest}");
        let applied = "Submissions that were applied, replay included";
        registry.register(name("groups_applied"), applied, self.groups.clone());
        let repeated = "Submissions left out because they had been applied before";
        registry.register(name("groups_repeated"), repeated, self.repeats.clone());
        let refused = "Submissions turned away, by reason";
        registry.register(name("submissions_refused"), refused, self.refused.clone());
        registry.register(name("failures"), "Failed operations", self.failures.clone());
    }
}

/// A histogram of durations from 1 ms to 65 s.
pub(crate) fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 9))
}

/// Shows states as they are now: name, help, value.
pub(crate) fn encode_gauges(
    encoder: &mut DescriptorEncoder<'_>,
    gauges: &[(&str, &str, u64)],
) -> Result<(), fmt::Error> {
    for (name, help, value) in gauges {
        let gauge = ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
    }
    Ok(())
}
