//! Walks over what a query can match: pieces of a segment, then records.

use std::ops::Range as Rows;

use orszem_model::wire::RecordView;
use orszem_search::Query;

use super::plan::{Plan, Tri};
use super::{Range, Watch};
use crate::error::Result;
use crate::memtable::View;
use crate::segment::chunk::{BlockReader, RowBuffer};
use crate::segment::read::Segment;

/// Rows of one group and one stream in one block.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) block: usize,
    pub(crate) group: u32,
    pub(crate) stream: u32,
    pub(crate) rows: Rows<u32>,
    /// The plan could not decide: each record has to be compared with the query, or looked up in the plan's rows.
    pub(crate) verify: bool,
    /// Bodies are kept whole: the plan's rows say which can match.
    pub(crate) whole: bool,
    /// All of the block lies in the query's range.
    pub(crate) in_range: bool,
}

/// Which streams of a segment a query may see.
pub(crate) fn visible_streams(segment: &Segment, tenant: u32, only: Option<&orszem_model::Stream>) -> Vec<bool> {
    segment.streams.iter().map(|stream| stream.tenant == tenant && only.is_none_or(|only| only == stream)).collect()
}

/// Calls `found` with each piece of the segment that can match, by group; `wanted` may rule out blocks. `found` ends
/// the walk with `false`.
pub(crate) fn pieces(
    plan: &Plan<'_>,
    visible: &[bool],
    range: Range,
    watch: &mut Watch<'_>,
    mut found: impl FnMut(Piece, &mut Watch<'_>) -> Result<bool>,
) -> Result<()> {
    let segment = plan.segment;
    let (mut block, mut run) = (0, 0);
    for (index, group) in segment.groups.iter().enumerate() {
        let by_group = plan.by_group[index];
        if by_group == Tri::Never {
            continue;
        }
        let whole = group.row_start >= plan.whole_start;
        while segment.blocks[block].row_end <= group.row_start {
            block += 1;
        }
        if segment.runs[run].row_end <= group.row_start {
            run = segment.run_of(group.row_start);
        }
        let mut at = block;
        while at < segment.blocks.len() && segment.blocks[at].row_start < group.row_end {
            let entry = &segment.blocks[at];
            let by_block = if by_group == Tri::Maybe { plan.eval(index, None, Some(at)) } else { by_group };
            if by_block != Tri::Never && range.meets(entry.min_ts, entry.max_ts) {
                if !watch.go_on()? {
                    return Ok(());
                }
                let in_range = range.covers(entry.min_ts, entry.max_ts);
                let start = entry.row_start.max(group.row_start);
                let end = entry.row_end.min(group.row_end);
                while segment.runs[run].row_end <= start {
                    run += 1;
                }
                let mut row = start;
                while row < end {
                    let current = segment.runs[run];
                    let rows = row..current.row_end.min(end);
                    row = rows.end;
                    if row == current.row_end && run + 1 < segment.runs.len() {
                        run += 1;
                    }
                    if !visible[current.stream as usize] {
                        continue;
                    }
                    if whole
                        && plan.whole.possible.is_empty_in(rows.start - plan.whole_start, rows.end - plan.whole_start)
                    {
                        continue;
                    }
                    let tri = match by_block {
                        Tri::Maybe if plan.needs_stream => plan.eval(index, Some(current.stream), Some(at)),
                        decided => decided,
                    };
                    if tri == Tri::Never {
                        continue;
                    }
                    let piece = Piece {
                        block: at,
                        group: index as u32,
                        stream: current.stream,
                        rows,
                        verify: tri == Tri::Maybe,
                        whole,
                        in_range,
                    };
                    if !found(piece, watch)? {
                        return Ok(());
                    }
                }
            }
            at += 1;
        }
        block = at.saturating_sub(1).max(block);
    }
    Ok(())
}

/// Buffers for going through the rows of pieces.
pub(crate) struct RowWalker<'s> {
    pub(crate) reader: BlockReader<'s>,
    plan: &'s Plan<'s>,
    times: Vec<i64>,
    times_of: Option<usize>,
    rows: Vec<u32>,
    buffer: RowBuffer,
}

impl<'s> RowWalker<'s> {
    /// A walker over pieces of `plan`.
    pub(crate) fn new(segment: &'s Segment, plan: &'s Plan<'s>) -> Result<Self> {
        Ok(Self {
            reader: BlockReader::new(segment)?,
            plan,
            times: Vec::new(),
            times_of: None,
            rows: Vec::new(),
            buffer: RowBuffer::default(),
        })
    }

    fn load_times(&mut self, block: usize) -> Result<()> {
        if self.times_of != Some(block) {
            self.times_of = None;
            self.reader.segment.times(block, &mut self.times)?;
            self.times_of = Some(block);
        }
        Ok(())
    }

    /// The times of a piece's rows.
    pub(crate) fn times(&mut self, piece: &Piece) -> Result<&[i64]> {
        self.load_times(piece.block)?;
        let start = self.reader.segment.blocks[piece.block].row_start;
        Ok(&self.times[(piece.rows.start - start) as usize..(piece.rows.end - start) as usize])
    }

    /// How many of the piece's rows match.
    pub(crate) fn count(&mut self, piece: &Piece, query: &Query, range: Range, watch: &mut Watch<'_>) -> Result<u64> {
        if piece.in_range && !piece.verify {
            return Ok(u64::from(piece.rows.end - piece.rows.start));
        }
        self.select(piece, query, range, watch)?;
        Ok(self.rows.len() as u64)
    }

    /// Calls `found` with row and time of each of the piece's rows that is in range and matches.
    pub(crate) fn matching(
        &mut self,
        piece: &Piece,
        query: &Query,
        range: Range,
        watch: &mut Watch<'_>,
        mut found: impl FnMut(u32, i64),
    ) -> Result<()> {
        self.load_times(piece.block)?;
        self.select(piece, query, range, watch)?;
        let start = self.reader.segment.blocks[piece.block].row_start;
        self.rows.iter().for_each(|row| found(*row, self.times[(row - start) as usize]));
        Ok(())
    }

    /// Puts the piece's rows that are in range and match into `self.rows`.
    fn select(&mut self, piece: &Piece, query: &Query, range: Range, watch: &mut Watch<'_>) -> Result<()> {
        if !piece.in_range {
            self.load_times(piece.block)?;
        }
        let Self { reader, plan, times, rows, buffer, .. } = self;
        let segment = reader.segment;
        let start = segment.blocks[piece.block].row_start;
        let time = |row: u32| times[(row - start) as usize];
        let in_range = |row: u32| piece.in_range || range.contains(time(row));
        rows.clear();
        if piece.verify && piece.whole {
            let base = plan.whole_start;
            plan.whole.possible.for_each_in(piece.rows.start - base, piece.rows.end - base, |row| {
                if in_range(row + base) {
                    rows.push(row + base);
                }
            });
            if rows.iter().all(|row| plan.whole.certain.contains(row - base)) {
                return Ok(());
            }
        } else {
            rows.extend(piece.rows.clone().filter(|row| in_range(*row)));
        }
        if !piece.verify || rows.is_empty() {
            return Ok(());
        }
        let stream = &segment.streams[piece.stream as usize];
        let chunk = reader.chunk(piece.block, piece.group)?;
        if !piece.whole {
            chunk.retain_with_terms(&plan.slot_terms, rows);
        }
        let mut damaged = false;
        rows.retain(|row| {
            if piece.whole && plan.whole.certain.contains(row - plan.whole_start) {
                return true;
            }
            watch.stats.records_verified += 1;
            match chunk.content(*row, stream, buffer) {
                Some(record) => query.matches(&record),
                None => {
                    damaged = true;
                    false
                }
            }
        });
        if damaged { Err(segment.corrupt("a record does not decode")) } else { Ok(()) }
    }

    /// Calls `found` with each of the piece's records that is in range and matches, put together.
    pub(crate) fn records(
        &mut self,
        piece: &Piece,
        query: &Query,
        range: Range,
        watch: &mut Watch<'_>,
        mut found: impl FnMut(&RecordView<'_>),
    ) -> Result<()> {
        self.load_times(piece.block)?;
        self.select(piece, query, range, watch)?;
        let segment = self.reader.segment;
        let start = segment.blocks[piece.block].row_start;
        let seqs = self.rows.iter().map(|row| self.reader.seq(piece.block, *row)).collect::<Result<Vec<_>>>()?;
        let stream = &segment.streams[piece.stream as usize];
        let chunk = self.reader.chunk(piece.block, piece.group)?;
        for (&row, seq) in self.rows.iter().zip(seqs) {
            let record = chunk
                .record(row, stream, self.times[(row - start) as usize], seq, &mut self.buffer)
                .ok_or_else(|| segment.corrupt("a record does not decode"))?;
            found(&record);
        }
        Ok(())
    }
}

/// Calls `found` with each record of a memtable that matches.
pub(crate) fn memtable(
    view: &View,
    query: &Query,
    tenant: u32,
    range: Range,
    watch: &mut Watch<'_>,
    mut found: impl FnMut(&RecordView<'_>),
) -> Result<()> {
    for frame in view.frames() {
        if !range.meets(frame.min_ts, frame.max_ts) {
            continue;
        }
        if !watch.go_on()? {
            return Ok(());
        }
        watch.stats.bytes_scanned += frame.bytes() as u64;
        for (seq, _, raw) in frame.records() {
            let record = raw.view(&frame.streams[raw.stream as usize], seq);
            if record.stream.tenant == tenant && range.contains(record.timestamp.0) {
                watch.stats.records_verified += 1;
                if query.matches(&record) {
                    found(&record);
                }
            }
        }
    }
    Ok(())
}
