//! What can fail in the journal, one variant per operation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Damage;

/// A failed journal operation. It can be cloned because one failed fsync fails every submission that waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file system has no room (or the quota is used up). Nothing of the submission is kept; appending works
    /// again as soon as there is space.
    #[error("no space left to write {path}")]
    DiskFull { path: PathBuf, source: Arc<io::Error> },
    /// Frames could not be written. Their segment is abandoned, the next append goes to a new one.
    #[error("cannot write journal segment {path}")]
    WriteSegment { path: PathBuf, source: Arc<io::Error> },
    /// Written frames could not be made durable. Their segment is abandoned, the next append goes to a new one.
    #[error("cannot sync journal segment {path}")]
    SyncSegment { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot create journal segment {path}")]
    CreateSegment { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot read journal segment {path}")]
    ReadSegment { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot remove journal segment {path}")]
    RemoveSegment { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot use journal directory {path}")]
    Directory { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot write {path}")]
    WriteFile { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot read {path}")]
    ReadFile { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot copy {path}")]
    Copy { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot move {path} to the quarantine")]
    Quarantine { path: PathBuf, source: Arc<io::Error> },
    /// Bytes that were intact when the journal was opened no longer are. Reading goes on behind them.
    #[error("damaged journal bytes: {0}")]
    Damaged(Damage),

    #[error("a submission needs at least one frame")]
    EmptySubmission,
    #[error("a frame's payload of {bytes} bytes is over the limit of {limit} bytes")]
    PayloadTooLarge { bytes: usize, limit: usize },
    #[error("a submission of {bytes} bytes is over the limit of {limit} bytes")]
    GroupTooLarge { bytes: u64, limit: u64 },
    #[error("a batch identity's text of {bytes} bytes is over the limit of {limit} bytes")]
    IdentityTooLong { bytes: usize, limit: usize },
    /// The journal has used up its 2^44 bytes of positions and takes nothing more.
    #[error("the journal's positions are exhausted at {position}")]
    PositionsExhausted { position: u64 },

    #[error("the journal writer's queue is full")]
    QueueFull,
    #[error("the journal writer has stopped")]
    WriterStopped,
    #[error("cannot start the journal writer thread")]
    StartWriter { source: Arc<io::Error> },

    #[error("cursor name {name:?} must have 1 to {limit} bytes")]
    CursorName { name: String, limit: usize },
    #[error("there are already {limit} cursors")]
    TooManyCursors { limit: usize },
}

impl Error {
    /// Whether the disk is full, so that the sender should come back later.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Error::DiskFull { .. })
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::WriteSegment { path, source })
    }

    pub(crate) fn sync(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::SyncSegment { path, source })
    }

    pub(crate) fn create(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::CreateSegment { path, source })
    }

    pub(crate) fn write_file(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::WriteFile { path, source })
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Error {
        Error::ReadSegment { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn read_file(path: &Path, source: io::Error) -> Error {
        Error::ReadFile { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn copy(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::Copy { path, source })
    }

    pub(crate) fn directory(path: &Path, source: io::Error) -> Error {
        Error::or_full(path, source, |path, source| Error::Directory { path, source })
    }

    /// `otherwise`, unless the cause is a full disk.
    fn or_full(path: &Path, source: io::Error, otherwise: fn(PathBuf, Arc<io::Error>) -> Error) -> Error {
        let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let (path, source) = (path.to_owned(), Arc::new(source));
        if full { Error::DiskFull { path, source } } else { otherwise(path, source) }
    }
}
