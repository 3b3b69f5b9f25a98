//! The quarantine: damage is named, and its bytes are set aside for a human before anything else happens to them.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use orszem_durable::{Copied, Quarantine};

use crate::{QueueError, paths};

/// Bytes that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, as named when the damage was found.
    pub file: PathBuf,
    /// Where in that file the damage starts.
    pub offset: u64,
    pub bytes: u64,
    pub reason: Reason,
    /// How many log records were in it; `None` when that can't be told.
    pub lost_records: Option<u64>,
    /// Where the bytes were set aside; `None` when they are only where they were.
    pub kept: Option<PathBuf>,
    /// Whether it is found for the first time: it is not in the quarantine from an earlier run.
    pub is_new: bool,
}

/// What is wrong with damaged bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No record starts where one should.
    NoRecord,
    /// Only zeros where a record should start.
    Zero,
    /// A payload does not match its checksum.
    Checksum,
    /// The file ends within a record.
    Cut,
    /// A file's preamble is not one.
    Preamble,
    /// A file was written by a newer version.
    FutureVersion(u32),
    /// A file belongs to another queue.
    ForeignEpoch,
    /// The disk does not give the bytes back.
    Unreadable,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at offset {} of {}: {}", self.bytes, self.offset, self.file.display(), self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Reason::NoRecord => "no record starts here",
            Reason::Zero => "only zeros",
            Reason::Checksum => "checksum mismatch",
            Reason::Cut => "cut short",
            Reason::Preamble => "damaged preamble",
            Reason::FutureVersion(version) => return write!(f, "unknown format version {version}"),
            Reason::ForeignEpoch => "part of another queue",
            Reason::Unreadable => "unreadable",
        };
        f.write_str(text)
    }
}

impl Damage {
    /// Logs the damage where it is handled.
    pub(crate) fn warn(&self) {
        let kept = self.kept.as_ref().map(|path| tracing::field::display(path.display()));
        tracing::warn!(file = %self.file.display(), offset = self.offset, bytes = self.bytes, reason = %self.reason, kept, "damaged bytes of the queue are skipped");
    }
}

/// Bytes of a segment that are to be set aside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    pub(crate) first_seq: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) reason: Reason,
    pub(crate) lost_records: Option<u64>,
}

/// Copies `region` of `file` to the quarantine, unless it is there already. A copy that fails is logged; the bytes then
/// only stay in the segment.
pub(crate) fn set_aside(directory: &Path, file: &File, region: Region) -> Damage {
    let Region { first_seq, offset, bytes, reason, lost_records } = region;
    let (kept, is_new) = match Quarantine::of(directory).copy_in(file, first_seq, offset, bytes) {
        Ok(Copied::Now(path)) => (Some(path), true),
        Ok(Copied::Before(path)) => (Some(path), false),
        Ok(Copied::Not) => (None, true),
        Err(error) => {
            tracing::warn!(segment = first_seq, offset, bytes, %error, "damaged bytes could not be copied aside");
            (None, true)
        }
    };
    let damage =
        Damage { file: paths::segment(directory, first_seq), offset, bytes, reason, lost_records, kept, is_new };
    damage.warn();
    damage
}

/// Moves a whole file to the quarantine.
pub(crate) fn move_file(directory: &Path, path: &Path, reason: Reason) -> Result<Damage, QueueError> {
    let moved = fs::metadata(path).and_then(|found| Ok((Quarantine::of(directory).move_in(path)?, found.len())));
    let (target, bytes) = moved.map_err(|source| QueueError::Quarantine { path: path.to_owned(), source })?;
    let damage = Damage {
        file: path.to_owned(),
        offset: 0,
        bytes,
        reason,
        lost_records: None,
        kept: Some(target),
        is_new: true,
    };
    damage.warn();
    Ok(damage)
}
