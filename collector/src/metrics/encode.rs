//! Samples as one compressed request of remote write 2.0, written without intermediate objects.
//!
//! Source: `io/prometheus/write/v2/types.proto`, and Protocol Buffers' wire format.

use std::io;

use bytes::Bytes;
use orszem_model::varint::{put, put_bytes};
use orszem_model::{Histogram, Labels, Timestamp};
use orszem_scrape::{Exemplar, Metadata};
use zstd::bulk::Compressor;

use super::histogram::put_histogram;
use super::symbols::Symbols;
use crate::encode::{CompressError, Encoded};

/// A batch of so many bytes before compression is closed, so that with one more series it is still below 1 MiB.
const RAW_BYTES_MAX: usize = 960 << 10;
/// A batch of so many samples is closed.
const SAMPLES_MAX: u32 = 20_000;

/// Milliseconds to nanoseconds.
const MILLI: i64 = 1_000_000;

/// A sample of a series, with what goes with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'a> {
    pub(super) labels: &'a Labels,
    /// Milliseconds since 1970, UTC.
    pub(super) time: i64,
    pub(super) value: Value<'a>,
    pub(super) exemplars: &'a [&'a Exemplar],
    pub(super) metadata: Option<&'a Metadata>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(f64),
    Histogram(&'a Histogram),
    /// Only exemplars.
    None,
}

/// Gathers samples; its buffers and its compressor serve one batch after the other.
pub(super) struct WriteEncoder {
    symbols: Symbols,
    /// Fields `timeseries`, one after the other.
    series: Vec<u8>,
    message: Vec<u8>,
    inner: Vec<u8>,
    raw: Vec<u8>,
    compressor: Compressor<'static>,
    records: u32,
    range: Option<(i64, i64)>,
}

impl std::fmt::Debug for WriteEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteEncoder").field("records", &self.records).field("raw_len", &self.raw_len()).finish()
    }
}

impl WriteEncoder {
    /// An empty encoder that compresses with zstd's `level`. Errors: a level or a machine that zstd refuses.
    pub(super) fn new(level: i32) -> io::Result<Self> {
        Ok(Self {
            symbols: Symbols::new(),
            series: Vec::new(),
            message: Vec::new(),
            inner: Vec::new(),
            raw: Vec::new(),
            compressor: Compressor::new(level)?,
            records: 0,
            range: None,
        })
    }

    /// Adds a sample as a series of its own.
    pub(super) fn push(&mut self, point: &Point<'_>) {
        let Point { labels, time, value, exemplars, metadata } = *point;
        self.message.clear();
        self.put_references(labels);
        match value {
            Value::Number(value) => {
                self.inner.clear();
                self.inner.push(1 << 3 | 1);
                self.inner.extend_from_slice(&value.to_le_bytes());
                self.inner.push(2 << 3);
                put(&mut self.inner, time as u64);
                self.put_inner(2);
            }
            Value::Histogram(histogram) => {
                self.inner.clear();
                put_histogram(&mut self.inner, histogram, time);
                self.put_inner(3);
            }
            Value::None => {}
        }
        for exemplar in exemplars {
            self.put_exemplar(exemplar);
        }
        if let Some(Metadata { family: _, kind, help, unit }) = metadata {
            let (help, unit) = (self.symbols.number(help), self.symbols.number(unit));
            self.inner.clear();
            for (field, value) in [(1, *kind as u32), (3, help), (4, unit)] {
                self.inner.push(field << 3);
                put(&mut self.inner, u64::from(value));
            }
            self.put_inner(5);
        }
        self.series.push(5 << 3 | 2);
        put_bytes(&mut self.series, &self.message);
        let exemplars = u32::try_from(exemplars.len()).unwrap_or(u32::MAX);
        self.records = self.records.saturating_add(exemplars).saturating_add(u32::from(!matches!(value, Value::None)));
        let (first, last) = self.range.unwrap_or((time, time));
        self.range = Some((first.min(time), last.max(time)));
    }

    /// Whether the batch should be closed.
    pub(super) fn is_full(&self) -> bool {
        self.raw_len() >= RAW_BYTES_MAX || self.records >= SAMPLES_MAX
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The batch; the encoder is empty after it. On an error everything stays for another attempt.
    pub(super) fn finish(&mut self) -> Result<Encoded, CompressError> {
        self.raw.clear();
        self.raw.extend_from_slice(self.symbols.encoded());
        self.raw.extend_from_slice(&self.series);
        let raw_len = self.raw.len();
        let compressed = self.compressor.compress(&self.raw).map_err(|source| CompressError { raw_len, source })?;
        let (first, last) = self.range.take().unwrap_or((0, 0));
        let encoded = Encoded {
            payload: Bytes::from(compressed),
            hash: crc32c::crc32c(&self.raw),
            raw_len,
            records: self.records,
            first: Timestamp(first.saturating_mul(MILLI)),
            last: Timestamp(last.saturating_mul(MILLI)),
        };
        self.symbols.clear();
        self.series.clear();
        self.records = 0;
        Ok(encoded)
    }

    fn raw_len(&self) -> usize {
        self.symbols.encoded().len() + self.series.len()
    }

    fn put_exemplar(&mut self, exemplar: &Exemplar) {
        let message = std::mem::take(&mut self.message);
        self.put_references(&exemplar.labels);
        self.inner.clear();
        self.inner.append(&mut self.message);
        self.message = message;
        self.inner.push(2 << 3 | 1);
        self.inner.extend_from_slice(&exemplar.value.to_le_bytes());
        if let Some(time) = exemplar.time {
            self.inner.push(3 << 3);
            put(&mut self.inner, time as u64);
        }
        self.put_inner(4);
    }

    /// Appends the field `labels_refs` to the message.
    fn put_references(&mut self, labels: &Labels) {
        self.inner.clear();
        for (name, value) in labels {
            for text in [name, value] {
                put(&mut self.inner, u64::from(self.symbols.number(text)));
            }
        }
        self.put_inner(1);
    }

    /// Appends what was written as a field to the message.
    fn put_inner(&mut self, field: u8) {
        self.message.push(field << 3 | 2);
        put_bytes(&mut self.message, &self.inner);
    }
}
