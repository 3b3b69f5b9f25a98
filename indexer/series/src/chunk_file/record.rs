//! The record of a series: its chunks, not decoded.

use orszem_model::varint;

use crate::chunk::ChunkKind;

/// A chunk of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef<'a> {
    pub kind: ChunkKind,
    /// The number of its time column in the file.
    pub column: u32,
    /// As `chunk::values` or `chunk::histograms` wrote it.
    pub payload: &'a [u8],
}

/// The chunks of a series: those of floats, then those of histograms, each in the order of time.
#[derive(Clone, Copy, Debug)]
pub struct ChunkList<'a> {
    left: u64,
    heads: &'a [u8],
    payloads: &'a [u8],
}

impl<'a> ChunkList<'a> {
    /// `None` when the bytes are no record.
    pub(super) fn new(mut record: &'a [u8]) -> Option<Self> {
        let left = varint::take(&mut record)?;
        let mut payloads = record;
        for _ in 0..left {
            take_head(&mut payloads)?;
        }
        Some(Self { left, heads: record, payloads })
    }

    /// The next chunk; `None` behind the last, `Some(None)` when the bytes are no record.
    pub(super) fn take(&mut self) -> Option<Option<ChunkRef<'a>>> {
        self.left = self.left.checked_sub(1)?;
        let chunk = take_head(&mut self.heads).and_then(|(kind, column, length)| {
            let payload = varint::take_exact(&mut self.payloads, length)?;
            Some(ChunkRef { kind, column, payload })
        });
        if chunk.is_none() {
            self.left = 0;
        }
        Some(chunk)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.left
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

fn take_head(input: &mut &[u8]) -> Option<(ChunkKind, u32, usize)> {
    let kind = ChunkKind::from_code(varint::take_exact(input, 1)?[0])?;
    let column = u32::try_from(varint::take(input)?).ok()?;
    Some((kind, column, usize::try_from(varint::take(input)?).ok()?))
}
