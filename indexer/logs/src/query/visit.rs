//! Walks over what a query can match: pieces of a segment, then records.

use std::ops::Range as Rows;

use orszem_model::wire::RecordView;
use orszem_search::Query;

use super::plan::{Plan, Tri};
use super::{Range, Watch};
use crate::error::Result;
use crate::memtable::View;
use crate::segment::read::{BlockReader, RowBuffer, Segment};

/// Rows of one group and one stream in one block.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) block: usize,
    pub(crate) group: u32,
    pub(crate) stream: u32,
    pub(crate) rows: Rows<u32>,
    /// The plan could not decide: each record has to be compared with the query.
    pub(crate) verify: bool,
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
    times: Vec<i64>,
    times_of: Option<usize>,
    buffer: RowBuffer,
}

impl<'s> RowWalker<'s> {
    pub(crate) fn new(segment: &'s Segment) -> Result<Self> {
        Ok(Self {
            reader: BlockReader::new(segment)?,
            times: Vec::new(),
            times_of: None,
            buffer: RowBuffer::default(),
        })
    }

    /// The times of a piece's rows.
    pub(crate) fn times(&mut self, piece: &Piece) -> Result<&[i64]> {
        if self.times_of != Some(piece.block) {
            self.times_of = None;
            self.reader.segment.times(piece.block, &mut self.times)?;
            self.times_of = Some(piece.block);
        }
        let start = self.reader.segment.blocks[piece.block].row_start;
        Ok(&self.times[(piece.rows.start - start) as usize..(piece.rows.end - start) as usize])
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
        self.times(piece)?;
        let start = self.reader.segment.blocks[piece.block].row_start;
        let times = &self.times[(piece.rows.start - start) as usize..(piece.rows.end - start) as usize];
        if !piece.verify {
            piece.rows.clone().zip(times).filter(|(_, time)| range.contains(**time)).for_each(|(row, time)| found(row, *time));
            return Ok(());
        }
        let stream = &self.reader.segment.streams[piece.stream as usize];
        let segment = self.reader.segment;
        let chunk = self.reader.chunk(piece.block, piece.group)?;
        for (row, &time) in piece.rows.clone().zip(times) {
            if !range.contains(time) {
                continue;
            }
            watch.stats.records_verified += 1;
            let record = chunk
                .record(row, stream, time, 0, &mut self.buffer)
                .ok_or_else(|| segment.corrupt("a record does not decode"))?;
            if query.matches(&record) {
                found(row, time);
            }
        }
        Ok(())
    }

    /// Calls `found` with each of the piece's records that is in range and matches, put together.
    pub(crate) fn records(
        &mut self,
        piece: &Piece,
        query: &Query,
        range: Range,
        mut found: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<()> {
        self.times(piece)?;
        let segment = self.reader.segment;
        let start = segment.blocks[piece.block].row_start;
        let seqs = piece.rows.clone().map(|row| self.reader.seq(piece.block, row)).collect::<Result<Vec<_>>>()?;
        let stream = &segment.streams[piece.stream as usize];
        let chunk = self.reader.chunk(piece.block, piece.group)?;
        for (row, seq) in piece.rows.clone().zip(seqs) {
            let time = self.times[(row - start) as usize];
            if !range.contains(time) {
                continue;
            }
            let record = chunk
                .record(row, stream, time, seq, &mut self.buffer)
                .ok_or_else(|| segment.corrupt("a record does not decode"))?;
            if (!piece.verify || query.matches(&record)) && !found(&record) {
                break;
            }
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
