//! Records as one compressed OTLP export request, written without intermediate objects.
//!
//! Source: `opentelemetry/proto/{collector/logs,logs,resource,common}/v1` 1.x, and Protocol Buffers' wire format.

mod attribute;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use orszem_model::varint::{put, put_bytes};
use orszem_model::{Kind, Severity, Timestamp};
use orszem_parse::Value;
use zstd::bulk::Compressor;

use attribute::{bytes_len, put_attribute, put_text, put_texts};

/// The record attribute that says which kind it is; a log has none.
const KIND: &str = "orszem.kind";
/// The record attribute with the entities that the record tells of, an array of strings.
const ENTITIES: &str = "orszem.entities";
/// A resource attribute with this prefix is the stream label behind it.
const LABEL_PREFIX: &str = "orszem.label.";
/// Labels that have a name of their own in OpenTelemetry's semantic conventions; the server turns it back.
const CONVENTIONAL: [(&str, &str); 13] = [
    ("service", "service.name"),
    ("service_namespace", "service.namespace"),
    ("host", "host.name"),
    ("env", "deployment.environment.name"),
    ("region", "cloud.region"),
    ("cluster", "k8s.cluster.name"),
    ("namespace", "k8s.namespace.name"),
    ("pod", "k8s.pod.name"),
    ("container", "k8s.container.name"),
    ("node", "k8s.node.name"),
    ("os", "os.type"),
    ("unit", "systemd.unit"),
    ("file", "log.file.path"),
];
/// What a stream takes in the request besides its records and resource, at most: two tags with their lengths.
const STREAM_OVERHEAD: usize = 12;
/// The most bytes of emptied buffers that are kept for the next batch.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// One record, borrowed from wherever it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordParts<'a> {
    /// Moments before 1970 cannot be told in OTLP; they become its first nanosecond.
    pub(crate) timestamp: Timestamp,
    /// When it was read, where that is told.
    pub(crate) observed: Option<Timestamp>,
    pub(crate) severity: Severity,
    pub(crate) severity_text: Option<&'a str>,
    /// The line; sent as text if it is UTF-8, else as bytes.
    pub(crate) body: &'a [u8],
    pub(crate) attributes: &'a [(Cow<'a, str>, Value<'a>)],
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) kind: Kind,
    pub(crate) entities: &'a [Cow<'a, str>],
}

/// A batch, ready to be queued and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// An `ExportLogsServiceRequest`, or a request of remote write 2.0, zstd-compressed.
    pub(crate) payload: Bytes,
    /// The crc32c of the request before compression.
    pub(crate) hash: u32,
    /// Its size before compression.
    pub(crate) raw_len: usize,
    pub(crate) records: u32,
    /// The earliest and the latest record; both 0 without records.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// A batch that could not be compressed; its records stay in the encoder.
#[derive(Debug, thiserror::Error)]
#[error("can't compress a batch of {raw_len} bytes")]
pub(crate) struct CompressError {
    pub(crate) raw_len: usize,
    #[source]
    pub(crate) source: io::Error,
}

/// Gathers records by stream; its buffers and its compressor serve one batch after the other.
pub(crate) struct BatchEncoder {
    /// The streams of this batch, by slot.
    streams: Vec<StreamBuffer>,
    slots: HashMap<Box<[u8]>, u32>,
    /// The labels of the stream asked for last, as in `slots`, and its slot.
    last_key: Vec<u8>,
    last_slot: Option<u32>,
    key: Vec<u8>,
    /// The attributes of the record at hand.
    attributes: Vec<u8>,
    spare: Vec<Vec<u8>>,
    raw: Vec<u8>,
    compressed: Vec<u8>,
    compressor: Compressor<'static>,
    raw_len: usize,
    records: u32,
    range: Option<(Timestamp, Timestamp)>,
}

impl std::fmt::Debug for BatchEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchEncoder").field("records", &self.records).field("raw_len", &self.raw_len).finish()
    }
}

/// What one `ResourceLogs` will hold.
struct StreamBuffer {
    /// The field `resource`, whole.
    resource: Vec<u8>,
    /// Fields `log_records`, one after the other.
    records: Vec<u8>,
}

impl BatchEncoder {
    /// An empty encoder that compresses with zstd's `level`. Errors: a level or a machine that zstd refuses.
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        Ok(Self {
            streams: Vec::new(),
            slots: HashMap::new(),
            last_key: Vec::new(),
            last_slot: None,
            key: Vec::new(),
            attributes: Vec::new(),
            spare: Vec::new(),
            raw: Vec::new(),
            compressed: Vec::new(),
            compressor: Compressor::new(level)?,
            raw_len: 0,
            records: 0,
            range: None,
        })
    }

    /// The slot of the stream with these labels, until the batch is finished. A label without a value is none.
    pub(crate) fn stream<N: AsRef<str>, V: AsRef<str>>(&mut self, labels: &[(N, V)]) -> u32 {
        self.key.clear();
        for (name, value) in labels {
            put_bytes(&mut self.key, name.as_ref().as_bytes());
            put_bytes(&mut self.key, value.as_ref().as_bytes());
        }
        if let Some(slot) = self.last_slot.filter(|_| self.key == self.last_key) {
            return slot;
        }
        let slot = match self.slots.get(self.key.as_slice()) {
            Some(slot) => *slot,
            None => self.add_stream(labels),
        };
        std::mem::swap(&mut self.key, &mut self.last_key);
        self.last_slot = Some(slot);
        slot
    }

    fn add_stream<N: AsRef<str>, V: AsRef<str>>(&mut self, labels: &[(N, V)]) -> u32 {
        self.attributes.clear();
        for (name, value) in labels {
            put_label(&mut self.attributes, name.as_ref(), value.as_ref());
        }
        let mut resource = Vec::with_capacity(self.attributes.len() + 6);
        resource.push(field(1));
        put_bytes(&mut resource, &self.attributes);
        self.raw_len += resource.len() + STREAM_OVERHEAD;
        let slot = self.streams.len() as u32;
        self.streams.push(StreamBuffer { resource, records: self.spare.pop().unwrap_or_default() });
        self.slots.insert(self.key.as_slice().into(), slot);
        slot
    }

    /// Adds a record to the stream at `slot`.
    ///
    /// Panics when [`Self::stream`] did not give `slot` for this batch.
    pub(crate) fn push(&mut self, slot: u32, record: &RecordParts<'_>) {
        self.attributes.clear();
        for (key, value) in record.attributes {
            put_attribute(&mut self.attributes, key, value);
        }
        if record.kind != Kind::Log {
            put_text(&mut self.attributes, field(6), KIND, record.kind.name());
        }
        if !record.entities.is_empty() {
            put_texts(&mut self.attributes, ENTITIES, record.entities);
        }
        let out = &mut self.streams[slot as usize].records;
        let before = out.len();
        put_record(out, record, &self.attributes);
        self.raw_len += out.len() - before;
        self.records += 1;
        let timestamp = record.timestamp;
        self.range = Some(match self.range {
            Some((first, last)) => (first.min(timestamp), last.max(timestamp)),
            None => (timestamp, timestamp),
        });
    }

    /// The size of the request so far, before compression; at most 12 bytes a stream too high.
    pub(crate) fn raw_len(&self) -> usize {
        self.raw_len
    }

    /// Records so far.
    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    /// Whether no record was pushed.
    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The batch; the encoder is empty after it and its slots are void. Without records it is an empty request.
    pub(crate) fn finish(&mut self) -> Result<Encoded, CompressError> {
        self.raw.clear();
        self.raw.reserve(self.raw_len);
        for stream in self.streams.iter().filter(|stream| !stream.records.is_empty()) {
            let scope_len = stream.records.len();
            self.raw.push(field(1));
            put(&mut self.raw, (stream.resource.len() + 1 + bytes_len(scope_len)) as u64);
            self.raw.extend_from_slice(&stream.resource);
            self.raw.push(field(2));
            put_bytes(&mut self.raw, &stream.records);
        }
        let raw_len = self.raw.len();
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(raw_len));
        self.compressor
            .compress_to_buffer(self.raw.as_slice(), &mut self.compressed)
            .map_err(|source| CompressError { raw_len, source })?;
        let (first, last) = self.range.take().unwrap_or((Timestamp(0), Timestamp(0)));
        let encoded = Encoded {
            payload: Bytes::copy_from_slice(&self.compressed),
            hash: crc32c::crc32c(&self.raw),
            raw_len,
            records: self.records,
            first,
            last,
        };
        self.clear();
        Ok(encoded)
    }

    /// Empties everything; keeps buffers up to a limit.
    fn clear(&mut self) {
        let mut kept: usize = self.spare.iter().map(Vec::capacity).sum();
        for StreamBuffer { mut records, .. } in self.streams.drain(..) {
            kept += records.capacity();
            if kept > KEPT_BYTES_MAX {
                break;
            }
            records.clear();
            self.spare.push(records);
        }
        for buffer in [&mut self.raw, &mut self.compressed, &mut self.attributes] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES_MAX);
        }
        self.slots.clear();
        self.last_slot = None;
        self.raw_len = 0;
        self.records = 0;
    }
}

/// The tag of a length-delimited field, 1 to 15.
const fn field(number: u8) -> u8 {
    number << 3 | 2
}

/// Appends the resource attribute that the server turns into the label.
fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.is_empty() || name.is_empty() {
        return;
    }
    match CONVENTIONAL.iter().find(|(label, _)| *label == name) {
        Some((_, key)) => put_text(out, field(1), key, value),
        None => put_text(out, field(1), &format!("{LABEL_PREFIX}{name}"), value),
    }
}

/// Appends a `LogRecord` as the field `log_records` of its scope; `attributes` are its fields `attributes`.
fn put_record(out: &mut Vec<u8>, record: &RecordParts<'_>, attributes: &[u8]) {
    let severity = record.severity.number();
    let text = record.severity_text.unwrap_or("");
    let body = record.body;
    let length = 9
        + if severity > 0 { 2 } else { 0 }
        + if text.is_empty() { 0 } else { 1 + bytes_len(text.len()) }
        + 1
        + bytes_len(1 + bytes_len(body.len()))
        + attributes.len()
        + record.trace_id.map_or(0, |_| 18)
        + record.span_id.map_or(0, |_| 10)
        + record.observed.map_or(0, |_| 9);
    out.reserve(length + 6);
    out.push(field(2));
    put(out, length as u64);
    out.push(1 << 3 | 1);
    out.extend_from_slice(&nanos(record.timestamp));
    if severity > 0 {
        out.extend_from_slice(&[2 << 3, severity]);
    }
    if !text.is_empty() {
        out.push(field(3));
        put_bytes(out, text.as_bytes());
    }
    out.push(field(5));
    put(out, (1 + bytes_len(body.len())) as u64);
    out.push(if std::str::from_utf8(body).is_ok() { field(1) } else { field(7) });
    put_bytes(out, body);
    out.extend_from_slice(attributes);
    if let Some(id) = &record.trace_id {
        out.push(field(9));
        put_bytes(out, id);
    }
    if let Some(id) = &record.span_id {
        out.push(field(10));
        put_bytes(out, id);
    }
    if let Some(observed) = record.observed {
        out.push(11 << 3 | 1);
        out.extend_from_slice(&nanos(observed));
    }
}

/// A moment as OTLP has it; 0 would say that there is none.
fn nanos(at: Timestamp) -> [u8; 8] {
    at.0.max(1).to_le_bytes()
}
