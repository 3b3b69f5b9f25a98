//! Reading a segment group by group, and finding the next intact group behind damage.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Reason;
use crate::frame::{INTRODUCTION_BYTES, Introduction};
use crate::header::Header;
use crate::segment::PREAMBLE_BYTES;

/// How much is read at a time, unless a frame needs more.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// An intact frame in the scanner's buffer.
pub(crate) struct FrameView<'a> {
    pub(crate) position: u64,
    pub(crate) header: Header,
    pub(crate) payload: &'a [u8],
    /// The offset behind the frame.
    end: u64,
}

/// What stands at the scanner's offset. Offsets are in bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A whole, intact group.
    Group { start: u64, end: u64 },
    /// Bytes that are no whole, intact group; `end` is where the next group starts, or the limit.
    Damage { start: u64, end: u64, reason: Reason },
    /// What follows up to the limit looks like a write that was cut short.
    Torn { start: u64 },
    /// The limit is reached.
    End,
}

/// Why there is no intact frame at an offset.
struct Fault {
    reason: Reason,
    /// Where the next frame is, if the faulty one tells its length rightly.
    next: Option<u64>,
    /// Whether the frame reaches over the limit.
    is_cut: bool,
}

/// Walks over one segment file with a bounded buffer.
pub(crate) struct Scanner {
    file: File,
    start: u64,
    offset: u64,
    buffer: Vec<u8>,
    buffer_offset: u64,
    buffer_filled: usize,
}

impl Scanner {
    /// A scanner in front of the first frame of the segment that starts at position `start`.
    pub(crate) fn new(file: File, start: u64) -> Scanner {
        Scanner { file, start, offset: PREAMBLE_BYTES, buffer: Vec::new(), buffer_offset: 0, buffer_filled: 0 }
    }

    /// Moves to `offset`. Returns false, without moving, when there neither a group starts nor the content ends.
    pub(crate) fn seek(&mut self, offset: u64, limit: u64) -> io::Result<bool> {
        let starts_here = offset == limit || self.starts_group(offset, limit)?;
        if starts_here {
            self.offset = offset;
        }
        Ok(starts_here)
    }

    /// Reads on to the next group, passing each frame to `keep`. When the result is not a group, the frames passed
    /// belong to an incomplete one. Never reads at or behind the offset `limit`.
    pub(crate) fn next(&mut self, limit: u64, mut keep: impl FnMut(FrameView<'_>)) -> io::Result<Scanned> {
        let start = self.offset;
        if start >= limit {
            return Ok(Scanned::End);
        }
        let mut at = start;
        let mut part = 0;
        loop {
            if at == limit {
                self.offset = limit;
                return Ok(Scanned::Torn { start });
            }
            match self.frame_at(at, limit)? {
                Ok(view) if view.header.part == part => {
                    let (end, is_last) = (view.end, view.header.is_last);
                    keep(view);
                    at = end;
                    part += 1;
                    if is_last {
                        self.offset = end;
                        return Ok(Scanned::Group { start, end });
                    }
                }
                Ok(_) => {
                    let fault = Fault { reason: Reason::IncompleteGroup, next: Some(at), is_cut: false };
                    return self.resume(start, at, limit, &fault);
                }
                Err(fault) => return self.resume(start, at, limit, &fault),
            }
        }
    }

    /// Goes to the next group behind the fault at `at` in the group that starts at `start`.
    fn resume(&mut self, start: u64, at: u64, limit: u64, fault: &Fault) -> io::Result<Scanned> {
        let next = self.find_group(at, fault.next, limit)?;
        self.offset = next.unwrap_or(limit);
        if next.is_none() && (fault.is_cut || self.is_zero(at, limit)?) {
            return Ok(Scanned::Torn { start });
        }
        Ok(Scanned::Damage { start, end: self.offset, reason: fault.reason })
    }

    /// The start of the first group behind the fault at `at`. Where the faulty frame says that it ends is tried first:
    /// that is right for a flipped payload bit and passes over whatever the payload holds.
    fn find_group(&mut self, at: u64, next: Option<u64>, limit: u64) -> io::Result<Option<u64>> {
        let mut candidate = next;
        let mut search_from = at + 1;
        loop {
            while let Some(offset) = candidate {
                if offset >= limit {
                    return Ok(None);
                }
                candidate = match self.frame_at(offset, limit)? {
                    Ok(view) if view.header.part == 0 => return Ok(Some(offset)),
                    Ok(view) => {
                        search_from = view.end;
                        Some(view.end)
                    }
                    Err(_fault) => None,
                };
            }
            let Some(found) = self.find_introduction(search_from, limit)? else { return Ok(None) };
            candidate = Some(found);
            search_from = found + 1;
        }
    }

    /// The first offset from `from` on where a frame may start, by position and length.
    fn find_introduction(&mut self, from: u64, limit: u64) -> io::Result<Option<u64>> {
        let mut offset = from;
        while offset + INTRODUCTION_BYTES as u64 <= limit {
            let position = self.start + offset;
            let bytes = self.bytes(offset, INTRODUCTION_BYTES, limit)?;
            if Introduction::read(bytes).is_some_and(|introduction| introduction.frame_bytes(position).is_ok()) {
                return Ok(Some(offset));
            }
            offset += 1;
        }
        Ok(None)
    }

    fn starts_group(&mut self, offset: u64, limit: u64) -> io::Result<bool> {
        if !(PREAMBLE_BYTES..limit).contains(&offset) {
            return Ok(false);
        }
        Ok(self.frame_at(offset, limit)?.is_ok_and(|view| view.header.part == 0))
    }

    fn frame_at(&mut self, offset: u64, limit: u64) -> io::Result<Result<FrameView<'_>, Fault>> {
        let cut = Fault { reason: Reason::Cut, next: None, is_cut: true };
        let left = limit.saturating_sub(offset);
        if left < INTRODUCTION_BYTES as u64 {
            return Ok(Err(cut));
        }
        let position = self.start + offset;
        let Some(introduction) = Introduction::read(self.bytes(offset, INTRODUCTION_BYTES, limit)?) else {
            return Ok(Err(cut));
        };
        let length = match introduction.frame_bytes(position) {
            Ok(length) => length,
            Err(reason) => return Ok(Err(Fault { reason, next: None, is_cut: false })),
        };
        if length as u64 > left {
            return Ok(Err(cut));
        }
        let end = offset + length as u64;
        Ok(match introduction.open(self.bytes(offset, length, limit)?) {
            Ok((header, payload)) => Ok(FrameView { position, header, payload, end }),
            Err(reason) => Err(Fault { reason, next: Some(end), is_cut: false }),
        })
    }

    /// Whether there are only zeros up to the limit: a file that grew before its content reached the disk.
    fn is_zero(&mut self, from: u64, limit: u64) -> io::Result<bool> {
        let mut offset = from;
        while offset < limit {
            let length = (limit - offset).min(READ_AHEAD_BYTES as u64) as usize;
            if self.bytes(offset, length, limit)?.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            offset += length as u64;
        }
        Ok(true)
    }

    /// The `length` bytes at `offset`, of which none may stand behind `limit`.
    fn bytes(&mut self, offset: u64, length: usize, limit: u64) -> io::Result<&[u8]> {
        let buffer_end = self.buffer_offset + self.buffer_filled as u64;
        if offset < self.buffer_offset || offset + length as u64 > buffer_end {
            self.fill(offset, length, limit)?;
        }
        let from = (offset - self.buffer_offset) as usize;
        self.buffer.get(from..from + length).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn fill(&mut self, offset: u64, length: usize, limit: u64) -> io::Result<()> {
        let wanted = length.max(READ_AHEAD_BYTES).min(limit.saturating_sub(offset) as usize);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        self.buffer_offset = offset;
        self.buffer_filled = 0;
        let (target, _) = self.buffer.split_at_mut(wanted);
        self.file.read_exact_at(target, offset)?;
        self.buffer_filled = wanted;
        Ok(())
    }
}
