//! Live tail: what was just applied, kept for a moment in a bounded ring that every client reads at its own pace.
//!
//! A client that falls behind the ring learns how many records it missed; it never holds up anyone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use orszem_logs::Row;
use orszem_model::wire::Batch;
use orszem_search::Query;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;

use crate::shared::Shared;
use crate::wake::lock;

/// Encoded bytes kept for slow clients. One frame is always kept, whatever its size.
const RING_BYTES_MAX: usize = if cfg!(test) { 32 << 10 } else { 16 << 20 };
/// Frames up to this size are searched on the async thread; larger ones would hold it up.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// What a tail client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailItem {
    /// Matching records in the order they were applied; never empty.
    Records(Vec<Row>),
    /// The client was too slow for this many records, matching or not.
    Dropped(u64),
}

/// Where applied frames are published. Costs nothing while nobody listens.
pub(crate) struct Tail {
    ring: Mutex<Ring>,
    /// Counts changes of the ring.
    changed: watch::Sender<u64>,
    clients: AtomicUsize,
    dropped: Counter,
}

#[derive(Default)]
struct Ring {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// The number of the first frame in the ring.
    first: u64,
    /// Records published so far.
    records: u64,
    is_closed: bool,
}

/// One applied batch.
struct Frame {
    position: u64,
    payload: Bytes,
    /// Records published before it.
    records_before: u64,
    records: u64,
}

impl Tail {
    pub(crate) fn new(dropped: Counter) -> Self {
        Self { ring: Mutex::default(), changed: watch::Sender::new(0), clients: AtomicUsize::new(0), dropped }
    }

    /// Shows frames, given by position, to all clients.
    pub(crate) fn publish(&self, frames: &[(u64, Bytes)]) {
        if frames.is_empty() || self.clients() == 0 {
            return;
        }
        let mut ring = lock(&self.ring);
        for (position, payload) in frames {
            let records = Batch::decode(payload).map_or(0, |batch| batch.record_count as u64);
            let records_before = ring.records;
            ring.push(Frame { position: *position, payload: payload.clone(), records_before, records });
        }
        drop(ring);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Ends all clients.
    pub(crate) fn close(&self) {
        lock(&self.ring).is_closed = true;
        self.changed.send_modify(|version| *version += 1);
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }
}

impl Ring {
    fn push(&mut self, frame: Frame) {
        self.bytes += frame.payload.len();
        self.records += frame.records;
        self.frames.push_back(Arc::new(frame));
        while self.bytes > RING_BYTES_MAX && self.frames.len() > 1 {
            let Some(gone) = self.frames.pop_front() else { return };
            self.bytes -= gone.payload.len();
            self.first += 1;
        }
    }

    fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    fn clear(&mut self) {
        self.first = self.end();
        self.frames.clear();
        self.bytes = 0;
    }
}

/// Follows what one tenant's query matches, from the moment it was made. Costs memory only while it is asked.
pub struct TailClient {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    query: Arc<Query>,
    tenant: u32,
    /// The number of the frame to look at next.
    next: u64,
    /// Records published before that frame.
    records_seen: u64,
}

enum Waiting {
    Frame(Arc<Frame>),
    Missed { records: u64, next: u64 },
    Nothing,
    Closed,
}

impl TailClient {
    pub(crate) fn new(shared: &Arc<Shared>, query: Query, tenant: u32) -> Self {
        shared.tail.clients.fetch_add(1, Ordering::Relaxed);
        let changed = shared.tail.changed.subscribe();
        let ring = lock(&shared.tail.ring);
        let (next, records_seen) = (ring.end(), ring.records);
        drop(ring);
        Self { shared: Arc::clone(shared), changed, query: Arc::new(query), tenant, next, records_seen }
    }

    /// The next matching records or notice, as soon as there is one; `None` once the indexer shuts down. Dropping the
    /// future loses nothing.
    pub async fn next(&mut self) -> Option<TailItem> {
        loop {
            match self.waiting() {
                Waiting::Closed => return None,
                Waiting::Missed { records, next } => {
                    (self.next, self.records_seen) = (next, self.records_seen + records);
                    self.shared.tail.dropped.inc_by(records);
                    if records > 0 {
                        return Some(TailItem::Dropped(records));
                    }
                }
                Waiting::Frame(frame) => {
                    let rows = self.matching(&frame).await;
                    (self.next, self.records_seen) = (self.next + 1, frame.records_before + frame.records);
                    if !rows.is_empty() {
                        return Some(TailItem::Records(rows));
                    }
                }
                // The sender lives as long as `shared`.
                Waiting::Nothing => self.changed.changed().await.ok()?,
            }
        }
    }

    fn waiting(&mut self) -> Waiting {
        self.changed.mark_unchanged();
        let ring = lock(&self.shared.tail.ring);
        if self.next < ring.first {
            let records_before = ring.frames.front().map_or(ring.records, |frame| frame.records_before);
            return Waiting::Missed { records: records_before - self.records_seen, next: ring.first };
        }
        let index = usize::try_from(self.next - ring.first).unwrap_or(usize::MAX);
        match ring.frames.get(index) {
            Some(frame) => Waiting::Frame(Arc::clone(frame)),
            None if ring.is_closed => Waiting::Closed,
            None => Waiting::Nothing,
        }
    }

    async fn matching(&self, frame: &Arc<Frame>) -> Vec<Row> {
        if frame.payload.len() <= INLINE_BYTES_MAX {
            return matching_rows(frame, &self.query, self.tenant);
        }
        let (frame, query, tenant) = (Arc::clone(frame), Arc::clone(&self.query), self.tenant);
        let (position, searched) =
            (frame.position, tokio::task::spawn_blocking(move || matching_rows(&frame, &query, tenant)));
        searched.await.unwrap_or_else(|error| {
            tracing::error!(position, %error, "live tail could not search a batch");
            Vec::new()
        })
    }
}

impl Drop for TailClient {
    fn drop(&mut self) {
        if self.shared.tail.clients.fetch_sub(1, Ordering::Relaxed) == 1 {
            lock(&self.shared.tail.ring).clear();
        }
    }
}

fn matching_rows(frame: &Frame, query: &Query, tenant: u32) -> Vec<Row> {
    let Some(batch) = Batch::decode(&frame.payload) else { return Vec::new() };
    let mut rows = Vec::new();
    for (index, record) in batch.records().enumerate() {
        let Some(stream) = batch.streams.get(record.stream as usize).filter(|stream| stream.tenant == tenant) else {
            continue;
        };
        let seq = frame.position << 20 | index as u64;
        let view = record.view(stream, seq);
        if query.matches(&view) {
            rows.push(Row { record: view.to_record(), seq });
        }
    }
    rows
}
