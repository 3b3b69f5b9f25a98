//! Segment files: the preamble and the snapshot in front, and how a file comes to its name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::record::{self, Place, Positions, take_u32, take_u64};
use crate::storage::Storage;
use crate::{QueueError, paths};

/// The segment format that this code writes.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Bytes in front of the first record.
pub(crate) const PREAMBLE_BYTES: usize = 56;
const MAGIC: [u8; 8] = *b"ORSZQUEU";

/// What stands at the front of a segment: `{magic, version u32, epoch u64, first seq u64, horizon u64, previous first
/// seq u64, previous end u64, crc32c u32}`, little-endian. A snapshot of the positions follows, as a record, twice: it
/// is the only place that has the positions of quiet sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) epoch: u64,
    /// The number of the first batch, whether it was written or not.
    pub(crate) first_seq: u64,
    /// What was released when the segment was created.
    pub(crate) horizon: u64,
    /// The segment before, and where its content ended. What it holds behind is void.
    pub(crate) previous: (u64, u64),
}

/// What the first bytes of a segment turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Known(Preamble),
    /// Written by a newer version.
    FutureVersion(u32),
    /// Not a preamble, or a damaged one. Records behind it can still be told.
    Damaged,
}

impl Preamble {
    fn encode(self) -> Vec<u8> {
        let Preamble { epoch, first_seq, horizon, previous } = self;
        let mut out = Vec::with_capacity(PREAMBLE_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        for field in [epoch, first_seq, horizon, previous.0, previous.1] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }
}

impl Opening {
    /// Reads the front of the segment that its name says starts at `first_seq`.
    pub(crate) fn read(file: &File, first_seq: u64) -> Opening {
        let mut bytes = [0; PREAMBLE_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Opening::decode(&bytes, first_seq).unwrap_or(Opening::Damaged),
            Err(_unreadable_or_short) => Opening::Damaged,
        }
    }

    /// The checksum has the same place in every version, so that a damaged preamble is not taken for a newer one.
    fn decode(bytes: &[u8; PREAMBLE_BYTES], first_seq: u64) -> Option<Opening> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        let mut rest = content.strip_prefix(&MAGIC)?;
        let rest = &mut rest;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let version = take_u32(rest)?;
        if version > FORMAT_VERSION {
            return Some(Opening::FutureVersion(version));
        }
        let preamble = Preamble {
            epoch: take_u64(rest)?,
            first_seq: take_u64(rest)?,
            horizon: take_u64(rest)?,
            previous: (take_u64(rest)?, take_u64(rest)?),
        };
        (version == FORMAT_VERSION && preamble.first_seq == first_seq).then_some(Opening::Known(preamble))
    }
}

/// A segment that has no name yet: nobody sees it until [`Unfinished::finish`] has made it durable.
pub(crate) struct Unfinished<'a> {
    directory: &'a Path,
    storage: &'a Storage,
    preamble: Preamble,
    file: File,
    bytes: u64,
}

impl<'a> Unfinished<'a> {
    /// Starts a segment with preamble and snapshot.
    pub(crate) fn start(
        directory: &'a Path,
        storage: &'a Storage,
        preamble: Preamble,
        positions: &Positions,
    ) -> Result<Unfinished<'a>, QueueError> {
        let path = paths::unfinished_segment(directory);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(QueueError::create(&path))?;
        let mut out = preamble.encode();
        for _copy in 0..2 {
            let place = Place { offset: out.len() as u64, seq: preamble.first_seq, epoch: preamble.epoch, unsynced: 0 };
            record::encode_snapshot(&mut out, place, positions);
        }
        let mut segment = Unfinished { directory, storage, preamble, file, bytes: 0 };
        segment.push(&out)?;
        Ok(segment)
    }

    /// The bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends encoded records. After a failure the segment can only be dropped.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), QueueError> {
        if let Err(source) = self.storage.write(&self.file, bytes, self.bytes) {
            let path = paths::unfinished_segment(self.directory);
            remove_unfinished(&path);
            return Err(QueueError::CreateSegment { path, source });
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Gives the segment up.
    pub(crate) fn abandon(self) {
        remove_unfinished(&paths::unfinished_segment(self.directory));
    }

    /// Makes the segment durable and gives it its name, in the place of one of that name that held no batch.
    pub(crate) fn finish(self) -> Result<(File, u64), QueueError> {
        let path = paths::unfinished_segment(self.directory);
        let target = paths::segment(self.directory, self.preamble.first_seq);
        let finished = self.storage.sync(&self.file).and_then(|()| fs::rename(&path, &target));
        if let Err(source) = finished {
            remove_unfinished(&path);
            return Err(QueueError::CreateSegment { path: target, source });
        }
        orszem_durable::sync_directory(self.directory).map_err(QueueError::directory(self.directory))?;
        Ok((self.file, self.bytes))
    }
}

fn remove_unfinished(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "an unfinished queue segment stays behind");
    }
}

/// The segments in `directory`, ascending.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        found.extend(entry?.file_name().to_str().and_then(paths::segment_first));
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREAMBLE: Preamble = Preamble { epoch: 9, first_seq: 400, horizon: 17, previous: (300, 5000) };

    fn bytes() -> [u8; PREAMBLE_BYTES] {
        PREAMBLE.encode().try_into().expect("as long as said")
    }

    #[test]
    fn preambles_round_trip_and_damaged_and_future_ones_are_told_apart() {
        assert_eq!(Opening::decode(&bytes(), 400), Some(Opening::Known(PREAMBLE)));
        assert_eq!(Opening::decode(&bytes(), 401), None, "renamed");
        for bit in 0..PREAMBLE_BYTES * 8 {
            let mut bad = bytes();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Opening::decode(&bad, 400), None, "bit {bit}");
        }
        let mut future = bytes();
        future[8] = 7;
        let checksum = crc32c::crc32c(&future[..PREAMBLE_BYTES - 4]).to_le_bytes();
        future[PREAMBLE_BYTES - 4..].copy_from_slice(&checksum);
        assert_eq!(Opening::decode(&future, 400), Some(Opening::FutureVersion(7)));
    }
}
