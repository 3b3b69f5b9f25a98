//! Merges blocks and what is in memory into new blocks, a series at a time.

mod cursor;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use orszem_model::{Columns, Labels};
use tracing::warn;

use crate::block::{Block, BlockMeta, BlockWriter, SealedBlock, remove_block};
use crate::columns::{merge_columns, remove_range};
use crate::error::{Error, Result};
use cursor::Cursor;

/// The most blocks that one merge writes: each has two files open.
pub const WINDOWS_MAX: usize = 128;

/// Series with their samples, sorted by labels, each once.
pub type SeriesIter<'a> = Box<dyn Iterator<Item = Result<(Labels, Columns)>> + 'a>;

/// Something to merge.
pub enum MergeInput<'a> {
    /// What was deleted of it is left out.
    Block(&'a Block),
    Series(SeriesIter<'a>),
}

/// How to merge.
pub struct MergeOptions<'a> {
    /// Where the new blocks go.
    pub blocks: &'a Path,
    /// The time that one block spans at most, in milliseconds; blocks begin at multiples of it.
    pub window_ms: i64,
    /// The number of the next block.
    pub numbers: &'a AtomicU64,
    /// See [`BlockMeta::level`].
    pub level: u32,
    /// From which time on the samples of a series are kept: `i64::MIN` for all, `i64::MAX` for (nearly) none.
    pub keep_from: &'a dyn Fn(&Labels) -> i64,
}

/// Merges `inputs` into one block for each window that has samples. Of samples at one time that of the last input
/// stays. The inputs stay as they are: when the new blocks are in use, the caller removes the old ones, in any order.
///
/// A crash before the end leaves nothing that counts, or old and new blocks, which say the same.
///
/// # Errors
/// When an input can't be read, a block not written, there are more than [`WINDOWS_MAX`] windows, or `is_cancelled`
/// says so (it is asked for each series). There are no new blocks then.
pub fn merge(
    inputs: Vec<MergeInput<'_>>,
    options: &MergeOptions<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<BlockMeta>> {
    let sources = inputs.iter().filter_map(|input| match input {
        MergeInput::Block(block) => Some(block.meta().number),
        MergeInput::Series(_) => None,
    });
    let mut windows = Windows { options, sources: sources.collect(), open: BTreeMap::new(), part: Columns::default() };
    let mut cursors = inputs.into_iter().map(Cursor::new).collect::<Result<Vec<_>>>()?;
    let (mut columns, mut other) = (Columns::default(), Columns::default());
    while let Some(labels) = cursors.iter().filter_map(Cursor::labels).min().cloned() {
        if is_cancelled() {
            return Err(Error::Cancelled);
        }
        columns.clear();
        for cursor in &mut cursors {
            if cursor.labels() != Some(&labels) {
                continue;
            }
            if columns.is_empty() {
                cursor.take(&mut columns)?;
            } else {
                other.clear();
                cursor.take(&mut other)?;
                merge_columns(&mut columns, &other);
            }
        }
        if let Some(before) = (options.keep_from)(&labels).checked_sub(1) {
            remove_range(&mut columns, i64::MIN, before);
        }
        windows.add(&labels, &columns)?;
    }
    windows.finish()
}

/// The blocks being written, by the number of their window.
struct Windows<'a> {
    options: &'a MergeOptions<'a>,
    sources: Vec<u64>,
    open: BTreeMap<i64, BlockWriter>,
    part: Columns,
}

impl Windows<'_> {
    fn add(&mut self, labels: &Labels, columns: &Columns) -> Result<()> {
        let size = self.options.window_ms.max(1);
        let (mut floats, mut points) = (0, 0);
        loop {
            let times = &columns.times[floats..];
            let histograms = &columns.histograms[points..];
            let next = times.first().copied().into_iter().chain(histograms.first().map(|point| point.time)).min();
            let Some(next) = next else { return Ok(()) };
            let window = next.div_euclid(size);
            let float_count = times.partition_point(|time| time.div_euclid(size) == window);
            let point_count = histograms.partition_point(|point| point.time.div_euclid(size) == window);
            if float_count == columns.times.len() && point_count == columns.histograms.len() {
                return self.writer(window)?.add(labels, columns);
            }
            let mut part = std::mem::take(&mut self.part);
            part.clear();
            part.times.extend_from_slice(&times[..float_count]);
            part.values.extend_from_slice(&columns.values[floats..floats + float_count]);
            part.histograms.extend_from_slice(&histograms[..point_count]);
            self.writer(window)?.add(labels, &part)?;
            self.part = part;
            floats += float_count;
            points += point_count;
        }
    }

    fn writer(&mut self, window: i64) -> Result<&mut BlockWriter> {
        if !self.open.contains_key(&window) && self.open.len() == WINDOWS_MAX {
            return Err(Error::TooMany { what: "windows in one merge", max: WINDOWS_MAX as u64 });
        }
        match self.open.entry(window) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let number = self.options.numbers.fetch_add(1, Ordering::Relaxed);
                let sources = self.sources.clone();
                Ok(entry.insert(BlockWriter::create(self.options.blocks, number, self.options.level, sources)?))
            }
        }
    }

    /// First all blocks are brought to disk, then they get their names.
    fn finish(self) -> Result<Vec<BlockMeta>> {
        let mut sealed = Vec::with_capacity(self.open.len());
        for writer in self.open.into_values() {
            sealed.extend(writer.seal()?);
        }
        let siblings: Vec<u64> = sealed.iter().map(SealedBlock::number).collect();
        let mut published: Vec<BlockMeta> = Vec::with_capacity(sealed.len());
        for block in sealed {
            match block.publish(siblings.clone()) {
                Ok(meta) => published.push(meta),
                Err(error) => {
                    withdraw(self.options.blocks, &published);
                    return Err(error);
                }
            }
        }
        Ok(published)
    }
}

/// Removes blocks whose siblings could not be published.
fn withdraw(blocks: &Path, published: &[BlockMeta]) {
    for meta in published {
        let path = blocks.join(meta.directory());
        if let Err(error) = remove_block(&path) {
            warn!(path = %path.display(), %error, "block of a failed merge not removed");
        }
    }
}

#[cfg(test)]
mod tests;
