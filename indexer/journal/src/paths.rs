//! The names of everything the journal keeps on disk.

use std::path::{Path, PathBuf};

/// The extension of a segment file.
const SEGMENT_EXTENSION: &str = "journal";
/// Digits of a start position in a file name; enough for any `u64`, so that names sort as positions do.
const POSITION_DIGITS: usize = 20;
/// Where damaged bytes are kept for a human.
const QUARANTINE: &str = "quarantine";
/// The file of the subscribers' cursors.
const CURSORS: &str = "cursors";
/// The file of the deduplication checkpoint.
const DEDUPLICATION: &str = "deduplication";

/// The path of the segment that starts at `start`.
pub(crate) fn segment(directory: &Path, start: u64) -> PathBuf {
    directory.join(format!("{start:0POSITION_DIGITS$}.{SEGMENT_EXTENSION}"))
}

/// The start position in a segment's file name; `None` for any other file.
pub(crate) fn segment_start(name: &str) -> Option<u64> {
    let (digits, extension) = name.split_once('.')?;
    let is_segment = extension == SEGMENT_EXTENSION
        && digits.len() == POSITION_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_segment { digits.parse().ok() } else { None }
}

/// The directory of quarantined bytes.
pub(crate) fn quarantine(directory: &Path) -> PathBuf {
    directory.join(QUARANTINE)
}

/// The name of a damaged byte range: its segment's start and the offset in that file.
pub(crate) fn damaged_range(start: u64, offset: u64) -> String {
    format!("{start:0POSITION_DIGITS$}-{offset:0POSITION_DIGITS$}.damaged")
}

/// The path of the cursor file.
pub(crate) fn cursors(directory: &Path) -> PathBuf {
    directory.join(CURSORS)
}

/// The path of the deduplication checkpoint.
pub(crate) fn deduplication(directory: &Path) -> PathBuf {
    directory.join(DEDUPLICATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_round_trip_and_strangers_are_told_apart() {
        for start in [0, 32, u64::MAX] {
            let path = segment(Path::new("/j"), start);
            let name = path.file_name().and_then(|name| name.to_str()).expect("utf-8");
            assert_eq!(segment_start(name), Some(start));
        }
        for stranger in [
            "0.journal",
            "cursors",
            "00000000000000000000.journal.tmp",
            "+0000000000000000000.journal",
            "00000000000000000000.wal",
            "99999999999999999999.journal",
        ] {
            assert_eq!(segment_start(stranger), None, "{stranger}");
        }
    }
}
