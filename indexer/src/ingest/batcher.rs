//! Writes normalised records into encoded batches, each stream once a batch.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use orszem_model::varint::{put_bytes, take_bytes};
use orszem_model::wire::{BatchBuilder, RecordParts, ValueType, put_attribute};
use orszem_model::{Labels, Stream};
use xxhash_rust::xxh3::xxh3_64;

use super::error::IngestError;
use super::limits::BATCH_BYTES_MAX;
use super::normalise::{check_labels, check_time, class_of};
use super::rejection::{Reason, Rejected, Rejections};
use super::{Context, Decoded, OVERFLOW_LABEL};

/// What a record and its stream take besides their own bytes, at most.
const OVERHEAD_BYTES: usize = 256;

/// Collects the records of one request.
///
/// A record's labels are given first, [`Self::clear_labels`] and [`Self::label`] for each, then [`Self::push`]; they
/// stay for the next record unless cleared.
#[derive(Debug)]
pub(super) struct Batcher<'c> {
    context: &'c Context<'c>,
    builder: BatchBuilder,
    /// The labels of the record to come: names and values behind their lengths, in the order they were given.
    key: Vec<u8>,
    last_key: Vec<u8>,
    last: Option<Place>,
    /// This batch's streams by `key`; several keys may stand for one stream.
    by_key: HashMap<Box<[u8]>, Place>,
    /// This batch's streams by their encoding.
    by_encoding: HashMap<Box<[u8]>, u32>,
    /// Hashes of the request's streams.
    request_streams: HashSet<u64>,
    with_labels: Vec<u8>,
    batches: Vec<Vec<u8>>,
    accepted: usize,
    overflowed: usize,
    rejections: Rejections,
}

/// Where the records of a label set go.
#[derive(Clone, Copy, Debug)]
struct Place {
    stream: u32,
    is_overflow: bool,
}

/// Why a record was not pushed: it alone, or the whole request.
pub(super) enum Refused {
    Record(Rejected),
    Request(IngestError),
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        Self::Record(rejected)
    }
}

impl<'c> Batcher<'c> {
    pub(super) fn new(context: &'c Context<'c>) -> Self {
        Self {
            context,
            builder: BatchBuilder::new(context.now),
            key: Vec::new(),
            last_key: Vec::new(),
            last: None,
            by_key: HashMap::new(),
            by_encoding: HashMap::new(),
            request_streams: HashSet::new(),
            with_labels: Vec::new(),
            batches: Vec::new(),
            accepted: 0,
            overflowed: 0,
            rejections: Rejections::default(),
        }
    }

    /// Starts the labels of another record.
    pub(super) fn clear_labels(&mut self) {
        self.key.clear();
    }

    /// Adds a label; of two with one name the later counts. A label without a value is none.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            put_bytes(&mut self.key, name.as_bytes());
            put_bytes(&mut self.key, value.as_bytes());
        }
    }

    /// Appends a record with the labels given before it, or counts it as rejected; `place` and `raw` make the sample.
    /// An error refuses the whole request.
    #[inline]
    pub(super) fn push(&mut self, parts: &RecordParts<'_>, place: impl Display, raw: &[u8]) -> Result<(), IngestError> {
        match self.try_push(parts) {
            Ok(()) => Ok(()),
            Err(Refused::Record(rejected)) => {
                self.reject(&rejected, place, raw);
                Ok(())
            }
            Err(Refused::Request(error)) => Err(error),
        }
    }

    /// Counts a record that never got as far as [`Self::push`].
    pub(super) fn reject(&mut self, rejected: &Rejected, place: impl Display, raw: &[u8]) {
        self.rejections.add(rejected, place, raw);
    }

    /// Appends a record with the labels given before it, or tells why not; nothing is counted as rejected.
    pub(super) fn try_push(&mut self, parts: &RecordParts<'_>) -> Result<(), Refused> {
        let limits = self.context.limits;
        check_time(parts.timestamp, self.context.now, limits)?;
        if parts.body.len() > limits.record_bytes_max {
            let detail = format!("a text of {} bytes is over {}", parts.body.len(), limits.record_bytes_max);
            return Err(Rejected::new(Reason::RecordTooLarge, detail).into());
        }
        let variable = parts.body.len()
            + parts.attributes.len()
            + parts.entities.len()
            + parts.severity_text.map_or(0, str::len)
            + 2 * self.key.len()
            + OVERHEAD_BYTES;
        if variable > BATCH_BYTES_MAX {
            let detail = format!("the record takes {variable} bytes with its attributes, over {BATCH_BYTES_MAX}");
            return Err(Rejected::new(Reason::RecordTooLarge, detail).into());
        }
        if self.builder.encoded_len() + variable > BATCH_BYTES_MAX {
            self.flush();
        }
        let place = match self.last {
            Some(place) if self.last_key == self.key => place,
            _ => self.resolve()?,
        };
        if place.is_overflow {
            self.with_labels.clear();
            for (name, value) in pairs(&self.key) {
                put_attribute(&mut self.with_labels, &name, ValueType::String, value.as_bytes());
            }
            self.with_labels.extend_from_slice(parts.attributes);
            self.builder.push(place.stream, &RecordParts { attributes: &self.with_labels, ..*parts });
            self.overflowed += 1;
        } else {
            self.builder.push(place.stream, parts);
        }
        self.accepted += 1;
        Ok(())
    }

    fn resolve(&mut self) -> Result<Place, Refused> {
        let place = match self.by_key.get(self.key.as_slice()) {
            Some(place) => *place,
            None => {
                let place = self.admit()?;
                self.by_key.insert(self.key.as_slice().into(), place);
                place
            }
        };
        self.last_key.clone_from(&self.key);
        self.last = Some(place);
        Ok(place)
    }

    /// Decides which stream the labels of `key` belong to.
    fn admit(&mut self) -> Result<Place, Refused> {
        let limits = self.context.limits;
        let pairs: Vec<(String, String)> = pairs(&self.key).collect();
        check_labels(&pairs, limits)?;
        let stream = self.stream(Labels::new(pairs));
        let mut encoding = Vec::with_capacity(self.key.len() + 32);
        stream.encode(&mut encoding);
        let hash = xxh3_64(&encoding);
        if self.request_streams.len() >= limits.request_streams_max && !self.request_streams.contains(&hash) {
            return Err(Refused::Request(IngestError::too_many_streams(limits.request_streams_max)));
        }
        self.request_streams.insert(hash);
        if self.context.streams.admit(stream.tenant, hash, self.context.now) {
            return Ok(Place { stream: self.index_of(&stream, encoding), is_overflow: false });
        }
        let overflow = self.stream(Labels::from([(OVERFLOW_LABEL, "true")]));
        encoding.clear();
        overflow.encode(&mut encoding);
        Ok(Place { stream: self.index_of(&overflow, encoding), is_overflow: true })
    }

    fn stream(&self, labels: Labels) -> Stream {
        let class = class_of(&labels, self.context.limits).to_owned();
        Stream { tenant: self.context.tenant, class, labels }
    }

    fn index_of(&mut self, stream: &Stream, encoding: Vec<u8>) -> u32 {
        if let Some(index) = self.by_encoding.get(encoding.as_slice()) {
            return *index;
        }
        let index = self.builder.add_stream(stream);
        self.by_encoding.insert(encoding.into(), index);
        index
    }

    fn flush(&mut self) {
        let full = std::mem::replace(&mut self.builder, BatchBuilder::new(self.context.now));
        if !full.is_empty() {
            self.batches.push(full.finish());
        }
        self.by_key.clear();
        self.by_encoding.clear();
        self.last = None;
    }

    /// The batches and counts of the request.
    pub(super) fn finish(mut self, body_bytes: usize, repaired: usize) -> Decoded {
        self.flush();
        Decoded {
            batches: self.batches,
            accepted: self.accepted,
            rejected: self.rejections.finish(),
            overflowed: self.overflowed,
            repaired,
            body_bytes,
        }
    }

    /// Records accepted so far.
    pub(super) fn accepted(&self) -> usize {
        self.accepted
    }
}

/// The labels that [`Batcher::label`] wrote.
fn pairs(mut key: &[u8]) -> impl Iterator<Item = (String, String)> {
    std::iter::from_fn(move || {
        let name = take_bytes(&mut key)?;
        let value = take_bytes(&mut key)?;
        Some((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()))
    })
}
