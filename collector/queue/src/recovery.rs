//! Opening a queue: every segment is walked, and whatever is wrong is named, set aside and stepped over.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use orszem_durable::Quarantine;

use crate::horizon::Horizon;
use crate::quarantine::{self, Reason, Region};
use crate::queue::Recovered;
use crate::record::{self, HEAD_BYTES, Kind, Record};
use crate::scanner::{Scanned, Scanner};
use crate::segment::{self, Opening, PREAMBLE_BYTES, Preamble, Unfinished};
use crate::shared::{Segment, State, totals};
use crate::storage::Storage;
use crate::tail::{self, Tail};
use crate::usage::Totals;
use crate::{QueueError, paths};

/// The number of the first batch of a new epoch, so that a horizon of 0 means nothing.
const FIRST_SEQ: u64 = 1;

pub(crate) struct Found {
    pub(crate) recovered: Recovered,
    pub(crate) state: State,
    pub(crate) tail: Tail,
}

/// A segment file before it is walked.
pub(crate) struct Opened {
    pub(crate) first_seq: u64,
    pub(crate) file: File,
    pub(crate) bytes: u64,
    pub(crate) preamble: Option<Preamble>,
}

/// What is put together while walking.
struct Recovery<'a> {
    directory: &'a Path,
    storage: &'a Storage,
    recovered: Recovered,
    state: State,
}

pub(crate) fn recover(directory: &Path, storage: &Storage, new_epoch: u64) -> Result<Found, QueueError> {
    let mut recovery = Recovery { directory, storage, recovered: Recovered::default(), state: State::default() };
    let mut opened = recovery.open_segments()?;
    let epoch = opened.iter().rev().find_map(epoch_of).unwrap_or(new_epoch);
    recovery.recovered.epoch = epoch;
    recovery.remove_foreign(&mut opened, epoch)?;
    let advisory = Horizon::load(directory).filter(|horizon| horizon.epoch == epoch && !opened.is_empty());
    recovery.start_numbers(&opened, advisory);
    recovery.remove_released(&mut opened)?;
    let tail = recovery.walk(opened)?;
    recovery.finish();
    Ok(Found { recovered: recovery.recovered, state: recovery.state, tail })
}

/// The epoch that a segment belongs to, by its preamble or by its first valid record.
fn epoch_of(opened: &Opened) -> Option<u64> {
    if let Some(preamble) = opened.preamble {
        return Some(preamble.epoch);
    }
    let file = opened.file.try_clone().ok()?;
    let mut scanner = Scanner::new(file, None, PREAMBLE_BYTES as u64);
    loop {
        match scanner.next(opened.bytes) {
            Scanned::Record(record) => return Some(record.place.epoch),
            Scanned::Damage { .. } => {}
            Scanned::End => return None,
        }
    }
}

/// Where the content of a segment ends according to the one behind it, and the numbers that are void in it.
pub(crate) fn bounds(opened: &Opened, next: Option<&Opened>) -> (u64, u64) {
    let end = next.and_then(|next| next.preamble).map(|preamble| preamble.previous);
    let end = end.filter(|(first_seq, _)| *first_seq == opened.first_seq).map_or(opened.bytes, |(_, end)| end);
    (end.min(opened.bytes), next.map_or(u64::MAX, |next| next.first_seq))
}

impl Recovery<'_> {
    fn open_segments(&mut self) -> Result<Vec<Opened>, QueueError> {
        let mut opened = Vec::new();
        for first_seq in segment::list(self.directory).map_err(QueueError::directory(self.directory))? {
            let path = paths::segment(self.directory, first_seq);
            let file = OpenOptions::new().read(true).write(true).open(&path).map_err(QueueError::read(&path))?;
            let bytes = file.metadata().map_err(QueueError::read(&path))?.len();
            let preamble = match Opening::read(&file, first_seq) {
                Opening::Known(preamble) => Some(preamble),
                Opening::Damaged => None,
                Opening::FutureVersion(version) => {
                    self.move_aside(first_seq, Reason::FutureVersion(version))?;
                    // More batches than this can't be in it, so none of their numbers is used again.
                    let beyond = first_seq.saturating_add(bytes / HEAD_BYTES as u64);
                    self.state.next_seq = self.state.next_seq.max(beyond);
                    continue;
                }
            };
            opened.push(Opened { first_seq, file, bytes, preamble });
        }
        Ok(opened)
    }

    fn move_aside(&mut self, first_seq: u64, reason: Reason) -> Result<(), QueueError> {
        let path = paths::segment(self.directory, first_seq);
        self.recovered.damage.push(quarantine::move_file(self.directory, &path, reason)?);
        Ok(())
    }

    fn remove_foreign(&mut self, opened: &mut Vec<Opened>, epoch: u64) -> Result<(), QueueError> {
        let is_foreign = |opened: &mut Opened| opened.preamble.is_some_and(|preamble| preamble.epoch != epoch);
        for foreign in opened.extract_if(.., is_foreign) {
            self.move_aside(foreign.first_seq, Reason::ForeignEpoch)?;
        }
        Ok(())
    }

    /// No number is given out below what was released or known durable. Without the advisory horizon, what is missing
    /// in front of the oldest segment is held for released.
    fn start_numbers(&mut self, opened: &[Opened], advisory: Option<Horizon>) {
        let horizons = opened.iter().filter_map(|opened| opened.preamble).map(|preamble| preamble.horizon);
        let released = horizons.chain(advisory.map(|advisory| advisory.released)).max().unwrap_or(0);
        let durable_next = advisory.map_or(0, |advisory| advisory.durable_next);
        self.state.next_seq = self.state.next_seq.max(FIRST_SEQ).max(released + 1).max(durable_next);
        let oldest = opened.first().map_or(self.state.next_seq, |oldest| oldest.first_seq);
        self.state.released = if advisory.is_some() { released } else { released.max(oldest.saturating_sub(1)) };
        self.state.next_seq = self.state.next_seq.max(self.state.released + 1);
    }

    fn remove_released(&mut self, opened: &mut Vec<Opened>) -> Result<(), QueueError> {
        let released = self.state.released;
        while let [oldest, next, ..] = opened.as_slice()
            && next.first_seq <= released + 1
        {
            let path = paths::segment(self.directory, oldest.first_seq);
            fs::remove_file(&path).map_err(|source| QueueError::RemoveSegment { path, source })?;
            opened.remove(0);
        }
        Ok(())
    }

    fn walk(&mut self, mut opened: Vec<Opened>) -> Result<Tail, QueueError> {
        let Some(newest) = opened.pop() else { return self.create() };
        for (index, segment) in opened.iter().enumerate() {
            let (limit, void_from) = bounds(segment, opened.get(index + 1).or(Some(&newest)));
            self.walk_older(segment, limit, void_from)?;
        }
        self.walk_newest(newest)
    }

    /// The first segment.
    fn create(&mut self) -> Result<Tail, QueueError> {
        let (epoch, first_seq) = (self.recovered.epoch, self.state.next_seq);
        let preamble = Preamble { epoch, first_seq, horizon: self.state.released, previous: (0, 0) };
        let segment = Unfinished::start(self.directory, self.storage, preamble, &self.recovered.positions)?;
        let (file, bytes) = segment.finish()?;
        self.push(first_seq, first_seq, bytes);
        Ok(Tail::new(file, 0, first_seq, bytes))
    }

    fn push(&mut self, first_seq: u64, end_seq: u64, bytes: u64) {
        let id = self.state.segments.len() as u64;
        self.state.next_seq = self.state.next_seq.max(end_seq);
        self.state.segments.push_back(Segment {
            id,
            first_seq,
            end_seq,
            bytes,
            durable_bytes: bytes,
            queued: Totals::default(),
            damage: Vec::new(),
        });
    }

    fn scanner(&mut self, opened: &Opened) -> Result<Scanner, QueueError> {
        let path = paths::segment(self.directory, opened.first_seq);
        let file = opened.file.try_clone().map_err(QueueError::read(&path))?;
        let start = (PREAMBLE_BYTES as u64).min(opened.bytes);
        Ok(Scanner::new(file, Some(self.recovered.epoch), start))
    }

    fn damaged(&mut self, opened: &Opened, start: u64, end: u64, reason: Reason, lost: Option<u64>) {
        let region =
            Region { first_seq: opened.first_seq, offset: start, bytes: end - start, reason, lost_records: lost };
        self.recovered.damage.push(quarantine::set_aside(self.directory, &opened.file, region));
        if let Some(segment) = self.state.segments.back_mut() {
            segment.damage.push(start);
        }
    }

    fn check_preamble(&mut self, opened: &Opened) {
        if opened.preamble.is_none() {
            let end = (PREAMBLE_BYTES as u64).min(opened.bytes);
            self.damaged(opened, 0, end, Reason::Preamble, Some(0));
        }
    }

    fn walk_older(&mut self, opened: &Opened, limit: u64, void_from: u64) -> Result<(), QueueError> {
        let mut scanner = self.scanner(opened)?;
        self.push(opened.first_seq, opened.first_seq, limit);
        self.check_preamble(opened);
        loop {
            match scanner.next(limit) {
                Scanned::Record(record) if record.place.seq >= void_from && matches!(record.kind, Kind::Batch(_)) => {
                    break;
                }
                Scanned::Record(record) => self.keep(&record),
                Scanned::Damage { start, end, reason, head: _ } => self.damaged(opened, start, end, reason, None),
                Scanned::End => break,
            }
        }
        Ok(())
    }

    /// Takes over a valid record of the segment that was pushed last.
    fn keep(&mut self, record: &Record) {
        if record.kind == Kind::Snapshot {
            self.recovered.positions.clear();
        }
        record::apply(&mut self.recovered.positions, &record.changes);
        let (seq, released) = (record.place.seq, self.state.released);
        let Kind::Batch(batch) = record.kind else { return };
        self.state.next_seq = self.state.next_seq.max(seq + 1);
        let Some(segment) = self.state.segments.back_mut() else { return };
        segment.end_seq = segment.end_seq.max(seq + 1);
        if seq > released {
            segment.queued += totals(record);
            let oldest = &mut self.state.counted.oldest_ns;
            *oldest = oldest.or(batch.time_range.map(|(first, _)| first));
        }
    }

    fn walk_newest(&mut self, opened: Opened) -> Result<Tail, QueueError> {
        let path = paths::segment(self.directory, opened.first_seq);
        let mut scanner = self.scanner(&opened)?;
        let verdict = tail::judge(&mut scanner, opened.first_seq, opened.bytes);
        let end = verdict.end;
        self.recovered.torn_bytes = opened.bytes - end;
        self.push(opened.first_seq, opened.first_seq, end);
        self.check_preamble(&opened);
        for damage in &verdict.damage {
            self.damaged(&opened, damage.start, damage.end, damage.reason, damage.lost_records);
        }
        scanner.seek((PREAMBLE_BYTES as u64).min(end));
        let mut front = None;
        loop {
            match scanner.next(end) {
                Scanned::Record(record) => {
                    let is_whole = verdict.damage.iter().all(|damage| damage.start != record.place.offset);
                    if is_whole {
                        self.keep(&record);
                    } else if record.place.seq <= self.state.released {
                        record::apply(&mut self.recovered.positions, &record.changes);
                    }
                    if record.kind == Kind::Snapshot {
                        front = Some(record.end());
                    }
                }
                Scanned::Damage { .. } => {}
                Scanned::End => break,
            }
        }
        self.state.next_seq = self.state.next_seq.max(verdict.next_seq);
        let (storage, file) = (self.storage, &opened.file);
        if end < opened.bytes {
            storage.truncate(file, end).map_err(QueueError::write(&path))?;
        }
        tail::rewrite(storage, file, verdict.known_durable.min(end), end).map_err(QueueError::sync(&path))?;
        let id = self.state.segments.len() as u64 - 1;
        let mut tail = Tail::new(opened.file, id, opened.first_seq, end);
        tail.front_bytes = front.unwrap_or(end);
        tail.end_seq = self.state.segments.back().map_or(opened.first_seq, |segment| segment.end_seq);
        // Numbers that are left out must stay so: the name of a new segment remembers them.
        let leaves_out = self.state.next_seq > tail.end_seq;
        tail.must_roll = opened.preamble.is_none() || front.is_none() || leaves_out;
        Ok(tail)
    }

    fn finish(&mut self) {
        let state = &mut self.state;
        state.durable_next = state.next_seq;
        state.handed_next = state.released + 1;
        state.counted.recovered = state.queued();
        state.counted.damaged_ranges = self.recovered.damage.iter().filter(|damage| damage.is_new).count() as u64;
        state.counted.quarantined_bytes = Quarantine::of(self.directory).bytes().unwrap_or_else(|error| {
            tracing::warn!(%error, "the queue's quarantine can't be measured");
            0
        });
        self.recovered.next_seq = state.next_seq;
    }
}
