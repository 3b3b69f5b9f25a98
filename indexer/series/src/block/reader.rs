//! Reads blocks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use orszem_model::Columns;
use roaring::RoaringBitmap;

use super::tombstones::Tombstones;
use super::{BlockMeta, CHUNKS, INDEX, META, TOMBSTONES};
use crate::chunk_file::{ChunkFile, ChunkReader};
use crate::error::{Error, Result};
use crate::index::Index;

/// A block, open. Its files may be removed meanwhile; it can be read to the end.
#[derive(Debug)]
pub struct Block {
    path: PathBuf,
    meta: BlockMeta,
    chunks: ChunkFile,
    index: Index,
    tombstones: RwLock<Arc<Tombstones>>,
    /// Held while tombstones are written.
    deleting: Mutex<()>,
}

impl Block {
    /// # Errors
    /// When a file is missing, damaged, or does not belong to the others.
    pub fn open(path: &Path) -> Result<Self> {
        let meta_path = path.join(META);
        let content = std::fs::read(&meta_path).map_err(Error::read(&meta_path))?;
        let meta = BlockMeta::decode(&meta_path, &content)?;
        let chunks = ChunkFile::open(&path.join(CHUNKS))?;
        let index = Index::open(&path.join(INDEX))?;
        let is_one = chunks.keys() == meta.series
            && u64::from(index.series()) == meta.series
            && chunks.samples() == meta.samples
            && chunks.range() == Some((meta.min_time, meta.max_time));
        if !is_one {
            return Err(Error::Damaged { path: meta_path, section: "totals" });
        }
        let tombstones = RwLock::new(Arc::new(Tombstones::read(&path.join(TOMBSTONES))?));
        Ok(Self { path: path.to_owned(), meta, chunks, index, tombstones, deleting: Mutex::new(()) })
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files it consists of; what was replaced is not written to again.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let always = [CHUNKS, INDEX, META].into_iter();
        always.chain(self.has_tombstones().then_some(TOMBSTONES)).map(|name| self.path.join(name)).collect()
    }

    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether it may have samples in (start, end].
    pub fn overlaps(&self, start_exclusive: i64, end_inclusive: i64) -> bool {
        self.meta.min_time <= end_inclusive && self.meta.max_time > start_exclusive
    }

    /// Appends the samples of a series in (start, end] to `out`, but for those deleted. Of many series, a
    /// [`Block::reader`] is faster.
    ///
    /// # Errors
    /// When the bytes read are damaged; `out` is as it was then.
    pub fn read(&self, ordinal: u32, start_exclusive: i64, end_inclusive: i64, out: &mut Columns) -> Result<()> {
        self.reader().read(ordinal, start_exclusive, end_inclusive, out)
    }

    /// A reader of many series; one for each thread. It doesn't see what is deleted from now on.
    pub fn reader(&self) -> BlockReader<'_> {
        BlockReader { chunks: self.chunks.reader(), tombstones: self.tombstones() }
    }

    /// The times of the first and the last sample of a series, deleted ones included.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn series_range(&self, ordinal: u32) -> Result<Option<(i64, i64)>> {
        self.chunks.key_range(ordinal)
    }

    /// The bytes of the values of these series, deleted ones included.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub(crate) fn series_bytes(&self, ordinals: &RoaringBitmap) -> Result<u64> {
        ordinals.iter().try_fold(0, |sum, ordinal| Ok(sum + self.chunks.key_bytes(ordinal)?))
    }

    /// Deletes the samples of the series in [start, end]; durable on return. They take up space until the next merge.
    ///
    /// # Errors
    /// When that can't be written; nothing is deleted then.
    pub fn delete(&self, ordinals: &RoaringBitmap, start: i64, end: i64) -> Result<()> {
        if ordinals.is_empty() || start > end {
            return Ok(());
        }
        let _deleting = self.deleting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tombstones = (*self.tombstones()).clone();
        tombstones.add(ordinals, start, end);
        tombstones.write(&self.path.join(TOMBSTONES))?;
        *self.tombstones.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tombstones);
        Ok(())
    }

    /// Whether something of it was deleted.
    pub fn has_tombstones(&self) -> bool {
        !self.tombstones().is_empty()
    }

    fn tombstones(&self) -> Arc<Tombstones> {
        Arc::clone(&self.tombstones.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads many series of a block.
#[derive(Debug)]
pub struct BlockReader<'a> {
    chunks: ChunkReader<'a>,
    tombstones: Arc<Tombstones>,
}

impl BlockReader<'_> {
    /// As [`Block::read`].
    ///
    /// # Errors
    /// When the bytes read are damaged; `out` is as it was then.
    pub fn read(&mut self, ordinal: u32, start_exclusive: i64, end_inclusive: i64, out: &mut Columns) -> Result<()> {
        let from = (out.times.len(), out.histograms.len());
        self.chunks.read(ordinal, start_exclusive, end_inclusive, out)?;
        self.tombstones.apply(ordinal, from, out);
        Ok(())
    }
}
