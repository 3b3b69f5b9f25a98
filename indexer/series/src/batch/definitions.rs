//! Labels of series by number: the form that journal and log of series share. Each text is written once.

use std::collections::HashMap;

use orszem_model::{Labels, varint};

/// The most labels of a series that are read back.
const LABELS_MAX: u64 = 1 << 16;

/// Appends definitions.
pub(crate) fn encode(definitions: &[(u32, Labels)], out: &mut Vec<u8>) {
    let mut texts: HashMap<&str, u32> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    let mut body = Vec::with_capacity(definitions.len() * 24);
    let mut before = 0u32;
    for (series, labels) in definitions {
        varint::put_signed(&mut body, i64::from(*series) - i64::from(before));
        before = *series;
        varint::put(&mut body, labels.len() as u64);
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            let number = *texts.entry(text).or_insert_with(|| {
                order.push(text);
                order.len() as u32 - 1
            });
            varint::put(&mut body, u64::from(number));
        }
    }
    varint::put(out, order.len() as u64);
    order.iter().for_each(|text| varint::put_bytes(out, text.as_bytes()));
    varint::put(out, definitions.len() as u64);
    out.extend_from_slice(&body);
}

/// Reads what [`encode`] wrote and moves `input` past it; `None` when the bytes are no definitions.
pub(crate) fn decode(input: &mut &[u8]) -> Option<Vec<(u32, Labels)>> {
    let count = varint::take(input)?;
    let mut texts: Vec<&str> = Vec::with_capacity(count.min(input.len() as u64) as usize);
    for _ in 0..count {
        texts.push(std::str::from_utf8(varint::take_bytes(input)?).ok()?);
    }
    let count = varint::take(input)?;
    let mut definitions = Vec::with_capacity(count.min(input.len() as u64) as usize);
    let (mut before, mut pairs) = (0u32, Vec::new());
    for _ in 0..count {
        let series = u32::try_from(i64::from(before).checked_add(varint::take_signed(input)?)?).ok()?;
        before = series;
        pairs.clear();
        let labels = varint::take(input)?;
        if labels > LABELS_MAX {
            return None;
        }
        for _ in 0..labels {
            let mut text = || texts.get(usize::try_from(varint::take(input)?).ok()?).copied();
            pairs.push((text()?, text()?));
        }
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        definitions.push((series, Labels::from_sorted(pairs.iter().copied())));
    }
    Some(definitions)
}
