//! Deletes samples and exemplars by matchers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orszem_model::Matcher;

use crate::error::Result;
use crate::head::matching::matching;

use super::manifest::Deletion;
use super::select::tenant_matchers;
use super::{SeriesStore, lock};

impl SeriesStore {
    /// Deletes the samples and exemplars in `[start, end]` (milliseconds) of the series that satisfy all matchers, and answers how
    /// many series that may concern. A command of the journal: it is to be called from where batches are applied, in
    /// the order of the journal, and only when its position is at or behind [`Self::flushed`]. What is applied later
    /// is not concerned. It survives a crash once a later flush is through; until then the journal repeats it.
    ///
    /// # Errors
    /// When a block's index can't be read or its deletions not be written; part of the deletion may be done then.
    pub fn delete(&self, tenant: u32, matchers: &[Matcher], start: i64, end: i64) -> Result<u64> {
        let inner = &*self.inner;
        let _flushing = lock(&inner.flushing);
        inner.interrupted.store(true, Ordering::Release);
        let rewriting = lock(&inner.rewriting);
        inner.interrupted.store(false, Ordering::Release);
        let mut touched = matching(&inner.table(), tenant, matchers);
        let (blocks, files, generations) = {
            let state = inner.state();
            (Arc::clone(&state.blocks), Arc::clone(&state.files), super::Inner::generations(&state))
        };
        for generation in &generations {
            let mut buffers = generation.write();
            for series in &touched {
                buffers.delete(series, start, end);
            }
        }
        inner.aside().delete(&touched, start, end);
        let mut in_files = roaring::RoaringBitmap::new();
        for file in files.iter().filter(|file| file.overlaps(start, end)) {
            in_files |= &touched & &file.file.keys;
        }
        if !in_files.is_empty() {
            let _guard = lock(&inner.committing);
            // Files of later flushes have higher numbers.
            let deletion = Deletion { series: in_files, start, end, below: inner.new_number() };
            Arc::make_mut(&mut inner.state_mut().manifest.deletions).push(deletion);
        }
        let with_tenant = tenant_matchers(tenant, matchers);
        let mut in_blocks = 0;
        for block in blocks.iter().filter(|block| block.overlaps(start.saturating_sub(1), end)) {
            let ordinals = block.index().select(&with_tenant)?;
            if !ordinals.is_empty() {
                in_blocks = in_blocks.max(ordinals.len());
                block.delete(&ordinals, start, end)?;
            }
        }
        drop(rewriting);
        let present: u64 = touched.len();
        touched.clear();
        Ok(present.max(in_blocks))
    }
}
