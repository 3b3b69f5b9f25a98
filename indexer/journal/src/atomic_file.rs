//! Small files that are replaced as a whole: after a crash there is the old content or the new, never a mixture.

use std::fs;
use std::io;
use std::path::Path;

use crate::{Damage, Error, Reason, quarantine};

/// The largest file that is read back.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Reads and decodes the file at `path`; `None` when there is none. A file that can't be decoded goes to the
/// quarantine of `directory` and is returned as damage.
pub(crate) fn load<T>(
    directory: &Path,
    path: &Path,
    decode: impl FnOnce(&[u8]) -> Result<T, Reason>,
) -> Result<Result<Option<T>, Damage>, Error> {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(None)),
        Err(error) => return Err(Error::read_file(path, error)),
    };
    let reason = match decode(&bytes) {
        Ok(value) => return Ok(Ok(Some(value))),
        Err(reason) => reason,
    };
    let kept = quarantine::move_file(directory, path)?;
    let damage = Damage { path: path.to_owned(), offset: 0, bytes: bytes.len() as u64, reason, kept: Some(kept) };
    damage.warn();
    Ok(Err(damage))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}
