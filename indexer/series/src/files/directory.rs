//! Directories and small files, made durable.

use std::path::Path;

use orszem_durable::{Flaw, Format, replace};

use crate::error::{Error, Result};

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    orszem_durable::sync_directory(path).map_err(Error::sync(path))
}

/// Replaces the file by one with `content`: after a crash there is the old or the new one, whole.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content).map_err(Error::write(path))
}

/// What is in the bytes of the file at `path`; `section` names them where they are damaged.
pub(crate) fn unsealed<'b>(path: &Path, section: &'static str, format: Format, bytes: &'b [u8]) -> Result<&'b [u8]> {
    format.unseal(bytes).map_err(|flaw| match flaw {
        Flaw::Version(version) => Error::Version { path: path.to_owned(), version, known: format.version },
        Flaw::Cut | Flaw::Checksum | Flaw::Magic => Error::Damaged { path: path.to_owned(), section },
    })
}
