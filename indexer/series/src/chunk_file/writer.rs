//! Writes a chunk file, a series at a time.

use std::path::Path;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use orszem_model::{Columns, HistogramPoint, varint};
use xxhash_rust::xxh3::xxh3_128;

use super::{GROUP_KEYS, KIND};
use crate::chunk::{CHUNK_SAMPLES_MAX, ChunkKind, histograms, times, values};
use crate::error::{Error, Result};
use crate::files::PagedWriter;

/// A chunk file being written. Memory: some bytes for each key, about 40 for each distinct time column.
#[derive(Debug)]
pub struct ChunkFileWriter {
    out: PagedWriter,
    /// Time columns by the hash of their times.
    columns: HashMap<u128, u32>,
    column_places: Vec<u8>,
    directory: Vec<u8>,
    groups: Vec<u8>,
    keys: u64,
    last_key: Option<u32>,
    samples: u64,
    range: Option<(i64, i64)>,
    record: Record,
}

/// What a finished file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkTotals {
    pub keys: u64,
    pub samples: u64,
    pub bytes: u64,
    /// Of the earliest and the latest sample; `None` without samples.
    pub range: Option<(i64, i64)>,
}

/// The parts of a record, for reuse.
#[derive(Debug, Default)]
struct Record {
    chunks: u64,
    heads: Vec<u8>,
    payloads: Vec<u8>,
    columns: Vec<u8>,
    /// Where in `columns` each new column ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    scratch: Vec<i64>,
}

impl ChunkFileWriter {
    /// # Errors
    /// When the file is there already or can't be created.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            out: PagedWriter::create(path, KIND)?,
            columns: HashMap::new(),
            column_places: Vec::new(),
            directory: Vec::new(),
            groups: Vec::new(),
            keys: 0,
            last_key: None,
            samples: 0,
            range: None,
            record: Record::default(),
        })
    }

    /// Adds the samples of a series; keys ascend. Without samples it does nothing.
    ///
    /// # Errors
    /// When keys or times are out of order, or the file can't be written; it is of no use then.
    pub fn add(&mut self, key: u32, columns: &Columns) -> Result<()> {
        if self.last_key.is_some_and(|last| last >= key) {
            return Err(Error::Order { what: "series" });
        }
        let is_sorted = columns.times.is_sorted_by(|a, b| a < b)
            && columns.histograms.is_sorted_by(|a, b| a.time < b.time)
            && columns.times.len() == columns.values.len();
        if !is_sorted {
            return Err(Error::Order { what: "samples" });
        }
        if columns.is_empty() {
            return Ok(());
        }
        self.record.clear();
        self.add_floats(columns)?;
        self.add_histograms(&columns.histograms)?;
        self.write_record(key)?;
        for time in ends(&columns.times).chain(ends_of_histograms(&columns.histograms)) {
            let (min, max) = self.range.get_or_insert((time, time));
            (*min, *max) = (time.min(*min), time.max(*max));
        }
        self.samples += columns.len() as u64;
        Ok(())
    }

    fn add_floats(&mut self, columns: &Columns) -> Result<()> {
        let chunks = columns.times.len().div_ceil(CHUNK_SAMPLES_MAX);
        // Of equal length, so that none is too short to be compressed well.
        let size = columns.times.len().div_ceil(chunks.max(1)).max(1);
        for (times, values) in columns.times.chunks(size).zip(columns.values.chunks(size)) {
            let column = self.column(times)?;
            let start = self.record.payloads.len();
            values::encode(values, &mut self.record.payloads)?;
            self.record.add_head(ChunkKind::Float, column, start);
        }
        Ok(())
    }

    fn add_histograms(&mut self, mut points: &[HistogramPoint]) -> Result<()> {
        let mut times = Vec::new();
        while !points.is_empty() {
            let mut buckets = 0;
            let count = points.iter().take(CHUNK_SAMPLES_MAX).take_while(|point| {
                buckets += histograms::buckets(&point.histogram);
                buckets <= histograms::CHUNK_BUCKETS_MAX
            });
            let (chunk, behind) = points.split_at(count.count().max(1));
            points = behind;
            times.clear();
            times.extend(chunk.iter().map(|point| point.time));
            let column = self.column(&times)?;
            let start = self.record.payloads.len();
            histograms::encode(chunk, &mut self.record.payloads)?;
            self.record.add_head(ChunkKind::Histogram, column, start);
        }
        Ok(())
    }

    /// The number of the column with these times; a new one goes into the record.
    fn column(&mut self, times: &[i64]) -> Result<u32> {
        let record = &mut self.record;
        record.bytes.clear();
        times.iter().for_each(|time| record.bytes.extend_from_slice(&time.to_le_bytes()));
        let next = self.columns.len();
        match self.columns.entry(xxh3_128(&record.bytes)) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => {
                let max = u64::from(u32::MAX);
                let number = u32::try_from(next).map_err(|_| Error::TooMany { what: "time columns", max })?;
                times::encode(times, &mut record.scratch, &mut record.columns)?;
                record.ends.push(record.columns.len());
                Ok(*entry.insert(number))
            }
        }
    }

    fn write_record(&mut self, key: u32) -> Result<()> {
        let record = &mut self.record;
        record.bytes.clear();
        varint::put(&mut record.bytes, record.chunks);
        record.bytes.extend_from_slice(&record.heads);
        record.bytes.extend_from_slice(&record.payloads);
        let start = self.out.offset();
        let columns = start + record.bytes.len() as u64;
        record.bytes.extend_from_slice(&record.columns);
        let mut before = 0;
        for &end in &record.ends {
            let place = (columns + before as u64) << 16 | (end - before) as u64;
            self.column_places.extend_from_slice(&place.to_le_bytes());
            before = end;
        }
        if self.keys.is_multiple_of(GROUP_KEYS as u64) {
            self.groups.extend_from_slice(&key.to_le_bytes());
            self.groups.extend_from_slice(&start.to_le_bytes());
            self.groups.extend_from_slice(&(self.directory.len() as u64).to_le_bytes());
        } else {
            varint::put(&mut self.directory, u64::from(key - self.last_key.unwrap_or(0)));
        }
        varint::put(&mut self.directory, record.bytes.len() as u64);
        self.out.write(&record.bytes)?;
        self.keys += 1;
        self.last_key = Some(key);
        Ok(())
    }

    /// Writes what is left and syncs the file. The directory is the caller's to sync.
    ///
    /// # Errors
    /// When the file can't be written or synced.
    pub fn finish(mut self) -> Result<ChunkTotals> {
        let directory = self.out.offset();
        self.out.write(&self.directory)?;
        let groups = self.out.offset();
        self.out.write(&self.groups)?;
        let columns = self.out.offset();
        self.out.write(&self.column_places)?;
        let (min, max) = self.range.unwrap_or((0, 0));
        let bytes = self.out.finish(&[
            directory,
            self.directory.len() as u64,
            groups,
            self.keys,
            columns,
            self.columns.len() as u64,
            self.samples,
            min as u64,
            max as u64,
        ])?;
        Ok(ChunkTotals { keys: self.keys, samples: self.samples, bytes, range: self.range })
    }
}

impl Record {
    fn clear(&mut self) {
        self.chunks = 0;
        self.heads.clear();
        self.payloads.clear();
        self.columns.clear();
        self.ends.clear();
    }

    fn add_head(&mut self, kind: ChunkKind, column: u32, start: usize) {
        self.chunks += 1;
        self.heads.push(kind as u8);
        varint::put(&mut self.heads, u64::from(column));
        varint::put(&mut self.heads, (self.payloads.len() - start) as u64);
    }
}

fn ends(times: &[i64]) -> impl Iterator<Item = i64> {
    times.first().copied().into_iter().chain(times.last().copied())
}

fn ends_of_histograms(points: &[HistogramPoint]) -> impl Iterator<Item = i64> {
    points.first().map(|point| point.time).into_iter().chain(points.last().map(|point| point.time))
}
