//! Files that are written once, in pages with a checksum each, and read through a memory map.
//!
//! Layout, little-endian: a header of [`HEADER_BYTES`] (magic, format version, zeros), the content, a table of CRC-32C
//! (one for each [`PAGE_BYTES`] of header and content), the footer (where the content ends, and numbers of the file's
//! kind, mostly where its sections are), and a tail of [`TAIL_BYTES`] (length and CRC-32C of the footer, CRC-32C of the
//! table, magic).

mod directory;
mod reader;
mod writer;

pub(crate) use directory::{sync_directory, unsealed, write_atomically};
pub(crate) use reader::PagedFile;
pub(crate) use writer::PagedWriter;

/// What a file is, and the version of its content that is read and written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileKind {
    pub(crate) name: &'static str,
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

pub(crate) const PAGE_BYTES: usize = 64 << 10;
pub(crate) const HEADER_BYTES: usize = 16;
const TAIL_BYTES: usize = 16;
const TAIL_MAGIC: [u8; 4] = *b"\r\nOE";

#[cfg(test)]
mod tests;
