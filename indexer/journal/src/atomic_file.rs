//! Small files that are replaced as a whole: after a crash there is the old content or the new, never a mixture.

use std::fs;
use std::io;
use std::path::Path;

use crate::{Damage, Error, Reason, quarantine};

/// What the front of such a file holds: `{magic, version u32, body, crc32c u32}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

/// The largest file that is read back.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Magic and version.
const FRONT_BYTES: usize = 12;

/// `body` between front and checksum.
pub(crate) fn seal(format: Format, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRONT_BYTES + body.len() + 4);
    out.extend_from_slice(&format.magic);
    out.extend_from_slice(&format.version.to_le_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// The body of what [`seal`] made, or why it can't be had.
pub(crate) fn unseal(format: Format, bytes: &[u8]) -> Result<&[u8], Reason> {
    let (content, checksum) = bytes.split_last_chunk::<4>().ok_or(Reason::Cut)?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
        return Err(Reason::Checksum);
    }
    let (magic, rest) = content.split_first_chunk::<8>().ok_or(Reason::Cut)?;
    let (version, body) = rest.split_first_chunk::<4>().ok_or(Reason::Cut)?;
    let version = u32::from_le_bytes(*version);
    if *magic != format.magic {
        return Err(Reason::Preamble);
    }
    if version != format.version {
        return Err(Reason::FutureVersion(version));
    }
    Ok(body)
}

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
