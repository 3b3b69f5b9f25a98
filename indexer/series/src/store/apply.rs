//! Makes journaled batches visible.

use std::sync::atomic::Ordering;

use crate::batch::{Batch, HistogramSample};
use crate::head::nodes::Pushed;

use super::SeriesStore;

/// What became of the samples of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Samples that were added or that replaced one of the same time.
    pub samples: u64,
    /// Samples that were there already, with the same value.
    pub duplicates: u64,
    /// Samples whose series has no definition, or that were numbered by another store. They are left out.
    pub unknown_series: u64,
}

impl SeriesStore {
    /// Makes the batches of one journal group visible, all at once; `end` is where the next group begins. Groups come
    /// in the order of the journal, from one thread. What ends at or below [`Self::flushed`] is skipped, so replay may
    /// start anywhere. The one that was built here is as good as the ones that its frames decode to.
    #[expect(clippy::needless_pass_by_value, reason = "batches that are applied give up their lease")]
    pub fn apply(&self, batches: Vec<Batch>, end: u64) -> Applied {
        let inner = &*self.inner;
        let mut applied = Applied::default();
        let state = inner.state();
        if end <= state.manifest.flushed {
            return applied;
        }
        self.define(&batches);
        let table = inner.table();
        let mut active = state.active.write();
        for batch in &batches {
            if batch.store != inner.id {
                applied.unknown_series += batch.samples() as u64;
                continue;
            }
            // Numbers of a batch that holds a lease were found in the table.
            let is_known = |series: u32| batch.lease.is_some() || table.get(series).is_some();
            let mut count = |pushed: Pushed| match pushed {
                Pushed::Added | Pushed::Replaced => applied.samples += 1,
                Pushed::Same => applied.duplicates += 1,
            };
            let mut unknown = 0;
            for ((&series, &time), &value) in batch.series.iter().zip(&batch.times).zip(&batch.values) {
                if is_known(series) { count(active.push(series, time, value)) } else { unknown += 1 }
            }
            for HistogramSample { series, time, histogram } in &batch.histograms {
                if is_known(*series) {
                    count(active.push_histogram(*series, *time, std::sync::Arc::clone(histogram)));
                } else {
                    unknown += 1;
                }
            }
            applied.unknown_series += unknown;
        }
        drop(active);
        drop(table);
        if batches.iter().any(|batch| !batch.metadata.is_empty() || !batch.exemplars.is_empty()) {
            let mut aside = inner.aside();
            let options = &inner.options;
            for batch in batches.iter().filter(|batch| batch.store == inner.id) {
                aside.add(batch, options.exemplars_max, options.metadata_max);
            }
        }
        // While no flush can begin, so that it takes this end for what is in memory.
        inner.applied.fetch_max(end, Ordering::AcqRel);
        drop(state);
        let counters = &inner.counters;
        counters.samples.fetch_add(applied.samples, Ordering::Relaxed);
        counters.duplicates.fetch_add(applied.duplicates, Ordering::Relaxed);
        counters.unknown_series.fetch_add(applied.unknown_series, Ordering::Relaxed);
        applied
    }

    fn define(&self, batches: &[Batch]) {
        let new = batches.iter().filter(|batch| batch.store == self.inner.id && !batch.definitions.is_empty());
        for batch in new {
            let mut table = self.inner.table_mut();
            for (series, labels) in &batch.definitions {
                if batch.lease.is_some() {
                    table.set_known(*series);
                } else if !table.define(*series, labels) {
                    tracing::error!(series, ?labels, "a series of the journal contradicts one in the head");
                }
            }
        }
    }
}
