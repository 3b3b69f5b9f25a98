//! The names of everything the journal keeps on disk.

use std::path::{Path, PathBuf};

use orszem_durable::numbered;

/// The extension of a segment file.
const SEGMENT_EXTENSION: &str = "journal";
/// The file of the subscribers' cursors.
const CURSORS: &str = "cursors";
/// The file of the deduplication checkpoint.
const DEDUPLICATION: &str = "deduplication";

/// The path of the segment that starts at `start`.
pub(crate) fn segment(directory: &Path, start: u64) -> PathBuf {
    directory.join(numbered::file_name(start, SEGMENT_EXTENSION))
}

/// The start position in a segment's file name; `None` for any other file.
pub(crate) fn segment_start(name: &str) -> Option<u64> {
    numbered::number(name, SEGMENT_EXTENSION)
}

/// The path of the cursor file.
pub(crate) fn cursors(directory: &Path) -> PathBuf {
    directory.join(CURSORS)
}

/// The path of the deduplication checkpoint.
pub(crate) fn deduplication(directory: &Path) -> PathBuf {
    directory.join(DEDUPLICATION)
}
