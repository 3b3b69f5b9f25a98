//! Turns a memtable into segments: one for each (retention class, UTC day) that it has records of.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use orszem_model::Stream;
use orszem_model::varint::put_signed;
use orszem_model::wire::{AttributesView, RecordParts};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::memtable::{Frame, View};
use crate::segment::group::{self, BodyForm, GroupKey, SlotRole};
use crate::segment::write::{Compression, SegmentSummary, SegmentWriter};
use crate::tokens::{Token, for_each_token};

/// A skeleton with fewer lines in a flush than this is not worth a group: its lines are kept whole.
const GROUP_ROWS_MIN: u32 = 8;

/// What a partition is: a retention class and a day since 1970-01-01.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionKey {
    pub(crate) class: String,
    pub(crate) day: i64,
}

/// Nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// A segment that a flush wrote.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub(crate) partition: PartitionKey,
    pub(crate) summary: SegmentSummary,
}

#[derive(Clone, Copy)]
struct Row {
    timestamp: i64,
    seq: u64,
    frame: u32,
    at: u32,
    stream: u32,
    group: u32,
    /// The variable tokens of the body in `Partition::spans`.
    spans: u32,
    span_count: u32,
}

/// The rows of one partition, while they are told apart.
#[derive(Default)]
struct Partition {
    rows: Vec<Row>,
    spans: Vec<(u32, u32)>,
    keys: KeyTable,
    streams: HashMap<*const Stream, u32>,
    stream_table: Vec<Arc<Stream>>,
}

/// Interned group keys.
#[derive(Default)]
struct KeyTable {
    by_hash: HashMap<u64, Vec<u32>>,
    keys: Vec<Box<[u8]>>,
    rows: Vec<u32>,
}

impl KeyTable {
    fn intern(&mut self, key: &[u8]) -> u32 {
        let candidates = self.by_hash.entry(xxh3_64(key)).or_default();
        let known = candidates.iter().copied().find(|id| *self.keys[*id as usize] == *key);
        let id = known.unwrap_or_else(|| {
            let id = self.keys.len() as u32;
            candidates.push(id);
            self.keys.push(key.into());
            self.rows.push(0);
            id
        });
        self.rows[id as usize] += 1;
        id
    }
}

/// Writes the records of `view` into new segments whose paths `path_for` gives.
pub(crate) fn flush(
    view: &View,
    compression: Compression,
    mut path_for: impl FnMut(&PartitionKey) -> Result<PathBuf>,
) -> Result<Vec<Flushed>> {
    let frames: Vec<&Arc<Frame>> = view.frames().collect();
    let received: BTreeMap<u64, i64> = frames.iter().map(|frame| (frame.position, frame.received.0)).collect();
    let mut flushed = Vec::new();
    for (key, mut partition) in partition_rows(&frames) {
        partition.fold_rare_groups(&frames);
        let path = path_for(&key)?;
        let summary = partition.write(&frames, &received, SegmentWriter::create(&path, compression)?)?;
        flushed.push(Flushed { partition: key, summary });
    }
    Ok(flushed)
}

fn partition_rows(frames: &[&Arc<Frame>]) -> BTreeMap<PartitionKey, Partition> {
    let mut partitions: Vec<(PartitionKey, Partition)> = Vec::new();
    let mut last = 0;
    let mut tokens = Vec::new();
    let mut key = Vec::new();
    for (frame_index, frame) in frames.iter().enumerate() {
        for (seq, at, record) in frame.records() {
            let stream = &frame.streams[record.stream as usize];
            let day = record.parts.timestamp.0.div_euclid(DAY_NS);
            let fits = |(key, _): &(PartitionKey, Partition)| key.day == day && key.class == stream.class;
            if !partitions.get(last).is_some_and(fits) {
                last = partitions.iter().position(fits).unwrap_or_else(|| {
                    partitions.push((PartitionKey { class: stream.class.clone(), day }, Partition::default()));
                    partitions.len() - 1
                });
            }
            partitions[last].1.add(stream, frame_index as u32, at as u32, seq, &record.parts, &mut tokens, &mut key);
        }
    }
    partitions.into_iter().collect()
}

impl Partition {
    #[expect(clippy::too_many_arguments, reason = "the scratch buffers are the caller's, for speed")]
    fn add(
        &mut self,
        stream: &Arc<Stream>,
        frame: u32,
        at: u32,
        seq: u64,
        parts: &RecordParts<'_>,
        tokens: &mut Vec<Token>,
        key: &mut Vec<u8>,
    ) {
        let stream = *self.streams.entry(Arc::as_ptr(stream)).or_insert_with(|| {
            self.stream_table.push(Arc::clone(stream));
            (self.stream_table.len() - 1) as u32
        });
        let spans = self.spans.len() as u32;
        tokens.clear();
        let mut form = BodyForm::Whole;
        if parts.body.len() <= group::TEMPLATE_BYTES_MAX {
            for_each_token(parts.body, |token| {
                if token.variable {
                    tokens.push(token);
                }
            });
            if tokens.len() <= group::SLOTS_MAX {
                form = BodyForm::Template;
                self.spans.extend(tokens.iter().map(|token| (token.start as u32, token.end as u32)));
            }
        }
        key.clear();
        let group = if group::put_key(parts, form, tokens, key) {
            self.keys.intern(key)
        } else {
            self.keys.intern(&group::RECORD_KEY)
        };
        let span_count = self.spans.len() as u32 - spans;
        self.rows.push(Row { timestamp: parts.timestamp.0, seq, frame, at, stream, group, spans, span_count });
    }

    /// Moves the lines of rare templates to the group of their shape that keeps bodies whole, and those of rare
    /// shapes to the one that keeps records whole.
    fn fold_rare_groups(&mut self, frames: &[&Arc<Frame>]) {
        let mut key = Vec::new();
        for pass in [0u8, 1] {
            let rare: Vec<bool> = self
                .keys
                .keys
                .iter()
                .zip(&self.keys.rows)
                .map(|(key, rows)| key.first() == Some(&pass) && *rows < GROUP_ROWS_MIN)
                .collect();
            for row in &mut self.rows {
                if !rare.get(row.group as usize).copied().unwrap_or(false) {
                    continue;
                }
                let Some(record) = frames[row.frame as usize].record_at(row.at as usize) else { continue };
                key.clear();
                self.keys.rows[row.group as usize] -= 1;
                row.group = if pass == 0 && group::put_key(&record.parts, BodyForm::Whole, &[], &mut key) {
                    self.keys.intern(&key)
                } else {
                    self.keys.intern(&group::RECORD_KEY)
                };
            }
        }
    }

    fn write(
        mut self,
        frames: &[&Arc<Frame>],
        received: &BTreeMap<u64, i64>,
        mut writer: SegmentWriter,
    ) -> Result<SegmentSummary> {
        let mut order: Vec<u32> = (0..self.stream_table.len() as u32).collect();
        order.sort_by(|a, b| self.stream_table[*a as usize].cmp(&self.stream_table[*b as usize]));
        let mut stream_rank = vec![0u32; order.len()];
        for (rank, stream) in order.iter().enumerate() {
            stream_rank[*stream as usize] = rank as u32;
        }
        let streams: Vec<Stream> = order.iter().map(|stream| (*self.stream_table[*stream as usize]).clone()).collect();

        let mut groups: Vec<u32> = (0..self.keys.keys.len() as u32).collect();
        groups.sort_by(|a, b| self.keys.keys[*a as usize].cmp(&self.keys.keys[*b as usize]));
        let mut starts = vec![0usize; groups.len()];
        let mut start = 0;
        for group in &groups {
            starts[*group as usize] = start;
            start += self.keys.rows[*group as usize] as usize;
        }
        let mut sorted: Vec<u32> = vec![0; self.rows.len()];
        let mut next = starts.clone();
        for (index, row) in self.rows.iter_mut().enumerate() {
            row.stream = stream_rank[row.stream as usize];
            let place = &mut next[row.group as usize];
            sorted[*place] = index as u32;
            *place += 1;
        }
        let mut buffer = RowSlots::default();
        for group in groups {
            let rows = self.keys.rows[group as usize] as usize;
            if rows == 0 {
                continue;
            }
            let encoded = &self.keys.keys[group as usize];
            let key = GroupKey::decode(encoded).ok_or(Error::Batch { position: 0 })?;
            writer.begin_group(encoded, &key);
            let members = &mut sorted[starts[group as usize]..starts[group as usize] + rows];
            members.sort_unstable_by_key(|index| {
                let row = &self.rows[*index as usize];
                (row.stream, row.timestamp, row.seq)
            });
            for index in members {
                let row = self.rows[*index as usize];
                let frame = frames[row.frame as usize];
                let record = frame.record_at(row.at as usize).ok_or(Error::Batch { position: frame.position })?;
                let spans = &self.spans[row.spans as usize..(row.spans + row.span_count) as usize];
                buffer.push(&mut writer, &row, &key, &record.parts, spans)?;
            }
        }
        writer.finish(&streams, received)
    }
}

/// Scratch space for the values that a row puts into slots.
#[derive(Default)]
struct RowSlots {
    observed: Vec<u8>,
    record: Vec<u8>,
}

impl RowSlots {
    fn push(
        &mut self,
        writer: &mut SegmentWriter,
        row: &Row,
        key: &GroupKey,
        parts: &RecordParts<'_>,
        spans: &[(u32, u32)],
    ) -> Result<()> {
        const INLINE: usize = group::SLOTS_MAX + group::SHAPE_ATTRIBUTES_MAX + 4;
        self.observed.clear();
        if let Some(observed) = parts.observed {
            put_signed(&mut self.observed, observed.0.wrapping_sub(parts.timestamp.0));
        }
        self.record.clear();
        if key.form == BodyForm::Record {
            group::put_record(parts, &mut self.record);
        }
        let mut slots: [&[u8]; INLINE] = [&[]; INLINE];
        let mut spans = spans.iter();
        let mut attributes = AttributesView(parts.attributes);
        for (slot, role) in slots.iter_mut().zip(&key.roles) {
            *slot = match role {
                SlotRole::Variable => {
                    spans.next().map_or(&[], |(start, end)| &parts.body[*start as usize..*end as usize])
                }
                SlotRole::Body => parts.body,
                SlotRole::Record => &self.record,
                SlotRole::Trace => parts.trace_id.as_ref().map_or(&[], |id| id.as_slice()),
                SlotRole::Span => parts.span_id.as_ref().map_or(&[], |id| id.as_slice()),
                SlotRole::Observed => &self.observed,
                SlotRole::Entities => parts.entities,
                SlotRole::Attribute(_) => attributes.next().map_or(&[], |attribute| attribute.value),
            };
        }
        writer.push(row.stream, row.timestamp, row.seq, &slots[..key.roles.len()])
    }
}
