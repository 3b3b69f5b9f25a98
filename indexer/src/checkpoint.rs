//! How far the journal is done with: write-out, the deduplication checkpoint, and trimming.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use orszem_journal::Deduplicator;

use crate::error::Error;
use crate::judge::Judge;
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

    /// Takes the state of the deduplication now, unless one waits to be saved.
    pub(crate) fn take(&mut self, judge: &Mutex<Judge>) {
        if self.pending.is_some() {
            return;
        }
        let judge = lock(judge);
        let position = judge.deduplicator.position();
        if position > self.saved {
            self.pending = Some(Pending { position, encoded: judge.deduplicator.encode() });
        }
    }

    /// Saves what waits, if everything before it is done with up to `reached`; `before` is called first.
    pub(crate) fn save_reached(
        &mut self,
        journal_dir: &Path,
        reached: u64,
        before: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.pending.as_ref().is_none_or(|pending| pending.position > reached) {
            return Ok(());
        }
        before()?;
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let saved = Deduplicator::save(journal_dir, &pending.encoded);
        if let Err(source) = saved {
            self.pending = Some(pending);
            return Err(Error::Checkpoint { source });
        }
        self.saved = pending.position;
        Ok(())
    }

    /// The position of the checkpoint on disk.
    pub(crate) fn saved(&self) -> u64 {
        self.saved
    }
}

impl Shared {
    /// Writes everything applied so far into segments, and trims the journal as far as all have come.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut checkpoint = lock(&self.checkpoint);
        checkpoint.take(&self.judge);
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
        // Replay begins behind the new checkpoint at the earliest, so what it no longer shows has to be known.
        let before = || self.collectors.save(&self.data_dir, maintenance::now());
        checkpoint.save_reached(&self.journal_dir, reached, before)?;
        let removed = self.journal.trim(reached.min(checkpoint.saved())).map_err(|source| Error::Trim { source })?;
        if removed > 0 {
            lock(&self.judge).forget_below(self.journal.start());
        }
        Ok(())
    }
}
