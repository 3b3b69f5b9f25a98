//! Writes a block, a series at a time.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use orszem_model::{Columns, Labels};
use tracing::warn;

use super::{BlockMeta, CHUNKS, INDEX, META, UNFINISHED};
use crate::chunk_file::ChunkFileWriter;
use crate::error::{Error, Result};
use crate::files::sync_directory;
use crate::index::IndexWriter;

/// A block being written. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct BlockWriter {
    directory: Unfinished,
    chunks: ChunkFileWriter,
    index: IndexWriter,
    meta: BlockMeta,
}

/// A block that is on disk, but under no name that counts.
#[derive(Debug)]
pub(crate) struct SealedBlock {
    directory: Unfinished,
    meta: BlockMeta,
}

/// A directory that is removed when dropped, unless it was renamed.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    is_renamed: bool,
}

impl BlockWriter {
    /// Begins the block with this number below `blocks`; `sources` as in [`BlockMeta::sources`].
    ///
    /// # Errors
    /// When directory or files can't be created.
    pub fn create(blocks: &Path, number: u64, level: u32, sources: Vec<u64>) -> Result<Self> {
        let path = blocks.join(format!("{UNFINISHED}{number}"));
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::remove(&path)(error)),
            _ => std::fs::create_dir(&path).map_err(Error::create(&path))?,
        }
        let directory = Unfinished { path, is_renamed: false };
        let chunks = ChunkFileWriter::create(&directory.path.join(CHUNKS))?;
        let index = IndexWriter::create(&directory.path.join(INDEX))?;
        let meta = BlockMeta {
            number,
            min_time: 0,
            max_time: 0,
            series: 0,
            samples: 0,
            bytes: 0,
            level,
            sources,
            siblings: Vec::new(),
        };
        Ok(Self { directory, chunks, index, meta })
    }

    /// Adds a series behind the ones before, in the order of labels; without samples it is left out.
    ///
    /// # Errors
    /// When series or samples are out of order, or the files can't be written. The block is of no use then.
    pub fn add(&mut self, labels: &Labels, columns: &Columns) -> Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        let ordinal = self.index.add(labels)?;
        self.chunks.add(ordinal, columns)
    }

    /// Gives the block its name; durable on return. `None`, and no block, when no series was added.
    ///
    /// # Errors
    /// When something can't be written, synced or renamed; there is no block then.
    pub fn finish(self) -> Result<Option<BlockMeta>> {
        self.seal()?.map(|sealed| sealed.publish(Vec::new())).transpose()
    }

    pub(crate) fn seal(mut self) -> Result<Option<SealedBlock>> {
        let totals = self.chunks.finish()?;
        let Some((min_time, max_time)) = totals.range else { return Ok(None) };
        let index_bytes = self.index.finish()?;
        self.meta.min_time = min_time;
        self.meta.max_time = max_time;
        self.meta.series = totals.keys;
        self.meta.samples = totals.samples;
        self.meta.bytes = totals.bytes + index_bytes;
        Ok(Some(SealedBlock { directory: self.directory, meta: self.meta }))
    }
}

impl SealedBlock {
    pub(crate) fn number(&self) -> u64 {
        self.meta.number
    }

    pub(crate) fn publish(mut self, siblings: Vec<u64>) -> Result<BlockMeta> {
        self.meta.siblings = siblings;
        let path = self.directory.path.join(META);
        let content = self.meta.encode(&path)?;
        let mut file = File::create_new(&path).map_err(Error::create(&path))?;
        file.write_all(&content).map_err(Error::write(&path))?;
        file.sync_all().map_err(Error::sync(&path))?;
        sync_directory(&self.directory.path)?;
        let target = self.directory.path.with_file_name(self.meta.directory());
        std::fs::rename(&self.directory.path, &target).map_err(Error::rename(&target))?;
        self.directory.is_renamed = true;
        target.parent().map_or(Ok(()), sync_directory)?;
        Ok(self.meta)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_renamed {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            warn!(path = %self.path.display(), %error, "unfinished block not removed");
        }
    }
}
