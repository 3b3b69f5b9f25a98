//! The term index of a segment: hashes of terms to the blocks that hold them.
//!
//! Terms are kept by 12 fingerprint bits inside a bucket, so a look-up may name a block that does not hold the term
//! (about once in 500 look-ups of a term that is not there) and never misses one that does; whoever asks verifies.
//! ```text
//! u8 bucket bits · u32 bucket count + 1 offsets · buckets
//! bucket: entries by fingerprint: u16 (fingerprint << 4 | min(n − 1, 15)) · [n − 16] · first block · n − 1 gaps − 1
//! ```

use orszem_model::varint::{put, take, take_exact};

const FINGERPRINT_BITS: u32 = 12;
/// Terms a bucket holds on average: more saves offsets, fewer makes look-ups exact.
const TERMS_PER_BUCKET: usize = 8;

/// Collects `(term, block)` pairs. The blocks' numbers must be below 2^24.
#[derive(Debug, Default)]
pub(crate) struct PostingsBuilder {
    pairs: Vec<u64>,
    block: Vec<u64>,
}

/// A pair keeps the upper 40 bits of the hash, enough for 2^28 buckets of 12-bit fingerprints.
const BLOCK_BITS: u32 = 24;

impl PostingsBuilder {
    /// Notes a term of the current block.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) {
        self.block.push(hash & !((1 << BLOCK_BITS) - 1));
    }

    /// Ends the current block, whose number is `block`.
    pub(crate) fn end_block(&mut self, block: u32) {
        self.block.sort_unstable();
        self.block.dedup();
        self.pairs.extend(self.block.iter().map(|hash| hash | u64::from(block)));
        self.block.clear();
    }

    /// The encoded index.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.pairs.sort_unstable();
        let distinct = self.pairs.chunk_by(|a, b| a >> BLOCK_BITS == b >> BLOCK_BITS).count();
        let bits = (distinct / TERMS_PER_BUCKET).max(1).ilog2().min(64 - BLOCK_BITS - FINGERPRINT_BITS);
        let buckets = 1usize << bits;
        let mut offsets: Vec<u32> = Vec::with_capacity(buckets + 1);
        let mut body = Vec::with_capacity(self.pairs.len() * 2);
        let term_of = |pair: u64| pair >> (64 - bits - FINGERPRINT_BITS);
        for term in self.pairs.chunk_by(|a, b| term_of(*a) == term_of(*b)) {
            let Some(&head) = term.first() else { continue };
            let term_key = term_of(head);
            let bucket = (term_key >> FINGERPRINT_BITS) as usize;
            while offsets.len() <= bucket {
                offsets.push(body.len() as u32);
            }
            let mut blocks: Vec<u32> = term.iter().map(|pair| (pair & ((1 << BLOCK_BITS) - 1)) as u32).collect();
            blocks.sort_unstable();
            blocks.dedup();
            put_entry((term_key & ((1 << FINGERPRINT_BITS) - 1)) as u16, &blocks, &mut body);
        }
        while offsets.len() <= buckets {
            offsets.push(body.len() as u32);
        }
        let mut out = Vec::with_capacity(body.len() + offsets.len() * 4 + 1);
        out.push(bits as u8);
        out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        out.extend_from_slice(&body);
        out
    }
}

fn put_entry(fingerprint: u16, blocks: &[u32], out: &mut Vec<u8>) {
    let rest = blocks.len() - 1;
    out.extend_from_slice(&((fingerprint << 4) | rest.min(15) as u16).to_le_bytes());
    if rest >= 15 {
        put(out, (rest - 15) as u64);
    }
    let mut previous = None;
    for &block in blocks {
        put(out, u64::from(previous.map_or(block, |p: u32| block - p - 1)));
        previous = Some(block);
    }
}

/// The blocks that may hold the term with this hash, ascending; `None` when the index is corrupt.
pub(crate) fn look_up(index: &[u8], hash: u64) -> Option<Vec<u32>> {
    let bits = u32::from(*index.first()?);
    if bits > 64 - BLOCK_BITS - FINGERPRINT_BITS {
        return None;
    }
    let term_key = hash >> (64 - bits - FINGERPRINT_BITS);
    let bucket = (term_key >> FINGERPRINT_BITS) as usize;
    let wanted = (term_key & ((1 << FINGERPRINT_BITS) - 1)) as u16;
    let offset = |at: usize| -> Option<usize> {
        Some(u32::from_le_bytes(index.get(1 + at * 4..5 + at * 4)?.try_into().ok()?) as usize)
    };
    let body = index.get(1 + ((1usize << bits) + 1) * 4..)?;
    let mut bucket = body.get(offset(bucket)?..offset(bucket + 1)?)?;
    while !bucket.is_empty() {
        let head = u16::from_le_bytes(take_exact(&mut bucket, 2)?.try_into().ok()?);
        let mut count = usize::from(head & 15) + 1;
        if count == 16 {
            count += usize::try_from(take(&mut bucket)?).ok()?;
        }
        let fingerprint = head >> 4;
        if fingerprint > wanted {
            break;
        }
        let mut blocks = Vec::with_capacity(if fingerprint == wanted { count.min(1 << 20) } else { 0 });
        let mut next = 0u64;
        for _ in 0..count {
            next += take(&mut bucket)?;
            if fingerprint == wanted {
                blocks.push(u32::try_from(next).ok()?);
            }
            next += 1;
        }
        if fingerprint == wanted {
            return Some(blocks);
        }
    }
    Some(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn finds_every_block_and_hardly_any_other() {
        let mut builder = PostingsBuilder::default();
        let hash = |n: u64| xxh3_64(&n.to_le_bytes());
        for block in 0..500u32 {
            builder.add(hash(1_000_000));
            builder.add(hash(u64::from(block)));
            builder.add(hash(u64::from(block)));
            builder.add(hash(u64::from(block / 40) + 10_000));
            builder.end_block(block);
        }
        let index = builder.finish();
        assert_eq!(look_up(&index, hash(1_000_000)), Some((0..500).collect()));
        assert_eq!(look_up(&index, hash(10_003)), Some((120..160).collect()));
        let extra: usize = (0..500u32)
            .map(|n| {
                let blocks = look_up(&index, hash(u64::from(n))).expect("sound");
                assert!(blocks.contains(&n), "{n}");
                blocks.len() - 1
            })
            .sum();
        assert!(extra < 20, "{extra} false blocks");
        let absent: usize = (0..2000u64).map(|n| look_up(&index, hash(n + 5_000_000)).expect("sound").len()).sum();
        assert!(absent < 600, "{absent} false blocks");
    }

    #[test]
    fn an_empty_index_has_nothing_and_a_cut_one_is_refused() {
        let index = PostingsBuilder::default().finish();
        assert_eq!(look_up(&index, 77), Some(Vec::new()));
        assert_eq!(look_up(&index[..3], u64::MAX), None);
        assert_eq!(look_up(&[], 1), None);
    }
}
