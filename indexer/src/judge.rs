//! Who decides whether a group of the journal is a repeat.

use std::collections::BTreeSet;

use orszem_journal::{Deduplicator, Identity, Verdict};

use crate::ingest::http::Accepted;

/// The deduplication stage, and which groups in the journal it left out.
pub(crate) struct Judge {
    pub(crate) deduplicator: Deduplicator,
    /// Where the repeats begin that are in the journal; subscribers leave them out as the store does.
    repeats: BTreeSet<u64>,
}

impl Judge {
    pub(crate) fn new(deduplicator: Deduplicator) -> Self {
        Self { deduplicator, repeats: BTreeSet::new() }
    }

    /// What [`Self::admit`] will find: whether the group that begins at `first` was applied before.
    pub(crate) fn is_repeat(&self, identity: Option<&Identity>, first: u64) -> bool {
        first >= self.deduplicator.position()
            && identity.is_some_and(|identity| self.deduplicator.is_duplicate(identity))
    }

    pub(crate) fn admit(&mut self, identity: Option<&Identity>, first: u64, end: u64) -> Verdict {
        let verdict = self.deduplicator.admit(identity, first, end);
        if matches!(verdict, Verdict::Duplicate(_)) {
            self.repeats.insert(first);
        }
        verdict
    }

    /// The acknowledgement of a submission as its sender is known now.
    pub(crate) fn accepted(&self, identity: Option<&Identity>, duplicate: bool) -> Accepted {
        let Some(Identity::Sequenced { source, epoch, signal, .. }) = identity else {
            return Accepted { duplicate, ..Accepted::default() };
        };
        Accepted {
            accepted_seq: self.deduplicator.accepted_seq(source, *epoch, *signal).unwrap_or(0),
            horizon_seq: self.deduplicator.horizon_seq(source, *epoch, *signal).unwrap_or(0),
            duplicate,
        }
    }

    /// Whether the group that begins at `first` was left out.
    pub(crate) fn left_out(&self, first: u64) -> bool {
        self.repeats.contains(&first)
    }

    /// Forgets what lies below the start of the journal.
    pub(crate) fn forget_below(&mut self, position: u64) {
        self.repeats = self.repeats.split_off(&position);
    }
}
