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
        if version != VERSION {
            return Err(Error::Version { path: path.to_owned(), version, known: VERSION });
        }
        let mut stored: Stored = serde_json::from_slice(bytes).map_err(describe)?;
        let crc = std::mem::take(&mut stored.crc32c);
        if crc32c::crc32c(&serde_json::to_vec(&stored).map_err(describe)?) != crc {
            return Err(Error::Damaged { path: path.to_owned(), section: "checksum" });
        }
        let Stored { number, min_time, max_time, series, samples, bytes, level, sources, siblings, .. } = stored;
        Ok(Self { number, min_time, max_time, series, samples, bytes, level, sources, siblings })
    }
}
