//! An open segment: its tables, and its blocks as records.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;
use orszem_model::Stream;
use orszem_model::varint::{take, take_bytes, take_signed};

use super::group::{BodyForm, Group, GroupKey};
use super::sequences::Sequences;
use super::words::Words;
use super::{HEAD, Section, TAIL, postings, rice};
use crate::error::{Error, Result};
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
    pub(super) raw: u32,
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

    /// The compressed bytes of a block, checked.
    pub(super) fn stored_block(&self, block: &Block) -> Result<&[u8]> {
        let start = usize::try_from(block.offset).unwrap_or(usize::MAX);
        let stored = self
            .map
            .get(start..start.saturating_add(block.compressed as usize))
            .ok_or_else(|| self.corrupt("a block lies outside the file"))?;
        if crc32c::crc32c(stored) != block.crc {
            return Err(self.corrupt("a block has a wrong checksum"));
        }
        Ok(stored)
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

    pub(super) fn received_at(&self, seq: u64) -> i64 {
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
