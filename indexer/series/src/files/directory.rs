//! Directories and small files, made durable.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::sync(path))
}

/// Replaces the file by one with `content`: after a crash there is the old or the new one, whole.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh).map_err(Error::create(&fresh))?;
    file.write_all(content).map_err(Error::write(&fresh))?;
    file.sync_all().map_err(Error::sync(&fresh))?;
    std::fs::rename(&fresh, path).map_err(Error::rename(path))?;
    path.parent().map_or(Ok(()), sync_directory)
}
