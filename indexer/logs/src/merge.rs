//! Rewrites segments of one partition into one: merging, sealing, and deletion.
//!
//! Works group by group, so it holds the decoded chunks of one skeleton at a time.

use std::collections::BTreeMap;
use std::path::Path;

use orszem_model::Stream;
use orszem_model::wire::RecordView;

use crate::error::{Error, Result};
use crate::segment::chunk::{BlockReader, RowBuffer};
use crate::segment::group::GroupKey;
use crate::segment::read::Segment;
use crate::segment::write::{Compression, SegmentSummary, SegmentWriter};

/// Decides which records of a rewrite are kept.
pub(crate) type Keep<'a> = &'a dyn Fn(&RecordView<'_>) -> bool;

struct Row {
    stream: u32,
    timestamp: i64,
    seq: u64,
    part: u32,
    at: u32,
}

/// A chunk of one input, copied out of its block.
struct Part<'s> {
    segment: &'s Segment,
    group: u32,
    bytes: Vec<u8>,
    row_start: u32,
    row_end: u32,
}

/// Writes the records of `inputs` that `keep` accepts into a new segment at `path`; `None`, and no file, if none is left.
/// Inputs must not share a record.
pub(crate) fn merge(
    inputs: &[&Segment],
    path: &Path,
    compression: Compression,
    keep: Option<Keep<'_>>,
) -> Result<Option<SegmentSummary>> {
    let mut streams: Vec<&Stream> = inputs.iter().flat_map(|segment| &segment.streams).collect();
    streams.sort();
    streams.dedup();
    let places: Vec<Vec<u32>> = inputs
        .iter()
        .map(|segment| {
            segment.streams.iter().map(|stream| streams.partition_point(|other| *other < stream) as u32).collect()
        })
        .collect();
    let mut members: BTreeMap<Box<[u8]>, Vec<(usize, u32)>> = BTreeMap::new();
    for (input, segment) in inputs.iter().enumerate() {
        for (group, key) in segment.encoded_keys()?.into_iter().enumerate() {
            members.entry(key).or_default().push((input, group as u32));
        }
    }
    let mut readers = inputs.iter().map(|segment| BlockReader::new(segment)).collect::<Result<Vec<_>>>()?;
    let mut writer = SegmentWriter::create(path, compression)?;
    for (encoded, places_of_group) in members {
        let key = GroupKey::decode(&encoded)
            .ok_or_else(|| Error::Corrupt { path: path.to_owned(), what: "a group's key does not decode" })?;
        let (mut parts, mut rows) = (Vec::new(), Vec::new());
        for (input, group) in places_of_group {
            read_group(inputs[input], &mut readers[input], group, &places[input], &mut parts, &mut rows)?;
        }
        rows.sort_by_key(|row: &Row| (row.stream, row.timestamp, row.seq));
        writer.begin_group(&encoded, &key);
        write_group(&parts, &rows, &streams, keep, &mut writer)?;
    }
    if writer.rows() == 0 {
        drop(writer);
        std::fs::remove_file(path).map_err(|source| Error::Remove { path: path.to_owned(), source })?;
        return Ok(None);
    }
    let received = inputs.iter().flat_map(|segment| segment.received().iter().copied()).collect();
    let streams: Vec<Stream> = streams.into_iter().cloned().collect();
    writer.finish(&streams, &received).map(Some)
}

fn read_group<'s>(
    segment: &'s Segment,
    reader: &mut BlockReader<'s>,
    group: u32,
    places: &[u32],
    parts: &mut Vec<Part<'s>>,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let (start, end) = (segment.groups[group as usize].row_start, segment.groups[group as usize].row_end);
    let mut run = segment.run_of(start);
    for block in segment.block_of(start)..=segment.block_of(end - 1) {
        let (bytes, row_start, row_end) = reader.encoded_chunk(block, group)?;
        let bytes = bytes.to_vec();
        let part = parts.len() as u32;
        let block_start = segment.blocks[block].row_start;
        for row in row_start..row_end {
            while segment.runs[run].row_end <= row {
                run += 1;
            }
            let timestamp = reader.times(block)?[(row - block_start) as usize];
            let seq = reader.seq(block, row)?;
            rows.push(Row { stream: places[segment.runs[run].stream as usize], timestamp, seq, part, at: row });
        }
        parts.push(Part { segment, group, bytes, row_start, row_end });
    }
    Ok(())
}

fn write_group(
    parts: &[Part<'_>],
    rows: &[Row],
    streams: &[&Stream],
    keep: Option<Keep<'_>>,
    writer: &mut SegmentWriter,
) -> Result<()> {
    let chunks = parts
        .iter()
        .map(|part| part.segment.decode_chunk(part.group, &part.bytes, part.row_start, part.row_end))
        .collect::<Result<Vec<_>>>()?;
    let mut buffer = RowBuffer::default();
    let mut slots: Vec<&[u8]> = Vec::new();
    for row in rows {
        let chunk = &chunks[row.part as usize];
        if let Some(keep) = keep {
            let stream = streams[row.stream as usize];
            let record = chunk
                .record(row.at, stream, row.timestamp, row.seq, &mut buffer)
                .ok_or_else(|| parts[row.part as usize].segment.corrupt("a record does not decode"))?;
            if !keep(&record) {
                continue;
            }
        }
        slots.clear();
        let at = (row.at - chunk.row_start) as usize;
        slots.extend(chunk.columns.iter().map(|column| column.get(at)));
        writer.push(row.stream, row.timestamp, row.seq, &slots)?;
    }
    Ok(())
}
