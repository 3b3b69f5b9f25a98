//! Turns files of the head into blocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orszem_model::{Columns, Labels};
use roaring::RoaringBitmap;

use crate::block::{Block, BlockMeta, remove_block};
use crate::chunk_file::ChunkReader;
use crate::columns::merge_columns;
use crate::compact::{MergeInput, MergeOptions, WINDOWS_MAX, merge};
use crate::error::{Error, Result};

use super::head_file::{HeadFile, apply_deletions};
use super::manifest::Deletion;
use super::{Rewriting, SeriesStore, lock, open};

/// The window of a block that is cut from the head.
pub(super) const CUT_WINDOW_MS: i64 = 2 * 3_600_000;
/// The windows that blocks are merged into: a block of hours spends a good part of its bytes on labels.
pub(super) const MERGE_WINDOWS_MS: [i64; 3] = [8 * 3_600_000, DAY_MS, WEEK_MS];
const DAY_MS: i64 = 24 * 3_600_000;
const WEEK_MS: i64 = 7 * DAY_MS;
/// Files of the head that are not waited with, though no new window has ended: samples of the past come in masses.
const FILES_MAX: usize = 48;

/// What is written as blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Windows that are over, and merges that pay.
    Due,
    /// All that was flushed, and all merges.
    All,
}

impl SeriesStore {
    /// Does one step of what is due: writes ended windows of the head as blocks, merges blocks, merges small files of the
    /// head, lets go of series that have nothing in it any more. Answers whether a step was done, so that the next should be asked for.
    /// Batches are applied, flushes run and queries are answered meanwhile. `now` is in milliseconds; samples of the
    /// future stay in the head. A step that a deletion interrupted is to be done again.
    ///
    /// # Errors
    /// When a file can't be read or written; what was there is served as before then.
    pub fn settle(&self, settle: Settle, now: i64) -> Result<bool> {
        if self.is_stopped() {
            return Ok(false);
        }
        let rewritten = {
            let mut rewriting = lock(&self.inner.rewriting);
            match self.cut(&mut rewriting, settle, now) {
                Ok(false) => self.compact(&mut rewriting, settle, now),
                other => other,
            }
        };
        match rewritten {
            Ok(true) => Ok(true),
            Ok(false) => match self.merge_files(settle) {
                Ok(false) => self.release(),
                Err(Error::Cancelled) => Ok(!self.is_stopped()),
                other => other,
            },
            Err(Error::Cancelled) => Ok(!self.is_stopped()),
            Err(error) => Err(error),
        }
    }

    /// Ends a [`Self::settle`] that is under way soon, and begins none any more.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::Acquire)
    }

    /// Whether a rewrite should end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.inner.interrupted.load(Ordering::Acquire) || self.is_stopped()
    }

    /// The greatest time of a sample in files of the head and blocks, at most `now`.
    pub(super) fn newest(&self, now: i64) -> Option<i64> {
        let state = self.inner.state();
        let files = state.files.iter().map(|file| file.file.range.1);
        let blocks = state.blocks.iter().map(|block| block.meta().max_time);
        files.chain(blocks).max().map(|newest| newest.min(now))
    }

    fn cut(&self, rewriting: &mut Rewriting, settle: Settle, now: i64) -> Result<bool> {
        let files = Arc::clone(&self.inner.state().files);
        let boundary = match settle {
            Settle::All => i64::MAX,
            Settle::Due => {
                let Some(newest) = self.newest(now) else { return Ok(false) };
                floor(newest.saturating_sub(self.inner.options.cut_after_ms), CUT_WINDOW_MS)
            }
        };
        let is_waited_for = settle == Settle::Due && rewriting.cut_until == Some(boundary) && files.len() < FILES_MAX;
        let first = files.iter().map(HeadFile::first).filter(|first| *first < boundary).min();
        let Some(first) = first.filter(|_| !is_waited_for) else { return Ok(false) };
        let last = files.iter().map(|file| file.file.range.1).max().unwrap_or(first).min(boundary - 1);
        let window = window_for(first, last);
        // As many windows as one merge writes.
        let room = floor(first, window).saturating_add(window.saturating_mul(WINDOWS_MAX as i64));
        let until = room.min(boundary);
        let metas = self.cut_into_blocks(&files, until, window)?;
        let until = if metas.is_empty() { self.next_sample(&files, until, boundary)? } else { until };
        self.use_cut(&files, &metas, until)?;
        if until == boundary {
            rewriting.cut_until = Some(boundary);
        }
        Ok(true)
    }

    fn cut_into_blocks(&self, files: &[HeadFile], until: i64, window_ms: i64) -> Result<Vec<BlockMeta>> {
        let inner = &*self.inner;
        let files: Vec<&HeadFile> = files.iter().filter(|file| file.first() < until).collect();
        let mut keys = RoaringBitmap::new();
        files.iter().for_each(|file| keys |= &file.file.keys);
        let series = {
            let table = inner.table();
            table.sorted(&(keys & table.all()))
        };
        let deletions = Arc::clone(&inner.state().manifest.deletions);
        let readers = files.iter().map(|file| file.file.chunks.reader()).collect();
        let rows = Rows {
            store: self,
            files,
            deletions,
            readers,
            series: series.into_iter(),
            until,
            part: Columns::default(),
        };
        let options = MergeOptions {
            blocks: &inner.paths.blocks(),
            window_ms,
            numbers: &inner.next_number,
            level: 0,
            keep_from: &|_| i64::MIN,
        };
        merge(vec![MergeInput::Series(Box::new(rows))], &options, &|| self.is_interrupted())
    }

    /// The time of the first sample from `from` on and before `boundary`, else `boundary`.
    fn next_sample(&self, files: &[HeadFile], from: i64, boundary: i64) -> Result<i64> {
        let mut next = boundary;
        let mut columns = Columns::default();
        for file in files {
            if file.file.range.1 < from || file.first() >= next {
                continue;
            }
            let mut reader = file.file.chunks.reader();
            for series in &file.file.keys {
                columns.clear();
                if let Err(error) = reader.read(series, from.saturating_sub(1), next, &mut columns) {
                    self.leave_out(error)?;
                }
                let histogram = columns.histograms.first().map(|point| point.time);
                next = columns.times.first().copied().into_iter().chain(histogram).fold(next, i64::min);
            }
        }
        Ok(next)
    }

    /// Puts new blocks in the place of what files have before `until`.
    fn use_cut(&self, cut: &[HeadFile], metas: &[BlockMeta], until: i64) -> Result<()> {
        let inner = &*self.inner;
        let new = self.open_new(metas)?;
        let is_cut = |number: u64| cut.iter().any(|file| file.number == number);
        let mut gone = Vec::new();
        let mut keep = |file: &mut HeadFile| {
            if is_cut(file.number) {
                file.from = file.from.max(until);
            }
            let stays = file.file.range.1 >= file.from;
            if !stays {
                gone.push(file.number);
            }
            stays
        };
        // Flushes may have added files meanwhile, but only cuts change or remove them.
        let mut files: Vec<HeadFile> = inner.state().files.iter().cloned().collect();
        files.retain_mut(&mut keep);
        let known: Vec<(u64, i64)> = files.iter().map(|file| (file.number, file.from)).collect();
        inner.commit(
            |manifest| {
                manifest.files.retain(|file| !gone.contains(&file.0));
                for (number, from) in &mut manifest.files {
                    *from = known.iter().find(|file| file.0 == *number).map_or(*from, |file| file.1);
                }
                manifest.forget_deletions();
            },
            |state| {
                let files = Arc::make_mut(&mut state.files);
                files.retain(|file| !gone.contains(&file.number));
                for file in files {
                    file.from = known.iter().find(|known| known.0 == file.number).map_or(file.from, |known| known.1);
                }
                let blocks = Arc::make_mut(&mut state.blocks);
                blocks.extend(new);
                blocks.sort_by_key(|block| block.meta().number);
            },
        )?;
        for number in gone {
            open::remove_or_warn(&inner.paths.chunks(number));
            open::remove_or_warn(&inner.paths.keys(number));
        }
        Ok(())
    }

    pub(super) fn open_new(&self, metas: &[BlockMeta]) -> Result<Vec<Arc<Block>>> {
        let blocks = self.inner.paths.blocks();
        let open = |meta: &BlockMeta| Block::open(&blocks.join(meta.directory())).map(Arc::new);
        let opened: Result<Vec<Arc<Block>>> = metas.iter().map(open).collect();
        // Left behind, they would come back at the next start, without what was deleted meanwhile.
        opened.inspect_err(|_| {
            for path in metas.iter().map(|meta| blocks.join(meta.directory())) {
                if let Err(error) = remove_block(&path) {
                    tracing::error!(path = %path.display(), %error, "a new block that cannot be used is not removed");
                }
            }
        })
    }
}

/// The start of the window that `time` is in.
pub(super) fn floor(time: i64, window: i64) -> i64 {
    time.div_euclid(window).saturating_mul(window)
}

/// Windows so large that the span is not cut into thousands of blocks: a history of years comes at once.
fn window_for(first: i64, last: i64) -> i64 {
    let span = last.saturating_sub(first);
    let fits = |window: &&i64| span < **window * WINDOWS_MAX as i64;
    [CUT_WINDOW_MS, DAY_MS].iter().find(fits).copied().unwrap_or(WEEK_MS)
}

/// The series of files of the head with their samples before a time, in the order of labels.
struct Rows<'a> {
    store: &'a SeriesStore,
    files: Vec<&'a HeadFile>,
    deletions: Arc<Vec<Deletion>>,
    readers: Vec<ChunkReader<'a>>,
    series: std::vec::IntoIter<u32>,
    until: i64,
    part: Columns,
}

impl Iterator for Rows<'_> {
    type Item = Result<(Labels, Columns)>;

    fn next(&mut self) -> Option<Self::Item> {
        let series = self.series.next()?;
        let labels = self.store.inner().table().labels(series)?;
        let mut columns = Columns::default();
        for (file, reader) in self.files.iter().zip(&mut self.readers) {
            if !file.file.keys.contains(series) {
                continue;
            }
            self.part.clear();
            let last = if self.until == i64::MAX { i64::MAX } else { self.until - 1 };
            match reader.read(series, file.from.saturating_sub(1), last, &mut self.part) {
                Ok(()) => {
                    apply_deletions(&self.deletions, file.number, series, &mut self.part);
                    merge_columns(&mut columns, &self.part);
                }
                Err(error) => {
                    if let Err(error) = self.store.leave_out(error) {
                        return Some(Err(error));
                    }
                }
            }
        }
        Some(Ok((labels, columns)))
    }
}

/// Whether an error tells of damage, and in which of these blocks.
pub(super) fn damaged_block(error: &Error, blocks: &[Arc<Block>]) -> Option<u64> {
    let Error::Damaged { path, .. } = error else { return None };
    blocks.iter().find(|block| path.starts_with(block.path())).map(|block| block.meta().number)
}
