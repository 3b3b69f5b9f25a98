//! What can go wrong in the log store.

use std::io;
use std::path::PathBuf;

/// An operation on the store that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot create the directory {path}")]
    CreateDirectory { path: PathBuf, source: io::Error },
    #[error("cannot list the directory {path}")]
    ListDirectory { path: PathBuf, source: io::Error },
    #[error("cannot write the segment {path}")]
    WriteSegment { path: PathBuf, source: io::Error },
    #[error("cannot open the segment {path}")]
    OpenSegment { path: PathBuf, source: io::Error },
    #[error("cannot remove {path}")]
    Remove { path: PathBuf, source: io::Error },
    #[error("cannot move {path} into quarantine")]
    Quarantine { path: PathBuf, source: io::Error },
    #[error("the segment {path} is corrupt: {what}")]
    Corrupt { path: PathBuf, what: &'static str },
    #[error("cannot open the catalogue {path}")]
    OpenCatalog { path: PathBuf, source: rusqlite::Error },
    #[error("cannot {operation} in the catalogue")]
    Catalog { operation: &'static str, source: rusqlite::Error },
    #[error("the catalogue {path} has format version {found}, this build reads up to {known}; start a newer build")]
    CatalogVersion { path: PathBuf, found: i64, known: i64 },
    #[error("a batch at journal position {position} does not decode")]
    Batch { position: u64 },
    #[error("cannot start the thread {name}")]
    StartThread { name: &'static str, source: io::Error },
    #[error("cannot read the free space of {path}")]
    FreeSpace { path: PathBuf, source: io::Error },
    #[error("cannot copy {path} for the backup")]
    Copy { path: PathBuf, source: io::Error },
    #[error("the data directory {path} is in use by another process; stop that one, or give another --data-dir")]
    Locked { path: PathBuf },
    #[error("the query was cancelled")]
    Cancelled,
}

/// What the store's operations return.
pub type Result<T> = std::result::Result<T, Error>;
