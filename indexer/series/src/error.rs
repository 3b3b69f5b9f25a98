//! What can fail in the series store, one variant per operation.

use std::io;
use std::path::{Path, PathBuf};

/// The result of an operation of the series store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation of the series store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot create {path}")]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    /// What was written may not survive a loss of power.
    #[error("cannot sync {path}")]
    Sync { path: PathBuf, source: io::Error },
    #[error("cannot rename {path}")]
    Rename { path: PathBuf, source: io::Error },
    #[error("cannot open {path}")]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot remove {path}")]
    Remove { path: PathBuf, source: io::Error },
    #[error("cannot list directory {path}")]
    List { path: PathBuf, source: io::Error },
    /// Bytes of the file are not what was written.
    #[error("{path} is damaged, section {section}")]
    Damaged { path: PathBuf, section: &'static str },
    /// Not a file of this kind, or cut short.
    #[error("{path} is no {kind} file")]
    Foreign { path: PathBuf, kind: &'static str },
    /// Written by another version of the program.
    #[error("{path} has format version {version}, version {known} can be read")]
    Version { path: PathBuf, version: u32, known: u32 },
    #[error("cannot read the description of a block, {path}")]
    Describe { path: PathBuf, source: serde_json::Error },
    #[error("cannot compress samples")]
    Compress { source: pco::errors::PcoError },
    #[error("cannot compress {path}")]
    CompressLabels { path: PathBuf, source: io::Error },
    #[error("cannot build the label index of {path}")]
    BuildIndex { path: PathBuf, source: fst::Error },
    /// Series or samples were handed over in the wrong order, or columns differ in length: a mistake of the program.
    #[error("{what} out of order")]
    Order { what: &'static str },
    /// A block holds at most 2^32 - 1 series, a merge writes at most so many blocks at once.
    #[error("more than {max} {what}")]
    TooMany { what: &'static str, max: u64 },
    #[error("the directory {path} is in use by another process; stop that one, or give another --data-dir")]
    Locked { path: PathBuf },
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// For `map_err`: an IO failure of one operation on `path`.
    pub(crate) fn create(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Create { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn sync(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Sync { path: path.to_owned(), source }
    }

    pub(crate) fn rename(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Rename { path: path.to_owned(), source }
    }

    pub(crate) fn open(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Open { path: path.to_owned(), source }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn remove(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Remove { path: path.to_owned(), source }
    }

    pub(crate) fn list(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::List { path: path.to_owned(), source }
    }
}
