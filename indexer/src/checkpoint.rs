//! How far the journal is done with: write-out, the deduplication checkpoint, and trimming.

use std::time::Instant;

use orszem_journal::Deduplicator;

use crate::error::Error;
use crate::maintenance;
use crate::shared::Shared;
use crate::wake::lock;

/// The deduplication checkpoint: the one on disk, and the one that will replace it.
///
/// A checkpoint may be saved once everything before its position is in segments and behind every subscriber, because
/// the verdicts on earlier groups are gone with it. It is taken before a write-out and saved when that and the slowest
/// subscriber have reached it.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    saved: u64,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    position: u64,
    encoded: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn new(saved: u64) -> Self {
        Self { saved, pending: None }
    }

    fn take(&mut self, shared: &Shared) {
        if self.pending.is_some() {
            return;
        }
        let judge = lock(&shared.judge);
        let position = judge.deduplicator.position();
        if position > self.saved {
            self.pending = Some(Pending { position, encoded: judge.deduplicator.encode() });
        }
    }

    fn save_reached(&mut self, shared: &Shared, reached: u64) -> Result<(), Error> {
        if self.pending.as_ref().is_none_or(|pending| pending.position > reached) {
            return Ok(());
        }
        // Replay begins behind the new checkpoint at the earliest, so what it no longer shows has to be known.
        shared.collectors.save(&shared.data_dir, maintenance::now())?;
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let saved = Deduplicator::save(&shared.journal_dir, &pending.encoded);
        if let Err(source) = saved {
            self.pending = Some(pending);
            return Err(Error::Checkpoint { source });
        }
        self.saved = pending.position;
        Ok(())
    }
}

impl Shared {
    /// Writes everything applied so far into segments, and trims the journal as far as all have come.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut checkpoint = lock(&self.checkpoint);
        checkpoint.take(self);
        let begun = Instant::now();
        self.store.flush().map_err(|source| Error::Flush { source })?;
        self.metrics.flush_seconds.observe(begun.elapsed().as_secs_f64());
        self.trim_with(&mut checkpoint)
    }

    /// Trims the journal as far as all have come.
    pub(crate) fn trim(&self) -> Result<(), Error> {
        self.trim_with(&mut lock(&self.checkpoint))
    }

    fn trim_with(&self, checkpoint: &mut Checkpoint) -> Result<(), Error> {
        let slowest = lock(&self.cursors).min().unwrap_or(u64::MAX);
        let reached = self.store.flushed().min(slowest);
        checkpoint.save_reached(self, reached)?;
        let removed = self.journal.trim(reached.min(checkpoint.saved)).map_err(|source| Error::Trim { source })?;
        if removed > 0 {
            lock(&self.judge).forget_below(self.journal.start());
        }
        Ok(())
    }
}
