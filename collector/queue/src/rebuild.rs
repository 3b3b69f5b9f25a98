//! After a failed fsync: the records that it should have made durable move to a new segment.
//!
//! The system reports a failed write-back once and then holds the pages for clean: a second fsync of the same file would
//! succeed without writing anything. So the segment is given up from its last durable byte on. Its records are read
//! back, each checked, and written to a new segment, which gets its name only when it is durable with all of them. If
//! that fails for a passing reason (a full disk) it is tried again with the next call; if the system does not give the
//! records back, [`QueueError::Lost`] says so, and the writer takes nothing more.

use crate::record::{self, Kind, Place, Positions};
use crate::scanner::{Scanned, Scanner};
use crate::segment::{PREAMBLE_BYTES, Preamble, Unfinished};
use crate::shared::{Segment, totals};
use crate::tail::Tail;
use crate::usage::Totals;
use crate::writer::Writer;
use crate::{QueueError, paths};

impl Writer {
    pub(crate) fn rebuild(&mut self) -> Result<(), QueueError> {
        let path = paths::segment(&self.shared.directory, self.tail.first_seq);
        let file = self.tail.file.try_clone().map_err(QueueError::read(&path))?;
        let mut scanner = Scanner::new(file, Some(self.shared.epoch), PREAMBLE_BYTES as u64);
        let positions = durable_positions(&mut scanner, self.tail.durable_bytes);
        let (first_seq, horizon) = {
            let state = self.shared.lock();
            (state.durable_next, state.released)
        };
        let preamble = Preamble {
            epoch: self.shared.epoch,
            first_seq,
            horizon,
            previous: (self.tail.first_seq, self.tail.durable_bytes),
        };
        let mut segment = Unfinished::start(&self.shared.directory, &self.storage, preamble, &positions)?;
        let front_bytes = segment.bytes();
        scanner.seek(self.tail.durable_bytes);
        let Some(moved) = copy(&mut scanner, self.tail.bytes, &mut segment, &mut self.scratch)? else {
            segment.abandon();
            self.lost_from = Some(first_seq);
            return Err(QueueError::Lost { first_seq });
        };
        let (file, bytes) = segment.finish()?;
        let end_seq = self.tail.end_seq.max(first_seq);
        let mut tail = Tail::new(file, self.take_id(), first_seq, bytes);
        (tail.front_bytes, tail.end_seq) = (front_bytes, end_seq);
        self.replace_tail(tail, moved);
        Ok(())
    }

    fn replace_tail(&mut self, tail: Tail, moved: Totals) {
        let old = std::mem::replace(&mut self.tail, tail);
        let mut state = self.shared.lock();
        if old.first_seq == self.tail.first_seq {
            state.segments.pop_back();
        } else if let Some(segment) = state.segments.back_mut() {
            segment.bytes = old.durable_bytes;
            segment.end_seq = old.end_seq.min(self.tail.first_seq);
            segment.queued -= moved;
        }
        state.segments.push_back(Segment::new(&self.tail, moved));
        state.publish(&self.tail);
        drop(state);
        if old.first_seq != self.tail.first_seq
            && let Err(error) = self.storage.truncate(&old.file, old.durable_bytes)
        {
            tracing::warn!(segment = old.first_seq, %error, "void bytes of a queue segment stay behind");
        }
    }
}

fn durable_positions(scanner: &mut Scanner, durable_bytes: u64) -> Positions {
    let mut positions = Positions::new();
    loop {
        match scanner.next(durable_bytes) {
            Scanned::Record(record) => {
                if record.kind == Kind::Snapshot {
                    positions.clear();
                }
                record::apply(&mut positions, &record.changes);
            }
            Scanned::Damage { .. } => {}
            Scanned::End => return positions,
        }
    }
}

/// Copies the records up to `limit` and returns their totals; `None` when one can't be read back.
fn copy(
    scanner: &mut Scanner,
    limit: u64,
    segment: &mut Unfinished<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Option<Totals>, QueueError> {
    let mut moved = Totals::default();
    let mut payload = Vec::new();
    loop {
        match scanner.next(limit) {
            Scanned::Record(record) => {
                if scanner.payload(&record, &mut payload).is_err() {
                    return Ok(None);
                }
                moved += totals(&record);
                let place = Place { offset: segment.bytes(), unsynced: 0, ..record.place };
                scratch.clear();
                record::encode(scratch, place, record.kind, &record.changes, &payload);
                segment.push(scratch)?;
            }
            Scanned::Damage { .. } => return Ok(None),
            Scanned::End => return Ok(Some(moved)),
        }
    }
}
