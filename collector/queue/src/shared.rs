//! What writer, reader and monitors share: the list of segments, how far each is durable, and the counters.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Kind, Record};
use crate::tail::Tail;
use crate::usage::{Totals, Usage};
use crate::{QueueError, paths};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) directory: PathBuf,
    pub(crate) epoch: u64,
    state: Mutex<State>,
    /// Held locked until writer, reader and monitors are gone.
    _lock: File,
}

/// What is known of a segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Unique while the queue is open; a segment that replaces one of the same name has another.
    pub(crate) id: u64,
    pub(crate) first_seq: u64,
    /// The number behind the last batch.
    pub(crate) end_seq: u64,
    pub(crate) bytes: u64,
    /// Up to here it may be read.
    pub(crate) durable_bytes: u64,
    /// What was not yet released.
    pub(crate) queued: Totals,
    /// The offsets of damage that was accounted for.
    pub(crate) damage: Vec<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Ascending; the last is the one that is written.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) next_seq: u64,
    pub(crate) durable_next: u64,
    pub(crate) released: u64,
    /// The number behind the last batch that the reader gave out.
    pub(crate) handed_next: u64,
    /// The segment that the reader is at this moment reading from.
    pub(crate) reading: Option<u64>,
    /// The first timestamp of the first batch that was not yet synced.
    pub(crate) unsynced_ns: Option<i64>,
    /// The counters; `queued` and `disk_bytes` are summed up when asked for.
    pub(crate) counted: Usage,
}

impl Shared {
    pub(crate) fn new(directory: PathBuf, epoch: u64, state: State, lock: File) -> Shared {
        Shared { directory, epoch, state: Mutex::new(state), _lock: lock }
    }

    /// Every change under the lock is complete in itself, so a panic elsewhere leaves nothing half done.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the file of a segment that is off the list.
    pub(crate) fn remove_file(&self, first_seq: u64) -> Result<(), QueueError> {
        let path = paths::segment(&self.directory, first_seq);
        fs::remove_file(&path).map_err(|source| QueueError::RemoveSegment { path, source })
    }
}

impl State {
    pub(crate) fn usage(&self) -> Usage {
        let mut usage = self.counted;
        usage.queued = self.queued();
        usage.disk_bytes = self.disk_bytes();
        if usage.queued.batches == 0 {
            usage.oldest_ns = None;
        }
        usage
    }

    pub(crate) fn queued(&self) -> Totals {
        let mut queued = Totals::default();
        for segment in &self.segments {
            queued += segment.queued;
        }
        queued
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn segment_mut(&mut self, id: u64) -> Option<&mut Segment> {
        self.segments.iter_mut().find(|segment| segment.id == id)
    }

    /// The segment in which to look for the batch `seq`, or for the first one behind it.
    pub(crate) fn segment_of(&self, seq: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.end_seq > seq).or(self.segments.back())
    }

    /// The segment behind the one with `id`; `Err` when that one is gone.
    pub(crate) fn segment_after(&self, id: u64) -> Result<Option<&Segment>, Gone> {
        let index = self.segments.iter().position(|segment| segment.id == id).ok_or(Gone)?;
        Ok(self.segments.get(index + 1))
    }

    /// Takes the oldest segment of which nothing is being sent off the list and counts it as dropped.
    pub(crate) fn drop_oldest(&mut self) -> Option<Segment> {
        let last = self.segments.len().checked_sub(1)?;
        let (released, handed_next, reading) = (self.released, self.handed_next, self.reading);
        let is_idle = |segment: &Segment| {
            let is_sent_from =
                segment.first_seq < handed_next && segment.end_seq > released + 1 && handed_next > released + 1;
            !is_sent_from && reading != Some(segment.id)
        };
        let index = self.segments.iter().take(last).position(is_idle)?;
        let dropped = self.segments.remove(index)?;
        self.counted.dropped_oldest += dropped.queued;
        Some(dropped)
    }
}

/// The segment is not on the list any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// What a record adds to the totals; nothing for one that is not a batch.
pub(crate) fn totals(record: &Record) -> Totals {
    match record.kind {
        Kind::Batch(batch) => Totals {
            batches: 1,
            records: u64::from(batch.records),
            bytes: u64::from(record.payload_bytes),
            raw_bytes: batch.raw_bytes,
        },
        Kind::Checkpoint | Kind::Snapshot => Totals::default(),
    }
}

impl Segment {
    pub(crate) fn new(tail: &Tail, queued: Totals) -> Segment {
        Segment {
            id: tail.id,
            first_seq: tail.first_seq,
            end_seq: tail.end_seq,
            bytes: tail.bytes,
            durable_bytes: tail.durable_bytes,
            queued,
            damage: Vec::new(),
        }
    }
}

impl State {
    /// Takes over what the writer has done to the newest segment.
    pub(crate) fn publish(&mut self, tail: &Tail) {
        let Some(segment) = self.segments.back_mut() else { return };
        segment.bytes = tail.bytes;
        segment.end_seq = tail.end_seq;
        segment.durable_bytes = tail.durable_bytes;
        if tail.durable_bytes == tail.bytes {
            self.durable_next = self.next_seq;
            self.unsynced_ns = None;
        }
    }
}
