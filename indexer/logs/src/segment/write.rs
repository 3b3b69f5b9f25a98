//! Writes a segment from rows that come sorted by (group, stream, timestamp, sequence).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use orszem_model::Stream;
use orszem_model::varint::{put, put_bytes, put_signed};
use orszem_model::wire::{AttributesView, EntitiesView, ValueType};

use super::block::{SlotBuffer, put_chunk};
use super::group::{GroupKey, SlotRole, take_record};
use super::postings::PostingsBuilder;
use super::sequences::Sequences;
use super::words::WordsBuilder;
use super::{HEAD, Section, TAIL, rice};
use crate::error::{Error, Result};
use crate::tokens::{Charset, Space, TermHasher, for_each_token};

/// The rows a block may hold; more would make decoding one row dear.
const BLOCK_ROWS_MAX: usize = 8192;

/// How a segment is compressed: hot ones are written fast, sealed ones small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// zstd's level.
    pub(crate) level: i32,
    /// The bytes a block may have before compression.
    pub(crate) block_bytes: usize,
}

impl Compression {
    pub(crate) const HOT: Self = Self { level: 3, block_bytes: 32 << 10 };
    pub(crate) const SEALED: Self = Self { level: 15, block_bytes: 64 << 10 };
}

/// What a finished segment is, as the catalogue keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    pub(crate) rows: u64,
    /// The bytes of all bodies and attributes, before compression.
    pub(crate) raw_bytes: u64,
    pub(crate) disk_bytes: u64,
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
}

#[derive(Debug)]
struct BlockEntry {
    offset: u64,
    compressed: u32,
    raw: u32,
    rows: u32,
    min_ts: i64,
    max_ts: i64,
    crc: u32,
    times: u32,
}

/// Writes one segment. Rows are pushed group by group; nothing is valid before [`Self::finish`].
pub(crate) struct SegmentWriter {
    path: PathBuf,
    out: BufWriter<File>,
    offset: u64,
    compression: Compression,
    compressor: zstd::bulk::Compressor<'static>,
    block: Vec<u8>,
    block_times: Vec<i64>,
    chunk_bytes: usize,
    chunk_rows: u32,
    roles: Vec<SlotRole>,
    attribute_keys: Vec<(String, ValueType)>,
    slots: Vec<SlotBuffer>,
    scratch: Vec<u8>,
    run: Option<(u32, u32)>,
    group_runs: Vec<(u32, u32)>,
    group_key: Vec<u8>,
    group_rows: u32,
    charset: Charset,
    groups: Vec<u8>,
    group_count: u64,
    runs: Vec<u8>,
    blocks: Vec<BlockEntry>,
    times: Vec<u8>,
    seqs: Vec<u64>,
    raw_bytes: u64,
    postings: PostingsBuilder,
    words: WordsBuilder,
    /// The first row whose body is kept whole; such groups come last.
    first_whole_row: Option<u32>,
    static_bytes: u64,
    hasher: TermHasher,
}

impl SegmentWriter {
    /// Starts the file `path`, which must not be there yet.
    pub(crate) fn create(path: &Path, compression: Compression) -> Result<Self> {
        let failed = |source| Error::WriteSegment { path: path.to_owned(), source };
        let file = File::create_new(path).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(HEAD).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            offset: HEAD.len() as u64,
            compression,
            compressor: zstd::bulk::Compressor::new(compression.level).map_err(failed)?,
            block: Vec::new(),
            block_times: Vec::new(),
            chunk_bytes: 0,
            chunk_rows: 0,
            roles: Vec::new(),
            attribute_keys: Vec::new(),
            slots: Vec::new(),
            scratch: Vec::new(),
            run: None,
            group_runs: Vec::new(),
            group_key: Vec::new(),
            group_rows: 0,
            charset: Charset::default(),
            groups: Vec::new(),
            group_count: 0,
            runs: Vec::new(),
            blocks: Vec::new(),
            times: Vec::new(),
            seqs: Vec::new(),
            raw_bytes: 0,
            postings: PostingsBuilder::default(),
            words: WordsBuilder::default(),
            first_whole_row: None,
            static_bytes: 0,
            hasher: TermHasher::default(),
        })
    }

    fn io<T>(&self, result: io::Result<T>) -> Result<T> {
        result.map_err(|source| Error::WriteSegment { path: self.path.clone(), source })
    }

    /// Starts the group with this encoded key; `key` is the same, decoded. Ends the one before.
    pub(crate) fn begin_group(&mut self, encoded: &[u8], key: &GroupKey) {
        self.end_group();
        self.group_key.clear();
        self.group_key.extend_from_slice(encoded);
        self.roles.clone_from(&key.roles);
        self.attribute_keys.clone_from(&key.shape.attributes);
        self.static_bytes = key.pieces.iter().map(|piece| piece.len() as u64).sum();
        self.slots.resize_with(self.roles.len().max(self.slots.len()), SlotBuffer::default);
    }

    fn end_group(&mut self) {
        self.end_run();
        self.end_chunk();
        if self.group_rows == 0 {
            return;
        }
        put_bytes(&mut self.groups, &self.group_key);
        put(&mut self.groups, u64::from(self.group_rows));
        put(&mut self.groups, self.charset.0);
        self.group_count += 1;
        put(&mut self.runs, self.group_runs.len() as u64);
        let mut previous = 0;
        for (stream, rows) in self.group_runs.drain(..) {
            put(&mut self.runs, u64::from(stream - previous));
            put(&mut self.runs, u64::from(rows));
            previous = stream;
        }
        self.group_rows = 0;
        self.charset = Charset::default();
    }

    fn end_run(&mut self) {
        self.group_runs.extend(self.run.take());
    }

    fn end_chunk(&mut self) {
        if self.chunk_rows > 0 {
            put_chunk(&mut self.slots[..self.roles.len()], &mut self.scratch, &mut self.block);
            self.chunk_rows = 0;
            self.chunk_bytes = 0;
        }
    }

    /// Adds a row of the current group; `slots` has a value for each of its roles. `stream` is the index of its stream
    /// in the table given to [`Self::finish`].
    pub(crate) fn push(&mut self, stream: u32, timestamp: i64, seq: u64, slots: &[&[u8]]) -> Result<()> {
        match &mut self.run {
            Some((current, rows)) if *current == stream => *rows += 1,
            _ => {
                self.end_run();
                self.run = Some((stream, 1));
            }
        }
        for (at, value) in slots.iter().enumerate() {
            self.index(self.roles[at], value);
            self.slots[at].push(value);
            self.chunk_bytes += value.len() + 1;
            self.raw_bytes += value.len() as u64;
        }
        self.raw_bytes += self.static_bytes;
        self.block_times.push(timestamp);
        self.seqs.push(seq);
        self.chunk_rows += 1;
        self.group_rows += 1;
        if self.block.len() + self.chunk_bytes >= self.compression.block_bytes
            || self.block_times.len() >= BLOCK_ROWS_MAX
        {
            self.end_chunk();
            self.end_block()?;
        }
        Ok(())
    }

    #[inline]
    fn index(&mut self, role: SlotRole, value: &[u8]) {
        match role {
            SlotRole::Variable => {
                self.charset.add(value);
                self.postings.add(self.hasher.hash(Space::Body, value));
            }
            SlotRole::Trace => self.postings.add(self.hasher.hash_exact(Space::Trace, value)),
            SlotRole::Span => self.postings.add(self.hasher.hash_exact(Space::Span, value)),
            SlotRole::Observed => {}
            SlotRole::Attribute(at) => {
                let (key, _) = &self.attribute_keys[usize::from(at)];
                self.postings.add(self.hasher.hash(Space::Attribute(key), value));
            }
            SlotRole::Body => self.index_text(value),
            SlotRole::Entities => self.index_entities(value),
            SlotRole::Record => self.index_record(value),
        }
    }

    fn index_text(&mut self, text: &[u8]) {
        let row = self.seqs.len() as u32;
        let first = *self.first_whole_row.get_or_insert(row);
        let Self { words, hasher, .. } = self;
        for_each_token(text, |token| {
            let hash = hasher.hash(Space::Body, &text[token.start..token.end]);
            words.add(row - first, hash, hasher.last_folded());
        });
    }

    fn index_entities(&mut self, encoded: &[u8]) {
        for entity in EntitiesView(encoded) {
            self.postings.add(self.hasher.hash(Space::Entity, entity.as_bytes()));
        }
    }

    fn index_record(&mut self, encoded: &[u8]) {
        let Some(record) = take_record(encoded) else { return };
        if let Some(id) = record.trace_id {
            self.postings.add(self.hasher.hash_exact(Space::Trace, &id));
        }
        if let Some(id) = record.span_id {
            self.postings.add(self.hasher.hash_exact(Space::Span, &id));
        }
        for attribute in AttributesView(record.attributes) {
            self.postings.add(self.hasher.hash(Space::Attribute(attribute.key), attribute.value));
        }
        self.index_entities(record.entities);
        self.index_text(record.body);
    }

    fn end_block(&mut self) -> Result<()> {
        let rows = self.block_times.len();
        if rows == 0 {
            return Ok(());
        }
        let compressed = self.compressor.compress(&self.block);
        let compressed = self.io(compressed)?;
        let written = self.out.write_all(&compressed);
        self.io(written)?;
        let times = self.times.len();
        put_times(&self.block_times, &mut self.times);
        self.postings.end_block(self.blocks.len() as u32);
        self.blocks.push(BlockEntry {
            offset: self.offset,
            compressed: compressed.len() as u32,
            raw: self.block.len() as u32,
            rows: rows as u32,
            min_ts: self.block_times.iter().copied().min().unwrap_or(0),
            max_ts: self.block_times.iter().copied().max().unwrap_or(0),
            crc: crc32c::crc32c(&compressed),
            times: (self.times.len() - times) as u32,
        });
        self.offset += compressed.len() as u64;
        self.block.clear();
        self.block_times.clear();
        Ok(())
    }

    /// The rows pushed so far.
    pub(crate) fn rows(&self) -> usize {
        self.seqs.len()
    }

    /// Writes the tables and the footer and fsyncs the file. `streams` is what the rows' stream numbers index;
    /// `received` tells when the batch at each journal position was taken in.
    pub(crate) fn finish(mut self, streams: &[Stream], received: &BTreeMap<u64, i64>) -> Result<SegmentSummary> {
        self.end_group();
        self.end_block()?;
        let mut table = Vec::new();
        let mut stream_bytes = Vec::new();
        put(&mut stream_bytes, streams.len() as u64);
        streams.iter().for_each(|stream| stream.encode(&mut stream_bytes));
        let min_ts = self.blocks.iter().map(|block| block.min_ts).min().unwrap_or(0);
        let max_ts = self.blocks.iter().map(|block| block.max_ts).max().unwrap_or(0);
        let mut meta = Vec::new();
        for value in [self.seqs.len() as u64, self.group_count, self.blocks.len() as u64, self.raw_bytes] {
            put(&mut meta, value);
        }
        put_signed(&mut meta, min_ts);
        put_signed(&mut meta, max_ts);
        let sequences = Sequences::of(&self.seqs);
        let (ranks, rank_lengths) = self.encode_ranks(&sequences);
        let block_table = self.encode_blocks(&rank_lengths);
        let words = std::mem::take(&mut self.words).finish();
        let postings = std::mem::take(&mut self.postings).finish();
        let (groups, runs, times) =
            (std::mem::take(&mut self.groups), std::mem::take(&mut self.runs), std::mem::take(&mut self.times));
        let sections = [
            (Section::Meta, meta, false),
            (Section::Streams, stream_bytes, true),
            (Section::Groups, groups, true),
            (Section::Runs, runs, true),
            (Section::Blocks, block_table, true),
            (Section::Times, times, false),
            (Section::Ranks, ranks, false),
            (Section::Sequences, sequences.encode(), true),
            (Section::Received, encode_received(&sequences, received), true),
            (Section::Postings, postings, false),
            (Section::Words, words, false),
        ];
        for (section, bytes, compress) in sections {
            self.write_section(section, &bytes, compress, &mut table)?;
        }
        let mut footer = (table.len() as u32).to_le_bytes().to_vec();
        footer.extend_from_slice(&crc32c::crc32c(&table).to_le_bytes());
        footer.extend_from_slice(TAIL);
        let written =
            self.out.write_all(&table).and_then(|()| self.out.write_all(&footer)).and_then(|()| self.out.flush());
        self.io(written)?;
        let synced = self.out.get_ref().sync_all();
        self.io(synced)?;
        Ok(SegmentSummary {
            rows: self.seqs.len() as u64,
            raw_bytes: self.raw_bytes,
            disk_bytes: self.offset + (table.len() + footer.len()) as u64,
            min_ts,
            max_ts,
        })
    }

    fn write_section(&mut self, section: Section, bytes: &[u8], compress: bool, table: &mut Vec<u8>) -> Result<()> {
        let compressed;
        let (stored, flags) = if compress {
            let level = self.compression.level.max(9);
            let result = zstd::bulk::compress(bytes, level);
            compressed = self.io(result)?;
            (compressed.as_slice(), Section::FLAG_ZSTD)
        } else {
            (bytes, 0)
        };
        let written = self.out.write_all(stored);
        self.io(written)?;
        table.push(section as u8);
        table.push(flags);
        table.extend_from_slice(&self.offset.to_le_bytes());
        table.extend_from_slice(&(stored.len() as u64).to_le_bytes());
        table.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        table.extend_from_slice(&crc32c::crc32c(stored).to_le_bytes());
        self.offset += stored.len() as u64;
        Ok(())
    }

    fn encode_ranks(&self, sequences: &Sequences) -> (Vec<u8>, Vec<u32>) {
        let mut out = Vec::new();
        let mut lengths = Vec::with_capacity(self.blocks.len());
        let mut row = 0;
        let mut ranks = Vec::new();
        for block in &self.blocks {
            let end = row + block.rows as usize;
            ranks.clear();
            ranks.extend(self.seqs[row..end].iter().map(|seq| i64::from(sequences.rank(*seq))));
            let before = out.len();
            rice::encode(&ranks, &mut out);
            lengths.push((out.len() - before) as u32);
            row = end;
        }
        (out, lengths)
    }

    fn encode_blocks(&self, rank_lengths: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        for (block, ranks) in self.blocks.iter().zip(rank_lengths) {
            put(&mut out, block.offset);
            for value in [block.compressed, block.raw, block.rows, block.crc, block.times, *ranks] {
                put(&mut out, u64::from(value));
            }
            put_signed(&mut out, block.min_ts);
            put_signed(&mut out, block.max_ts);
        }
        out
    }
}

/// A block's times in the coarsest unit that loses nothing: `u8 exponent of ten · column`.
fn put_times(times: &[i64], out: &mut Vec<u8>) {
    let (exponent, unit) = [(9u8, 1_000_000_000), (6, 1_000_000), (3, 1_000)]
        .into_iter()
        .find(|(_, unit)| times.iter().all(|time| time % unit == 0))
        .unwrap_or((0, 1));
    out.push(exponent);
    if unit == 1 {
        rice::encode(times, out);
    } else {
        rice::encode(&times.iter().map(|time| time / unit).collect::<Vec<_>>(), out);
    }
}

fn encode_received(sequences: &Sequences, received: &BTreeMap<u64, i64>) -> Vec<u8> {
    let mut out = Vec::new();
    let positions = sequences.positions();
    put(&mut out, positions.len() as u64);
    let (mut last_position, mut last_time) = (0, 0i64);
    for position in positions {
        let time = received.get(&position).copied().unwrap_or(last_time);
        put(&mut out, position - last_position);
        put_signed(&mut out, time.wrapping_sub(last_time));
        (last_position, last_time) = (position, time);
    }
    out
}
