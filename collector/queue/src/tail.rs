//! The newest segment: what in it is written, durable, torn or damaged.
//!
//! What was not synced may be lost in any part, also in the middle. Only what stands in front of the first such part may
//! be kept: a record behind it has positions that pass over what is missing. So damage is judged by whether it was
//! certainly synced (each record tells how many bytes in front of it were not), and where that is not known, by whether
//! it looks as a file system leaves it (cut short, or with sectors of zeros) or as bit rot does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::quarantine::Reason;
use crate::record::{Kind, Record};
use crate::scanner::{Scanned, Scanner};
use crate::storage::Storage;

/// How much is rewritten at once.
const REWRITE_BYTES: u64 = 1 << 20;

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: File,
    pub(crate) id: u64,
    pub(crate) first_seq: u64,
    /// The number behind the last batch in it.
    pub(crate) end_seq: u64,
    pub(crate) bytes: u64,
    pub(crate) durable_bytes: u64,
    /// The bytes of preamble and snapshots.
    pub(crate) front_bytes: u64,
    /// Nothing more may be written to it.
    pub(crate) must_roll: bool,
}

impl Tail {
    /// A new segment, of which all is durable.
    pub(crate) fn new(file: File, id: u64, first_seq: u64, bytes: u64) -> Tail {
        Tail {
            file,
            id,
            first_seq,
            end_seq: first_seq,
            bytes,
            durable_bytes: bytes,
            front_bytes: bytes,
            must_roll: false,
        }
    }
}

/// What is to be kept of the newest segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What stands behind is cut off.
    pub(crate) end: u64,
    /// Up to here everything was certainly synced.
    pub(crate) known_durable: u64,
    /// A number that was certainly not given out.
    pub(crate) next_seq: u64,
    pub(crate) damage: Vec<DamagedPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DamagedPart {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) reason: Reason,
    pub(crate) lost_records: Option<u64>,
}

/// Reads the segment of `bytes` bytes whole, from where the scanner is.
pub(crate) fn judge(scanner: &mut Scanner, first_seq: u64, bytes: u64) -> Verdict {
    let mut known_durable = scanner.offset();
    let mut next_seq = first_seq;
    let mut damage = Vec::new();
    let mut payload = Vec::new();
    loop {
        match scanner.next(bytes) {
            Scanned::Record(record) => {
                let place = record.place;
                known_durable = known_durable.max(match record.kind {
                    Kind::Snapshot => record.end(),
                    Kind::Batch(_) | Kind::Checkpoint => place.offset.saturating_sub(place.unsynced),
                });
                if let Kind::Batch(_) = record.kind {
                    next_seq = next_seq.max(place.seq + 1);
                }
                if let Err(reason) = scanner.payload(&record, &mut payload) {
                    let lost_records = Some(lost(&record));
                    damage.push(DamagedPart { start: place.offset, end: record.end(), reason, lost_records });
                }
            }
            Scanned::Damage { start, end, reason, head } => {
                if reason != Reason::Cut
                    && let Some(head) = head
                {
                    next_seq = next_seq.max(head.seq + 1);
                }
                damage.push(DamagedPart { start, end, reason, lost_records: None });
            }
            Scanned::End => break,
        }
    }
    cut(scanner, Verdict { end: bytes, known_durable, next_seq, damage })
}

/// Finds the first part that was torn, if any.
fn cut(scanner: &mut Scanner, mut verdict: Verdict) -> Verdict {
    let bytes = verdict.end;
    for (index, part) in verdict.damage.iter().enumerate() {
        if part.start < verdict.known_durable {
            continue;
        }
        let is_last = part.end == bytes;
        let is_incomplete = is_last && matches!(part.reason, Reason::Cut | Reason::Zero);
        if is_last && !is_incomplete && part.lost_records.is_none() {
            // It may have been a whole record, even a sent one: its number is not used again.
            verdict.next_seq += 1;
        }
        if is_incomplete || scanner.has_zero_sector(part.start, part.end, bytes) {
            verdict.end = part.start;
            verdict.damage.truncate(index);
            break;
        }
    }
    verdict
}

fn lost(record: &Record) -> u64 {
    match record.kind {
        Kind::Batch(batch) => u64::from(batch.records),
        Kind::Checkpoint | Kind::Snapshot => 0,
    }
}

/// Writes what may not be durable once more and syncs: after a failed sync in an earlier run the system may hold it for
/// clean without it being on the disk, and a sync alone would not write it.
pub(crate) fn rewrite(storage: &Storage, file: &File, from: u64, end: u64) -> io::Result<()> {
    let mut chunk = Vec::new();
    let mut offset = from;
    while offset < end {
        chunk.resize((end - offset).min(REWRITE_BYTES) as usize, 0);
        file.read_exact_at(&mut chunk, offset)?;
        storage.write(file, &chunk, offset)?;
        offset += chunk.len() as u64;
    }
    storage.sync(file)
}
