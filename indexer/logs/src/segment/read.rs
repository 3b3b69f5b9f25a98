//! An open segment: its tables, and its blocks as records.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;
use orszem_model::varint::{take, take_bytes, take_signed};
use orszem_model::wire::{AttributesView, EntitiesView, RecordView, put_attribute};
use orszem_model::{Stream, Timestamp};

use super::block::{SlotColumn, chunk_bytes, decode_chunk};
use super::group::{BodyForm, Group, GroupKey, Shape, SlotRole, take_record};
use super::words::Words;
use super::write::Sequences;
use super::{HEAD, Section, TAIL, postings, rice};
use crate::error::{Error, Result};
use crate::query::plan::SlotTerm;
use crate::terms::StaticText;
use crate::tokens::Charset;

/// Bytes of a section table's entry.
const ENTRY: usize = 30;
const FOOTER: usize = 16;

/// Rows of one stream in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) row_start: u32,
    pub(crate) row_end: u32,
    pub(crate) group: u32,
    pub(crate) stream: u32,
}

/// A block's place and extent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    offset: u64,
    compressed: u32,
    raw: u32,
    pub(crate) row_start: u32,
    pub(crate) row_end: u32,
    crc: u32,
    times: (u64, u32),
    ranks: (u64, u32),
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
}

impl Block {
    /// Its bytes in the file.
    pub(crate) fn compressed_bytes(&self) -> u64 {
        u64::from(self.compressed)
    }
}

/// An open segment. The file is mapped: a truncated or unreadable disk under it ends the process, a flipped bit is an
/// [`Error::Corrupt`].
pub(crate) struct Segment {
    path: PathBuf,
    map: Mmap,
    sections: [(usize, usize, usize, bool); Section::COUNT],
    pub(crate) rows: u32,
    pub(crate) raw_bytes: u64,
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
    pub(crate) streams: Vec<Stream>,
    pub(crate) groups: Vec<Group>,
    pub(crate) runs: Vec<Run>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) sequences: Sequences,
    received: Vec<(u64, i64)>,
    static_text: OnceLock<StaticText>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Segment {
    /// Opens and checks the tables of `path`; blocks are checked when they are read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::OpenSegment { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        #[expect(
            unsafe_code,
            reason = "a segment is never written after it was named by the catalogue, and the data directory is locked"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let corrupt = |what| Error::Corrupt { path: path.to_owned(), what };
        let sections = read_sections(&map).map_err(corrupt)?;
        let mut segment = Self {
            path: path.to_owned(),
            map,
            sections,
            rows: 0,
            raw_bytes: 0,
            min_ts: 0,
            max_ts: 0,
            streams: Vec::new(),
            groups: Vec::new(),
            runs: Vec::new(),
            blocks: Vec::new(),
            sequences: Sequences::default(),
            received: Vec::new(),
            static_text: OnceLock::new(),
        };
        segment.read_tables().ok_or_else(|| corrupt("a table does not decode"))?;
        Ok(segment)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> Error {
        Error::Corrupt { path: self.path.clone(), what }
    }

    fn stored(&self, section: Section) -> &[u8] {
        let (start, length, _, _) = self.sections[section as usize];
        &self.map[start..start + length]
    }

    fn inflated(&self, section: Section) -> Option<Vec<u8>> {
        let (_, _, raw, zstd) = self.sections[section as usize];
        if !zstd {
            return Some(self.stored(section).to_vec());
        }
        zstd::bulk::decompress(self.stored(section), raw).ok().filter(|bytes| bytes.len() == raw)
    }

    fn read_tables(&mut self) -> Option<()> {
        let bytes = self.inflated(Section::Meta)?;
        let mut meta = bytes.as_slice();
        self.rows = u32::try_from(take(&mut meta)?).ok()?;
        let groups = take(&mut meta)?;
        let blocks = take(&mut meta)?;
        self.raw_bytes = take(&mut meta)?;
        self.min_ts = take_signed(&mut meta)?;
        self.max_ts = take_signed(&mut meta)?;

        let bytes = self.inflated(Section::Streams)?;
        let mut input = bytes.as_slice();
        for _ in 0..take(&mut input)? {
            self.streams.push(Stream::decode(&mut input)?);
        }
        self.read_groups(groups)?;
        self.read_blocks(blocks)?;
        self.sequences = Sequences::decode(&self.inflated(Section::Sequences)?)?;
        let bytes = self.inflated(Section::Received)?;
        let mut input = bytes.as_slice();
        let (mut position, mut time) = (0u64, 0i64);
        for _ in 0..take(&mut input)? {
            position = position.checked_add(take(&mut input)?)?;
            time = time.wrapping_add(take_signed(&mut input)?);
            self.received.push((position, time));
        }
        Some(())
    }

    fn read_groups(&mut self, count: u64) -> Option<()> {
        let (groups, runs) = (self.inflated(Section::Groups)?, self.inflated(Section::Runs)?);
        let (mut groups, mut runs) = (groups.as_slice(), runs.as_slice());
        let mut row = 0u32;
        for index in 0..count {
            let key = GroupKey::decode(take_bytes(&mut groups)?)?;
            let rows = u32::try_from(take(&mut groups)?).ok()?;
            let charset = Charset(take(&mut groups)?);
            let row_start = row;
            let mut stream = 0u32;
            for _ in 0..take(&mut runs)? {
                stream = stream.checked_add(u32::try_from(take(&mut runs)?).ok()?)?;
                let end = row.checked_add(u32::try_from(take(&mut runs)?).ok()?)?;
                if stream as usize >= self.streams.len() {
                    return None;
                }
                self.runs.push(Run { row_start: row, row_end: end, group: index as u32, stream });
                row = end;
            }
            if row_start.checked_add(rows)? != row {
                return None;
            }
            self.groups.push(Group { key, row_start, row_end: row, charset });
        }
        self.groups.shrink_to_fit();
        self.runs.shrink_to_fit();
        (row == self.rows).then_some(())
    }

    fn read_blocks(&mut self, count: u64) -> Option<()> {
        let bytes = self.inflated(Section::Blocks)?;
        let mut input = bytes.as_slice();
        let (mut times, mut ranks, mut row) = (0u64, 0u64, 0u32);
        for _ in 0..count {
            let offset = take(&mut input)?;
            let mut next = || u32::try_from(take(&mut input)?).ok();
            let (compressed, raw, rows, crc, times_length, ranks_length) =
                (next()?, next()?, next()?, next()?, next()?, next()?);
            let (min_ts, max_ts) = (take_signed(&mut input)?, take_signed(&mut input)?);
            let row_end = row.checked_add(rows)?;
            self.blocks.push(Block {
                offset,
                compressed,
                raw,
                row_start: row,
                row_end,
                crc,
                times: (times, times_length),
                ranks: (ranks, ranks_length),
                min_ts,
                max_ts,
            });
            times += u64::from(times_length);
            ranks += u64::from(ranks_length);
            row = row_end;
        }
        (row == self.rows).then_some(())
    }

    /// The static text of the groups' templates; built at first use.
    pub(crate) fn static_text(&self) -> &StaticText {
        self.static_text.get_or_init(|| StaticText::of(&self.groups))
    }

    /// The blocks that may hold the term with this hash, ascending.
    pub(crate) fn blocks_with(&self, hash: u64) -> Result<Vec<u32>> {
        postings::look_up(self.stored(Section::Postings), hash)
            .ok_or_else(|| self.corrupt("the term index does not decode"))
    }

    /// The words of bodies that are kept whole.
    pub(crate) fn words(&self) -> Result<Words<'_>> {
        Words::decode(self.stored(Section::Words)).ok_or_else(|| self.corrupt("the words do not decode"))
    }

    /// The first row whose body is kept whole; from there on all are.
    pub(crate) fn first_whole_row(&self) -> u32 {
        let at = self.groups.partition_point(|group| group.key.form == BodyForm::Template);
        self.groups.get(at).map_or(self.rows, |group| group.row_start)
    }

    /// The index of the block that holds `row`.
    pub(crate) fn block_of(&self, row: u32) -> usize {
        self.blocks.partition_point(|block| block.row_end <= row)
    }

    /// The index of the run that holds `row`.
    pub(crate) fn run_of(&self, row: u32) -> usize {
        self.runs.partition_point(|run| run.row_end <= row)
    }

    fn received_at(&self, seq: u64) -> i64 {
        match self.received.binary_search_by_key(&(seq >> 20), |entry| entry.0) {
            Ok(at) => self.received[at].1,
            Err(_) => 0,
        }
    }

    /// When the batches of this segment were taken in, by journal position.
    pub(crate) fn received(&self) -> &[(u64, i64)] {
        &self.received
    }

    fn column(&self, section: Section, (offset, length): (u64, u32)) -> Result<&[u8]> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.stored(section)
            .get(start..start.saturating_add(length as usize))
            .ok_or_else(|| self.corrupt("a column lies outside its section"))
    }

    /// Replaces `out` with the times of the rows of block `at`.
    pub(crate) fn times(&self, at: usize, out: &mut Vec<i64>) -> Result<()> {
        let block = &self.blocks[at];
        let corrupt = || self.corrupt("a time column does not decode");
        let (exponent, column) = self.column(Section::Times, block.times)?.split_first().ok_or_else(corrupt)?;
        rice::decode(column, (block.row_end - block.row_start) as usize, out).ok_or_else(corrupt)?;
        if *exponent > 0 {
            let unit = 10i64.checked_pow(u32::from(*exponent)).ok_or_else(corrupt)?;
            out.iter_mut().for_each(|time| *time = time.wrapping_mul(unit));
        }
        Ok(())
    }

    /// Replaces `out` with the ranks of the rows of block `at`; [`Sequences::seq`] turns one into its sequence number.
    pub(crate) fn ranks(&self, at: usize, out: &mut Vec<i64>) -> Result<()> {
        let block = &self.blocks[at];
        rice::decode(self.column(Section::Ranks, block.ranks)?, (block.row_end - block.row_start) as usize, out)
            .ok_or_else(|| self.corrupt("a rank column does not decode"))
    }

    /// The sequence number of a rank.
    pub(crate) fn seq(&self, rank: i64) -> Result<u64> {
        u32::try_from(rank)
            .ok()
            .and_then(|rank| self.sequences.seq(rank))
            .ok_or_else(|| self.corrupt("a rank has no sequence number"))
    }
}

fn read_sections(map: &[u8]) -> std::result::Result<[(usize, usize, usize, bool); Section::COUNT], &'static str> {
    if !map.starts_with(HEAD) {
        return Err("it does not start as a segment of version 1");
    }
    let footer = map.len().checked_sub(FOOTER).and_then(|at| map.get(at..)).ok_or("it is cut short")?;
    if !footer.ends_with(TAIL) {
        return Err("its end is missing");
    }
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or(0);
    let length = word(&footer[..4]) as usize;
    let table = (map.len() - FOOTER)
        .checked_sub(length)
        .and_then(|at| map.get(at..at + length))
        .ok_or("its section table is cut short")?;
    if crc32c::crc32c(table) != word(&footer[4..8]) {
        return Err("its section table has a wrong checksum");
    }
    let mut sections = [(0, 0, 0, false); Section::COUNT];
    let mut seen = 0;
    for entry in table.chunks_exact(ENTRY) {
        let number =
            |at: usize| entry[at..at + 8].try_into().map(u64::from_le_bytes).ok().and_then(|n| usize::try_from(n).ok());
        let (Some(start), Some(length), Some(raw)) = (number(2), number(10), number(18)) else {
            return Err("its section table has an impossible number");
        };
        let bytes =
            start.checked_add(length).and_then(|end| map.get(start..end)).ok_or("a section lies outside the file")?;
        if crc32c::crc32c(bytes) != word(&entry[26..30]) {
            return Err("a section has a wrong checksum");
        }
        let slot = sections.get_mut(usize::from(entry[0])).ok_or("it has a section this build does not know")?;
        *slot = (start, length, raw, entry[1] & Section::FLAG_ZSTD != 0);
        seen += 1;
    }
    if seen + 1 == Section::COUNT { Ok(sections) } else { Err("a section is missing") }
}

/// Reads blocks of one segment, one at a time, and keeps the last.
pub(crate) struct BlockReader<'s> {
    pub(crate) segment: &'s Segment,
    decompressor: zstd::bulk::Decompressor<'static>,
    loaded: Option<usize>,
    raw: Vec<u8>,
    /// Group, first row, end row and place in `raw` of each chunk.
    chunks: Vec<(u32, u32, u32, usize, usize)>,
    times: Vec<i64>,
    times_of: Option<usize>,
    ranks: Vec<i64>,
    ranks_of: Option<usize>,
    /// Bytes of blocks decompressed so far.
    pub(crate) bytes_read: u64,
}

/// A chunk's columns, with what is needed to put its rows together again.
pub(crate) struct Chunk<'a> {
    segment: &'a Segment,
    pub(crate) group: &'a Group,
    pub(crate) columns: Vec<SlotColumn<'a>>,
    pub(crate) row_start: u32,
}

impl<'s> BlockReader<'s> {
    pub(crate) fn new(segment: &'s Segment) -> Result<Self> {
        let decompressor = zstd::bulk::Decompressor::new()
            .map_err(|source| Error::OpenSegment { path: segment.path.clone(), source })?;
        Ok(Self {
            segment,
            decompressor,
            loaded: None,
            raw: Vec::new(),
            chunks: Vec::new(),
            times: Vec::new(),
            times_of: None,
            ranks: Vec::new(),
            ranks_of: None,
            bytes_read: 0,
        })
    }

    /// The times of the block's rows.
    pub(crate) fn times(&mut self, block: usize) -> Result<&[i64]> {
        if self.times_of != Some(block) {
            self.segment.times(block, &mut self.times)?;
            self.times_of = Some(block);
        }
        Ok(&self.times)
    }

    /// The sequence number of a row of the block.
    pub(crate) fn seq(&mut self, block: usize, row: u32) -> Result<u64> {
        if self.ranks_of != Some(block) {
            self.segment.ranks(block, &mut self.ranks)?;
            self.ranks_of = Some(block);
        }
        let at = (row - self.segment.blocks[block].row_start) as usize;
        self.segment.seq(self.ranks[at])
    }

    fn load(&mut self, block: usize) -> Result<()> {
        if self.loaded == Some(block) {
            return Ok(());
        }
        self.loaded = None;
        let segment = self.segment;
        let entry = &segment.blocks[block];
        let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        let stored = segment
            .map
            .get(start..start.saturating_add(entry.compressed as usize))
            .ok_or_else(|| segment.corrupt("a block lies outside the file"))?;
        if crc32c::crc32c(stored) != entry.crc {
            return Err(segment.corrupt("a block has a wrong checksum"));
        }
        self.raw.clear();
        self.raw.reserve(entry.raw as usize);
        self.decompressor
            .decompress_to_buffer(stored, &mut self.raw)
            .map_err(|_| segment.corrupt("a block does not decompress"))?;
        self.bytes_read += u64::from(entry.raw);
        self.chunks.clear();
        let mut rest = self.raw.as_slice();
        let mut row = entry.row_start;
        let mut group = segment.groups.partition_point(|group| group.row_end <= row);
        while row < entry.row_end {
            let end = segment.groups[group].row_end.min(entry.row_end);
            let bytes = chunk_bytes(&mut rest).ok_or_else(|| segment.corrupt("a block's chunks do not decode"))?;
            let at = self.raw.len() - rest.len() - bytes.len();
            self.chunks.push((group as u32, row, end, at, bytes.len()));
            row = end;
            group += 1;
        }
        self.loaded = Some(block);
        Ok(())
    }

    /// The encoded chunk of `group` in `block`, with its first and end row.
    pub(crate) fn encoded_chunk(&mut self, block: usize, group: u32) -> Result<(&[u8], u32, u32)> {
        self.load(block)?;
        let at = self
            .chunks
            .binary_search_by_key(&group, |chunk| chunk.0)
            .map_err(|_| self.segment.corrupt("a block lacks a chunk"))?;
        let (_, row_start, row_end, start, length) = self.chunks[at];
        Ok((&self.raw[start..start + length], row_start, row_end))
    }

    /// The chunk of `group` in `block`.
    pub(crate) fn chunk(&mut self, block: usize, group: u32) -> Result<Chunk<'_>> {
        let segment = self.segment;
        let (bytes, row_start, row_end) = self.encoded_chunk(block, group)?;
        segment.decode_chunk(group, bytes, row_start, row_end)
    }
}

impl Segment {
    /// Decodes what [`BlockReader::encoded_chunk`] gave.
    pub(crate) fn decode_chunk<'a>(
        &'a self,
        group: u32,
        bytes: &'a [u8],
        row_start: u32,
        row_end: u32,
    ) -> Result<Chunk<'a>> {
        let group = &self.groups[group as usize];
        let columns = decode_chunk(bytes, group.key.roles.len(), (row_end - row_start) as usize)
            .ok_or_else(|| self.corrupt("a chunk does not decode"))?;
        Ok(Chunk { segment: self, group, columns, row_start })
    }

    /// The groups' keys as they are encoded, in the order of the groups.
    pub(crate) fn encoded_keys(&self) -> Result<Vec<Box<[u8]>>> {
        let corrupt = || self.corrupt("the groups do not decode");
        let bytes = self.inflated(Section::Groups).ok_or_else(corrupt)?;
        let mut input = bytes.as_slice();
        let mut keys = Vec::with_capacity(self.groups.len());
        for _ in &self.groups {
            keys.push(take_bytes(&mut input).ok_or_else(corrupt)?.into());
            take(&mut input).and_then(|_| take(&mut input)).ok_or_else(corrupt)?;
        }
        Ok(keys)
    }
}

/// Buffers in which a row is put together.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    body: Vec<u8>,
    attributes: Vec<u8>,
    shape: Shape,
}

impl Chunk<'_> {
    /// Takes out of `rows` those whose slots lack one of `terms`.
    pub(crate) fn retain_with_terms(&self, terms: &[SlotTerm], rows: &mut Vec<u32>) {
        for term in terms {
            match term {
                // Beyond ASCII a token may fold to one that is.
                SlotTerm::Variable(_) if self.group.charset.beyond_ascii() => {}
                SlotTerm::Variable(token) => {
                    let slots = &self.columns[..self.group.key.variable_slots()];
                    rows.retain(|row| {
                        slots.iter().any(|slot| slot.get((row - self.row_start) as usize).eq_ignore_ascii_case(token))
                    });
                }
                SlotTerm::Id(role, id) => {
                    let Some(slot) = self.group.key.roles.iter().position(|other| other == role) else { continue };
                    rows.retain(|row| self.columns[slot].get((row - self.row_start) as usize) == id);
                }
            }
        }
    }

    /// The record in `row`, put together in `buffer`; `None` when its slots do not decode.
    pub(crate) fn record<'b>(
        &'b self,
        row: u32,
        stream: &'b Stream,
        timestamp: i64,
        seq: u64,
        buffer: &'b mut RowBuffer,
    ) -> Option<RecordView<'b>> {
        let received = self.segment.received_at(seq);
        self.put_together(row, stream, (timestamp, received, seq), buffer)
    }

    /// Like [`Self::record`], with nothing but what a query can look at: no times, no sequence number.
    pub(crate) fn content<'b>(
        &'b self,
        row: u32,
        stream: &'b Stream,
        buffer: &'b mut RowBuffer,
    ) -> Option<RecordView<'b>> {
        self.put_together(row, stream, (0, 0, 0), buffer)
    }

    #[inline]
    fn put_together<'b>(
        &'b self,
        row: u32,
        stream: &'b Stream,
        (timestamp, received, seq): (i64, i64, u64),
        buffer: &'b mut RowBuffer,
    ) -> Option<RecordView<'b>> {
        let at = (row - self.row_start) as usize;
        let key = &self.group.key;
        let mut view = RecordView {
            timestamp: Timestamp(timestamp),
            observed: Timestamp(received),
            seq,
            stream,
            severity: key.shape.severity,
            severity_text: key.shape.severity_text.as_deref(),
            trace_id: None,
            span_id: None,
            kind: key.shape.kind,
            attributes: AttributesView(&[]),
            entities: EntitiesView(&[]),
            body: &[],
        };
        buffer.body.clear();
        buffer.attributes.clear();
        if key.form == BodyForm::Record {
            let record = take_record(self.columns[0].get(at))?;
            buffer.shape = record.shape;
            view.severity = buffer.shape.severity;
            view.severity_text = buffer.shape.severity_text.as_deref();
            view.kind = buffer.shape.kind;
            view.trace_id = record.trace_id;
            view.span_id = record.span_id;
            if let Some(delta) = record.observed_delta {
                view.observed = Timestamp(timestamp.wrapping_add(delta));
            }
            view.entities = EntitiesView(record.entities);
            view.attributes = AttributesView(record.attributes);
            view.body = record.body;
            return Some(view);
        }
        let variables = key.variable_slots();
        for (slot, role) in key.roles.iter().enumerate().skip(variables) {
            let value = self.columns[slot].get(at);
            match role {
                SlotRole::Body => view.body = value,
                SlotRole::Trace => view.trace_id = Some(value.try_into().ok()?),
                SlotRole::Span => view.span_id = Some(value.try_into().ok()?),
                SlotRole::Observed => {
                    view.observed = Timestamp(timestamp.wrapping_add(take_signed(&mut &*value)?));
                }
                SlotRole::Entities => view.entities = EntitiesView(value),
                SlotRole::Attribute(index) => {
                    let (name, kind) = &key.shape.attributes[usize::from(*index)];
                    put_attribute(&mut buffer.attributes, name, *kind, value);
                }
                SlotRole::Variable | SlotRole::Record => return None,
            }
        }
        if key.form == BodyForm::Template {
            let (first, rest) = key.pieces.split_first()?;
            buffer.body.extend_from_slice(first);
            for (column, piece) in self.columns.iter().zip(rest) {
                buffer.body.extend_from_slice(column.get(at));
                buffer.body.extend_from_slice(piece);
            }
            view.body = &buffer.body;
        }
        view.attributes = AttributesView(&buffer.attributes);
        Some(view)
    }
}
