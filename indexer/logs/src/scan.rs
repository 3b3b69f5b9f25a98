//! Reads a segment record by record, whatever its index says.

use orszem_model::wire::RecordView;

use crate::error::Result;
use crate::segment::chunk::{BlockReader, RowBuffer};
use crate::segment::read::Segment;

/// Calls `found` with each record until it answers `false`; answers whether all were seen.
pub(crate) fn for_each_record(segment: &Segment, mut found: impl FnMut(&RecordView<'_>) -> bool) -> Result<bool> {
    let mut reader = BlockReader::new(segment)?;
    let mut buffer = RowBuffer::default();
    let mut times = Vec::new();
    let mut run = 0;
    for block in 0..segment.blocks.len() {
        segment.times(block, &mut times)?;
        let (start, end) = (segment.blocks[block].row_start, segment.blocks[block].row_end);
        let seqs = (start..end).map(|row| reader.seq(block, row)).collect::<Result<Vec<_>>>()?;
        let mut row = start;
        while row < end {
            while segment.runs[run].row_end <= row {
                run += 1;
            }
            let chunk = reader.chunk(block, segment.runs[run].group)?;
            while row < end.min(segment.runs[run].row_end) {
                let at = (row - start) as usize;
                let stream = &segment.streams[segment.runs[run].stream as usize];
                let record = chunk
                    .record(row, stream, times[at], seqs[at], &mut buffer)
                    .ok_or_else(|| segment.corrupt("a record does not decode"))?;
                if !found(&record) {
                    return Ok(false);
                }
                row += 1;
            }
        }
    }
    Ok(true)
}

/// Whether a record of the segment matches.
pub(crate) fn any_match(segment: &Segment, matches: &dyn Fn(&RecordView<'_>) -> bool) -> Result<bool> {
    for_each_record(segment, |record| !matches(record)).map(|all| !all)
}
