//! The reading end: batches in order, once durable; release of what the receiver has.

use std::sync::Arc;

use crate::cursor::{Cursor, Step};
use crate::horizon::{Horizon, HorizonFile};
use crate::quarantine::{self, Reason, Region};
use crate::record::{Kind, Record};
use crate::shared::{Shared, totals};
use crate::usage::{Monitor, Usage};
use crate::{QueueError, paths};

/// How often a read error is returned before the bytes count as damaged.
const READ_ATTEMPTS: u32 = 3;

/// A batch to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub seq: u64,
    /// How many numbers right before it will never come: dropped, damaged or never used.
    pub skipped: u64,
    pub records: u32,
    pub raw_bytes: u64,
    /// As the entry had it.
    pub hash: u32,
    /// The first and the last timestamp, in nanoseconds since 1970.
    pub time_range: Option<(i64, i64)>,
    pub payload: Vec<u8>,
}

/// The reading end of a queue. It does not wait: whoever calls [`crate::Writer::sync`] wakes whoever calls
/// [`Reader::next`].
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    horizon_file: HorizonFile,
    sending: Cursor,
    releasing: Cursor,
    failed_reads: u32,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, horizon_file: HorizonFile) -> Reader {
        let first = shared.lock().released + 1;
        Reader { shared, horizon_file, sending: Cursor::new(first), releasing: Cursor::new(first), failed_reads: 0 }
    }

    /// The next durable batch; `None` when there is none yet. Damage on the way is set aside, counted, and shows as
    /// `skipped`. After an error, call it again: bytes that stay unreadable are given up.
    #[expect(clippy::should_implement_trait, reason = "`None` is not the end")]
    pub fn next(&mut self) -> Result<Option<Batch>, QueueError> {
        let next = self.find_next();
        let mut state = self.shared.lock();
        state.reading = None;
        if let Ok(Some(batch)) = &next {
            state.handed_next = batch.seq + 1;
        }
        next
    }

    /// Makes the batch `seq`, or the first one behind it that is left, the next one.
    pub fn rewind(&mut self, seq: u64) -> Result<(), QueueError> {
        let rewound = self.find(seq);
        let mut state = self.shared.lock();
        state.reading = None;
        state.handed_next = self.sending.expected();
        rewound
    }

    /// Everything up to the number `horizon` has arrived: segments that hold nothing else are deleted, except the
    /// newest. What was released stays so; a lower horizon does nothing.
    pub fn release(&mut self, horizon: u64) -> Result<(), QueueError> {
        let (released, last) = {
            let state = self.shared.lock();
            (state.released, state.durable_next.saturating_sub(1))
        };
        if horizon > last {
            return Err(QueueError::HorizonAhead { horizon, last });
        }
        if horizon <= released {
            return Ok(());
        }
        let passed = self.pass(horizon);
        self.shared.lock().reading = None;
        passed?;
        if self.sending.expected() <= horizon {
            self.sending = Cursor::new(horizon + 1);
        }
        self.remove_released(horizon)
    }

    /// Up to which number batches were released.
    pub fn released(&self) -> u64 {
        self.shared.lock().released
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

    fn find_next(&mut self) -> Result<Option<Batch>, QueueError> {
        let mut payload = Vec::new();
        loop {
            match self.sending.step(&self.shared)? {
                Step::End => return Ok(None),
                Step::Damage { start, end, reason } => self.set_aside(start, end, reason, None),
                Step::Batch(record) => match self.sending.payload(&record, &mut payload) {
                    Ok(()) => return Ok(Some(self.hand_out(&record, payload))),
                    Err(Reason::Unreadable) if self.failed_reads < READ_ATTEMPTS => {
                        self.failed_reads += 1;
                        self.sending.back_to(&record);
                        let path = paths::segment(&self.shared.directory, self.sending.first_seq());
                        return Err(QueueError::ReadSegment { path, source: std::io::Error::other("unreadable") });
                    }
                    Err(reason) => self.set_aside(record.place.offset, record.end(), reason, Some(&record)),
                },
            }
        }
    }

    fn hand_out(&mut self, record: &Record, payload: Vec<u8>) -> Batch {
        self.failed_reads = 0;
        let seq = record.place.seq;
        let skipped = self.sending.pass(seq);
        let mut batch = Batch { seq, skipped, records: 0, raw_bytes: 0, hash: 0, time_range: None, payload };
        if let Kind::Batch(meta) = record.kind {
            (batch.records, batch.raw_bytes) = (meta.records, meta.raw_bytes);
            (batch.hash, batch.time_range) = (meta.hash, meta.time_range);
        }
        batch
    }

    /// Accounts for damage that was not known yet.
    fn set_aside(&mut self, start: u64, end: u64, reason: Reason, record: Option<&Record>) {
        let Some((id, first_seq, file)) = self.sending.segment() else { return };
        let mut state = self.shared.lock();
        let Some(segment) = state.segment_mut(id) else { return };
        if segment.damage.contains(&start) {
            return;
        }
        segment.damage.push(start);
        let lost = record.map(totals);
        if let Some(lost) = lost {
            segment.queued -= lost;
            state.counted.damaged += lost;
        }
        drop(state);
        let region = Region {
            first_seq,
            offset: start,
            bytes: end - start,
            reason,
            lost_records: lost.map(|lost| lost.records),
        };
        let damage = quarantine::set_aside(&self.shared.directory, file, region);
        let mut state = self.shared.lock();
        state.counted.damaged_ranges += u64::from(damage.is_new);
        if damage.is_new && damage.kept.is_some() {
            state.counted.quarantined_bytes += damage.bytes;
        }
    }

    fn find(&mut self, seq: u64) -> Result<(), QueueError> {
        self.sending = Cursor::new(self.shared.lock().released + 1);
        loop {
            match self.sending.step(&self.shared)? {
                Step::End => return Ok(()),
                Step::Damage { .. } => {}
                Step::Batch(record) if record.place.seq >= seq => {
                    self.sending.back_to(&record);
                    return Ok(());
                }
                Step::Batch(record) => {
                    self.sending.pass(record.place.seq);
                }
            }
        }
    }

    /// Moves the releasing cursor behind `horizon`.
    fn pass(&mut self, horizon: u64) -> Result<(), QueueError> {
        let mut oldest_ns = None;
        loop {
            match self.releasing.step(&self.shared)? {
                Step::End => break,
                Step::Damage { .. } => {}
                Step::Batch(record) if record.place.seq > horizon => {
                    self.releasing.back_to(&record);
                    if let Kind::Batch(meta) = record.kind {
                        oldest_ns = meta.time_range.map(|(first, _)| first);
                    }
                    break;
                }
                Step::Batch(record) => {
                    self.releasing.pass(record.place.seq);
                    self.count_released(&record);
                }
            }
        }
        self.releasing.expect(horizon + 1);
        let mut state = self.shared.lock();
        state.released = horizon;
        state.handed_next = state.handed_next.max(horizon + 1);
        state.counted.oldest_ns = oldest_ns.or(state.unsynced_ns);
        Ok(())
    }

    fn count_released(&mut self, record: &Record) {
        let Some((id, _, _)) = self.releasing.segment() else { return };
        let mut state = self.shared.lock();
        let Some(segment) = state.segment_mut(id) else { return };
        if !segment.damage.contains(&record.place.offset) {
            segment.queued -= totals(record);
            state.counted.released += totals(record);
        }
    }

    fn remove_released(&mut self, horizon: u64) -> Result<(), QueueError> {
        let mut removed = Vec::new();
        let advisory = {
            let mut state = self.shared.lock();
            while state.segments.len() > 1
                && state.segments.front().is_some_and(|oldest| oldest.end_seq <= horizon + 1)
                && let Some(oldest) = state.segments.pop_front()
            {
                state.counted.damaged += oldest.queued;
                removed.push(oldest.first_seq);
            }
            Horizon { epoch: self.shared.epoch, released: horizon, durable_next: state.durable_next }
        };
        // Durable before anything is deleted, so that what is missing later is known to have arrived.
        let remembered = self
            .horizon_file
            .write(advisory)
            .and_then(|()| if removed.is_empty() { Ok(()) } else { self.horizon_file.sync() });
        if let Err(error) = remembered {
            tracing::warn!(%error, "the queue's horizon can't be remembered: batches may be sent again after a restart");
        }
        for first_seq in removed {
            self.shared.remove_file(first_seq)?;
        }
        Ok(())
    }
}
