//! The label index of a block: which series there are, and which have a label.
//!
//! Series are numbered in the order of their labels; a name's values are ranked in the order of bytes. A paged file:
//!
//! - for each name: its values (an fst, value to rank), the postings of its values in the order of ranks (each behind
//!   its length), where each [`GROUP_VALUES`] postings begin, and the postings of all series that have the name;
//! - series, [`BLOCK_SERIES`] at a time as zstd: the number of the shape (which names a series has), the rank of each
//!   value, all as differences to the series before; and where each block begins;
//! - hashes, 8 bytes a series ([`labels_hash`](crate::labels_hash));
//! - names: the table of names and where their parts are, and the shapes.

mod literals;
mod postings;
mod reader;
mod report;
mod select;
mod series;
mod values;
mod writer;

pub use reader::{Index, LabelsReader};
pub use report::NameCount;
pub use writer::IndexWriter;

use crate::files::FileKind;

const KIND: FileKind = FileKind { name: "label index", magic: *b"ORSZINDX", version: 1 };
/// Postings found by scanning once their group is known.
const GROUP_VALUES: usize = 32;
/// Series that are decoded together.
const BLOCK_SERIES: usize = 256;

/// The numbers in the footer.
const SERIES: usize = 0;
const BLOCKS: usize = 1;
const HASHES: usize = 2;
const NAMES: usize = 3;
const NAMES_BYTES: usize = 4;
const NUMBERS: usize = 5;

#[cfg(test)]
mod tests;
