//! Segment files: the preamble, creation, removal, and what is known of each in memory.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::{Error, paths};

/// The segment format that this code writes.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Bytes in front of the first frame; they take up positions too.
pub(crate) const PREAMBLE_BYTES: u64 = 32;
const MAGIC: [u8; 8] = *b"ORSZJRNL";

/// What stands at the front of a segment: `{magic, version u32, start u64, previous_end u64, crc32c u32}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) start: u64,
    /// Where the acknowledged content of the segment before this one ends. What stands there behind this position
    /// was written by a failed append and is void, even if it could not be cut off at that time.
    pub(crate) previous_end: u64,
}

/// What the first bytes of a segment turn out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Known(Preamble),
    /// Written by a newer version.
    FutureVersion(u32),
    /// Not a preamble, or a damaged one. Frames behind it can still be told by their positions.
    Damaged,
    /// Shorter than a preamble, so it never held a frame.
    Short,
}

impl Preamble {
    pub(crate) fn encode(self) -> [u8; PREAMBLE_BYTES as usize] {
        let mut out = Vec::with_capacity(PREAMBLE_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.previous_end.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        let mut bytes = [0; PREAMBLE_BYTES as usize];
        bytes.copy_from_slice(&out);
        bytes
    }
}

impl Opening {
    /// Reads the front of the segment that its name says starts at `start`.
    pub(crate) fn read(file: &File, start: u64) -> io::Result<Opening> {
        let mut bytes = [0; PREAMBLE_BYTES as usize];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Opening::decode(&bytes, start)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Opening::Short),
            Err(error) => Err(error),
        }
    }

    fn decode(bytes: &[u8; PREAMBLE_BYTES as usize], start: u64) -> Opening {
        Opening::try_decode(bytes, start).unwrap_or(Opening::Damaged)
    }

    /// The checksum has the same place in every version, so that a damaged preamble is not taken for a newer one.
    fn try_decode(bytes: &[u8; PREAMBLE_BYTES as usize], start: u64) -> Option<Opening> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = content.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (own_start, rest) = rest.split_first_chunk::<8>()?;
        let (previous_end, _) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC || crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let version = u32::from_le_bytes(*version);
        if version > FORMAT_VERSION {
            return Some(Opening::FutureVersion(version));
        }
        let preamble =
            Preamble { start: u64::from_le_bytes(*own_start), previous_end: u64::from_le_bytes(*previous_end) };
        (version == FORMAT_VERSION && preamble.start == start).then_some(Opening::Known(preamble))
    }
}

/// What is known of a segment that can be read.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) start: u64,
    /// The position behind the last acknowledged frame.
    pub(crate) end: u64,
    /// The positions of damage that was reported when the journal was opened, ascending.
    pub(crate) known_damage: Arc<[u64]>,
}

/// Creates the segment that starts at `preamble.start`; it and its name are durable on return.
pub(crate) fn create(directory: &Path, preamble: Preamble) -> Result<File, Error> {
    let path = paths::segment(directory, preamble.start);
    let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| Error::create(&path, e))?;
    let written = file
        .write_all_at(&preamble.encode(), 0)
        .and_then(|()| file.sync_all())
        .and_then(|()| orszem_durable::sync_directory(directory));
    if let Err(error) = written {
        if let Err(removal) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), error = %removal, "an unfinished journal segment stays behind");
        }
        return Err(Error::create(&path, error));
    }
    Ok(file)
}

/// Cuts a segment to `length` bytes through a new file handle and makes that durable.
pub(crate) fn truncate(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREAMBLE: Preamble = Preamble { start: 4096, previous_end: 4000 };

    #[test]
    fn preambles_round_trip() {
        assert_eq!(Opening::decode(&PREAMBLE.encode(), 4096), Opening::Known(PREAMBLE));
    }

    #[test]
    fn damaged_and_future_preambles_are_told_apart() {
        for bit in 0..PREAMBLE_BYTES as usize * 8 {
            let mut bytes = PREAMBLE.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Opening::decode(&bytes, 4096), Opening::Damaged, "bit {bit}");
        }
        assert_eq!(Opening::decode(&PREAMBLE.encode(), 0), Opening::Damaged, "renamed");
        assert_eq!(Opening::decode(&future(7), 4096), Opening::FutureVersion(7));
        assert_eq!(Opening::decode(&future(0), 4096), Opening::Damaged);
    }

    fn future(version: u8) -> [u8; PREAMBLE_BYTES as usize] {
        let mut bytes = PREAMBLE.encode();
        bytes[8] = version;
        let (content, checksum) = bytes.split_at_mut(28);
        checksum.copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
        bytes
    }
}
