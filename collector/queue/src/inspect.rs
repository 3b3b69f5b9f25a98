//! Looking into a queue from outside. All but [`repair`] only read, and work while a collector has the queue open: what
//! it is writing at that moment may then show as torn.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::horizon::Horizon;
use crate::quarantine::{Damage, Reason};
use crate::reader::Batch;
use crate::record::{self, Kind, Positions, Record};
use crate::recovery::{self, Opened, bounds};
use crate::scanner::{Scanned, Scanner};
use crate::segment::{self, Opening, PREAMBLE_BYTES};
use crate::shared::totals;
use crate::storage::Storage;
use crate::usage::Totals;
use crate::{QueueError, Recovered, paths, queue, tail};

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// The one that is written.
    Newest,
    Closed,
    /// All of it has arrived; it is deleted with the next release or start.
    Released,
    /// Its preamble is damaged; its records can be read all the same.
    Damaged,
    FutureVersion(u32),
}

/// A segment by its heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    pub file: PathBuf,
    pub first_seq: u64,
    /// The number behind the last batch.
    pub end_seq: u64,
    pub totals: Totals,
    /// The size of the file.
    pub bytes: u64,
    pub state: SegmentState,
}

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// `None` when no segment tells.
    pub epoch: Option<u64>,
    /// What was released, as far as is remembered.
    pub released: u64,
    /// Batches whose payloads are intact.
    pub intact: Totals,
    pub damage: Vec<Damage>,
    /// Numbers above `released` that are missing between batches.
    pub holes: Vec<RangeInclusive<u64>>,
    /// Incomplete bytes at the end, which the next start cuts off; or a record that is being written now.
    pub torn_bytes: u64,
}

/// A batch with the positions behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    pub batch: Batch,
    pub positions: Positions,
}

/// The segments in `directory`, ascending.
pub fn list(directory: &Path) -> Result<Vec<SegmentSummary>, QueueError> {
    let (opened, future) = open_all(directory)?;
    let released = released(directory, &opened);
    let mut summaries = Vec::new();
    for (index, segment) in opened.iter().enumerate() {
        let next = opened.get(index + 1);
        let (limit, _) = bounds(segment, next);
        let mut summary = SegmentSummary {
            file: paths::segment(directory, segment.first_seq),
            first_seq: segment.first_seq,
            end_seq: segment.first_seq,
            totals: Totals::default(),
            bytes: segment.bytes,
            state: SegmentState::Closed,
        };
        let mut scanner = scanner(directory, segment)?;
        loop {
            match scanner.next(limit) {
                Scanned::Record(record) => {
                    summary.totals += totals(&record);
                    if let Kind::Batch(_) = record.kind {
                        summary.end_seq = record.place.seq + 1;
                    }
                }
                Scanned::Damage { .. } => {}
                Scanned::End => break,
            }
        }
        summary.state = match (segment.preamble, next) {
            (None, _) => SegmentState::Damaged,
            (Some(_), None) => SegmentState::Newest,
            (Some(_), Some(next)) if next.first_seq <= released + 1 => SegmentState::Released,
            (Some(_), Some(_)) => SegmentState::Closed,
        };
        summaries.push(summary);
    }
    summaries.extend(future);
    summaries.sort_by_key(|summary| summary.first_seq);
    Ok(summaries)
}

/// Reads everything and tells what is wrong; changes nothing.
pub fn check(directory: &Path) -> Result<Report, QueueError> {
    let (opened, future) = open_all(directory)?;
    let mut report = Report {
        epoch: opened.iter().rev().find_map(|opened| opened.preamble).map(|preamble| preamble.epoch),
        released: released(directory, &opened),
        ..Report::default()
    };
    for summary in future {
        let SegmentState::FutureVersion(version) = summary.state else { continue };
        report.damage.push(damage(summary.file, 0, summary.bytes, Reason::FutureVersion(version), None));
    }
    let mut expected = None;
    for (index, segment) in opened.iter().enumerate() {
        let next = opened.get(index + 1);
        let (limit, _) = bounds(segment, next);
        let path = paths::segment(directory, segment.first_seq);
        if segment.preamble.is_none() {
            let end = (PREAMBLE_BYTES as u64).min(segment.bytes);
            report.damage.push(damage(path.clone(), 0, end, Reason::Preamble, Some(0)));
        }
        let mut scanner = scanner(directory, segment)?;
        let limit = match next {
            Some(_) => limit,
            None => tail::judge(&mut scanner, segment.first_seq, limit).end,
        };
        if next.is_none() {
            report.torn_bytes = segment.bytes.saturating_sub(limit);
            scanner.seek((PREAMBLE_BYTES as u64).min(segment.bytes));
        }
        check_segment(&mut scanner, &path, limit, &mut expected, &mut report);
    }
    Ok(report)
}

/// The batches with numbers in `range` that can be read, with the positions behind each. Damage is passed over.
pub fn dump(directory: &Path, range: RangeInclusive<u64>) -> Result<Dump, QueueError> {
    let (opened, _) = open_all(directory)?;
    let mut segments = Vec::new();
    for (index, segment) in opened.iter().enumerate() {
        let (limit, _) = bounds(segment, opened.get(index + 1));
        segments.push((scanner(directory, segment)?, limit));
    }
    Ok(Dump { segments: segments.into_iter(), current: None, range, expected: None, positions: Positions::new() })
}

/// Does what opening the queue does: damage goes to the quarantine, a torn end is cut off. [`QueueError::InUse`] while a
/// collector runs. `new_epoch` is taken when no segment tells which it was.
pub fn repair(directory: &Path, new_epoch: u64) -> Result<Recovered, QueueError> {
    if segment::list(directory).map_err(QueueError::directory(directory))?.is_empty() {
        return Ok(Recovered::default());
    }
    let _lock = queue::lock(directory)?;
    recovery::recover(directory, &Storage::Disk, new_epoch).map(|found| found.recovered)
}

/// Iterates over batches; see [`dump`].
pub struct Dump {
    segments: std::vec::IntoIter<(Scanner, u64)>,
    current: Option<(Scanner, u64)>,
    range: RangeInclusive<u64>,
    expected: Option<u64>,
    positions: Positions,
}

impl Iterator for Dump {
    type Item = Dumped;

    fn next(&mut self) -> Option<Dumped> {
        loop {
            if self.current.is_none() {
                self.current = Some(self.segments.next()?);
            }
            let (scanner, limit) = self.current.as_mut()?;
            let record = match scanner.next(*limit) {
                Scanned::Record(record) => record,
                Scanned::Damage { .. } => continue,
                Scanned::End => {
                    self.current = None;
                    continue;
                }
            };
            if record.kind == Kind::Snapshot {
                self.positions.clear();
            }
            record::apply(&mut self.positions, &record.changes);
            let Kind::Batch(meta) = record.kind else { continue };
            let seq = record.place.seq;
            let mut payload = Vec::new();
            if !self.range.contains(&seq) || scanner.payload(&record, &mut payload).is_err() {
                continue;
            }
            let skipped = seq.saturating_sub(self.expected.unwrap_or(seq));
            self.expected = Some(seq + 1);
            let batch = Batch {
                seq,
                skipped,
                records: meta.records,
                raw_bytes: meta.raw_bytes,
                hash: meta.hash,
                time_range: meta.time_range,
                payload,
            };
            return Some(Dumped { batch, positions: self.positions.clone() });
        }
    }
}

fn check_segment(scanner: &mut Scanner, path: &Path, limit: u64, expected: &mut Option<u64>, report: &mut Report) {
    let mut payload = Vec::new();
    loop {
        match scanner.next(limit) {
            Scanned::Record(record) => {
                if let Err(reason) = scanner.payload(&record, &mut payload) {
                    let (start, lost) = (record.place.offset, totals(&record).records);
                    report.damage.push(damage(path.to_owned(), start, record.end() - start, reason, Some(lost)));
                    continue;
                }
                note(&record, expected, report);
            }
            Scanned::Damage { start, end, reason, head: _ } => {
                report.damage.push(damage(path.to_owned(), start, end - start, reason, None));
            }
            Scanned::End => return,
        }
    }
}

fn note(record: &Record, expected: &mut Option<u64>, report: &mut Report) {
    let Kind::Batch(_) = record.kind else { return };
    report.intact += totals(record);
    let seq = record.place.seq;
    let due = expected.unwrap_or(seq).max(report.released + 1);
    if seq > due {
        report.holes.push(due..=seq - 1);
    }
    *expected = Some(seq + 1);
}

fn damage(file: PathBuf, offset: u64, bytes: u64, reason: Reason, lost_records: Option<u64>) -> Damage {
    Damage { file, offset, bytes, reason, lost_records, kept: None, is_new: false }
}

/// The segments that can be read, and those of a newer version.
fn open_all(directory: &Path) -> Result<(Vec<Opened>, Vec<SegmentSummary>), QueueError> {
    let (mut opened, mut future) = (Vec::new(), Vec::new());
    for first_seq in segment::list(directory).map_err(QueueError::directory(directory))? {
        let path = paths::segment(directory, first_seq);
        let file = match File::open(&path) {
            // Released in between.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.map_err(QueueError::read(&path))?,
        };
        let bytes = file.metadata().map_err(QueueError::read(&path))?.len();
        let preamble = match Opening::read(&file, first_seq) {
            Opening::Known(preamble) => Some(preamble),
            Opening::Damaged => None,
            Opening::FutureVersion(version) => {
                future.push(SegmentSummary {
                    file: path,
                    first_seq,
                    end_seq: first_seq,
                    totals: Totals::default(),
                    bytes,
                    state: SegmentState::FutureVersion(version),
                });
                continue;
            }
        };
        opened.push(Opened { first_seq, file, bytes, preamble });
    }
    Ok((opened, future))
}

fn released(directory: &Path, opened: &[Opened]) -> u64 {
    let advisory = Horizon::load(directory).map(|horizon| horizon.released);
    let horizons = opened.iter().filter_map(|opened| opened.preamble).map(|preamble| preamble.horizon);
    horizons.chain(advisory).max().unwrap_or(0)
}

fn scanner(directory: &Path, segment: &Opened) -> Result<Scanner, QueueError> {
    let path = paths::segment(directory, segment.first_seq);
    let file = segment.file.try_clone().map_err(QueueError::read(&path))?;
    let epoch = segment.preamble.map(|preamble| preamble.epoch);
    Ok(Scanner::new(file, epoch, (PREAMBLE_BYTES as u64).min(segment.bytes)))
}
