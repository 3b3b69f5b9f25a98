//! What sending counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counts {
    ($live:ident, $values:ident: $doc:literal, $($(#[$field_doc:meta])* $name:ident),* $(,)?) => {
        #[derive(Debug, Default)]
        pub(super) struct $live { $(pub(super) $name: AtomicU64),* }

        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $values { $($(#[$field_doc])* pub $name: u64),* }

        impl $live {
            pub(super) fn values(&self) -> $values {
                $values { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl $values {
            /// Name and value of each, for a metrics page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counts! {
    Counts, OutputCounts: "Sending so far.",
    /// Batches that were taken in, whole or in pieces.
    batches_sent,
    /// Records in them that the server kept.
    records_sent,
    /// Bytes of them before compression.
    raw_bytes_sent,
    /// Bytes of them as sent, once each.
    bytes_sent,
    /// Batches that were too large for the server and were sent in pieces.
    batches_split,
    /// Times that sending moved on from a failing server.
    failovers,
    /// Times that it moved back to a better one.
    failbacks,
    /// Batches, or pieces of them, that became dead letters.
    dead_lettered,
    /// Dead letters that were removed to make room.
    dead_letters_removed,
    /// Records that a server left out of a batch it took.
    refused_records,
}

counts! {
    Retries, RetryCounts: "Times a batch was sent again, by why.",
    /// The server said 408, 429, or a receiver in this process was full.
    busy,
    /// No connection, or none that lasted until the answer.
    unreachable,
    /// The server said 5xx.
    failed,
    /// The server said 401, 403, 404 or another 4xx that is not the batch's fault.
    misconfigured,
    /// The server refused the batch for the first time.
    doubted,
}

pub(super) fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Relaxed);
}
