//! Lets go of series that have nothing in the head any more, and no exemplars.
//!
//! In two steps, so that nobody is left with the number of a series that is gone: first they are marked and forgotten
//! by the cache; whoever asks for one by its labels then keeps it. When all leases from before are given back, those
//! that are still marked and still have no samples go. Numbers are never given to other series.

use roaring::RoaringBitmap;

use crate::error::Result;
use crate::files::sync_directory;
use crate::head::epoch::Past;

use super::{Inner, SeriesStore, lock, open, series_log};

/// Series that are to go.
#[derive(Debug)]
pub(super) struct Leaving {
    series: RoaringBitmap,
    /// Who may still hold their numbers.
    past: Past,
}

impl SeriesStore {
    /// Marks or drops series, and answers whether any were dropped.
    pub(super) fn release(&self) -> Result<bool> {
        let inner = &*self.inner;
        // No flush may find a series gone that it is about to write.
        let _flushing = lock(&inner.flushing);
        let mut rewriting = lock(&inner.rewriting);
        match rewriting.leaving.take() {
            None => {
                rewriting.leaving = self.mark();
                Ok(false)
            }
            Some(leaving) if !leaving.past.is_over() => {
                rewriting.leaving = Some(leaving);
                Ok(false)
            }
            Some(leaving) => self.drop_series(&leaving),
        }
    }

    /// Series with samples in the head, or with exemplars.
    fn kept(&self) -> RoaringBitmap {
        let mut kept = self.inner.aside().exemplar_series();
        let state = self.inner.state();
        state.files.iter().for_each(|file| kept |= &file.file.keys);
        for generation in Inner::generations(&state) {
            kept.extend(generation.read().series());
        }
        kept
    }

    fn mark(&self) -> Option<Leaving> {
        let inner = &*self.inner;
        let kept = self.kept();
        let idle = inner.table().all() - &kept;
        let series = inner.table_mut().mark_leaving(&idle);
        if series.is_empty() {
            return None;
        }
        inner.keys.remove(&series);
        Some(Leaving { series, past: inner.epochs.turn() })
    }

    fn drop_series(&self, leaving: &Leaving) -> Result<bool> {
        let inner = &*self.inner;
        let gone = {
            let mut kept = inner.aside().exemplar_series();
            // Nothing is applied meanwhile.
            let state = inner.state_mut();
            state.files.iter().for_each(|file| kept |= &file.file.keys);
            for generation in Inner::generations(&state) {
                let buffers = generation.read();
                kept.extend(leaving.series.iter().filter(|&series| buffers.contains(series)));
            }
            inner.table_mut().drop_leaving(&leaving.series, &|series| kept.contains(series))
        };
        if gone.is_empty() {
            return Ok(false);
        }
        tracing::debug!(series = gone.len(), "series without samples in the head were let go");
        if self.is_log_mostly_gone() {
            self.rewrite_log()?;
        }
        Ok(true)
    }

    /// Whether the log has grown to twice what the series that are left would take.
    fn is_log_mostly_gone(&self) -> bool {
        let (_, length) = self.inner.state().manifest.log;
        let (series, texts) = {
            let table = self.inner.table();
            (table.len(), table.pairs.text_bytes() as u64)
        };
        // A series takes some 2 bytes a label besides texts.
        length > 2 * (series * 24 + texts) + (1 << 20)
    }

    /// Writes the log of series anew. The caller keeps flushes away.
    pub(super) fn rewrite_log(&self) -> Result<()> {
        let inner = &*self.inner;
        let old = inner.state().manifest.log.0;
        let below = inner.known_below();
        let series: Vec<u32> = inner.table().all().iter().take_while(|&series| series < below).collect();
        let number = inner.new_number();
        let path = inner.paths.log(number);
        let header = series_log::create(&path, inner.id)?;
        let length = series_log::append(&path, header, &series, |part| self.definitions(part))?;
        sync_directory(&inner.paths.head())?;
        inner.commit(|manifest| manifest.log = (number, length), |_| {})?;
        open::remove_or_warn(&inner.paths.log(old));
        Ok(())
    }
}
