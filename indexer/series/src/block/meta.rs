//! The description of a block.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const VERSION: u32 = 1;

/// What a block is; `meta.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// Unique among the blocks of a directory.
    pub number: u64,
    /// Of the first sample, in milliseconds since 1970.
    pub min_time: i64,
    /// Of the last sample.
    pub max_time: i64,
    pub series: u64,
    pub samples: u64,
    /// Of chunks and index.
    pub bytes: u64,
    /// 0 when it came from memory, else one more than that of the blocks it was merged from.
    pub level: u32,
    /// The numbers of the blocks it was merged from.
    pub sources: Vec<u64>,
    /// The numbers of all blocks that the same merge wrote, if there was one: only when all are there are the sources
    /// of no use any more.
    pub siblings: Vec<u64>,
}

/// Version 1 on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    number: u64,
    min_time: i64,
    max_time: i64,
    series: u64,
    samples: u64,
    bytes: u64,
    level: u32,
    sources: Vec<u64>,
    siblings: Vec<u64>,
    /// CRC-32C of the same with 0 here, as compact JSON in this order.
    crc32c: u32,
}

impl Stored {
    /// Whether the checksum is that of the same with `version`.
    fn is_intact(&self, version: u32) -> serde_json::Result<bool> {
        let Self { number, min_time, max_time, series, samples, bytes, level, .. } = *self;
        let (sources, siblings) = (self.sources.clone(), self.siblings.clone());
        let crc32c = 0;
        let same =
            Self { version, number, min_time, max_time, series, samples, bytes, level, sources, siblings, crc32c };
        Ok(crc32c::crc32c(&serde_json::to_vec(&same)?) == self.crc32c)
    }
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl BlockMeta {
    /// The name of its directory.
    pub fn directory(&self) -> String {
        format!("{}-{}-{}", self.min_time, self.max_time, self.number)
    }

    fn stored(&self) -> Stored {
        let Self { number, min_time, max_time, series, samples, bytes, level, sources, siblings } = self.clone();
        let version = VERSION;
        let crc32c = 0;
        Stored { version, number, min_time, max_time, series, samples, bytes, level, sources, siblings, crc32c }
    }

    pub(super) fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let describe = |source| Error::Describe { path: path.to_owned(), source };
        let mut stored = self.stored();
        stored.crc32c = crc32c::crc32c(&serde_json::to_vec(&stored).map_err(describe)?);
        serde_json::to_vec_pretty(&stored).map_err(describe)
    }

    pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let describe = |source| Error::Describe { path: path.to_owned(), source };
        let AnyVersion { version } = serde_json::from_slice(bytes).map_err(describe)?;
        let stored: Stored = match serde_json::from_slice(bytes) {
            // It may well have other fields.
            Err(_) if version != VERSION => {
                return Err(Error::Version { path: path.to_owned(), version, known: VERSION });
            }
            stored => stored.map_err(describe)?,
        };
        // The checksum of what another build writes has that build's version in it.
        let is_of_this_version = stored.is_intact(VERSION).map_err(describe)?;
        match (version == VERSION, is_of_this_version) {
            (true, true) => {}
            (true, false) => return Err(Error::Damaged { path: path.to_owned(), section: "checksum" }),
            (false, true) => return Err(Error::Damaged { path: path.to_owned(), section: "version" }),
            (false, false) => return Err(Error::Version { path: path.to_owned(), version, known: VERSION }),
        }
        let Stored { number, min_time, max_time, series, samples, bytes, level, sources, siblings, .. } = stored;
        Ok(Self { number, min_time, max_time, series, samples, bytes, level, sources, siblings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> BlockMeta {
        let (number, min_time, max_time, series, samples, bytes, level) = (7, -3, 900, 2, 40, 4_000, 1);
        BlockMeta { number, min_time, max_time, series, samples, bytes, level, sources: vec![1, 2], siblings: vec![7] }
    }

    #[test]
    fn a_flipped_version_is_damage_and_that_of_another_build_is_told() {
        let path = Path::new("meta.json");
        let whole = meta().encode(path).expect("encodes");
        assert_eq!(BlockMeta::decode(path, &whole).expect("decodes"), meta());
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match BlockMeta::decode(path, &flipped) {
                // Space between the fields.
                Ok(read) => assert_eq!(read, meta(), "bit {bit}"),
                Err(Error::Damaged { .. } | Error::Describe { .. }) => {}
                Err(error) => panic!("bit {bit}: {error}"),
            }
        }
        let mut newer = Stored { version: 2, ..meta().stored() };
        newer.crc32c = crc32c::crc32c(&serde_json::to_vec(&newer).expect("encodes"));
        for newer in [serde_json::to_string(&newer).expect("encodes"), r#"{"version":2,"exemplars":5}"#.to_owned()] {
            let read = BlockMeta::decode(path, newer.as_bytes());
            assert!(matches!(read, Err(Error::Version { version: 2, known: 1, .. })), "{read:?}");
        }
    }
}
