//! What can fail in the queue, one variant per operation.

use std::io;
use std::path::{Path, PathBuf};

/// A failed operation on the queue. Damaged content is never one: it is set aside, counted and skipped.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("cannot use queue directory {path}")]
    Directory { path: PathBuf, source: io::Error },
    /// Another process, or another part of this one, has the queue open.
    #[error("queue {path} is in use: another collector has it open")]
    InUse { path: PathBuf },
    #[error("cannot lock queue {path}")]
    Lock { path: PathBuf, source: io::Error },
    #[error("cannot create queue segment {path}")]
    CreateSegment { path: PathBuf, source: io::Error },
    #[error("cannot write queue segment {path}")]
    WriteSegment { path: PathBuf, source: io::Error },
    /// Records could not be made durable. They are kept and written to a new segment on the next attempt.
    #[error("cannot sync queue segment {path}")]
    SyncSegment { path: PathBuf, source: io::Error },
    #[error("cannot read queue segment {path}")]
    ReadSegment { path: PathBuf, source: io::Error },
    #[error("cannot remove queue segment {path}")]
    RemoveSegment { path: PathBuf, source: io::Error },
    #[error("cannot write queue horizon {path}")]
    WriteHorizon { path: PathBuf, source: io::Error },
    #[error("cannot write the queue's flows {path}")]
    WriteFlows { path: PathBuf, source: io::Error },
    #[error("cannot move {path} to the quarantine")]
    Quarantine { path: PathBuf, source: io::Error },
    /// The receiver claims batches that this queue never gave out: the queue's files were lost or set back. Numbers up
    /// to `horizon` would be taken for repeats if they were sent in the same flow: begin another with
    /// [`crate::Flows::go_on`], and release only what was given out.
    #[error("the receiver's horizon {horizon} is beyond the queue's last batch {last}")]
    HorizonAhead { horizon: u64, last: u64 },
    /// The disk refused an fsync and then did not give the records back. The writer takes nothing more: open the queue
    /// again, and read the sources from the positions that are found then.
    #[error("records from {first_seq} on were lost by a failed sync: the queue must be opened again")]
    Lost { first_seq: u64 },
}

/// A failed append. Nothing of the entry is in the queue.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue has reached its size and its policy is to wait: keep the entry and try again after a release.
    #[error("the queue is full")]
    Full,
    /// The file system has no room or the quota is used up: keep the entry and try again later.
    #[error("no space left for the queue")]
    NoSpace(#[source] QueueError),
    #[error("cannot append to the queue")]
    Io(#[source] QueueError),
    #[error("a payload of {bytes} bytes is over the limit of {limit} bytes")]
    PayloadTooLarge { bytes: usize, limit: usize },
    /// All positions together would not fit in a segment's snapshot.
    #[error("positions of {bytes} bytes are over the limit of {limit} bytes")]
    PositionsTooLarge { bytes: usize, limit: usize },
}

impl QueueError {
    /// Whether the cause is a file system without room.
    pub fn is_no_space(&self) -> bool {
        match self {
            QueueError::Directory { source, .. }
            | QueueError::Lock { source, .. }
            | QueueError::CreateSegment { source, .. }
            | QueueError::WriteSegment { source, .. }
            | QueueError::SyncSegment { source, .. }
            | QueueError::ReadSegment { source, .. }
            | QueueError::RemoveSegment { source, .. }
            | QueueError::WriteHorizon { source, .. }
            | QueueError::WriteFlows { source, .. }
            | QueueError::Quarantine { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            QueueError::InUse { .. } | QueueError::HorizonAhead { .. } | QueueError::Lost { .. } => false,
        }
    }

    pub(crate) fn directory(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::Directory { path, source }
    }

    pub(crate) fn create(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::CreateSegment { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::WriteSegment { path, source }
    }

    pub(crate) fn sync(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::SyncSegment { path, source }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::ReadSegment { path, source }
    }

    pub(crate) fn horizon(path: &Path) -> impl FnOnce(io::Error) -> QueueError {
        let path = path.to_owned();
        |source| QueueError::WriteHorizon { path, source }
    }
}

impl From<QueueError> for AppendError {
    fn from(error: QueueError) -> AppendError {
        if error.is_no_space() { AppendError::NoSpace(error) } else { AppendError::Io(error) }
    }
}
