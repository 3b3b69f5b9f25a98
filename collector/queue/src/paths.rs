//! The names of everything the queue keeps on disk.

use std::path::{Path, PathBuf};

/// The extension of a segment file.
const SEGMENT_EXTENSION: &str = "q";
/// Digits of a number in a file name; enough for any `u64`, so that names sort as numbers do.
const SEQ_DIGITS: usize = 20;

/// The path of the segment whose first batch has, or will have, the number `first_seq`.
pub(crate) fn segment(directory: &Path, first_seq: u64) -> PathBuf {
    directory.join(format!("{first_seq:0SEQ_DIGITS$}.{SEGMENT_EXTENSION}"))
}

/// The first number in a segment's file name; `None` for any other file.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    let (digits, extension) = name.split_once('.')?;
    let is_segment = extension == SEGMENT_EXTENSION
        && digits.len() == SEQ_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_segment { digits.parse().ok() } else { None }
}

/// Where a segment is written before it takes its name; what a crash leaves there is overwritten.
pub(crate) fn unfinished_segment(directory: &Path) -> PathBuf {
    directory.join("segment.tmp")
}

/// The directory of quarantined bytes.
pub(crate) fn quarantine(directory: &Path) -> PathBuf {
    directory.join("quarantine")
}

/// The name of a damaged byte range: its segment's first number and the offset in that file.
pub(crate) fn damaged_range(first_seq: u64, offset: u64) -> String {
    format!("{first_seq:0SEQ_DIGITS$}-{offset:0SEQ_DIGITS$}.damaged")
}

/// The path of the advisory horizon.
pub(crate) fn horizon(directory: &Path) -> PathBuf {
    directory.join("horizon")
}

/// The path of the flows.
pub(crate) fn flows(directory: &Path) -> PathBuf {
    directory.join("flows")
}

/// Where the flows are written before they take their name; what a crash leaves there is overwritten.
pub(crate) fn unfinished_flows(directory: &Path) -> PathBuf {
    directory.join("flows.tmp")
}

/// The file whose lock says that the queue is open.
pub(crate) fn lock(directory: &Path) -> PathBuf {
    directory.join("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_round_trip_and_strangers_are_told_apart() {
        for first in [0, 32, u64::MAX] {
            let path = segment(Path::new("/q"), first);
            let name = path.file_name().and_then(|name| name.to_str()).expect("utf-8");
            assert_eq!(segment_first(name), Some(first));
        }
        for stranger in
            ["1.q", "lock", "00000000000000000001.q.tmp", "+0000000000000000001.q", "99999999999999999999.q"]
        {
            assert_eq!(segment_first(stranger), None, "{stranger}");
        }
    }
}
