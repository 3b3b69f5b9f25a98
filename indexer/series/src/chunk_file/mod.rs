//! A file with the chunks of many series, by key.
//!
//! A paged file. First the record of each key: the number of chunks; kind, time column and length of each; their
//! payloads; and the time columns that no record before had. Columns are referred to by number, so that series which
//! are scraped together share them. Then the directory (groups of [`GROUP_KEYS`] keys: key and length of record as
//! differences), the groups (first key, where its first record is, where it is in the directory), and the columns
//! (where, and how long).

mod reader;
mod record;
mod writer;

pub use reader::{ChunkFile, ChunkReader};
pub use record::{ChunkList, ChunkRef};
pub use writer::{ChunkFileWriter, ChunkTotals};

use crate::files::FileKind;

const KIND: FileKind = FileKind { name: "chunk", magic: *b"ORSZCHNK", version: 1 };
/// Keys that are found by scanning once their group is found by bisection.
const GROUP_KEYS: usize = 64;
/// First key, offset of its record, offset in the directory.
const GROUP_BYTES: usize = 20;
/// 48 bits of offset over 16 bits of length.
const COLUMN_BYTES: usize = 8;

/// The numbers in the footer.
const DIRECTORY: usize = 0;
const DIRECTORY_BYTES: usize = 1;
const GROUPS: usize = 2;
const KEYS: usize = 3;
const COLUMNS: usize = 4;
const COLUMN_COUNT: usize = 5;
const SAMPLES: usize = 6;
const MIN_TIME: usize = 7;
const MAX_TIME: usize = 8;
const NUMBERS: usize = 9;

#[cfg(test)]
mod tests;
