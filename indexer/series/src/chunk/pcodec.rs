//! Columns as `pco` compresses them, without its file header: one chunk, in pages that are read each by itself.

use std::ops::Range;

use orszem_model::varint;
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, FULL_BATCH_N, ModeSpec, PagingSpec};

use crate::error::{Error, Result};

/// The header that pco 1.x writes (its format 4.1). It is not stored: another one is another encoding of ours.
const HEADER: [u8; 2] = [4, 1];
/// Measured on host metrics: level 4 gives 1 to 2 % more bytes, 12 less than 0.1 % fewer.
const LEVEL: usize = 8;
/// Numbers in a page, at most. A page takes 10 to 20 bytes beside its numbers; who asks for a few minutes of a day reads
/// one of four.
const PAGE_NUMBERS: usize = 512;

/// How much pco is left to find out by itself.
#[derive(Clone, Copy)]
pub(super) enum Effort {
    /// Integers: differences, without a search for common factors.
    Integers,
    /// Floats: everything.
    Floats,
}

/// How a column is cut into pages.
#[derive(Clone, Copy)]
pub(super) enum Paging {
    /// The columns of up to [`PAGE_NUMBERS`], and all that were written before there were pages.
    One,
    /// Pages of equal length. The lengths in bytes of all but the last stand between pco's head and the pages.
    Many,
}

impl Paging {
    /// What suits `count` numbers.
    pub(super) fn of(count: usize) -> Self {
        if count > PAGE_NUMBERS { Self::Many } else { Self::One }
    }

    /// The numbers of each page but the last, which may have fewer.
    fn size(self, count: usize) -> usize {
        match self {
            Self::One => count,
            Self::Many => count.div_ceil(count.div_ceil(PAGE_NUMBERS).max(1)),
        }
    }
}

/// Appends `numbers`, at least one.
pub(super) fn encode<T: Number>(numbers: &[T], paging: Paging, effort: Effort, out: &mut Vec<u8>) -> Result<()> {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let config = match effort {
        Effort::Integers => config.with_mode_spec(ModeSpec::Classic).with_delta_spec(DeltaSpec::Auto),
        Effort::Floats => config,
    };
    let size = paging.size(numbers.len());
    let config = config.with_paging_spec(PagingSpec::Exact(numbers.chunks(size).map(<[T]>::len).collect()));
    let failed = |source| Error::Compress { source };
    let mut chunk = FileCompressor::default().chunk_compressor(numbers, &config).map_err(failed)?;
    chunk.write_meta(&mut *out).map_err(failed)?;
    let mut pages = Vec::new();
    let last = numbers.len().div_ceil(size) - 1;
    for page in 0..=last {
        let start = pages.len();
        chunk.write_page(page, &mut pages).map_err(failed)?;
        if page < last {
            varint::put(out, (pages.len() - start) as u64);
        }
    }
    out.extend_from_slice(&pages);
    Ok(())
}

/// Appends those in `range` of the `count` numbers that [`encode`] wrote. `None` when the bytes are no such column.
pub(super) fn decode<T: Number + Default>(
    input: &[u8],
    paging: Paging,
    count: usize,
    range: Range<usize>,
    scratch: &mut DecompressorScratch,
    out: &mut Vec<T>,
) -> Option<()> {
    let (file, _) = FileDecompressor::new(HEADER.as_slice()).ok()?;
    let (chunk, mut lengths) = file.chunk_decompressor::<T, _>(input).ok()?;
    let size = paging.size(count).max(1);
    let last = count.div_ceil(size).checked_sub(1)?;
    let mut pages = lengths;
    for _ in 0..last {
        varint::take(&mut pages)?;
    }
    for page in 0..=last {
        let body = if page < last {
            varint::take_exact(&mut pages, usize::try_from(varint::take(&mut lengths)?).ok()?)?
        } else {
            pages
        };
        let first = page * size;
        let here = size.min(count - first);
        if range.start >= first + here || range.end <= first {
            continue;
        }
        let (from, to) = (range.start.saturating_sub(first), range.end.min(first + here) - first);
        let start = out.len();
        out.resize(start + to.next_multiple_of(FULL_BATCH_N).min(here), T::default());
        // pco reads whole batches, but at the end of a page.
        let mut page = chunk.page_decompressor_with_scratch(body, here, scratch).ok()?;
        let read = page.read(&mut out[start..]).ok()?;
        if read.n_processed != out.len() - start {
            return None;
        }
        out.truncate(start + to);
        out.drain(start..start + from);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Should a new pco write another header, the encodings of this crate need new codes.
    #[test]
    fn the_header_that_is_left_out_is_the_one_pco_writes() {
        let mut header = Vec::new();
        FileCompressor::default().write_header(&mut header).expect("into memory");
        assert_eq!(header, HEADER);
    }

    #[test]
    fn any_part_of_a_column_is_read_from_one_page_or_many() {
        let mut scratch = DecompressorScratch::default();
        for count in [1, 511, 512, 513, 1_025, 2_048] {
            let column: Vec<i64> = (0..count).map(|at| at * at % 1_009 + at).collect();
            for paging in [Paging::One, Paging::Many] {
                let mut bytes = Vec::new();
                encode(&column, paging, Effort::Integers, &mut bytes).expect("encoded");
                let count = column.len();
                for range in
                    [0..count, 0..1, count - 1..count, count / 3..count / 2, count / 2..count, count / 4..count / 4]
                {
                    let mut out = vec![7];
                    decode(&bytes, paging, count, range.clone(), &mut scratch, &mut out).expect("decoded");
                    assert_eq!(out[1..], column[range]);
                }
                let cut = &bytes[..bytes.len() / 2];
                let cut = decode(cut, paging, count, 0..count, &mut scratch, &mut Vec::<i64>::new());
                assert!(count < 500 || cut.is_none(), "{count}");
            }
        }
    }
}
