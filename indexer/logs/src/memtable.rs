//! The memtable: batches that are durable in the journal and not yet in a segment, kept as they were encoded.
//!
//! It is searched by evaluating the query on every record, so a batch is visible as soon as it was added.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use orszem_model::wire::{Batch, RawRecord, decode_record};
use orszem_model::{Stream, Timestamp};

use crate::error::{Error, Result};

/// Batches in a page; a view shares whole pages.
const PAGE: usize = 256;

/// One applied batch.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) position: u64,
    pub(crate) received: Timestamp,
    base: Timestamp,
    payload: Bytes,
    records_at: usize,
    pub(crate) count: usize,
    pub(crate) streams: Vec<Arc<Stream>>,
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
}

impl Frame {
    fn decode(position: u64, payload: Bytes, known: &mut HashSet<Arc<Stream>>) -> Result<Self> {
        let corrupt = || Error::Batch { position };
        let batch = Batch::decode(&payload).ok_or_else(corrupt)?;
        let (mut count, mut min_ts, mut max_ts) = (0, i64::MAX, i64::MIN);
        let mut records = batch.records();
        let records_at = payload.len() - records.remaining();
        for record in &mut records {
            if record.stream as usize >= batch.streams.len() {
                return Err(corrupt());
            }
            count += 1;
            min_ts = min_ts.min(record.parts.timestamp.0);
            max_ts = max_ts.max(record.parts.timestamp.0);
        }
        if count != batch.record_count {
            return Err(corrupt());
        }
        let (received, base) = (batch.received, batch.base);
        let streams = batch.streams.into_iter().map(|stream| intern(known, stream)).collect();
        Ok(Self { position, received, base, payload, records_at, count, streams, min_ts, max_ts })
    }

    /// The encoded bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len()
    }

    /// The records with their sequence numbers and their places in the frame.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, usize, RawRecord<'_>)> {
        let mut rest = &self.payload[self.records_at..];
        (0..self.count as u64).map_while(move |index| {
            let at = self.payload.len() - rest.len();
            let record = decode_record(&mut rest, self.received, self.base)?;
            Some(((self.position << 20) | index, at, record))
        })
    }

    /// The record at a place that [`Self::records`] gave.
    pub(crate) fn record_at(&self, at: usize) -> Option<RawRecord<'_>> {
        decode_record(&mut self.payload.get(at..)?, self.received, self.base)
    }
}

fn intern(known: &mut HashSet<Arc<Stream>>, stream: Stream) -> Arc<Stream> {
    if let Some(found) = known.get(&stream) {
        return Arc::clone(found);
    }
    let stream = Arc::new(stream);
    known.insert(Arc::clone(&stream));
    stream
}

/// An unchanging view of a memtable's batches, in the order they were applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pages: Vec<Arc<Vec<Arc<Frame>>>>,
    pub(crate) bytes: usize,
    pub(crate) rows: u64,
}

impl View {
    pub(crate) fn frames(&self) -> impl DoubleEndedIterator<Item = &Arc<Frame>> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

/// The memtable that takes writes.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    view: View,
    streams: HashSet<Arc<Stream>>,
}

impl Memtable {
    /// Adds a batch; refuses one that does not decode and changes nothing then.
    pub(crate) fn add(&mut self, position: u64, payload: impl Into<Bytes>) -> Result<Arc<Frame>> {
        let payload = payload.into();
        let bytes = payload.len();
        let frame = Arc::new(Frame::decode(position, payload, &mut self.streams)?);
        match self.view.pages.last_mut() {
            Some(page) if page.len() < PAGE => Arc::make_mut(page).push(Arc::clone(&frame)),
            _ => self.view.pages.push(Arc::new(vec![Arc::clone(&frame)])),
        }
        self.view.bytes += bytes;
        self.view.rows += frame.count as u64;
        Ok(frame)
    }

    /// A view that later additions do not change.
    pub(crate) fn view(&self) -> View {
        self.view.clone()
    }

    /// The encoded bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.view.bytes
    }

    /// The records held.
    pub(crate) fn rows(&self) -> u64 {
        self.view.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orszem_model::wire::encode_records;
    use orszem_model::{Labels, Record};

    fn batch(body: &str) -> Vec<u8> {
        let stream = Stream { tenant: 0, class: "default".into(), labels: Labels::from([("host", "a")]) };
        encode_records(Timestamp(1), &[Record::line(Timestamp(7), stream, body)])
    }

    #[test]
    fn a_view_does_not_see_what_comes_later() {
        let mut memtable = Memtable::default();
        for position in 0..300 {
            memtable.add(position, batch("x")).expect("sound");
        }
        let view = memtable.view();
        memtable.add(300, batch("y")).expect("sound");
        assert_eq!(view.frames().count(), 300);
        assert_eq!(memtable.view().frames().next_back().map(|frame| frame.position), Some(300));
        assert_eq!(memtable.view().rows, 301);
    }

    #[test]
    fn a_corrupt_batch_is_refused_and_leaves_nothing() {
        let mut memtable = Memtable::default();
        let mut bytes = batch("x");
        bytes.pop();
        assert!(memtable.add(1, bytes).is_err());
        assert!(memtable.view().is_empty());
    }
}
