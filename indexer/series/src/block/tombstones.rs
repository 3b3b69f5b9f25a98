//! What was deleted of a block: ranges of time of some of its series.
//!
//! The file: magic, format version, CRC-32C of the rest; then the number of series, and for each the ordinal as
//! difference, the number of ranges, and for each its start as difference to the end before and its length. A later
//! version must begin its checksum with the version: where that of the rest alone is right, version 1 was written.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use orszem_model::{Columns, varint};
use roaring::RoaringBitmap;

use crate::columns::remove_range_behind;
use crate::error::{Error, Result};
use crate::files::write_atomically;

const MAGIC: [u8; 8] = *b"ORSZTOMB";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const KIND: &str = "tombstone";

/// Ranges by ordinal: ascending, apart from each other, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tombstones(BTreeMap<u32, Vec<(i64, i64)>>);

impl Tombstones {
    /// Those in the file; none when there is no file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        let foreign = || Error::Foreign { path: path.to_owned(), kind: KIND };
        let damaged = || Error::Damaged { path: path.to_owned(), section: "ranges" };
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(foreign());
        }
        let field = |at: usize| {
            bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes).ok_or_else(foreign)
        };
        let version = field(8)?;
        let is_of_this_version = crc32c::crc32c(&bytes[HEADER_BYTES..]) == field(12)?;
        match (version == VERSION, is_of_this_version) {
            (true, true) => Self::decode(&bytes[HEADER_BYTES..]).ok_or_else(damaged),
            (true, false) => Err(damaged()),
            (false, true) => Err(Error::Damaged { path: path.to_owned(), section: "version" }),
            (false, false) => Err(Error::Version { path: path.to_owned(), version, known: VERSION }),
        }
    }

    /// Replaces the file; durable on return.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let ranges = self.encode();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&ranges).to_le_bytes());
        bytes.extend_from_slice(&ranges);
        write_atomically(path, &bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the range [start, end] for each of the series.
    pub(super) fn add(&mut self, ordinals: &RoaringBitmap, start: i64, end: i64) {
        for ordinal in ordinals {
            let ranges = self.0.entry(ordinal).or_default();
            let (mut low, mut high) = (start, end);
            ranges.retain(|&(first, last)| {
                let is_apart = last < low.saturating_sub(1) || first > high.saturating_add(1);
                if !is_apart {
                    (low, high) = (low.min(first), high.max(last));
                }
                is_apart
            });
            let at = ranges.partition_point(|&(first, _)| first < low);
            ranges.insert(at, (low, high));
        }
    }

    /// Removes what was deleted of the series from the samples behind the first `from` floats and histograms.
    pub(super) fn apply(&self, ordinal: u32, from: (usize, usize), columns: &mut Columns) {
        for &(start, end) in self.0.get(&ordinal).into_iter().flatten() {
            remove_range_behind(columns, from, start, end);
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put(&mut out, self.0.len() as u64);
        let mut before = 0;
        for (&ordinal, ranges) in &self.0 {
            varint::put(&mut out, u64::from(ordinal - before));
            before = ordinal;
            varint::put(&mut out, ranges.len() as u64);
            let mut end = 0i64;
            for &(first, last) in ranges {
                varint::put_signed(&mut out, first.wrapping_sub(end));
                varint::put(&mut out, last.wrapping_sub(first) as u64);
                end = last;
            }
        }
        out
    }

    fn decode(mut input: &[u8]) -> Option<Self> {
        let mut tombstones = Self::default();
        let mut before = 0u32;
        for _ in 0..varint::take(&mut input)? {
            before = before.checked_add(u32::try_from(varint::take(&mut input)?).ok()?)?;
            let mut ranges = Vec::new();
            let mut end = 0i64;
            for _ in 0..varint::take(&mut input)? {
                let first = end.wrapping_add(varint::take_signed(&mut input)?);
                end = first.checked_add_unsigned(varint::take(&mut input)?)?;
                ranges.push((first, end));
            }
            tombstones.0.insert(before, ranges);
        }
        input.is_empty().then_some(tombstones)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one_and_survive_the_file() {
        let mut tombstones = Tombstones::default();
        let both = RoaringBitmap::from_iter([3u32, 70_000]);
        tombstones.add(&both, 10, 20);
        tombstones.add(&RoaringBitmap::from_iter([3u32]), 30, 40);
        tombstones.add(&RoaringBitmap::from_iter([3u32]), 21, 29);
        tombstones.add(&RoaringBitmap::from_iter([70_000u32]), i64::MIN, -5);
        let expected = BTreeMap::from([(3, vec![(10, 40)]), (70_000, vec![(i64::MIN, -5), (10, 20)])]);
        assert_eq!(tombstones.0, expected);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("tombstones");
        assert_eq!(Tombstones::read(&path).expect("no file is none"), Tombstones::default());
        tombstones.write(&path).expect("written");
        assert_eq!(Tombstones::read(&path).expect("read"), tombstones);
        let whole = std::fs::read(&path).expect("bytes");
        std::fs::write(&path, &whole[..whole.len() - 1]).expect("cut");
        assert!(matches!(Tombstones::read(&path), Err(Error::Damaged { section: "ranges", .. })));
    }

    #[test]
    fn a_flipped_version_is_damage_and_that_of_another_build_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("tombstones");
        Tombstones(BTreeMap::from([(3, vec![(10, 40)])])).write(&path).expect("written");
        let whole = std::fs::read(&path).expect("bytes");
        for bit in 8 * 8..12 * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).expect("written");
            let read = Tombstones::read(&path);
            assert!(matches!(read, Err(Error::Damaged { section: "version", .. })), "bit {bit}: {read:?}");
        }
        let mut newer = whole;
        newer[8] = 2;
        let checksum = crc32c::crc32c(&[&newer[8..12], &newer[HEADER_BYTES..]].concat());
        newer[12..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        std::fs::write(&path, newer).expect("written");
        assert!(matches!(Tombstones::read(&path), Err(Error::Version { version: 2, known: 1, .. })));
    }
}
