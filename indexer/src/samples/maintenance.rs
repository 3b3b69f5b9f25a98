//! The threads that keep the series store in shape: write-out, blocks and their merges, retention.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_series::{Retained, Settle};

use super::shared::Shared;
use crate::error::{Error, chain};
use crate::maintenance::now;
use crate::wake::{OwnedThread, lock};

/// How often the age of unwritten samples is looked at.
const FLUSH_TICK: Duration = Duration::from_secs(1);
/// Samples wait this long in memory at most, so that a start has little to replay.
const FLUSH_AFTER: Duration = Duration::from_secs(300);
/// A journal that grew by this much since the last write-out is written out: it replays in about 5 s.
const FLUSH_JOURNAL_BYTES: u64 = 512 << 20;
/// A segment of the journal with less is not left at a write-out: what it keeps is not worth a file.
const ROLL_JOURNAL_BYTES: u64 = 64 << 10;
/// How often windows to cut and blocks to merge are looked for when nothing was written out.
const COMPACT_TICK: Duration = Duration::from_secs(30);
/// How often free space and expiry are looked at.
const RETENTION_TICK: Duration = Duration::from_secs(10);
/// How long to wait after a failure, which most often is a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Starts all of them.
pub(super) fn start(shared: &Arc<Shared>) -> Result<Vec<OwnedThread>, Error> {
    let thread = |name, body: fn(&Shared)| {
        let shared = Arc::clone(shared);
        OwnedThread::start(name, move || body(&shared))
    };
    Ok(vec![
        thread("series-flush", keep_flushed)?,
        thread("series-compact", keep_compact)?,
        thread("series-retention", keep_within_limits)?,
    ])
}

/// Ends their waits; each ends after what it is doing.
pub(super) fn stop(shared: &Shared) {
    let wakes = &shared.wakes;
    for wake in [&wakes.flush, &wakes.compact, &wakes.retention] {
        wake.stop();
    }
}

fn keep_flushed(shared: &Shared) {
    let mut unflushed_since = None;
    while shared.wakes.flush.wait(FLUSH_TICK) {
        let unwritten = shared.store.applied().saturating_sub(shared.store.flushed());
        let result = if unwritten == 0 {
            unflushed_since = None;
            Ok(())
        } else {
            let age = unflushed_since.get_or_insert_with(Instant::now).elapsed();
            if shared.store.wants_flush() || age >= FLUSH_AFTER || unwritten >= FLUSH_JOURNAL_BYTES {
                unflushed_since = None;
                flush(shared)
            } else {
                Ok(())
            }
        };
        if let Err(error) = result {
            shared.metrics.counted.failed("flush");
            tracing::error!(error = %chain(&error), "writing samples out failed; they stay in memory and in the journal");
            shared.wakes.flush.pause(AFTER_FAILURE);
        }
    }
}

fn flush(shared: &Shared) -> Result<(), Error> {
    shared.flush()?;
    shared.door.tell_room();
    shared.wakes.compact.call();
    Ok(())
}

fn keep_compact(shared: &Shared) {
    while shared.wakes.compact.wait(COMPACT_TICK) {
        if let Err(error) = shared.compact() {
            shared.metrics.counted.failed("compact");
            tracing::error!(error = %chain(&error), "cutting or merging blocks failed; what is there is served");
            shared.wakes.compact.pause(AFTER_FAILURE);
        }
    }
}

fn keep_within_limits(shared: &Shared) {
    loop {
        if let Err(error) = shared.retain() {
            shared.metrics.counted.failed("retention");
            tracing::error!(error = %chain(&error), "expired samples could not be removed");
        }
        if !shared.wakes.retention.wait(RETENTION_TICK) {
            return;
        }
    }
}

impl Shared {
    /// Writes everything applied so far into files, and trims the journal behind it.
    pub(super) fn flush(&self) -> Result<(), Error> {
        let mut checkpoint = lock(&self.checkpoint);
        if let Err(error) = self.journal.roll_from(ROLL_JOURNAL_BYTES) {
            tracing::warn!(error = %chain(&error), "the journal keeps its segment, and what it holds longer than needed");
        }
        checkpoint.take(&self.judge);
        let begun = Instant::now();
        let reached = self.store.flush().map_err(|source| Error::FlushSamples { source })?;
        self.metrics.flush_seconds.observe(begun.elapsed().as_secs_f64());
        checkpoint.save_reached(&self.journal_dir, reached, || Ok(()))?;
        let trimmed = self.journal.trim(reached.min(checkpoint.saved())).map_err(|source| Error::Trim { source })?;
        if trimmed > 0 {
            lock(&self.judge).forget_below(self.journal.start());
        }
        Ok(())
    }
}

impl Shared {
    /// Cuts ended windows and merges blocks while there is any to do, until a stop.
    fn compact(&self) -> Result<(), Error> {
        self.settle_as(Settle::Due)
    }

    /// Writes everything out and does all merges that are due; with `all` also what would wait for more samples.
    pub(super) fn settle(&self, all: bool) -> Result<(), Error> {
        self.flush()?;
        self.settle_as(if all { Settle::All } else { Settle::Due })
    }

    fn settle_as(&self, settle: Settle) -> Result<(), Error> {
        while !self.wakes.compact.is_stopped() {
            let begun = Instant::now();
            match self.store.settle(settle, now_ms()) {
                Ok(true) => self.metrics.compact_seconds.observe(begun.elapsed().as_secs_f64()),
                Ok(false) => break,
                Err(source) => return Err(Error::Compact { source }),
            }
        }
        Ok(())
    }

    /// Removes what has expired, and opens or closes the door as the free space says.
    fn retain(&self) -> Result<(), Error> {
        let stats = fs4::statvfs(&self.data_dir);
        let stats = stats.map_err(|source| Error::FreeSpace { path: self.data_dir.clone(), source })?;
        let is_full = stats.available_space() < self.options.min_free.bytes();
        if self.door.set_disk_full(is_full) != is_full {
            match is_full {
                true => tracing::error!("the disk is nearly full: no samples are taken in"),
                false => tracing::info!("there is enough free space for samples again"),
            }
        }
        let retained =
            self.store.retain(now_ms(), &self.retention).map_err(|source| Error::ExpireSamples { source })?;
        let Retained { expired_blocks, evicted_blocks, expired_series } = retained;
        if expired_blocks + evicted_blocks + expired_series > 0 {
            self.metrics.expired(expired_blocks + evicted_blocks);
            tracing::info!(expired_blocks, evicted_blocks, expired_series, "expired samples were removed");
        }
        Ok(())
    }
}

/// The wall clock in milliseconds.
fn now_ms() -> i64 {
    now().0.div_euclid(1_000_000)
}
