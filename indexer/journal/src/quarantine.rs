//! The quarantine: damage is named, and its bytes are set aside for a human before anything else happens to them.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orszem_durable::{Copied, Flaw, Quarantine};

use crate::Error;

/// Bytes that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, as named when the damage was found.
    pub path: PathBuf,
    /// Where in that file the damage starts.
    pub offset: u64,
    /// How many bytes are affected: whole groups, because a group is served whole or not at all.
    pub bytes: u64,
    pub reason: Reason,
    /// Where the bytes were set aside; `None` when they are only where they were.
    pub kept: Option<PathBuf>,
}

/// What is wrong with damaged bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No frame starts where one should.
    NoFrame,
    /// A frame's length is impossible.
    Length,
    /// Content does not match its checksum.
    Checksum,
    /// A frame's header is of an unknown version or kind.
    UnknownHeader,
    /// A group lacks a frame.
    IncompleteGroup,
    /// A file ends within a frame.
    Cut,
    /// A file is shorter than the file after it says.
    Missing,
    /// A file's preamble is not one.
    Preamble,
    /// A file was written by a newer version.
    FutureVersion(u32),
    /// Content passes its checksum but makes no sense.
    Content,
    /// The disk does not give the bytes back.
    Unreadable,
}

impl From<Flaw> for Reason {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Cut => Self::Cut,
            Flaw::Checksum => Self::Checksum,
            Flaw::Magic => Self::Preamble,
            Flaw::Version(version) => Self::FutureVersion(version),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at offset {} of {}: {}", self.bytes, self.offset, self.path.display(), self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Reason::NoFrame => "no frame starts here",
            Reason::Length => "impossible frame length",
            Reason::Checksum => "checksum mismatch",
            Reason::UnknownHeader => "unknown frame header",
            Reason::IncompleteGroup => "incomplete group",
            Reason::Cut => "cut short",
            Reason::Missing => "missing bytes",
            Reason::Preamble => "damaged preamble",
            Reason::FutureVersion(version) => return write!(f, "unknown format version {version}"),
            Reason::Content => "nonsensical content",
            Reason::Unreadable => "unreadable",
        };
        f.write_str(text)
    }
}

impl Damage {
    /// Logs the damage where it is handled.
    pub(crate) fn warn(&self) {
        let kept = self.kept.as_ref().map(|path| tracing::field::display(path.display()));
        tracing::warn!(path = %self.path.display(), offset = self.offset, bytes = self.bytes, reason = %self.reason, kept, "damaged bytes are skipped");
    }
}

/// Moves a whole file to the quarantine and returns its new path.
pub(crate) fn move_file(directory: &Path, path: &Path) -> Result<PathBuf, Error> {
    let moved = Quarantine::of(directory).move_in(path);
    moved.map_err(|source| Error::Quarantine { path: path.to_owned(), source: Arc::new(source) })
}

/// Copies `bytes` at `offset` of the segment that starts at `start` to the quarantine. A copy that fails is logged; the
/// bytes then only stay in the segment.
pub(crate) fn copy_range(directory: &Path, file: &File, start: u64, offset: u64, bytes: u64) -> Option<PathBuf> {
    match Quarantine::of(directory).copy_in(file, start, offset, bytes) {
        Ok(Copied::Now(path) | Copied::Before(path)) => Some(path),
        Ok(Copied::Not) => None,
        Err(error) => {
            tracing::warn!(segment = start, offset, bytes, %error, "damaged bytes could not be copied aside");
            None
        }
    }
}
