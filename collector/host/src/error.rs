//! Why a collector gave no samples, or fewer than it could.

use std::io;
use std::path::PathBuf;

/// What stopped a collector; the samples before it stand.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The kernel or the hardware has no such thing: no fault of anybody.
    #[error("{} is missing", path.display())]
    Missing { path: PathBuf },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has {what}", path.display())]
    Garbled { path: PathBuf, what: String },
    #[error("adjtimex failed")]
    Clock { source: io::Error },
    #[error("cannot start the thread that asks file systems for their size")]
    Thread { source: io::Error },
}

impl CollectError {
    /// An error of the file at `path`: one that means absence is told apart from one that means trouble.
    pub(crate) fn of_file(path: PathBuf, source: io::Error) -> Self {
        let absent =
            [libc::ENOENT, libc::ENOTDIR, libc::EOPNOTSUPP, libc::ENOSYS, libc::ENODEV, libc::ENXIO, libc::ESRCH];
        match source.raw_os_error() {
            Some(code) if absent.contains(&code) => Self::Missing { path },
            _ => Self::Read { path, source },
        }
    }

    /// Whether the thing to measure is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}
