//! Walking over a segment's records: heads and metas in order, and on to the next valid record behind anything else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::quarantine::Reason;
use crate::record::{HEAD_BYTES, Head, MARKER, Record};

/// What is read at least; small records come many at a time, large payloads are passed over.
const WINDOW_BYTES: usize = 4096;
/// What is read at once when searching.
const SEARCH_BYTES: usize = 64 << 10;

/// What stands at an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// Head and meta are valid; the payload is not yet checked.
    Record(Box<Record>),
    /// Bytes from `start` that are no record; the next one, or the limit, is at `end`.
    Damage {
        start: u64,
        end: u64,
        reason: Reason,
        head: Option<Head>,
    },
    End,
}

/// What is wrong with a record, and its head if that much is valid.
struct Fault {
    reason: Reason,
    head: Option<Head>,
}

/// Reads a segment from front to back.
pub(crate) struct Scanner {
    file: File,
    /// Records of another epoch are none; `None` takes the first one found.
    epoch: Option<u64>,
    offset: u64,
    window: Vec<u8>,
    window_offset: u64,
    window_filled: usize,
}

impl Scanner {
    pub(crate) fn new(file: File, epoch: Option<u64>, offset: u64) -> Scanner {
        Scanner { file, epoch, offset, window: Vec::new(), window_offset: 0, window_filled: 0 }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Goes to the next record. Never looks at or behind the offset `limit`.
    pub(crate) fn next(&mut self, limit: u64) -> Scanned {
        let start = self.offset;
        if start >= limit {
            return Scanned::End;
        }
        match self.record_at(start, limit) {
            Ok(record) => {
                self.offset = record.end();
                self.epoch = Some(record.place.epoch);
                Scanned::Record(Box::new(record))
            }
            Err(Fault { reason, head }) => {
                let next = match head {
                    Some(head) if head.end() <= limit => Some(head.end()),
                    Some(_) | None => self.find_record(start + 1, limit),
                };
                self.offset = next.unwrap_or(limit);
                Scanned::Damage { start, end: self.offset, reason, head }
            }
        }
    }

    /// Reads a record's payload into `payload`, or tells why it can't be had.
    pub(crate) fn payload(&self, record: &Record, payload: &mut Vec<u8>) -> Result<(), Reason> {
        payload.clear();
        payload.resize(record.payload_bytes as usize, 0);
        self.file.read_exact_at(payload, record.payload_offset).map_err(|error| unreadable(&error))?;
        if crc32c::crc32c(payload) == record.payload_checksum { Ok(()) } else { Err(Reason::Checksum) }
    }

    /// Whether a sector of the region from `start` to `end` is all zero, apart from what is in front of `start`: the
    /// file grew before its content reached the disk.
    pub(crate) fn has_zero_sector(&mut self, start: u64, end: u64, file_end: u64) -> bool {
        const SECTOR: u64 = 512;
        let mut from = start;
        while from < end {
            let to = ((from / SECTOR + 1) * SECTOR).min(file_end);
            match self.bytes(from, (to - from) as usize, SEARCH_BYTES, file_end) {
                Ok(sector) if sector.iter().all(|&byte| byte == 0) => return true,
                Ok(_) | Err(_) => from = to,
            }
        }
        false
    }

    fn record_at(&mut self, offset: u64, limit: u64) -> Result<Record, Fault> {
        let head = self.head_at(offset, limit).map_err(|reason| Fault { reason, head: None })?;
        let fault = |reason| Fault { reason, head: Some(head) };
        if head.end() > limit {
            return Err(fault(Reason::Cut));
        }
        let meta = self.bytes(offset + HEAD_BYTES as u64, head.meta_bytes as usize, WINDOW_BYTES, limit);
        head.open(meta.map_err(fault)?).ok_or(fault(Reason::Checksum))
    }

    fn head_at(&mut self, offset: u64, limit: u64) -> Result<Head, Reason> {
        if limit.saturating_sub(offset) < HEAD_BYTES as u64 {
            return Err(Reason::Cut);
        }
        let epoch = self.epoch;
        let bytes = self.bytes(offset, HEAD_BYTES, WINDOW_BYTES, limit)?;
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(Reason::Zero);
        }
        let head = bytes.first_chunk().and_then(|bytes| Head::read(bytes, offset)).ok_or(Reason::NoRecord)?;
        if epoch.is_some_and(|epoch| epoch != head.epoch) { Err(Reason::ForeignEpoch) } else { Ok(head) }
    }

    /// The first record from `from` on.
    fn find_record(&mut self, from: u64, limit: u64) -> Option<u64> {
        let mut offset = from;
        while offset + HEAD_BYTES as u64 <= limit {
            let length = (limit - offset).min(SEARCH_BYTES as u64) as usize;
            let Ok(bytes) = self.bytes(offset, length, SEARCH_BYTES, limit) else {
                offset = (offset / WINDOW_BYTES as u64 + 1) * WINDOW_BYTES as u64;
                continue;
            };
            let found = bytes.windows(MARKER.len()).position(|window| window == MARKER);
            match found {
                None => offset += (length - (MARKER.len() - 1)) as u64,
                Some(index) => {
                    let candidate = offset + index as u64;
                    if self.head_at(candidate, limit).is_ok_and(|head| head.end() <= limit) {
                        return Some(candidate);
                    }
                    offset = candidate + 1;
                }
            }
        }
        None
    }

    /// The `length` bytes at `offset`, none of them behind `limit`; reads `ahead` bytes where it has to read.
    fn bytes(&mut self, offset: u64, length: usize, ahead: usize, limit: u64) -> Result<&[u8], Reason> {
        let window_end = self.window_offset + self.window_filled as u64;
        if offset < self.window_offset || offset + length as u64 > window_end {
            self.fill(offset, length.max(ahead).min(limit.saturating_sub(offset) as usize))
                .map_err(|error| unreadable(&error))?;
        }
        let from = (offset - self.window_offset) as usize;
        self.window.get(from..from + length).ok_or(Reason::Cut)
    }

    fn fill(&mut self, offset: u64, length: usize) -> io::Result<()> {
        self.window_filled = 0;
        self.window_offset = offset;
        if self.window.len() < length || self.window.len() > length.max(SEARCH_BYTES) {
            self.window = vec![0; length];
        }
        let (target, _) = self.window.split_at_mut(length);
        self.file.read_exact_at(target, offset)?;
        self.window_filled = length;
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> Reason {
    if error.kind() == io::ErrorKind::UnexpectedEof { Reason::Cut } else { Reason::Unreadable }
}
