//! The manifest: which files the head consists of, and how far the journal is in them. Replaced as a whole.
//!
//! `{magic, version u32, body, crc32c u32}`; in the body varints, and series as roaring bitmaps behind their length.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use orszem_durable::Format;
use orszem_model::varint;
use roaring::RoaringBitmap;

use crate::error::{Error, Result};
use crate::files::{unsealed, write_atomically};

const FORMAT: Format = Format { magic: *b"ORSZSERM", version: 1 };

/// Samples that were deleted and are still in files of the head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deletion {
    pub(crate) series: RoaringBitmap,
    /// In milliseconds, both included.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// It concerns files with lower numbers.
    pub(crate) below: u64,
}

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// The store's own number, so that batches of another are known.
    pub(crate) id: u64,
    /// Everything before this journal position is in files.
    pub(crate) flushed: u64,
    /// The number of the next series.
    pub(crate) next_series: u32,
    /// The number of the next file or block.
    pub(crate) next_number: u64,
    /// Number, and the time from which on its samples count; earlier ones are in blocks.
    pub(crate) files: Vec<(u64, i64)>,
    /// The log of series: number, and how much of it counts.
    pub(crate) log: (u64, u64),
    /// The file with metadata and exemplars.
    pub(crate) aside: Option<u64>,
    pub(crate) deletions: Arc<Vec<Deletion>>,
}

impl Manifest {
    /// Forgets deletions that concern no file any more.
    pub(crate) fn forget_deletions(&mut self) {
        let oldest = self.files.iter().map(|file| file.0).min().unwrap_or(u64::MAX);
        if self.deletions.iter().any(|deletion| deletion.below <= oldest) {
            Arc::make_mut(&mut self.deletions).retain(|deletion| deletion.below > oldest);
        }
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let mut out = Vec::new();
        let Self { id, flushed, next_series, next_number, files, log, aside, deletions } = self;
        for number in [*id, *flushed, u64::from(*next_series), *next_number, log.0, log.1] {
            varint::put(&mut out, number);
        }
        varint::put(&mut out, aside.map_or(0, |number| number + 1));
        varint::put(&mut out, files.len() as u64);
        for (number, from) in files {
            varint::put(&mut out, *number);
            varint::put_signed(&mut out, *from);
        }
        varint::put(&mut out, deletions.len() as u64);
        for Deletion { series, start, end, below } in deletions.iter() {
            let mut bytes = Vec::with_capacity(series.serialized_size());
            series.serialize_into(&mut bytes).map_err(Error::write(path))?;
            varint::put_bytes(&mut out, &bytes);
            varint::put_signed(&mut out, *start);
            varint::put_signed(&mut out, *end);
            varint::put(&mut out, *below);
        }
        write_atomically(path, &FORMAT.seal(&out))
    }

    /// `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Version`] for one that a newer build wrote.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        let damaged = || Error::Damaged { path: path.to_owned(), section: "manifest" };
        let mut body = unsealed(path, "manifest", FORMAT, &bytes)?;
        Self::decode(&mut body).filter(|_| body.is_empty()).map(Some).ok_or_else(damaged)
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let id = varint::take(input)?;
        let flushed = varint::take(input)?;
        let next_series = u32::try_from(varint::take(input)?).ok()?;
        let next_number = varint::take(input)?;
        let log = (varint::take(input)?, varint::take(input)?);
        let aside = varint::take(input)?.checked_sub(1);
        let mut files = Vec::new();
        for _ in 0..varint::take(input)? {
            files.push((varint::take(input)?, varint::take_signed(input)?));
        }
        let mut deletions = Vec::new();
        for _ in 0..varint::take(input)? {
            let series = RoaringBitmap::deserialize_from(varint::take_bytes(input)?).ok()?;
            let (start, end) = (varint::take_signed(input)?, varint::take_signed(input)?);
            deletions.push(Deletion { series, start, end, below: varint::take(input)? });
        }
        Some(Self { id, flushed, next_series, next_number, files, log, aside, deletions: Arc::new(deletions) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_a_flipped_one_is_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("MANIFEST");
        assert_eq!(Manifest::load(&path).expect("none"), None);
        let deletion = Deletion { series: (3..900).collect(), start: -5, end: i64::MAX, below: 9 };
        let manifest = Manifest {
            id: u64::MAX,
            flushed: 1 << 40,
            next_series: u32::MAX,
            next_number: 12,
            files: vec![(3, i64::MIN), (11, 1_700_000_000_000)],
            log: (2, 777),
            aside: Some(0),
            deletions: Arc::new(vec![deletion]),
        };
        manifest.save(&path).expect("saves");
        assert_eq!(Manifest::load(&path).expect("reads"), Some(manifest));
        let mut bytes = fs::read(&path).expect("bytes");
        bytes[20] ^= 4;
        fs::write(&path, &bytes).expect("writes");
        assert!(matches!(Manifest::load(&path), Err(Error::Damaged { .. })));
    }
}
