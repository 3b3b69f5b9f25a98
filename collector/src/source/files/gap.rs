//! Bytes that nobody could read, and how that was noticed.

use std::path::PathBuf;

use orszem_model::Timestamp;

/// A stretch of a file that is, or may be, missing from the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The name the file is written under.
    pub(crate) path: PathBuf,
    /// What is missing was written after this.
    pub(crate) from: Timestamp,
    /// And before this.
    pub(crate) to: Timestamp,
    /// About how much is gone: what was seen of it. More may have been written unseen, and some may yet be found.
    pub(crate) bytes: u64,
    pub(crate) reason: GapReason,
}

/// How bytes were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapReason {
    /// The file was copied and cut; what was written between the two is in neither.
    CopyTruncate,
    /// The file was cut, and there is no copy of what it held.
    Truncated,
    /// The file is gone, and nothing that continues it is found.
    Gone,
    /// A compressed file does not unpack to its end.
    Damaged,
}

impl GapReason {
    /// Its name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CopyTruncate => "copytruncate",
            Self::Truncated => "truncated",
            Self::Gone => "gone",
            Self::Damaged => "damaged",
        }
    }
}
