//! The blocks of a segment as records.

use orszem_model::varint::take_signed;
use orszem_model::wire::{AttributesView, EntitiesView, RecordView, put_attribute};
use orszem_model::{Stream, Timestamp};

use super::block::{SlotColumn, chunk_bytes, decode_chunk};
use super::group::{BodyForm, Group, Shape, SlotRole, take_record};
use super::read::Segment;
use crate::error::{Error, Result};
use crate::query::plan::SlotTerm;

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
            .map_err(|source| Error::OpenSegment { path: segment.path().to_owned(), source })?;
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
        let stored = segment.stored_block(entry)?;
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
