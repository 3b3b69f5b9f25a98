//! Postings: the series with a label, as runs of equal gaps or as a roaring bitmap.

use orszem_model::varint;
use roaring::RoaringBitmap;

use crate::error::Result;

/// Gaps, each with how often it repeats where that is more than once.
const GAPS: u8 = 0;
const ROARING: u8 = 1;
const ROARING_ZSTD: u8 = 2;

/// Postings that take more steps than this to unfold are kept as bitmaps.
const STEPS_MAX: u64 = 4_096;
/// Bitmaps are compressed when that leaves at most a third, and decompressed up to 2^32 bits.
const ZSTD_LEVEL: i32 = 1;
const BITMAP_BYTES_MAX: u64 = 600 << 20;

/// Postings being collected, in the order of series.
#[derive(Debug, Default)]
pub(super) struct PostingsBuilder {
    bytes: Vec<u8>,
    count: u32,
    /// The series behind the last one.
    next: u32,
    /// The gap that is being repeated, and how often.
    gap: u32,
    repeat: u32,
    steps: u64,
}

impl PostingsBuilder {
    /// Adds a series behind all that were added.
    pub(super) fn push(&mut self, ordinal: u32) {
        let gap = ordinal - self.next;
        self.next = ordinal.wrapping_add(1);
        self.count += 1;
        if self.repeat > 0 && gap == self.gap {
            self.repeat += 1;
            return;
        }
        self.flush();
        (self.gap, self.repeat) = (gap, 1);
    }

    fn flush(&mut self) {
        if self.repeat == 0 {
            return;
        }
        varint::put(&mut self.bytes, u64::from(self.gap) << 1 | u64::from(self.repeat > 1));
        if self.repeat > 1 {
            varint::put(&mut self.bytes, u64::from(self.repeat));
        }
        self.steps += if self.gap == 0 { 1 } else { u64::from(self.repeat) };
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Appends them encoded.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.flush();
        varint::put(out, u64::from(self.count));
        if self.steps <= STEPS_MAX {
            out.push(GAPS);
            out.extend_from_slice(&self.bytes);
            return Ok(());
        }
        let mut bitmap = RoaringBitmap::new();
        unfold(&self.bytes, &mut |first, last| {
            bitmap.insert_range(first..=last);
        });
        bitmap.optimize();
        let mut plain = Vec::with_capacity(bitmap.serialized_size());
        bitmap.serialize_into(&mut plain)?;
        let packed = zstd::bulk::compress(&plain, ZSTD_LEVEL)?;
        if packed.len() <= plain.len() / 3 {
            out.push(ROARING_ZSTD);
            varint::put(out, plain.len() as u64);
            out.extend_from_slice(&packed);
        } else {
            out.push(ROARING);
            out.extend_from_slice(&plain);
        }
        Ok(())
    }
}

/// Encoded postings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Postings<'a> {
    pub(super) count: u32,
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Postings<'a> {
    pub(super) fn new(mut bytes: &'a [u8]) -> Option<Self> {
        let count = u32::try_from(varint::take(&mut bytes)?).ok()?;
        let (&kind, bytes) = bytes.split_first()?;
        Some(Self { count, kind, bytes })
    }

    /// All of them; `None` when the bytes are no postings.
    pub(super) fn bitmap(&self) -> Option<RoaringBitmap> {
        match self.kind {
            GAPS => {
                let mut bitmap = RoaringBitmap::new();
                let mut ordinals = Vec::new();
                unfold(self.bytes, &mut |first, last| {
                    if first == last {
                        ordinals.push(first);
                        return;
                    }
                    bitmap.insert_range(first..=last);
                })?;
                if !ordinals.is_empty() {
                    let single = RoaringBitmap::from_sorted_iter(ordinals).ok()?;
                    bitmap = if bitmap.is_empty() { single } else { bitmap | single };
                }
                Some(bitmap)
            }
            ROARING => RoaringBitmap::deserialize_from(self.bytes).ok(),
            ROARING_ZSTD => {
                let mut bytes = self.bytes;
                let length = varint::take(&mut bytes).filter(|&length| length <= BITMAP_BYTES_MAX)?;
                let plain = zstd::bulk::decompress(bytes, usize::try_from(length).ok()?).ok()?;
                RoaringBitmap::deserialize_from(plain.as_slice()).ok()
            }
            _ => None,
        }
    }

    /// Calls `visit` with ranges of series, both ends included; `None` when the bytes are no postings.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(u32, u32)) -> Option<()> {
        if self.kind == GAPS {
            return unfold(self.bytes, visit);
        }
        let bitmap = self.bitmap()?;
        let mut ranges = bitmap.iter();
        while let Some(range) = ranges.next_range() {
            visit(*range.start(), *range.end());
        }
        Some(())
    }
}

fn unfold(mut bytes: &[u8], visit: &mut dyn FnMut(u32, u32)) -> Option<()> {
    // One more than a u32 holds, behind the last series of all.
    let mut next = 0u64;
    while !bytes.is_empty() {
        let head = varint::take(&mut bytes)?;
        let repeat = if head & 1 == 1 { varint::take(&mut bytes)? } else { 1 };
        let gap = head >> 1;
        let end = gap.checked_add(1)?.checked_mul(repeat)?.checked_add(next).filter(|&end| end <= 1 << 32)?;
        if repeat == 0 {
            return None;
        }
        if gap == 0 {
            visit(next as u32, (end - 1) as u32);
        } else {
            for at in 1..=repeat {
                let ordinal = (next + (gap + 1) * at - 1) as u32;
                visit(ordinal, ordinal);
            }
        }
        next = end;
    }
    Some(())
}

/// The union of many postings; cheap for many short ones.
pub(super) struct Union {
    /// A bit for each series, once there are enough.
    bits: Vec<u8>,
    ordinals: Vec<u32>,
    series: u32,
}

/// Fewer single series than this are sorted, more go to a bit each.
const SORTED_MAX: usize = 8_192;

impl Union {
    pub(super) fn new(series: u32) -> Self {
        Self { bits: Vec::new(), ordinals: Vec::new(), series }
    }

    /// Adds postings; `None` when they are none.
    pub(super) fn add(&mut self, postings: &Postings<'_>) -> Option<()> {
        if self.bits.is_empty() && self.ordinals.len() + postings.count as usize > SORTED_MAX {
            self.bits.resize(self.series.div_ceil(8) as usize, 0);
            for ordinal in std::mem::take(&mut self.ordinals) {
                self.bits[(ordinal / 8) as usize] |= 1 << (ordinal % 8);
            }
        }
        let series = self.series;
        let mut is_within = true;
        let (bits, ordinals) = (&mut self.bits, &mut self.ordinals);
        postings.visit(&mut |first, last| {
            if last >= series {
                is_within = false;
            } else if bits.is_empty() {
                ordinals.extend(first..=last);
            } else {
                set(bits, first, last);
            }
        })?;
        is_within.then_some(())
    }

    pub(super) fn finish(mut self) -> Option<RoaringBitmap> {
        if !self.bits.is_empty() {
            return Some(RoaringBitmap::from_lsb0_bytes(0, &self.bits));
        }
        self.ordinals.sort_unstable();
        self.ordinals.dedup();
        RoaringBitmap::from_sorted_iter(self.ordinals).ok()
    }
}

fn set(bits: &mut [u8], first: u32, last: u32) {
    let mut at = first;
    while at <= last {
        if at.is_multiple_of(8) && last - at >= 7 {
            let bytes = (last - at + 1) / 8;
            bits[(at / 8) as usize..(at / 8 + bytes) as usize].fill(0xff);
            at += bytes * 8;
            continue;
        }
        bits[(at / 8) as usize] |= 1 << (at % 8);
        at += 1;
    }
}

/// For callers that name the file.
pub(super) fn or_damaged<T>(file: &crate::files::PagedFile, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| file.damaged("postings"))
}
