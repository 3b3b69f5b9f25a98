//! What rules keep over a restart, by their names: as bytes and back.

use orszem_model::{code::Code, varint};

const VERSION: u8 = 2;

/// The names of rules with what they keep.
pub(super) fn encode<'k, K: Code + 'k>(kept: impl ExactSizeIterator<Item = (&'k str, &'k K)>) -> Vec<u8> {
    let mut out = vec![VERSION];
    varint::put(&mut out, kept.len() as u64);
    for (rule, kept) in kept {
        varint::put_bytes(&mut out, rule.as_bytes());
        kept.put(&mut out);
    }
    out
}

/// What [`encode`] wrote; `None` when it is damaged.
pub(super) fn decode<K: Code>(bytes: &[u8]) -> Option<Vec<(String, K)>> {
    let (&VERSION, mut input) = bytes.split_first()? else { return None };
    Vec::take(&mut input).filter(|_| input.is_empty())
}
