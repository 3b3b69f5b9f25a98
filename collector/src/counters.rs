//! What the collector counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64),* }

        /// The counters at one moment. `lines_read = records_sent + records_refused + lines_empty + records queued`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl CounterValues {
            /// Name and value of each, for a metrics page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Lines (pieces of a split line count one each) taken from files and the journal.
    lines_read,
    /// Bytes of them, without line ends.
    bytes_read,
    /// Lines without a byte, which make no record.
    lines_empty,
    /// Pieces of lines that were longer than 1 MB.
    lines_split,
    /// Lines taken without a line end after two quiet seconds.
    lines_unfinished,
    /// Records the receiver acknowledged.
    records_sent,
    /// Records the receiver refused for good.
    records_refused,
    /// Batches the receiver acknowledged.
    batches_sent,
    /// Times a batch was sent again.
    batches_retried,
    /// Files that were renamed away and followed by a new one.
    files_rotated,
    /// Files that were cut or rewritten in place.
    files_truncated,
    /// Files that were gone at a restart, so that a rest, if there was one, was not read.
    files_gone,
    /// Bytes at the beginning of files that the first reading left out.
    bytes_skipped,
    /// Reads of a followed file that failed.
    read_errors,
    /// Checkpoints that did not decode and were set aside.
    checkpoints_corrupt,
    /// Times `journalctl` ended and was started again.
    journal_restarts,
    /// Journal entries that did not decode, or were over 2 MB.
    journal_undecodable,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds `n`.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}
