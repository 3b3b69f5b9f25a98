//! The names of everything the queue keeps on disk.

use std::path::{Path, PathBuf};

use orszem_durable::numbered;

/// The extension of a segment file.
const SEGMENT_EXTENSION: &str = "q";
/// The path of the segment whose first batch has, or will have, the number `first_seq`.
pub(crate) fn segment(directory: &Path, first_seq: u64) -> PathBuf {
    directory.join(numbered::file_name(first_seq, SEGMENT_EXTENSION))
}

/// The first number in a segment's file name; `None` for any other file.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    numbered::number(name, SEGMENT_EXTENSION)
}

/// Where a segment is written before it takes its name; what a crash leaves there is overwritten.
pub(crate) fn unfinished_segment(directory: &Path) -> PathBuf {
    directory.join("segment.tmp")
}

/// The path of the advisory horizon.
pub(crate) fn horizon(directory: &Path) -> PathBuf {
    directory.join("horizon")
}

/// The path of the flows.
pub(crate) fn flows(directory: &Path) -> PathBuf {
    directory.join("flows")
}

/// The file whose lock says that the queue is open.
pub(crate) fn lock(directory: &Path) -> PathBuf {
    directory.join("lock")
}
