//! The batch encoding, version 1: what a journal frame of records holds and what the memtable keeps.
//!
//! ```text
//! u8 version = 1 · signed received (ns) · signed base timestamp (ns)
//! n · n × stream (see `Stream::encode`)
//! n · n × record:
//!   stream index · signed timestamp − base · u8 severity · u8 flags
//!   [bytes severity text] [16 trace id] [8 span id] [signed observed − received] [bytes attributes] [bytes entities]
//!   bytes body
//! attributes: n × { bytes key · u8 type · bytes value }      entities: n × bytes
//! ```
//! Integers are [`crate::varint`]s. The frame's checksum is the journal's; a batch that does not decode is corrupt.

use std::borrow::Cow;

use crate::record::{Attribute, AttributeValue, Kind, Record};
use crate::varint::{put, put_bytes, put_signed, take, take_bytes, take_exact, take_signed};
use crate::{Severity, Stream, Timestamp};

/// The version this module writes.
pub const VERSION: u8 = 1;
/// The most records one batch may hold: the lower 20 bits of a sequence number.
pub const RECORDS_MAX: usize = 1 << 20;

const FLAG_SEVERITY_TEXT: u8 = 1;
const FLAG_TRACE: u8 = 2;
const FLAG_SPAN: u8 = 4;
const FLAG_OBSERVED: u8 = 8;
const FLAG_ATTRIBUTES: u8 = 16;
const FLAG_ENTITIES: u8 = 32;
const KIND_SHIFT: u8 = 6;

/// The type byte of an attribute's value; the value's bytes are its text (`Bytes`: the bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ValueType {
    String = 0,
    Integer = 1,
    Float = 2,
    Bool = 3,
    Null = 4,
    Json = 5,
    Bytes = 6,
}

impl ValueType {
    /// The type with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::String, Self::Integer, Self::Float, Self::Bool, Self::Null, Self::Json, Self::Bytes]
            .get(usize::from(code))
            .copied()
    }
}

/// Appends one attribute to an attribute list that starts without a count.
pub fn put_attribute(out: &mut Vec<u8>, key: &str, kind: ValueType, value: &[u8]) {
    put_bytes(out, key.as_bytes());
    out.push(kind as u8);
    put_bytes(out, value);
}

/// Encoded attributes, decoded while iterating. Equality is of the encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributesView<'a>(pub &'a [u8]);

/// One attribute, borrowed. `value` is the text of the value (`Bytes`: the bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeView<'a> {
    pub key: &'a str,
    pub kind: ValueType,
    pub value: &'a [u8],
}

impl<'a> Iterator for AttributesView<'a> {
    type Item = AttributeView<'a>;

    fn next(&mut self) -> Option<AttributeView<'a>> {
        let key = std::str::from_utf8(take_bytes(&mut self.0)?).ok()?;
        let kind = ValueType::from_code(take_exact(&mut self.0, 1)?[0])?;
        Some(AttributeView { key, kind, value: take_bytes(&mut self.0)? })
    }
}

/// Encoded entity ids, decoded while iterating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntitiesView<'a>(pub &'a [u8]);

impl<'a> Iterator for EntitiesView<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        std::str::from_utf8(take_bytes(&mut self.0)?).ok()
    }
}

/// A record borrowed from wherever it is kept: a batch, the memtable or a segment's decoded block.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    pub timestamp: Timestamp,
    pub observed: Timestamp,
    /// With the timestamp the total order of records.
    pub seq: u64,
    pub stream: &'a Stream,
    pub severity: Severity,
    pub severity_text: Option<&'a str>,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
    pub kind: Kind,
    pub attributes: AttributesView<'a>,
    pub entities: EntitiesView<'a>,
    pub body: &'a [u8],
}

impl RecordView<'_> {
    /// The body as text; bytes that are no UTF-8 become U+FFFD.
    pub fn body_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body)
    }

    /// An owned copy.
    pub fn to_record(&self) -> Record {
        Record {
            timestamp: self.timestamp,
            observed: Some(self.observed),
            stream: self.stream.clone(),
            severity: self.severity,
            severity_text: self.severity_text.map(str::to_owned),
            body: self.body.to_vec(),
            attributes: self.attributes.map(|a| a.to_attribute()).collect(),
            trace_id: self.trace_id,
            span_id: self.span_id,
            kind: self.kind,
            entities: self.entities.map(str::to_owned).collect(),
        }
    }
}

impl AttributeView<'_> {
    /// An owned copy.
    pub fn to_attribute(&self) -> Attribute {
        let text = || String::from_utf8_lossy(self.value).into_owned();
        let value = match self.kind {
            ValueType::String => AttributeValue::String(text()),
            ValueType::Integer => AttributeValue::Integer(text()),
            ValueType::Float => AttributeValue::Float(text()),
            ValueType::Bool => AttributeValue::Bool(self.value == b"true"),
            ValueType::Null => AttributeValue::Null,
            ValueType::Json => AttributeValue::Json(text()),
            ValueType::Bytes => AttributeValue::Bytes(self.value.to_vec()),
        };
        Attribute { key: self.key.to_owned(), value }
    }
}

/// The parts of a record that [`BatchBuilder::push`] needs, borrowed; `attributes` and `entities` are encoded.
#[derive(Clone, Copy, Debug)]
pub struct RecordParts<'a> {
    pub timestamp: Timestamp,
    pub observed: Option<Timestamp>,
    pub severity: Severity,
    pub severity_text: Option<&'a str>,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
    pub kind: Kind,
    pub attributes: &'a [u8],
    pub entities: &'a [u8],
    pub body: &'a [u8],
}

/// Collects records into one encoded batch.
#[derive(Debug)]
pub struct BatchBuilder {
    received: Timestamp,
    base: Option<Timestamp>,
    streams: Vec<u8>,
    stream_count: u64,
    records: Vec<u8>,
    record_count: usize,
}

impl BatchBuilder {
    /// An empty batch that was taken in at `received`.
    pub fn new(received: Timestamp) -> Self {
        Self { received, base: None, streams: Vec::new(), stream_count: 0, records: Vec::new(), record_count: 0 }
    }

    /// Adds a stream and returns the index that [`Self::push`] takes. The caller adds each stream once.
    pub fn add_stream(&mut self, stream: &Stream) -> u32 {
        stream.encode(&mut self.streams);
        self.stream_count += 1;
        (self.stream_count - 1) as u32
    }

    /// Appends a record of the stream with index `stream`.
    pub fn push(&mut self, stream: u32, parts: &RecordParts<'_>) {
        let base = *self.base.get_or_insert(parts.timestamp);
        let out = &mut self.records;
        put(out, u64::from(stream));
        put_signed(out, parts.timestamp.0.wrapping_sub(base.0));
        let mut flags = (parts.kind as u8) << KIND_SHIFT;
        flags |= if parts.severity_text.is_some() { FLAG_SEVERITY_TEXT } else { 0 };
        flags |= if parts.trace_id.is_some() { FLAG_TRACE } else { 0 };
        flags |= if parts.span_id.is_some() { FLAG_SPAN } else { 0 };
        flags |= if parts.observed.is_some() { FLAG_OBSERVED } else { 0 };
        flags |= if parts.attributes.is_empty() { 0 } else { FLAG_ATTRIBUTES };
        flags |= if parts.entities.is_empty() { 0 } else { FLAG_ENTITIES };
        out.push(parts.severity.number());
        out.push(flags);
        if let Some(text) = parts.severity_text {
            put_bytes(out, text.as_bytes());
        }
        if let Some(id) = parts.trace_id {
            out.extend_from_slice(&id);
        }
        if let Some(id) = parts.span_id {
            out.extend_from_slice(&id);
        }
        if let Some(observed) = parts.observed {
            put_signed(out, observed.0.wrapping_sub(self.received.0));
        }
        if !parts.attributes.is_empty() {
            put_bytes(out, parts.attributes);
        }
        if !parts.entities.is_empty() {
            put_bytes(out, parts.entities);
        }
        put_bytes(out, parts.body);
        self.record_count += 1;
    }

    /// Appends an owned record; `stream` is the index of its stream.
    pub fn push_record(&mut self, stream: u32, record: &Record) {
        let mut attributes = Vec::new();
        for attribute in &record.attributes {
            encode_attribute(&mut attributes, attribute);
        }
        let mut entities = Vec::new();
        for entity in &record.entities {
            put_bytes(&mut entities, entity.as_bytes());
        }
        self.push(
            stream,
            &RecordParts {
                timestamp: record.timestamp,
                observed: record.observed,
                severity: record.severity,
                severity_text: record.severity_text.as_deref(),
                trace_id: record.trace_id,
                span_id: record.span_id,
                kind: record.kind,
                attributes: &attributes,
                entities: &entities,
                body: &record.body,
            },
        );
    }

    /// The number of records pushed so far.
    pub fn len(&self) -> usize {
        self.record_count
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The size the encoded batch would have now, within a few bytes.
    pub fn encoded_len(&self) -> usize {
        self.streams.len() + self.records.len() + 32
    }

    /// The encoded batch.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(VERSION);
        put_signed(&mut out, self.received.0);
        put_signed(&mut out, self.base.unwrap_or(self.received).0);
        put(&mut out, self.stream_count);
        out.extend_from_slice(&self.streams);
        put(&mut out, self.record_count as u64);
        out.extend_from_slice(&self.records);
        out
    }
}

/// Appends an owned attribute in its encoding.
pub fn encode_attribute(out: &mut Vec<u8>, attribute: &Attribute) {
    let (kind, value): (ValueType, &[u8]) = match &attribute.value {
        AttributeValue::String(text) => (ValueType::String, text.as_bytes()),
        AttributeValue::Integer(text) => (ValueType::Integer, text.as_bytes()),
        AttributeValue::Float(text) => (ValueType::Float, text.as_bytes()),
        AttributeValue::Bool(true) => (ValueType::Bool, b"true"),
        AttributeValue::Bool(false) => (ValueType::Bool, b"false"),
        AttributeValue::Null => (ValueType::Null, b""),
        AttributeValue::Json(text) => (ValueType::Json, text.as_bytes()),
        AttributeValue::Bytes(bytes) => (ValueType::Bytes, bytes),
    };
    put_attribute(out, &attribute.key, kind, value);
}

/// Encodes owned records as one batch, each stream once. Convenience for sources and tests.
pub fn encode_records(received: Timestamp, records: &[Record]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(received);
    let mut known: Vec<&Stream> = Vec::new();
    for record in records {
        let index = match known.iter().position(|stream| **stream == record.stream) {
            Some(index) => index as u32,
            None => {
                known.push(&record.stream);
                builder.add_stream(&record.stream)
            }
        };
        builder.push_record(index, record);
    }
    builder.finish()
}

/// The header and streams of an encoded batch; its records are read with [`Self::records`].
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    pub received: Timestamp,
    pub base: Timestamp,
    pub streams: Vec<Stream>,
    pub record_count: usize,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Reads the header; `None` when the bytes are no batch of a version this build knows.
    pub fn decode(mut input: &'a [u8]) -> Option<Self> {
        if take_exact(&mut input, 1)?[0] != VERSION {
            return None;
        }
        let received = Timestamp(take_signed(&mut input)?);
        let base = Timestamp(take_signed(&mut input)?);
        let stream_count = take(&mut input)?;
        let mut streams = Vec::with_capacity(stream_count.min(4096) as usize);
        for _ in 0..stream_count {
            streams.push(Stream::decode(&mut input)?);
        }
        let record_count = usize::try_from(take(&mut input)?).ok().filter(|n| *n <= RECORDS_MAX)?;
        Some(Self { received, base, streams, record_count, records: input })
    }

    /// The records in order, each with its stream's index. Ends early at the first that does not decode;
    /// a whole batch yields `record_count` of them.
    pub fn records(&self) -> Records<'a> {
        Records { input: self.records, received: self.received, base: self.base, left: self.record_count }
    }
}

/// One record of a batch, before its stream is looked up.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    pub stream: u32,
    pub parts: RecordParts<'a>,
    /// `parts.observed`, or the batch's time.
    pub observed: Timestamp,
}

impl<'a> RawRecord<'a> {
    /// Joins it with its stream and sequence number.
    pub fn view(&self, stream: &'a Stream, seq: u64) -> RecordView<'a> {
        RecordView {
            timestamp: self.parts.timestamp,
            observed: self.observed,
            seq,
            stream,
            severity: self.parts.severity,
            severity_text: self.parts.severity_text,
            trace_id: self.parts.trace_id,
            span_id: self.parts.span_id,
            kind: self.parts.kind,
            attributes: AttributesView(self.parts.attributes),
            entities: EntitiesView(self.parts.entities),
            body: self.parts.body,
        }
    }
}

/// Iterates over the records of a batch. See [`Batch::records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    input: &'a [u8],
    received: Timestamp,
    base: Timestamp,
    left: usize,
}

impl<'a> Records<'a> {
    /// The bytes not yet read; the difference between two calls is where a record lies.
    pub fn remaining(&self) -> usize {
        self.input.len()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RawRecord<'a>;

    fn next(&mut self) -> Option<RawRecord<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        decode_record(&mut self.input, self.received, self.base)
    }
}

/// Reads one record from the front of `input`, which lies in a batch with this receive time and base.
pub fn decode_record<'a>(input: &mut &'a [u8], received: Timestamp, base: Timestamp) -> Option<RawRecord<'a>> {
    let stream = u32::try_from(take(input)?).ok()?;
    let timestamp = Timestamp(base.0.wrapping_add(take_signed(input)?));
    let head = take_exact(input, 2)?;
    let severity = Severity::from_number(head[0])?;
    let flags = head[1];
    let kind = Kind::from_code(flags >> KIND_SHIFT)?;
    let severity_text = match flags & FLAG_SEVERITY_TEXT {
        0 => None,
        _ => Some(std::str::from_utf8(take_bytes(input)?).ok()?),
    };
    let trace_id = match flags & FLAG_TRACE {
        0 => None,
        _ => Some(take_exact(input, 16)?.try_into().ok()?),
    };
    let span_id = match flags & FLAG_SPAN {
        0 => None,
        _ => Some(take_exact(input, 8)?.try_into().ok()?),
    };
    let observed = match flags & FLAG_OBSERVED {
        0 => None,
        _ => Some(Timestamp(received.0.wrapping_add(take_signed(input)?))),
    };
    let attributes: &[u8] = if flags & FLAG_ATTRIBUTES == 0 { &[] } else { take_bytes(input)? };
    let entities: &[u8] = if flags & FLAG_ENTITIES == 0 { &[] } else { take_bytes(input)? };
    let body = take_bytes(input)?;
    Some(RawRecord {
        stream,
        observed: observed.unwrap_or(received),
        parts: RecordParts {
            timestamp,
            observed,
            severity,
            severity_text,
            trace_id,
            span_id,
            kind,
            attributes,
            entities,
            body,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    fn sample() -> Vec<Record> {
        let stream = |host| Stream { tenant: 0, class: "default".into(), labels: Labels::from([("host", host)]) };
        let mut full = Record::line(Timestamp(5), stream("db1"), *b"caf\xff");
        full.observed = Some(Timestamp(9));
        full.severity = Severity::WARN;
        full.severity_text = Some("WARNING".into());
        full.trace_id = Some([7; 16]);
        full.span_id = Some([8; 8]);
        full.kind = Kind::Event;
        full.entities = vec!["host/db1".into(), "drbd/r0".into()];
        full.attributes = vec![
            Attribute { key: "status".into(), value: AttributeValue::Integer("500".into()) },
            Attribute { key: "ok".into(), value: AttributeValue::Bool(false) },
            Attribute { key: "raw".into(), value: AttributeValue::Bytes(vec![0, 255]) },
        ];
        vec![full, Record::line(Timestamp(-3), stream("db2"), Vec::new())]
    }

    #[test]
    fn a_batch_round_trips() {
        let records = sample();
        let bytes = encode_records(Timestamp(100), &records);
        let batch = Batch::decode(&bytes).expect("decodes");
        let back: Vec<Record> =
            batch.records().map(|raw| raw.view(&batch.streams[raw.stream as usize], 0).to_record()).collect();
        let mut expected = records;
        expected[1].observed = Some(Timestamp(100));
        assert_eq!(back, expected);
    }

    #[test]
    fn a_cut_batch_never_yields_all_records() {
        let bytes = encode_records(Timestamp(100), &sample());
        for end in 0..bytes.len() {
            let complete = Batch::decode(&bytes[..end]).is_some_and(|b| b.records().count() == b.record_count);
            assert!(!complete, "cut at {end}");
        }
    }
}
