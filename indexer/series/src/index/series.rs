//! Blocks of the series table: which names each series has, and the ranks of their values.

use orszem_model::varint;

/// The largest block, unpacked; one of ordinary series has some KiB.
pub(super) const BLOCK_BYTES_MAX: usize = 256 << 20;

/// A block of series, not compressed.
#[derive(Debug, Default)]
pub(super) struct Rows {
    shapes: Vec<u32>,
    /// Where the ranks of each begin.
    starts: Vec<usize>,
    ranks: Vec<u32>,
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.shapes.clear();
        self.starts.clear();
        self.ranks.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Shape and ranks of the series.
    pub(super) fn get(&self, at: usize) -> Option<(u32, &[u32])> {
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(self.ranks.len());
        Some((*self.shapes.get(at)?, self.ranks.get(start..end)?))
    }

    /// Adds a series; `ranks` as many as its shape has names.
    pub(super) fn push(&mut self, shape: u32, ranks: impl Iterator<Item = u32>) {
        self.shapes.push(shape);
        self.starts.push(self.ranks.len());
        self.ranks.extend(ranks);
    }

    /// Appends the block. `before` has a place for each name.
    pub(super) fn encode(&self, shapes: &[Vec<u32>], before: &mut [u32], out: &mut Vec<u8>) {
        before.fill(0);
        let mut last = 0u32;
        for at in 0..self.len() {
            let Some((shape, ranks)) = self.get(at) else { return };
            varint::put_signed(out, i64::from(shape) - i64::from(last));
            last = shape;
            for (&name, &rank) in shapes[shape as usize].iter().zip(ranks) {
                let before = &mut before[name as usize];
                varint::put_signed(out, i64::from(rank) - i64::from(std::mem::replace(before, rank)));
            }
        }
    }

    /// Replaces the content by the block of `count` series in `input`; `None` when it is none.
    pub(super) fn decode(
        &mut self,
        mut input: &[u8],
        count: usize,
        shapes: &[Vec<u32>],
        before: &mut Vec<u32>,
        names: usize,
    ) -> Option<()> {
        self.clear();
        before.clear();
        before.resize(names, 0);
        let mut last = 0i64;
        for _ in 0..count {
            last = last.checked_add(varint::take_signed(&mut input)?)?;
            let shape = u32::try_from(last).ok()?;
            self.shapes.push(shape);
            self.starts.push(self.ranks.len());
            for &name in shapes.get(shape as usize)? {
                let before = before.get_mut(name as usize)?;
                let rank = i64::from(*before).checked_add(varint::take_signed(&mut input)?)?;
                *before = u32::try_from(rank).ok()?;
                self.ranks.push(*before);
            }
        }
        Some(())
    }
}
