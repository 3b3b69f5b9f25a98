//! Reads the series of a selection, one after the other.

use orszem_model::{Columns, Labels};

use crate::block::BlockReader;
use crate::chunk_file::ChunkReader;
use crate::columns::merge_columns;
use crate::error::Result;
use crate::head::TENANT_LABEL;
use crate::index::LabelsReader;
use crate::subsets::Subsets;

use super::head_file::apply_deletions;
use super::select::{NONE, SeriesSelection};

/// Reads series of a selection.
pub struct SelectionReader<'a> {
    selection: &'a SeriesSelection,
    blocks: Vec<Option<BlockReader<'a>>>,
    files: Vec<Option<ChunkReader<'a>>>,
    labels: Vec<Option<LabelsReader<'a>>>,
    among: Among,
    part: Columns,
}

/// What [`SelectionReader::labels_among`] was asked for.
#[derive(Default)]
struct Among {
    names: Vec<String>,
    /// The numbers of the names in the head.
    numbers: Vec<u32>,
    /// The places of the names in each block.
    places: Vec<Vec<u32>>,
    sets: Subsets<u32>,
}

impl SelectionReader<'_> {
    /// The labels of a series; fastest in ascending order.
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn labels(&mut self, at: usize) -> Result<Labels> {
        let selection = self.selection;
        let series = selection.head.get(at).copied().unwrap_or(NONE);
        if series != NONE
            && let Some(labels) = selection.store.inner().table().public_labels(series)
        {
            return Ok(labels);
        }
        let Some(&(block, ordinal)) = selection.ordinals(at).last() else { return Ok(Labels::default()) };
        let reader = &mut self.labels[block as usize];
        let reader = reader.get_or_insert_with(|| selection.blocks[block as usize].index().labels_reader());
        Ok(reader.labels(ordinal)?.without(|name| name == TENANT_LABEL))
    }

    /// Those labels of a series that have one of `names`, which are sorted. Series that have the same share them, so that
    /// it is much faster than [`Self::labels`].
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn labels_among(&mut self, at: usize, names: &[String]) -> Result<Labels> {
        let selection = self.selection;
        if self.among.names != names {
            self.prepare(names);
        }
        let Among { numbers, places, sets, .. } = &mut self.among;
        let series = selection.head.get(at).copied().unwrap_or(NONE);
        if series != NONE
            && let Some(labels) = selection.store.inner().table().labels_among(series, numbers, sets)
        {
            return labels;
        }
        let Some(&(block, ordinal)) = selection.ordinals(at).last() else { return Ok(Labels::default()) };
        let reader = &mut self.labels[block as usize];
        let reader = reader.get_or_insert_with(|| selection.blocks[block as usize].index().labels_reader());
        reader.labels_among(ordinal, places.get(block as usize).map_or(&[], Vec::as_slice))
    }

    fn prepare(&mut self, names: &[String]) {
        let selection = self.selection;
        let numbers = selection.store.inner().table().name_numbers(names);
        let places = selection.blocks.iter().map(|block| block.index().name_places(names)).collect();
        let sets = std::mem::take(&mut self.among.sets);
        self.among = Among { names: names.to_vec(), numbers, places, sets };
    }

    /// Replaces what is in `out` by the samples of a series, which may be none. Damaged parts are left out and counted
    /// ([`super::SeriesStore::damaged`]).
    ///
    /// # Errors
    /// When a file can't be read for another reason.
    pub fn read(&mut self, at: usize, out: &mut Columns) -> Result<()> {
        out.clear();
        let selection = self.selection;
        let SeriesSelection { start, end, .. } = *selection;
        let before = start.saturating_sub(1);
        for &(block, ordinal) in selection.ordinals(at) {
            let reader = &mut self.blocks[block as usize];
            let reader = reader.get_or_insert_with(|| selection.blocks[block as usize].reader());
            let is_first = out.is_empty();
            self.part.clear();
            let into = if is_first { &mut *out } else { &mut self.part };
            match reader.read(ordinal, before, end, into) {
                Ok(()) if is_first => {}
                Ok(()) => merge_columns(out, &self.part),
                Err(error) => selection.store.leave_out(error)?,
            }
        }
        let series = selection.head.get(at).copied().unwrap_or(NONE);
        if series == NONE {
            return Ok(());
        }
        for (file, reader) in selection.files.iter().zip(&mut self.files) {
            if !file.file.keys.contains(series) {
                continue;
            }
            let reader = reader.get_or_insert_with(|| file.file.chunks.reader());
            let is_first = out.is_empty();
            self.part.clear();
            let into = if is_first { &mut *out } else { &mut self.part };
            match reader.read(series, before.max(file.from.saturating_sub(1)), end, into) {
                Ok(()) => {
                    apply_deletions(&selection.deletions, file.number, series, into);
                    if !is_first {
                        merge_columns(out, &self.part);
                    }
                }
                Err(error) => selection.store.leave_out(error)?,
            }
        }
        for generation in &selection.generations {
            generation.read().read(series, start, end, &mut self.part);
            if !self.part.is_empty() {
                merge_columns(out, &self.part);
            }
        }
        Ok(())
    }
}

impl SeriesSelection {
    /// A reader, which keeps what series share; one for each thread.
    pub fn reader(&self) -> SelectionReader<'_> {
        SelectionReader {
            selection: self,
            blocks: self.blocks.iter().map(|_| None).collect(),
            files: self.files.iter().map(|_| None).collect(),
            labels: self.blocks.iter().map(|_| None).collect(),
            among: Among::default(),
            part: Columns::default(),
        }
    }
}
