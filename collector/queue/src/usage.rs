//! What the queue holds and what became of the rest, readable from any thread.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use crate::shared::Shared;

/// A sum over batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub batches: u64,
    /// Log records.
    pub records: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Bytes before compression, as the entries said.
    pub raw_bytes: u64,
}

/// A snapshot. Since the queue was opened, at any time:
/// `recovered + appended == released + dropped_oldest + damaged + queued`; entries in `dropped_newest` never got in.
/// Batches whose loss can't be measured (their heads are damaged) stay in `queued` until the horizon passes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Appended and not yet released.
    pub queued: Totals,
    /// Found when the queue was opened, above the horizon.
    pub recovered: Totals,
    pub appended: Totals,
    /// Passed by the receiver's horizon.
    pub released: Totals,
    /// Removed for room, unsent.
    pub dropped_oldest: Totals,
    /// Refused for want of room; their positions were kept.
    pub dropped_newest: Totals,
    /// Lost to damage after the queue was opened.
    pub damaged: Totals,
    /// Damaged byte ranges found for the first time, at opening and later.
    pub damaged_ranges: u64,
    /// The bytes of all segment files.
    pub disk_bytes: u64,
    pub quarantined_bytes: u64,
    /// The first timestamp of the oldest queued batch that has one, in nanoseconds; lags by at most a segment after
    /// damage or drops.
    pub oldest_ns: Option<i64>,
}

/// A handle to the [`Usage`] of an open queue.
#[derive(Debug, Clone)]
pub struct Monitor {
    pub(crate) shared: Arc<Shared>,
}

impl Monitor {
    pub fn usage(&self) -> Usage {
        self.shared.lock().usage()
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Totals) {
        self.batches += other.batches;
        self.records += other.records;
        self.bytes += other.bytes;
        self.raw_bytes += other.raw_bytes;
    }
}

impl SubAssign for Totals {
    fn sub_assign(&mut self, other: Totals) {
        self.batches = self.batches.saturating_sub(other.batches);
        self.records = self.records.saturating_sub(other.records);
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.raw_bytes = self.raw_bytes.saturating_sub(other.raw_bytes);
    }
}
