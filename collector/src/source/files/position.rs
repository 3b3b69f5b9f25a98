//! How far a file was read, and what makes it the same file: what stands in the queue beside the records.
//!
//! ```text
//! u8 version 1 · dev · inode · born · offset · u8 flags · head length · u64 head hash · 6 × u64 marks · bytes tail · bytes path · seen
//! ```
//! Integers are varints but for the fixed ones, which are little-endian.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use orszem_model::Timestamp;
use orszem_model::varint::{put, put_bytes, take, take_bytes, take_exact};
use xxhash_rust::xxh3::xxh3_64;

use super::content::Compression;
use super::followed::modified;

const VERSION: u8 = 1;
const FLAG_DONE: u8 = 1;
const FLAG_MID_LINE: u8 = 2;
/// How much of a file's beginning its fingerprint covers.
pub(super) const HEAD_BYTES: usize = 1 << 10;
/// The lengths of beginnings that are told apart.
const MARKS: [usize; 6] = [SHORTEST_MARK, 32, 64, 128, 256, 512];
/// Less is not told apart.
pub(super) const SHORTEST_MARK: usize = 16;
/// How much before the offset is remembered, to see that the file still is what was read.
pub(super) const TAIL_BYTES: usize = 256;

/// Device, inode and time of birth. They outlive a rename. Where a file system tells no births, another file may get the
/// same later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) inode: u64,
    /// Nanoseconds after 1970; 0 where the file system does not tell.
    pub(super) born: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        Self { dev: metadata.dev(), inode: metadata.ino(), born }
    }
}

/// The fingerprint of a file's first bytes; it grows with the file until it covers [`HEAD_BYTES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: u64,
    pub(super) hash: u64,
    /// Of the first [`MARKS`] bytes, as far as there are so many: to know a copy that was made when there were less.
    pub(super) marks: [u64; MARKS.len()],
}

impl Head {
    /// Of the first bytes of a file.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        let marks = MARKS.map(|len| bytes.get(..len).map_or(0, xxh3_64));
        Self { len: bytes.len() as u64, hash: xxh3_64(bytes), marks }
    }

    /// Whether `bytes` can be the beginning, or less than that, of a file of this.
    pub(super) fn is_like(&self, bytes: &[u8]) -> bool {
        if bytes.len() as u64 >= self.len {
            return self.len > 0 && self.begins(bytes);
        }
        let mut marks = MARKS.into_iter().zip(self.marks).rev();
        marks.find_map(|(len, hash)| Some(xxh3_64(bytes.get(..len)?) == hash)).unwrap_or(false)
    }

    /// Whether a file that begins with `bytes` can be the one that this is of.
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        self.len == 0 || bytes.get(..self.len as usize).is_some_and(|same| xxh3_64(same) == self.hash)
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) id: FileId,
    /// The name it is, or was, written under.
    pub(super) path: PathBuf,
    /// The first byte not handed over, in what the file holds uncompressed.
    pub(super) offset: u64,
    pub(super) head: Head,
    /// The last bytes before `offset`, at most [`TAIL_BYTES`].
    pub(super) tail: Vec<u8>,
    /// Nothing more is expected of it.
    pub(super) is_done: bool,
    /// The byte at `offset` goes on with a line of which a piece was handed over.
    pub(super) is_mid_line: bool,
    /// When everything that was in the file had been handed over for the last time.
    pub(super) seen: Timestamp,
}

impl Position {
    /// Whether it tells of all that a rotated file holds, seen without opening it: nothing was written since it was
    /// done with, and it is the same file for sure.
    pub(super) fn is_all_of(&self, metadata: &Metadata, compression: Compression) -> bool {
        let is_same = self.id.born != 0 && FileId::of(metadata) == self.id && modified(metadata) < self.seen;
        self.is_done && is_same && (compression != Compression::None || metadata.len() == self.offset)
    }

    /// Whether nothing is known of what the file holds.
    pub(super) fn is_blank(&self) -> bool {
        self.offset == 0 && self.head.len == 0
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { id, path, offset, head, tail, is_done, is_mid_line, seen } = self;
        let mut out = vec![VERSION];
        put(&mut out, id.dev);
        put(&mut out, id.inode);
        put(&mut out, id.born);
        put(&mut out, *offset);
        out.push((u8::from(*is_done) * FLAG_DONE) | (u8::from(*is_mid_line) * FLAG_MID_LINE));
        put(&mut out, head.len);
        out.extend_from_slice(&head.hash.to_le_bytes());
        head.marks.iter().for_each(|mark| out.extend_from_slice(&mark.to_le_bytes()));
        put_bytes(&mut out, tail);
        put_bytes(&mut out, path.as_os_str().as_bytes());
        put(&mut out, seen.0.unsigned_abs());
        out
    }

    /// `None` for bytes of another version, or none at all.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes.strip_prefix(&[VERSION])?;
        let id = FileId { dev: take(&mut input)?, inode: take(&mut input)?, born: take(&mut input)? };
        let offset = take(&mut input)?;
        let flags = *take_exact(&mut input, 1)?.first()?;
        let len = take(&mut input)?;
        let hash = take_u64(&mut input)?;
        let mut marks = [0; MARKS.len()];
        for mark in &mut marks {
            *mark = take_u64(&mut input)?;
        }
        let head = Head { len, hash, marks };
        let tail = take_bytes(&mut input)?.to_vec();
        let path = PathBuf::from(OsString::from_vec(take_bytes(&mut input)?.to_vec()));
        let seen = Timestamp(i64::try_from(take(&mut input)?).ok()?);
        let (is_done, is_mid_line) = (flags & FLAG_DONE != 0, flags & FLAG_MID_LINE != 0);
        let position = Self { id, path, offset, head, tail, is_done, is_mid_line, seen };
        (input.is_empty() && position.tail.len() <= TAIL_BYTES && position.head.len <= HEAD_BYTES as u64)
            .then_some(position)
    }
}

fn take_u64(input: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take_exact(input, 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_no_cut_is() {
        let position = Position {
            id: FileId { dev: 1, inode: u64::MAX, born: 3 },
            path: PathBuf::from(OsString::from_vec(b"/var/log/caf\xe9".to_vec())),
            offset: 1 << 40,
            head: Head::of(b"abc"),
            tail: vec![7; TAIL_BYTES],
            is_done: true,
            is_mid_line: false,
            seen: Timestamp(9),
        };
        let bytes = position.encode();
        assert_eq!(Position::decode(&bytes), Some(position));
        for end in 0..bytes.len() {
            assert_eq!(Position::decode(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn a_head_knows_what_it_is_the_beginning_of() {
        let head = Head::of(b"abc");
        assert!(head.begins(b"abc") && head.begins(b"abcdef"));
        assert!(!head.begins(b"ab") && !head.begins(b"abd"));
        assert!(Head::default().begins(b"") && Head::default().begins(b"abc"));
    }
}
