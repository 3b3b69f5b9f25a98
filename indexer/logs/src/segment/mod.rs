//! Segments: immutable files of records, sorted by (group, stream, timestamp, sequence).
//!
//! Format version 1:
//! ```text
//! "ORSZSEG1" · blocks (zstd frames) · sections · footer
//! footer: section table (id, flags, offset, length, raw length, crc32c each) · u32 table length · u32 crc32c · "ORSZSEGE"
//! ```
//! A segment is written once, fsynced, then named by the catalogue; it never changes afterwards.

pub(crate) mod block;
pub(crate) mod chunk;
pub(crate) mod group;
pub(crate) mod postings;
pub(crate) mod read;
pub(crate) mod rice;
pub(crate) mod sequences;
pub(crate) mod words;
pub(crate) mod write;

pub(crate) const HEAD: &[u8; 8] = b"ORSZSEG1";
pub(crate) const TAIL: &[u8; 8] = b"ORSZSEGE";

/// The sections of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Section {
    Meta = 1,
    Streams = 2,
    Groups = 3,
    Runs = 4,
    Blocks = 5,
    Times = 6,
    Ranks = 7,
    Sequences = 8,
    Received = 9,
    Postings = 10,
    Words = 11,
}

impl Section {
    pub(crate) const COUNT: usize = 12;
    pub(crate) const FLAG_ZSTD: u8 = 1;
}
