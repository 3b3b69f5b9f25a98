//! Chunks: up to [`CHUNK_SAMPLES_MAX`] samples of one series, compressed column by column.
//!
//! Every codec is bit-exact, also for NaN payloads (the stale marker), -0.0 and infinities. A payload says how it is
//! encoded but not of how many samples: the time column that it belongs to says that. Decoders take bytes that a
//! checksum has vouched for, and still never read or allocate beyond what they were given: they answer `None`.

pub mod histograms;
pub mod times;
pub mod values;

mod integers;
mod pcodec;
mod xor;

/// The most samples in a chunk.
pub const CHUNK_SAMPLES_MAX: usize = 2_048;

/// Memory that decoders use again.
#[derive(Debug, Default)]
pub struct Scratch {
    integers: Vec<i64>,
    pco: pco::DecompressorScratch,
}

/// What the samples of a chunk are. On disk: its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkKind {
    Float = 0,
    Histogram = 1,
    // 2 is kept for downsampled floats.
}

impl ChunkKind {
    /// The kind with this code; `None` for one that this version doesn't know.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Float),
            1 => Some(Self::Histogram),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
