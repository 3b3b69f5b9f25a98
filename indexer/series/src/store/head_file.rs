//! A file of the head: the samples of one flush, or of several that were merged.

use std::path::Path;
use std::sync::Arc;

use orszem_model::Columns;
use roaring::RoaringBitmap;

use super::manifest::Deletion;
use super::open::remove_or_warn;
use super::paths::Paths;
use crate::chunk_file::{ChunkFile, ChunkFileWriter};
use crate::error::{Error, Result};
use crate::files::{sync_directory, write_atomically};
use crate::head::generation::Buffers;

/// Sets of fewer series are written as they are; in larger ones neighbours are told as runs.
const RUNS_MIN: u64 = 64;

/// Hands series with their samples to its argument.
pub(crate) type Fill<'a> = &'a mut dyn FnMut(&mut dyn FnMut(u32, &Columns) -> Result<()>) -> Result<()>;

/// A file of the head. Clones share the open file.
#[derive(Clone, Debug)]
pub(crate) struct HeadFile {
    pub(crate) number: u64,
    /// Its samples count from this time on; earlier ones are in blocks.
    pub(crate) from: i64,
    pub(crate) file: Arc<OpenFile>,
}

/// What clones share.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) chunks: ChunkFile,
    /// The series with samples in it.
    pub(crate) keys: RoaringBitmap,
    /// Of the earliest and the latest sample.
    pub(crate) range: (i64, i64),
    /// On disk.
    pub(crate) bytes: u64,
}

impl HeadFile {
    /// # Errors
    /// When one of its two files can't be used.
    pub(crate) fn open(paths: &Paths, number: u64, from: i64) -> Result<Self> {
        let path = paths.chunks(number);
        let chunks = ChunkFile::open(&path)?;
        let range = chunks.range().ok_or(Error::Damaged { path: path.clone(), section: "range" })?;
        let keys = load_keys(&paths.keys(number))?;
        if keys.len() != chunks.keys() {
            return Err(Error::Damaged { path: paths.keys(number), section: "keys" });
        }
        let bytes = std::fs::metadata(&path).map_err(Error::read(&path))?.len();
        Ok(Self { number, from, file: Arc::new(OpenFile { chunks, keys, range, bytes }) })
    }

    /// Writes the samples of a generation, if there are any, and makes them durable. After a failure no file is left.
    pub(crate) fn write(paths: &Paths, number: u64, buffers: &Buffers) -> Result<Option<Self>> {
        let mut columns = Columns::default();
        Self::write_with(paths, number, &mut |add| {
            for series in buffers.series() {
                buffers.read(series, i64::MIN, i64::MAX, &mut columns);
                add(series, &columns)?;
            }
            Ok(())
        })
    }

    /// Writes what `fill` hands to its argument: series, ascending, with their samples. As [`Self::write`] otherwise.
    pub(crate) fn write_with(paths: &Paths, number: u64, fill: Fill<'_>) -> Result<Option<Self>> {
        Self::try_write(paths, number, fill).inspect_err(|_| {
            remove_or_warn(&paths.chunks(number));
            remove_or_warn(&paths.keys(number));
        })
    }

    fn try_write(paths: &Paths, number: u64, fill: Fill<'_>) -> Result<Option<Self>> {
        let path = paths.chunks(number);
        let mut writer = ChunkFileWriter::create(&path)?;
        let mut keys = RoaringBitmap::new();
        fill(&mut |series, columns| {
            if !columns.is_empty() {
                writer.add(series, columns)?;
                keys.insert(series);
            }
            Ok(())
        })?;
        writer.finish()?;
        if keys.is_empty() {
            std::fs::remove_file(&path).map_err(Error::remove(&path))?;
            return Ok(None);
        }
        if keys.len() >= RUNS_MIN {
            keys.optimize();
        }
        save_keys(&paths.keys(number), &keys)?;
        sync_directory(&paths.head())?;
        Self::open(paths, number, i64::MIN).map(Some)
    }

    /// Whether it may have samples in `[start, end]`.
    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        self.file.range.0 <= end && self.file.range.1 >= start.max(self.from)
    }

    /// The time of the first sample that counts, or one before it.
    pub(crate) fn first(&self) -> i64 {
        self.file.range.0.max(self.from)
    }
}

/// Removes from `columns`, read from file `number` for `series`, what was deleted.
pub(crate) fn apply_deletions(deletions: &[Deletion], number: u64, series: u32, columns: &mut Columns) {
    for deletion in deletions.iter().filter(|deletion| number < deletion.below && deletion.series.contains(series)) {
        crate::columns::remove_range(columns, deletion.start, deletion.end);
    }
}

fn save_keys(path: &Path, keys: &RoaringBitmap) -> Result<()> {
    let mut bytes = Vec::with_capacity(keys.serialized_size() + 4);
    keys.serialize_into(&mut bytes).map_err(Error::write(path))?;
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    write_atomically(path, &bytes)
}

fn load_keys(path: &Path) -> Result<RoaringBitmap> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    let damaged = || Error::Damaged { path: path.to_owned(), section: "keys" };
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    RoaringBitmap::deserialize_from(content).map_err(|_| damaged())
}
