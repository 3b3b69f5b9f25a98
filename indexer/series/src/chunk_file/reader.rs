//! Reads chunk files.

use std::path::Path;

use hashbrown::HashMap;
use orszem_model::{Columns, varint};

use super::record::{ChunkList, ChunkRef};
use super::{
    COLUMN_BYTES, COLUMN_COUNT, COLUMNS, DIRECTORY, DIRECTORY_BYTES, GROUP_BYTES, GROUP_KEYS, GROUPS, KEYS, KIND,
    MAX_TIME, MIN_TIME, NUMBERS, SAMPLES,
};
use crate::chunk::times::{self, TimesHeader};
use crate::chunk::{ChunkKind, Scratch, histograms, values};
use crate::error::Result;
use crate::files::PagedFile;

/// A reader keeps at most so many decoded times, 8 MiB.
const TIMES_MAX: usize = 1 << 20;

/// A chunk file, open. Opening takes no longer for more keys.
#[derive(Debug)]
pub struct ChunkFile {
    file: PagedFile,
}

impl ChunkFile {
    /// # Errors
    /// When the file can't be read, or is no whole chunk file of this version.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: PagedFile::open(path, KIND, NUMBERS)? })
    }

    fn number(&self, at: usize) -> u64 {
        self.file.numbers().get(at).copied().unwrap_or(0)
    }

    pub fn keys(&self) -> u64 {
        self.number(KEYS)
    }

    pub fn samples(&self) -> u64 {
        self.number(SAMPLES)
    }

    /// The times of the first and the last sample, in milliseconds; `None` without samples.
    pub fn range(&self) -> Option<(i64, i64)> {
        (self.samples() > 0).then(|| (self.number(MIN_TIME) as i64, self.number(MAX_TIME) as i64))
    }

    /// The chunks of a key, if it is there.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn get(&self, key: u32) -> Result<Option<ChunkList<'_>>> {
        let Some((offset, length)) = self.find(key)? else { return Ok(None) };
        let record = self.file.bytes("records", offset, length)?;
        ChunkList::new(record).map(Some).ok_or_else(|| self.file.damaged("records"))
    }

    /// The times of the first and the last sample of a key.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn key_range(&self, key: u32) -> Result<Option<(i64, i64)>> {
        let Some(mut chunks) = self.get(key)? else { return Ok(None) };
        let mut range: Option<(i64, i64)> = None;
        while let Some(chunk) = chunks.take() {
            let chunk = chunk.ok_or_else(|| self.file.damaged("records"))?;
            let header = self.times_header(chunk.column)?;
            let (min, max) = range.get_or_insert((header.first, header.last));
            (*min, *max) = (header.first.min(*min), header.last.max(*max));
        }
        Ok(range)
    }

    /// The bytes of a key's values; times are shared with other keys and not among them. 0 for a key that is not there.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn key_bytes(&self, key: u32) -> Result<u64> {
        Ok(self.find(key)?.map_or(0, |(_, length)| length as u64))
    }

    /// Appends the samples of (start, end] to `out`. Of many series, a [`ChunkFile::reader`] is faster.
    ///
    /// # Errors
    /// When the bytes read are damaged; `out` is as it was then.
    pub fn read(&self, key: u32, start_exclusive: i64, end_inclusive: i64, out: &mut Columns) -> Result<()> {
        self.reader().read(key, start_exclusive, end_inclusive, out)
    }

    /// A reader, which keeps decoded time columns.
    pub fn reader(&self) -> ChunkReader<'_> {
        ChunkReader { file: self, columns: HashMap::new(), kept: 0, scratch: Scratch::default() }
    }

    /// Where the record of `key` is, and its length.
    fn find(&self, key: u32) -> Result<Option<(u64, usize)>> {
        let groups = self.keys().div_ceil(GROUP_KEYS as u64);
        let (mut low, mut high) = (0, groups);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.group(middle)?.0 <= key { low = middle + 1 } else { high = middle }
        }
        let Some(group) = low.checked_sub(1) else { return Ok(None) };
        let (first, mut offset, start) = self.group(group)?;
        let end = if low < groups { self.group(low)?.2 } else { self.number(DIRECTORY_BYTES) };
        let damaged = || self.file.damaged("directory");
        let length = end.checked_sub(start).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
        let place = self.number(DIRECTORY).checked_add(start).ok_or_else(damaged)?;
        let mut entries = self.file.bytes("directory", place, length)?;
        let mut at = first;
        loop {
            let length = varint::take(&mut entries).ok_or_else(damaged)?;
            if at == key {
                return Ok(Some((offset, usize::try_from(length).map_err(|_| damaged())?)));
            }
            if entries.is_empty() || at > key {
                return Ok(None);
            }
            offset = offset.checked_add(length).ok_or_else(damaged)?;
            let step = varint::take(&mut entries).and_then(|step| u32::try_from(step).ok()).ok_or_else(damaged)?;
            at = at.checked_add(step).ok_or_else(damaged)?;
        }
    }

    fn group(&self, at: u64) -> Result<(u32, u64, u64)> {
        let damaged = || self.file.damaged("groups");
        let place = at.checked_mul(GROUP_BYTES as u64).and_then(|place| place.checked_add(self.number(GROUPS)));
        let bytes = self.file.bytes("groups", place.ok_or_else(damaged)?, GROUP_BYTES)?;
        let (key, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (offset, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let directory = rest.first_chunk::<8>().ok_or_else(damaged)?;
        Ok((u32::from_le_bytes(*key), u64::from_le_bytes(*offset), u64::from_le_bytes(*directory)))
    }

    fn column(&self, column: u32) -> Result<&[u8]> {
        let damaged = || self.file.damaged("columns");
        if u64::from(column) >= self.number(COLUMN_COUNT) {
            return Err(damaged());
        }
        let place = self.number(COLUMNS).checked_add(u64::from(column) * COLUMN_BYTES as u64).ok_or_else(damaged)?;
        let bytes = self.file.bytes("columns", place, COLUMN_BYTES)?;
        let place = u64::from_le_bytes(*bytes.first_chunk().ok_or_else(damaged)?);
        self.file.bytes("times", place >> 16, (place & 0xffff) as usize)
    }

    fn times_header(&self, column: u32) -> Result<TimesHeader> {
        times::take_header(&mut self.column(column)?).ok_or_else(|| self.file.damaged("times"))
    }
}

/// Reads many series of a chunk file; one for each thread.
#[derive(Debug)]
pub struct ChunkReader<'a> {
    file: &'a ChunkFile,
    columns: HashMap<u32, Vec<i64>>,
    /// Times in `columns`.
    kept: usize,
    scratch: Scratch,
}

impl ChunkReader<'_> {
    /// As [`ChunkFile::read`].
    ///
    /// # Errors
    /// When the bytes read are damaged; `out` is as it was then.
    pub fn read(&mut self, key: u32, start_exclusive: i64, end_inclusive: i64, out: &mut Columns) -> Result<()> {
        let file = self.file;
        let Some(mut chunks) = file.get(key)? else { return Ok(()) };
        let before = (out.times.len(), out.values.len(), out.histograms.len());
        let result = (|| {
            while let Some(chunk) = chunks.take() {
                let chunk = chunk.ok_or_else(|| file.file.damaged("records"))?;
                self.read_chunk(chunk, start_exclusive, end_inclusive, out)?;
            }
            Ok(())
        })();
        if result.is_err() {
            out.times.truncate(before.0);
            out.values.truncate(before.1);
            out.histograms.truncate(before.2);
        }
        result
    }

    fn read_chunk(&mut self, chunk: ChunkRef<'_>, start: i64, end: i64, out: &mut Columns) -> Result<()> {
        let damaged = || self.file.file.damaged("records");
        if !self.columns.contains_key(&chunk.column) {
            let header = self.file.times_header(chunk.column)?;
            if header.last <= start || header.first > end {
                return Ok(());
            }
            self.decode_times(chunk.column)?;
        }
        let Some(times) = self.columns.get(&chunk.column) else { return Ok(()) };
        let from = times.partition_point(|&time| time <= start);
        let to = times.partition_point(|&time| time <= end);
        if from >= to {
            return Ok(());
        }
        match chunk.kind {
            ChunkKind::Float => {
                let decoded = values::decode(chunk.payload, times.len(), from..to, &mut self.scratch, &mut out.values);
                decoded.ok_or_else(damaged)?;
                out.times.extend_from_slice(&times[from..to]);
            }
            ChunkKind::Histogram => {
                let first = out.histograms.len();
                histograms::decode(chunk.payload, times, &mut self.scratch, &mut out.histograms).ok_or_else(damaged)?;
                out.histograms.truncate(first + to);
                out.histograms.drain(first..first + from);
            }
        }
        Ok(())
    }

    fn decode_times(&mut self, column: u32) -> Result<()> {
        let mut times = Vec::new();
        times::decode(self.file.column(column)?, &mut self.scratch, &mut times)
            .ok_or_else(|| self.file.file.damaged("times"))?;
        if self.kept + times.len() > TIMES_MAX {
            self.columns.clear();
            self.kept = 0;
        }
        self.kept += times.len();
        self.columns.insert(column, times);
        Ok(())
    }
}
