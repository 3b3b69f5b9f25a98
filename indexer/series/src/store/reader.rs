//! Reads the series of a selection, one after the other.

use orszem_model::{Columns, Labels};

use crate::block::BlockReader;
use crate::chunk_file::ChunkReader;
use crate::columns::merge_columns;
use crate::error::Result;
use crate::head::TENANT_LABEL;
use crate::index::LabelsReader;

use super::head_file::apply_deletions;
use super::select::{NONE, SeriesSelection};

/// Reads series of a selection.
pub struct SelectionReader<'a> {
    selection: &'a SeriesSelection,
    blocks: Vec<Option<BlockReader<'a>>>,
    files: Vec<Option<ChunkReader<'a>>>,
    labels: Vec<Option<LabelsReader<'a>>>,
    part: Columns,
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
            self.part.clear();
            match reader.read(ordinal, before, end, &mut self.part) {
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
            self.part.clear();
            match reader.read(series, before.max(file.from.saturating_sub(1)), end, &mut self.part) {
                Ok(()) => {
                    apply_deletions(&selection.deletions, file.number, series, &mut self.part);
                    merge_columns(out, &self.part);
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
            part: Columns::default(),
        }
    }
}
