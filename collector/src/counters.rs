//! What the collector counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::output::Signal;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64),* }

        /// The counters at one moment. `records_read = records_sent + records_refused + records_dropped + records queued`,
        /// and the same of samples; what an earlier run had queued is sent, and was read then.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues { $($(#[doc = $doc])* pub $name: u64),* }

        impl Counters {
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl CounterValues {
            /// Name, meaning and value of each, for a metrics page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc),*).trim_ascii(), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Records (pieces of a split line count one each) taken from the sources.
    lines_read,
    /// Bytes of them, without the last line's end.
    bytes_read,
    /// Lines without a byte, which make no record.
    lines_empty,
    /// Records that were read, and the collector's own.
    records_read,
    /// Records that rules left out.
    records_dropped,
    /// Of them those that a throttle held back.
    records_throttled,
    /// Records the receiver acknowledged.
    records_sent,
    /// Records the receiver refused for good.
    records_refused,
    /// Batches the receiver acknowledged.
    batches_sent,
    /// Bytes of them before compression.
    bytes_sent,
    /// Samples, histograms and exemplars that were scraped or measured.
    samples_read,
    /// Of them those the receiver acknowledged.
    samples_sent,
    /// Of them those the receiver refused for good.
    samples_refused,
    /// Batches of metrics the receiver acknowledged.
    metric_batches_sent,
    /// Bytes of them before compression.
    metric_bytes_sent,
    /// Files that were renamed away.
    files_rotated,
    /// Files that were cut or rewritten in place.
    files_truncated,
    /// Files that were gone at a restart, so that a rest, if there was one, was not read.
    files_gone,
    /// Stretches of the sources that are, or may be, lost; each is reported as a record.
    gaps,
    /// Bytes at the beginning of files that the first reading left out.
    bytes_skipped,
    /// Times the receiver turned out to have later batches than the queue: the state directory was set back.
    set_backs,
    /// Reads of a followed file that failed.
    read_errors,
    /// Positions in the queue that did not decode.
    positions_undecodable,
    /// Writes and syncs of the queue that failed.
    queue_errors,
    /// Times another configuration was gone on with.
    reloads,
    /// What was seen of a cluster, as records.
    observations,
    /// Events that Pacemaker and DRBD left in the spool and that were taken.
    events_taken,
    /// Of them reports of an event that was reported before.
    events_repeated,
    /// Files of the spool that can't be read, or tell no event.
    events_unreadable,
    /// Times a cluster's tool was asked.
    cluster_polls,
    /// Of them those without an answer that can be used.
    cluster_polls_failed,
    /// Of them those that were ended because they took too long, or wrote too much.
    cluster_polls_killed,
    /// Times `drbdsetup events2` ended and was started again.
    drbd_restarts,
    /// Its lines that can't be understood.
    drbd_lines_undecodable,
    /// Times `journalctl` ended and was started again.
    journal_restarts,
    /// Journal entries that did not decode, or were over 2 MB.
    journal_undecodable,
}

/// What sending counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentCounters<'c> {
    pub(crate) batches: &'c AtomicU64,
    pub(crate) bytes: &'c AtomicU64,
    pub(crate) records: &'c AtomicU64,
    pub(crate) refused: &'c AtomicU64,
}

impl Counters {
    /// Those of one signal.
    pub(crate) fn sent(&self, signal: Signal) -> SentCounters<'_> {
        match signal {
            Signal::Logs => SentCounters {
                batches: &self.batches_sent,
                bytes: &self.bytes_sent,
                records: &self.records_sent,
                refused: &self.records_refused,
            },
            Signal::Metrics => SentCounters {
                batches: &self.metric_batches_sent,
                bytes: &self.metric_bytes_sent,
                records: &self.samples_sent,
                refused: &self.samples_refused,
            },
        }
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds `n`.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}
