//! The writing end: append, sync, and what is done when there is no room.

use std::borrow::Cow;
use std::sync::Arc;

use crate::record::{self, BatchMeta, HEAD_BYTES, Kind, PAYLOAD_BYTES_MAX, POSITIONS_BYTES_MAX, Place};
use crate::segment::{Preamble, Unfinished};
use crate::shared::{Segment, Shared};
use crate::storage::Storage;
use crate::tail::Tail;
use crate::usage::{Monitor, Totals, Usage};
use crate::{AppendError, Changes, Full, Positions, QueueError, paths};

/// More than a record's head and meta take, changes apart.
const RECORD_OVERHEAD: usize = HEAD_BYTES + 64;

/// A batch to be appended.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// At most [`PAYLOAD_BYTES_MAX`] bytes.
    pub payload: &'a [u8],
    /// The checksum of the body before compression; opaque here.
    pub hash: u32,
    /// Log records in it.
    pub records: u32,
    /// The size of the body before compression.
    pub raw_bytes: u64,
    /// The first and the last timestamp, in nanoseconds since 1970.
    pub time_range: Option<(i64, i64)>,
    /// Where its sources stand behind it.
    pub changes: &'a Changes,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the queue; durable only when [`Writer::sync`] has returned.
    Queued { seq: u64 },
    /// There was no room and the policy is to go on: it is lost and counted, its positions are kept.
    Dropped,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes_max: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) full: Full,
}

/// The writing end of a queue.
#[derive(Debug)]
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) storage: Storage,
    limits: Limits,
    pub(crate) tail: Tail,
    /// As they are behind all that was appended, dropped or checkpointed.
    positions: Positions,
    positions_bytes: usize,
    /// Changes of dropped entries that no record holds yet.
    pending: Changes,
    pub(crate) scratch: Vec<u8>,
    next_id: u64,
    /// A sync has failed, and what it was to make durable is not yet elsewhere.
    is_suspect: bool,
    pub(crate) lost_from: Option<u64>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        storage: Storage,
        limits: Limits,
        tail: Tail,
        positions: Positions,
    ) -> Writer {
        let next_id = tail.id + 1;
        let positions_bytes = positions.iter().map(|(key, value)| record::position_bytes(key, value)).sum();
        Writer {
            shared,
            storage,
            limits,
            tail,
            positions,
            positions_bytes,
            pending: Changes::new(),
            scratch: Vec::new(),
            next_id,
            is_suspect: false,
            lost_from: None,
        }
    }

    /// Appends an entry. It can be read, and survives a power loss, once [`Writer::sync`] has returned. On an error
    /// nothing of it is in the queue: keep it and try again.
    pub fn append(&mut self, entry: &Entry<'_>) -> Result<Appended, AppendError> {
        self.heal()?;
        if entry.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(AppendError::PayloadTooLarge { bytes: entry.payload.len(), limit: PAYLOAD_BYTES_MAX });
        }
        self.check_positions(entry.changes)?;
        loop {
            let error = match self.try_append(entry) {
                Ok(seq) => return Ok(Appended::Queued { seq }),
                Err(error) => error,
            };
            let is_for_room = matches!(error, AppendError::Full | AppendError::NoSpace(_));
            if !is_for_room || self.limits.full == Full::Block {
                return Err(error);
            }
            if self.limits.full == Full::DropNewest || !self.drop_oldest()? {
                self.drop_newest(entry);
                return Ok(Appended::Dropped);
            }
        }
    }

    /// Appends changes of positions that belong to no batch: takes no number, and is taken when the queue is full.
    pub fn checkpoint(&mut self, changes: &Changes) -> Result<(), AppendError> {
        self.heal()?;
        self.check_positions(changes)?;
        let merged = self.merged(changes).into_owned();
        let estimate = RECORD_OVERHEAD + changes_bytes(&merged);
        self.roll_for(estimate)?;
        let seq = self.shared.lock().next_seq;
        self.write(Kind::Checkpoint, seq, &merged, &[])?;
        self.shared.lock().publish(&self.tail);
        Ok(())
    }

    /// Makes everything appended so far durable with one fsync and returns the number behind the last durable batch:
    /// the reader may now be woken. After an error nothing is lost: call it again, unless it is [`QueueError::Lost`].
    /// Positions of dropped entries are written now if the disk has room, else they wait for the next record.
    pub fn sync(&mut self) -> Result<u64, QueueError> {
        self.heal()?;
        if !self.pending.is_empty() {
            match self.checkpoint(&Changes::new()) {
                Ok(()) => {}
                Err(AppendError::Io(error)) => return Err(error),
                Err(error) => tracing::debug!(%error, "positions of dropped batches wait for room"),
            }
        }
        self.sync_tail()?;
        Ok(self.shared.lock().durable_next)
    }

    /// The positions behind everything appended, durable or not.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The queue's identity.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    pub fn usage(&self) -> Usage {
        self.shared.lock().usage()
    }

    /// A handle to the usage for other threads.
    pub fn monitor(&self) -> Monitor {
        Monitor { shared: Arc::clone(&self.shared) }
    }

    fn check_positions(&self, changes: &Changes) -> Result<(), AppendError> {
        let bytes = self.positions_bytes + changes_bytes(changes);
        if bytes > POSITIONS_BYTES_MAX {
            return Err(AppendError::PositionsTooLarge { bytes, limit: POSITIONS_BYTES_MAX });
        }
        Ok(())
    }

    fn merged<'a>(&self, changes: &'a Changes) -> Cow<'a, Changes> {
        if self.pending.is_empty() {
            return Cow::Borrowed(changes);
        }
        let mut merged = self.pending.clone();
        merged.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        Cow::Owned(merged)
    }

    fn try_append(&mut self, entry: &Entry<'_>) -> Result<u64, AppendError> {
        let Entry { payload, hash, records, raw_bytes, time_range, changes } = *entry;
        let changes = self.merged(changes);
        let estimate = RECORD_OVERHEAD + changes_bytes(&changes) + payload.len();
        {
            let state = self.shared.lock();
            let is_over = state.disk_bytes() + estimate as u64 > self.limits.bytes_max;
            if is_over && state.queued().batches > 0 {
                return Err(AppendError::Full);
            }
        }
        self.roll_for(estimate)?;
        let seq = self.shared.lock().next_seq;
        let kind = Kind::Batch(BatchMeta { records, raw_bytes, hash, time_range });
        self.write(kind, seq, &changes, payload)?;
        self.tail.end_seq = seq + 1;
        let totals = Totals { batches: 1, records: u64::from(records), bytes: payload.len() as u64, raw_bytes };
        let mut state = self.shared.lock();
        let first_ns = time_range.map(|(first, _)| first);
        if state.queued().batches == 0 {
            state.counted.oldest_ns = None;
        }
        state.counted.oldest_ns = state.counted.oldest_ns.or(first_ns);
        state.unsynced_ns = state.unsynced_ns.or(first_ns);
        state.counted.appended += totals;
        state.next_seq = seq + 1;
        if let Some(segment) = state.segments.back_mut() {
            segment.queued += totals;
        }
        state.publish(&self.tail);
        Ok(seq)
    }

    /// Writes one record at the end of the tail; after a failure the tail is as before, or is not written to any more.
    fn write(&mut self, kind: Kind, seq: u64, changes: &Changes, payload: &[u8]) -> Result<(), QueueError> {
        let place = Place {
            offset: self.tail.bytes,
            seq,
            epoch: self.shared.epoch,
            unsynced: self.tail.bytes - self.tail.durable_bytes,
        };
        self.scratch.clear();
        record::encode(&mut self.scratch, place, kind, changes, payload);
        if let Err(source) = self.storage.write(&self.tail.file, &self.scratch, self.tail.bytes) {
            let path = paths::segment(&self.shared.directory, self.tail.first_seq);
            if let Err(error) = self.storage.truncate(&self.tail.file, self.tail.bytes) {
                tracing::warn!(path = %path.display(), %error, "a failed write can't be cut off: going on in a new segment");
                self.tail.must_roll = true;
            }
            return Err(QueueError::WriteSegment { path, source });
        }
        self.tail.bytes += self.scratch.len() as u64;
        self.pending.clear();
        self.apply(changes);
        Ok(())
    }

    fn apply(&mut self, changes: &Changes) {
        for (key, value) in changes {
            if let Some(old) = self.positions.get(key) {
                self.positions_bytes -= record::position_bytes(key, old);
            }
            if let Some(value) = value {
                self.positions_bytes += record::position_bytes(key, value);
            }
        }
        record::apply(&mut self.positions, changes);
    }

    fn drop_oldest(&mut self) -> Result<bool, QueueError> {
        let dropped = self.shared.lock().drop_oldest();
        match dropped {
            None => Ok(false),
            Some(segment) => self.shared.remove_file(segment.first_seq).map(|()| true),
        }
    }

    fn drop_newest(&mut self, entry: &Entry<'_>) {
        self.shared.lock().counted.dropped_newest += Totals {
            batches: 1,
            records: u64::from(entry.records),
            bytes: entry.payload.len() as u64,
            raw_bytes: entry.raw_bytes,
        };
        self.apply(entry.changes);
        self.pending.extend(entry.changes.iter().map(|(key, value)| (key.clone(), value.clone())));
    }

    /// Goes on in a new segment when the recovered one can't be written to. A failure only puts it off.
    pub(crate) fn replace_unfit_tail(&mut self) {
        if self.tail.must_roll
            && let Err(error) = self.roll()
        {
            tracing::warn!(%error, "a new queue segment can't be started yet");
        }
    }

    /// Makes room in the tail for a record of `estimate` bytes.
    fn roll_for(&mut self, estimate: usize) -> Result<(), QueueError> {
        let content = self.tail.bytes - self.tail.front_bytes;
        let is_over = content > 0 && content + estimate as u64 > self.limits.segment_bytes;
        if is_over || self.tail.must_roll { self.roll() } else { Ok(()) }
    }

    /// Starts a new segment. The old one is synced first, because the new one's snapshot holds its positions.
    fn roll(&mut self) -> Result<(), QueueError> {
        self.tail.must_roll = true;
        self.sync_tail()?;
        if !self.tail.must_roll {
            return Ok(());
        }
        let (first_seq, horizon) = {
            let state = self.shared.lock();
            (state.next_seq, state.released)
        };
        let preamble =
            Preamble { epoch: self.shared.epoch, first_seq, horizon, previous: (self.tail.first_seq, self.tail.bytes) };
        let segment = Unfinished::start(&self.shared.directory, &self.storage, preamble, &self.positions)?;
        let (file, bytes) = segment.finish()?;
        self.pending.clear();
        let tail = Tail::new(file, self.take_id(), first_seq, bytes);
        let mut state = self.shared.lock();
        if self.tail.first_seq == first_seq {
            state.segments.pop_back();
        }
        state.segments.push_back(Segment::new(&tail, Totals::default()));
        drop(state);
        self.tail = tail;
        Ok(())
    }

    pub(crate) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Refuses after a loss; after a failed sync, brings the records to safety first.
    fn heal(&mut self) -> Result<(), QueueError> {
        if let Some(first_seq) = self.lost_from {
            return Err(QueueError::Lost { first_seq });
        }
        if self.is_suspect {
            self.rebuild()?;
            self.is_suspect = false;
        }
        Ok(())
    }

    fn sync_tail(&mut self) -> Result<(), QueueError> {
        if self.tail.durable_bytes == self.tail.bytes {
            return Ok(());
        }
        if let Err(source) = self.storage.sync(&self.tail.file) {
            let path = paths::segment(&self.shared.directory, self.tail.first_seq);
            tracing::warn!(path = %path.display(), error = %source, "a sync of the queue failed: writing to a new segment");
            self.is_suspect = true;
            return self.heal();
        }
        self.tail.durable_bytes = self.tail.bytes;
        self.shared.lock().publish(&self.tail);
        Ok(())
    }
}

fn changes_bytes(changes: &Changes) -> usize {
    let bytes =
        |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| record::position_bytes(key, value.as_deref().unwrap_or_default());
    changes.iter().map(bytes).sum()
}
