//! The advisory horizon: what was released, in one small file that may be lost or stale without harm.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use orszem_durable::Format;

use crate::paths;
use crate::record::take_u64;

const FORMAT: Format = Format { magic: *b"ORSZQHOR", version: 1 };

/// `{magic, version u32, epoch u64, released u64, durable next u64, crc32c u32}`, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon {
    pub(crate) epoch: u64,
    /// The batches up to this number were released.
    pub(crate) released: u64,
    /// The batches below this number were durable.
    pub(crate) durable_next: u64,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct HorizonFile {
    file: File,
}

impl HorizonFile {
    pub(crate) fn open(directory: &Path) -> io::Result<HorizonFile> {
        let path = paths::horizon(directory);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(HorizonFile { file })
    }

    pub(crate) fn write(&self, horizon: Horizon) -> io::Result<()> {
        self.file.write_all_at(&horizon.encode(), 0)
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Horizon {
    /// `None` when there is none that can be used.
    pub(crate) fn load(directory: &Path) -> Option<Horizon> {
        match fs::read(paths::horizon(directory)) {
            Ok(bytes) => Horizon::decode(&bytes),
            Err(error) => {
                tracing::debug!(directory = %directory.display(), %error, "the queue's horizon is not known");
                None
            }
        }
    }

    fn encode(self) -> Vec<u8> {
        let Horizon { epoch, released, durable_next } = self;
        let mut out = Vec::new();
        for field in [epoch, released, durable_next] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        FORMAT.seal(&out)
    }

    fn decode(bytes: &[u8]) -> Option<Horizon> {
        let rest = &mut FORMAT.unseal(bytes).ok()?;
        let horizon = Horizon { epoch: take_u64(rest)?, released: take_u64(rest)?, durable_next: take_u64(rest)? };
        (rest.is_empty() && horizon.released < horizon.durable_next).then_some(horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizon_reads_back_and_a_damaged_one_is_none() {
        let horizon = Horizon { epoch: 3, released: 10, durable_next: 12 };
        let good = horizon.encode();
        assert_eq!(Horizon::decode(&good), Some(horizon));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Horizon::decode(&bad), None, "bit {bit}");
        }
        assert_eq!(Horizon::decode(&good[..good.len() - 1]), None);
    }
}
