//! Whether an open file still is what was read of it: by its beginning, by what stands before the offset, and by what a
//! copy of it ends with.

use std::io;
use std::os::unix::fs::FileExt;

use super::super::position::{HEAD_BYTES, Head, Position};
use super::Followed;

/// The end of a copy of a file that is still open.
#[derive(Debug)]
pub(super) struct Copied {
    end: u64,
    tail: Vec<u8>,
}

impl Followed {
    /// Notes that a copy of it ends at `end` with `tail`. A file with holes may be written out of order, so that nothing
    /// follows from what it holds later.
    pub(in super::super) fn note_copy(&mut self, end: u64, tail: Vec<u8>) {
        if !tail.contains(&0) && self.copied.as_ref().is_none_or(|copied| copied.end < end) {
            self.copied = Some(Copied { end, tail });
        }
    }

    /// Whether it still holds what was copied of it and is not read yet.
    pub(super) fn holds_copied(&self) -> io::Result<bool> {
        let Some(Copied { end, tail }) = self.copied.as_ref().filter(|copied| copied.end > self.position.offset) else {
            return Ok(true);
        };
        Ok(self.bytes_at(end - tail.len() as u64, tail.len())?.is_some_and(|bytes| bytes == *tail))
    }

    /// So many bytes of a plain file; `None` where it ends before.
    fn bytes_at(&self, at: u64, len: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; len];
        match self.content.file().read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether what is at its offset can have been there when the position was taken.
    pub(in super::super) fn is_continued(&mut self) -> io::Result<bool> {
        let tail = self.position.tail.len();
        let mut bytes = vec![0; tail];
        let begin = self.position.offset - tail as u64;
        Ok(self.content.read_at(begin, &mut bytes)? == tail && bytes == self.position.tail)
    }

    /// Whether a plain file still is what was read of it; answered without reading on.
    pub(in super::super) fn still_holds(&self) -> io::Result<bool> {
        if self.content.is_compressed() {
            return Ok(true);
        }
        let Position { head, tail, offset, .. } = &self.position;
        let begins = self.bytes_at(0, head.len as usize)?.is_some_and(|bytes| head.begins(&bytes));
        let before = self.bytes_at(offset - tail.len() as u64, tail.len())?;
        Ok(begins && before.is_some_and(|bytes| bytes == *tail) && self.holds_copied()?)
    }

    /// Notes how a file begins that is not read yet, so that it is told from what is there after a cut.
    pub(super) fn learn_beginning(&mut self) -> io::Result<()> {
        let is_longer = self.position.head.len < self.size.min(HEAD_BYTES as u64);
        if is_longer && self.still_holds()? {
            self.grow_head()?;
        }
        Ok(())
    }

    /// Whether the file's beginning still is what it was.
    pub(super) fn begins_as_before(&mut self) -> io::Result<bool> {
        let head = self.position.head;
        if head.len == 0 || self.content.is_compressed() {
            return Ok(true);
        }
        let mut bytes = [0; HEAD_BYTES];
        let bytes = &mut bytes[..head.len as usize];
        let got = self.content.read_at(0, bytes)?;
        Ok(head.begins(&bytes[..got]))
    }

    /// Lets the fingerprint grow to what the file begins with. It may be cut at any moment: what does not begin as it did
    /// says nothing of what was read.
    pub(super) fn grow_head(&mut self) -> io::Result<()> {
        if (self.position.head.len as usize) < HEAD_BYTES {
            let bytes = self.content.head()?;
            self.extend_head(&bytes);
        }
        Ok(())
    }

    pub(super) fn extend_head(&mut self, bytes: &[u8]) {
        let head = Head::of(bytes);
        if self.position.head.begins(bytes) && head != self.position.head {
            self.position.head = head;
            self.is_changed = true;
        }
    }
}
