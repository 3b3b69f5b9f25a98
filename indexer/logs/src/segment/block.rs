//! The inside of a block: for each group that has rows in it a chunk of slot columns.
//!
//! ```text
//! chunk: bytes { slot* }      slot: u8 form, then
//!   0 short lengths: n × u8 length · the values back to back
//!   1 one length: varint length · the values back to back
//!   2 one value: bytes
//!   3 lengths: n × varint length · the values back to back
//! ```
//! The number of rows and the roles of the slots come from the segment's tables. The block as a whole is one zstd frame.

use orszem_model::varint::{put, put_bytes, take, take_bytes, take_exact};

/// Values of one slot, gathered while a chunk is open.
#[derive(Debug, Default)]
pub(crate) struct SlotBuffer {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl SlotBuffer {
    pub(crate) fn push(&mut self, value: &[u8]) {
        self.lengths.push(value.len() as u32);
        self.bytes.extend_from_slice(value);
    }

    fn clear(&mut self) {
        self.lengths.clear();
        self.bytes.clear();
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let first = self.lengths.first().copied().unwrap_or(0);
        if self.lengths.iter().any(|length| *length != first) {
            if self.lengths.iter().all(|length| *length < 256) {
                out.push(0);
                out.extend(self.lengths.iter().map(|length| *length as u8));
            } else {
                out.push(3);
                self.lengths.iter().for_each(|length| put(out, u64::from(*length)));
            }
            out.extend_from_slice(&self.bytes);
            return;
        }
        let size = first as usize;
        let head = &self.bytes[..size];
        if size == 0 || self.bytes.chunks_exact(size).all(|value| value == head) {
            out.push(2);
            put_bytes(out, head);
        } else {
            out.push(1);
            put(out, u64::from(first));
            out.extend_from_slice(&self.bytes);
        }
    }
}

/// Appends the chunk of `slots` to the block and empties them.
pub(crate) fn put_chunk(slots: &mut [SlotBuffer], scratch: &mut Vec<u8>, block: &mut Vec<u8>) {
    scratch.clear();
    for slot in slots {
        slot.encode(scratch);
        slot.clear();
    }
    put_bytes(block, scratch);
}

/// A slot's values, borrowed from a decoded block.
#[derive(Debug, Default)]
pub(crate) struct SlotColumn<'a> {
    bytes: &'a [u8],
    /// Ends of the values; empty when all have one length.
    ends: Vec<u32>,
    /// The length of each value, if it is one; 0 with `repeats` set.
    fixed: usize,
    repeats: bool,
}

impl<'a> SlotColumn<'a> {
    fn decode(input: &mut &'a [u8], rows: usize) -> Option<Self> {
        let form = take_exact(input, 1)?[0];
        match form {
            0 => {
                let mut end = 0;
                let lengths = take_exact(input, rows)?;
                let ends: Vec<u32> = lengths
                    .iter()
                    .map(|length| {
                        end += u32::from(*length);
                        end
                    })
                    .collect();
                let bytes = take_exact(input, end as usize)?;
                Some(Self { bytes, ends, fixed: 0, repeats: false })
            }
            3 => {
                let mut ends = Vec::with_capacity(rows);
                let mut end = 0u32;
                for _ in 0..rows {
                    end = end.checked_add(u32::try_from(take(input)?).ok()?)?;
                    ends.push(end);
                }
                let bytes = take_exact(input, end as usize)?;
                Some(Self { bytes, ends, fixed: 0, repeats: false })
            }
            1 => {
                let fixed = usize::try_from(take(input)?).ok()?;
                let bytes = take_exact(input, fixed.checked_mul(rows)?)?;
                Some(Self { bytes, ends: Vec::new(), fixed, repeats: false })
            }
            2 => Some(Self { bytes: take_bytes(input)?, ends: Vec::new(), fixed: 0, repeats: true }),
            _ => None,
        }
    }

    /// The value of the chunk's row `row`.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &'a [u8] {
        if self.repeats {
            return self.bytes;
        }
        if self.ends.is_empty() {
            return &self.bytes[row * self.fixed..(row + 1) * self.fixed];
        }
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.bytes[start..self.ends[row] as usize]
    }
}

/// Splits a decoded block into the bytes of its chunks.
pub(crate) fn chunk_bytes<'a>(block: &mut &'a [u8]) -> Option<&'a [u8]> {
    take_bytes(block)
}

/// Decodes the `slots` columns of a chunk of `rows` rows.
pub(crate) fn decode_chunk(mut chunk: &[u8], slots: usize, rows: usize) -> Option<Vec<SlotColumn<'_>>> {
    let mut columns = Vec::with_capacity(slots);
    for _ in 0..slots {
        columns.push(SlotColumn::decode(&mut chunk, rows)?);
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_every_form_round_trip() {
        let huge = [b'h'; 300];
        let rows: [[&[u8]; 5]; 3] = [
            [b"a", b"xy", b"same", b"", b"1"],
            [b"", b"zw", b"same", b"", &huge],
            [b"long", b"uv", b"same", b"", b"22"],
        ];
        let mut slots: Vec<SlotBuffer> = (0..5).map(|_| SlotBuffer::default()).collect();
        for row in rows {
            for (slot, value) in slots.iter_mut().zip(row) {
                slot.push(value);
            }
        }
        let (mut scratch, mut block) = (Vec::new(), Vec::new());
        put_chunk(&mut slots, &mut scratch, &mut block);
        let chunk = chunk_bytes(&mut block.as_slice()).expect("a chunk").to_vec();
        let columns = decode_chunk(&chunk, 5, 3).expect("decodes");
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(columns.iter().map(|column| column.get(at)).collect::<Vec<_>>(), row);
        }
        assert!(decode_chunk(&chunk[..chunk.len() - 6], 5, 3).is_none());
    }
}
