//! A place in the queue that moves from batch to batch, across segments and whatever becomes of them.

use std::fmt;
use std::fs::File;

use crate::quarantine::Reason;
use crate::record::{Kind, Record};
use crate::scanner::{Scanned, Scanner};
use crate::segment::PREAMBLE_BYTES;
use crate::shared::{Gone, Shared, State};
use crate::{QueueError, paths};

/// What a cursor comes to.
pub(crate) enum Step {
    /// A batch whose payload is not yet checked.
    Batch(Box<Record>),
    Damage {
        start: u64,
        end: u64,
        reason: Reason,
    },
    /// Nothing more is durable.
    End,
}

pub(crate) struct Cursor {
    place: Option<Place>,
    expected: u64,
}

struct Place {
    id: u64,
    first_seq: u64,
    scanner: Scanner,
}

/// A segment to go on in.
#[derive(Clone, Copy)]
struct Target {
    id: u64,
    first_seq: u64,
    limit: u64,
    is_last: bool,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("expected", &self.expected).finish_non_exhaustive()
    }
}

impl Cursor {
    /// A cursor in front of the batch `expected`.
    pub(crate) fn new(expected: u64) -> Cursor {
        Cursor { place: None, expected }
    }

    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The first number of the segment that it is in.
    pub(crate) fn first_seq(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.first_seq)
    }

    /// The segment that it is in: id, first number, file.
    pub(crate) fn segment(&self) -> Option<(u64, u64, &File)> {
        self.place.as_ref().map(|place| (place.id, place.first_seq, place.scanner.file()))
    }

    pub(crate) fn payload(&self, record: &Record, payload: &mut Vec<u8>) -> Result<(), Reason> {
        match &self.place {
            Some(place) => place.scanner.payload(record, payload),
            None => Err(Reason::Unreadable),
        }
    }

    /// Goes back in front of the record that it just came to.
    pub(crate) fn back_to(&mut self, record: &Record) {
        if let Some(place) = &mut self.place {
            place.scanner.seek(record.place.offset);
        }
    }

    /// Passes the batch `seq` and tells how many numbers are missing in front of it.
    pub(crate) fn pass(&mut self, seq: u64) -> u64 {
        let skipped = seq.saturating_sub(self.expected);
        self.expected = seq + 1;
        skipped
    }

    /// Nothing below `seq` is of interest any more.
    pub(crate) fn expect(&mut self, seq: u64) {
        self.expected = self.expected.max(seq);
    }

    /// Goes to the next batch that is durable and not below the expected one. The segment it is in counts as being read
    /// until the caller says otherwise.
    pub(crate) fn step(&mut self, shared: &Shared) -> Result<Step, QueueError> {
        let mut finished = None;
        loop {
            let target = self.target(&mut shared.lock(), finished);
            let Some(target) = target else { return Ok(Step::End) };
            let scanner = self.scanner(shared, target)?;
            match scanner.next(target.limit) {
                Scanned::Record(record) => {
                    let is_due = matches!(record.kind, Kind::Batch(_)) && record.place.seq >= self.expected;
                    if is_due {
                        return Ok(Step::Batch(record));
                    }
                }
                Scanned::Damage { start, end, reason, head: _ } => return Ok(Step::Damage { start, end, reason }),
                Scanned::End if target.is_last => return Ok(Step::End),
                Scanned::End => finished = Some(target.id),
            }
        }
    }

    /// Where to go on: where it is, unless that segment is `finished` or gone. A segment without a durable batch is left
    /// alone, because another may take its place.
    fn target(&self, state: &mut State, finished: Option<u64>) -> Option<Target> {
        let here = self.place.as_ref().map(|place| place.id);
        let segment = match (finished, here) {
            (Some(finished), _) => match state.segment_after(finished) {
                Ok(next) => next,
                Err(Gone) => state.segment_of(self.expected),
            },
            (None, Some(here)) => {
                state.segments.iter().find(|segment| segment.id == here).or(state.segment_of(self.expected))
            }
            (None, None) => state.segment_of(self.expected),
        }?;
        let is_last = state.segments.back().is_some_and(|last| last.id == segment.id);
        if is_last && state.durable_next <= segment.first_seq {
            return None;
        }
        let target = Target { id: segment.id, first_seq: segment.first_seq, limit: segment.durable_bytes, is_last };
        state.reading = Some(target.id);
        Some(target)
    }

    fn scanner(&mut self, shared: &Shared, target: Target) -> Result<&mut Scanner, QueueError> {
        let place = match self.place.take() {
            Some(place) if place.id == target.id => place,
            Some(_) | None => {
                let path = paths::segment(&shared.directory, target.first_seq);
                let file = File::open(&path).map_err(QueueError::read(&path))?;
                let start = (PREAMBLE_BYTES as u64).min(target.limit);
                let scanner = Scanner::new(file, Some(shared.epoch), start);
                Place { id: target.id, first_seq: target.first_seq, scanner }
            }
        };
        Ok(&mut self.place.insert(place).scanner)
    }
}
