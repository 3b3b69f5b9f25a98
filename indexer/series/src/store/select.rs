//! Reads the samples of series, from one consistent state of head and blocks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use orszem_model::{Columns, Labels, Matcher};
use roaring::RoaringBitmap;

use crate::block::Block;
use crate::error::{Error, Result};
use crate::head::TENANT_LABEL;
use crate::head::epoch::Lease;
use crate::head::generation::Generation;
use crate::head::matching::matching;

use super::head_file::HeadFile;
use super::manifest::Deletion;
use super::present::Present;
use super::{Inner, SeriesStore};

/// No series of the head.
pub(super) const NONE: u32 = u32::MAX;

/// The series that a selection found, in no order. It holds what it reads: files that are removed meanwhile stay on
/// disk until it is dropped. Samples that are applied meanwhile may or may not be among what it reads.
#[derive(Debug)]
pub struct SeriesSelection {
    pub(super) store: SeriesStore,
    _lease: Lease,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The number in the head of each series.
    pub(super) head: Vec<u32>,
    /// Where in `ordinals` those of each series begin; empty without blocks.
    places: Vec<u32>,
    /// Block and ordinal.
    ordinals: Vec<(u32, u32)>,
    pub(super) blocks: Vec<Arc<Block>>,
    pub(super) files: Vec<HeadFile>,
    pub(super) deletions: Arc<Vec<Deletion>>,
    pub(super) generations: Vec<Arc<Generation>>,
}

impl SeriesStore {
    /// The series of a tenant that satisfy all matchers and may have samples in `[start, end]` (milliseconds).
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn select(&self, tenant: u32, matchers: &[Matcher], start: i64, end: i64) -> Result<SeriesSelection> {
        let view = self.view(tenant, &[matchers.to_vec()], start, end)?;
        let View { lease, blocks, files, generations, deletions, head } = view;
        let mut selection = SeriesSelection {
            store: self.clone(),
            _lease: lease,
            start,
            end,
            head: head.all().iter().collect(),
            places: Vec::new(),
            ordinals: Vec::new(),
            blocks: Vec::new(),
            files,
            deletions,
            generations,
        };
        selection.add_blocks(blocks)?;
        Ok(selection)
    }

    /// What a query over `[start, end]` looks at: for each block the ordinals that satisfy one of the matcher sets
    /// (without a set: all of the tenant), and the series of the head that do.
    pub(super) fn view(&self, tenant: u32, sets: &[Vec<Matcher>], start: i64, end: i64) -> Result<View> {
        let inner = &*self.inner;
        let no_set = [Vec::new()];
        let sets = if sets.is_empty() { &no_set } else { sets };
        // Before the table is looked at, so that no series found leaves.
        let lease = inner.epochs.lease();
        let (blocks, files, generations, deletions) = {
            let state = inner.state();
            let deletions = Arc::clone(&state.manifest.deletions);
            (Arc::clone(&state.blocks), Arc::clone(&state.files), Inner::generations(&state), deletions)
        };
        let files: Vec<HeadFile> = files.iter().filter(|file| file.overlaps(start, end)).cloned().collect();
        let mut head = RoaringBitmap::new();
        {
            let table = inner.table();
            for matchers in sets {
                head |= matching(&table, tenant, matchers);
            }
        }
        let head = Present::new(head, &files, &generations, (start, end));
        let mut found = Vec::new();
        for block in blocks.iter().filter(|block| block.overlaps(start.saturating_sub(1), end)) {
            let mut ordinals = RoaringBitmap::new();
            for matchers in sets {
                match block.index().select(&tenant_matchers(tenant, matchers)) {
                    Ok(selected) => ordinals |= selected,
                    Err(error) => self.leave_out(error)?,
                }
            }
            if !ordinals.is_empty() {
                found.push((Arc::clone(block), ordinals));
            }
        }
        Ok(View { lease, blocks: found, files, generations, deletions, head })
    }

    /// Counts damage, so that the rest is served; other errors are handed on.
    pub(super) fn leave_out(&self, error: Error) -> Result<()> {
        if !matches!(error, Error::Damaged { .. }) {
            return Err(error);
        }
        self.damaged.fetch_add(1, Ordering::Relaxed);
        let told = self.inner.counters.damaged_reads.fetch_add(1, Ordering::Relaxed);
        if told.is_multiple_of(1_000) {
            tracing::error!(%error, "samples are left out of answers; the block or file should be restored from a backup");
        }
        Ok(())
    }
}

/// What a query looks at.
pub(super) struct View {
    pub(super) lease: Lease,
    pub(super) blocks: Vec<(Arc<Block>, RoaringBitmap)>,
    pub(super) files: Vec<HeadFile>,
    pub(super) generations: Vec<Arc<Generation>>,
    pub(super) deletions: Arc<Vec<Deletion>>,
    pub(super) head: Present,
}

/// The matchers that keep tenants apart, with the others.
pub(super) fn tenant_matchers(tenant: u32, matchers: &[Matcher]) -> Vec<Matcher> {
    let value = if tenant == 0 { String::new() } else { tenant.to_string() };
    let mut all = vec![Matcher::equal(TENANT_LABEL, value)];
    all.extend_from_slice(matchers);
    all
}

impl SeriesSelection {
    fn add_blocks(&mut self, blocks: Vec<(Arc<Block>, RoaringBitmap)>) -> Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        let mut by_hash: HashMap<u64, u32> = {
            let table = self.store.inner().table();
            let hashes = self.head.iter().enumerate();
            hashes.filter_map(|(at, &series)| Some((table.get(series)?.hash, at as u32))).collect()
        };
        let mut found: Vec<(u32, u32, u32)> = Vec::new();
        for (number, (block, ordinals)) in blocks.into_iter().enumerate() {
            for ordinal in &ordinals {
                let hash = match block.index().hash(ordinal) {
                    Ok(hash) => hash,
                    Err(error) => {
                        self.store.leave_out(error)?;
                        continue;
                    }
                };
                let at = *by_hash.entry(hash).or_insert_with(|| {
                    self.head.push(NONE);
                    self.head.len() as u32 - 1
                });
                found.push((at, number as u32, ordinal));
            }
            self.blocks.push(block);
        }
        found.sort_unstable();
        self.places = vec![0; self.head.len() + 1];
        for (at, _, _) in &found {
            self.places[*at as usize + 1] += 1;
        }
        for at in 1..self.places.len() {
            self.places[at] += self.places[at - 1];
        }
        self.ordinals = found.into_iter().map(|(_, block, ordinal)| (block, ordinal)).collect();
        Ok(())
    }

    pub(super) fn ordinals(&self, at: usize) -> &[(u32, u32)] {
        let place = |at: usize| self.places.get(at).map_or(0, |&place| place as usize);
        self.ordinals.get(place(at)..place(at + 1)).unwrap_or(&[])
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.head.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// The labels of a series; of many series, a [`Self::reader`] is much faster.
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn labels(&self, at: usize) -> Result<Labels> {
        self.reader().labels(at)
    }

    /// The stored pieces of all series: one for each block, file and buffer in memory that may have samples of one.
    pub fn parts(&self) -> u64 {
        let head: RoaringBitmap = self.head.iter().copied().filter(|&series| series != NONE).collect();
        let of_files = self.files.iter().map(|file| file.file.keys.intersection_len(&head));
        let of_memory = self.generations.iter().map(|generation| {
            let buffers = generation.read();
            head.iter().filter(|&series| buffers.overlaps(series, self.start, self.end)).count() as u64
        });
        self.ordinals.len() as u64 + of_files.sum::<u64>() + of_memory.sum::<u64>()
    }

    /// Replaces what is in `out` by the samples of a series; of many series, a [`Self::reader`] is faster.
    ///
    /// # Errors
    /// See [`super::SelectionReader::read`].
    pub fn read(&self, at: usize, out: &mut Columns) -> Result<()> {
        self.reader().read(at, out)
    }
}
