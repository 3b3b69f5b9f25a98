//! The words of bodies that are kept whole, with the rows that have each: an exact inverted index.
//!
//! ```text
//! u32 n blocks · n × u32 offset · blocks of up to 32 words, sorted
//! word: varint shared with the one before (0 for a block's first) · bytes rest · u8 cut · varint length { row gaps }
//! ```
//! Words are case-folded. Rows count from the first row whose body is kept whole. A word over [`WORD_BYTES_MAX`] is cut
//! there and carries the hash of all of it, so that only a part of it can not be decided by the index.

use std::collections::HashMap;

use orszem_model::varint::{put, put_bytes, take, take_bytes, take_exact};

/// Bytes of a word that are kept.
const WORD_BYTES_MAX: usize = 128;
const WORDS_PER_BLOCK: usize = 32;

/// Collects words and their rows; rows must come in ascending order.
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    by_hash: HashMap<u64, u32>,
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    text: Box<[u8]>,
    cut: bool,
    /// The row after the last one noted.
    next: u32,
    rows: Vec<u8>,
}

/// What a folded word is kept as.
fn kept(hash: u64, folded: &[u8]) -> (Box<[u8]>, bool) {
    if folded.len() <= WORD_BYTES_MAX {
        return (folded.into(), false);
    }
    let mut text = folded[..WORD_BYTES_MAX].to_vec();
    text.extend_from_slice(&hash.to_le_bytes());
    (text.into(), true)
}

impl WordsBuilder {
    /// Notes that `row` has the folded word with this hash.
    pub(crate) fn add(&mut self, row: u32, hash: u64, folded: &[u8]) {
        let Self { by_hash, words } = self;
        let index = *by_hash.entry(hash).or_insert_with(|| {
            let (text, cut) = kept(hash, folded);
            words.push(Word { text, cut, next: 0, rows: Vec::new() });
            (words.len() - 1) as u32
        });
        let word = &mut words[index as usize];
        if word.next <= row {
            put(&mut word.rows, u64::from(row - word.next));
            word.next = row + 1;
        }
    }

    /// The encoded index.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.words.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        let mut offsets = Vec::new();
        let mut body = Vec::new();
        for block in self.words.chunks(WORDS_PER_BLOCK) {
            offsets.push(body.len() as u32);
            let mut previous: &[u8] = &[];
            for word in block {
                let shared = previous.iter().zip(word.text.iter()).take_while(|(a, b)| a == b).count();
                put(&mut body, shared as u64);
                put_bytes(&mut body, &word.text[shared..]);
                body.push(u8::from(word.cut));
                put_bytes(&mut body, &word.rows);
                previous = &word.text;
            }
        }
        let mut out = (offsets.len() as u32).to_le_bytes().to_vec();
        out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        out.extend_from_slice(&body);
        out
    }
}

/// An encoded index of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a>(pub(crate) &'a [u8]);

/// A word of the index, while it is visited.
#[derive(Debug)]
pub(crate) struct WordEntry<'a> {
    pub(crate) text: &'a [u8],
    /// Only the beginning of the word is kept.
    pub(crate) cut: bool,
    rows: &'a [u8],
}

impl WordEntry<'_> {
    /// Calls `found` with each row that has the word; `None` when they do not decode.
    pub(crate) fn for_each_row(&self, mut found: impl FnMut(u32)) -> Option<()> {
        let mut rows = self.rows;
        let mut next = 0u64;
        while !rows.is_empty() {
            let row = next + take(&mut rows)?;
            found(u32::try_from(row).ok()?);
            next = row + 1;
        }
        Some(())
    }
}

impl<'a> Words<'a> {
    fn word(&self, at: usize) -> Option<usize> {
        Some(u32::from_le_bytes(self.0.get(at * 4..at * 4 + 4)?.try_into().ok()?) as usize)
    }

    fn block(&self, index: usize, count: usize) -> Option<&'a [u8]> {
        let body = self.0.get(4 + count * 4..)?;
        let end = if index + 1 < count { self.word(index + 2)? } else { body.len() };
        body.get(self.word(index + 1)?..end)
    }

    /// Visits the words of a block in order until `found` answers `false`.
    fn visit_block(&self, mut block: &'a [u8], found: &mut impl FnMut(&WordEntry<'_>) -> Option<bool>) -> Option<bool> {
        let mut text = Vec::new();
        while !block.is_empty() {
            let shared = usize::try_from(take(&mut block)?).ok().filter(|shared| *shared <= text.len())?;
            text.truncate(shared);
            text.extend_from_slice(take_bytes(&mut block)?);
            let cut = take_exact(&mut block, 1)?[0] != 0;
            let rows = take_bytes(&mut block)?;
            let shown = if cut { text.get(..WORD_BYTES_MAX)? } else { &text };
            if !found(&WordEntry { text: shown, cut, rows })? {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The first word of a block.
    fn first(&self, index: usize, count: usize) -> Option<&'a [u8]> {
        let mut block = self.block(index, count)?;
        take(&mut block)?;
        take_bytes(&mut block)
    }

    /// The block in which `text` would lie.
    fn block_for(&self, text: &[u8], count: usize) -> Option<usize> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = (low + high) / 2;
            if self.first(middle, count)? <= text { low = middle + 1 } else { high = middle }
        }
        Some(low.saturating_sub(1))
    }

    /// Calls `found` with each row that has the folded word with this hash; `None` when the index does not decode.
    pub(crate) fn look_up(&self, hash: u64, folded: &[u8], mut found: impl FnMut(u32)) -> Option<()> {
        let count = self.word(0)?;
        if count == 0 {
            return Some(());
        }
        let (wanted, cut) = kept(hash, folded);
        let mut block = self.block(self.block_for(&wanted, count)?, count)?;
        let mut text = Vec::new();
        while !block.is_empty() {
            let shared = usize::try_from(take(&mut block)?).ok().filter(|shared| *shared <= text.len())?;
            text.truncate(shared);
            text.extend_from_slice(take_bytes(&mut block)?);
            let is_cut = take_exact(&mut block, 1)?[0] != 0;
            let rows = take_bytes(&mut block)?;
            if *text == *wanted && is_cut == cut {
                return WordEntry { text: &text, cut, rows }.for_each_row(&mut found);
            }
        }
        Some(())
    }

    /// Calls `found` with each word that starts with `prefix`, in order; `None` when the index does not decode.
    pub(crate) fn for_each_from(&self, prefix: &[u8], mut found: impl FnMut(&WordEntry<'_>) -> Option<()>) -> Option<()> {
        let count = self.word(0)?;
        for index in self.block_for(prefix, count)?..count {
            let more = self.visit_block(self.block(index, count)?, &mut |entry: &WordEntry<'_>| {
                if entry.text.starts_with(prefix) {
                    found(entry)?;
                    return Some(true);
                }
                Some(entry.text < prefix)
            })?;
            if !more {
                break;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn index(words: &[(u32, &str)]) -> Vec<u8> {
        let mut builder = WordsBuilder::default();
        for (row, word) in words {
            builder.add(*row, xxh3_64(word.as_bytes()), word.as_bytes());
        }
        builder.finish()
    }

    fn rows(bytes: &[u8], word: &str) -> Vec<u32> {
        let mut rows = Vec::new();
        Words(bytes).look_up(xxh3_64(word.as_bytes()), word.as_bytes(), |row| rows.push(row)).expect("decodes");
        rows
    }

    #[test]
    fn each_word_has_its_rows() {
        let many: Vec<String> = (0..1000).map(|n| format!("w{n}")).collect();
        let mut words: Vec<(u32, &str)> = Vec::new();
        for row in 0..50 {
            words.push((row, "all"));
            words.push((row, "all"));
            words.extend(many.iter().skip(row as usize * 20).take(20).map(|word| (row, word.as_str())));
        }
        let bytes = index(&words);
        assert_eq!(rows(&bytes, "all"), (0..50).collect::<Vec<_>>());
        assert_eq!(rows(&bytes, "w999"), [49]);
        assert_eq!(rows(&bytes, "w0"), [0]);
        assert_eq!(rows(&bytes, "absent"), []);
        let mut found = 0;
        Words(&bytes).for_each_from(b"w12", |entry| { assert!(entry.text.starts_with(b"w12")); found += 1; Some(()) }).expect("decodes");
        assert_eq!(found, 11);
        assert!(Words(&bytes[..7]).look_up(1, b"all", |_| ()).is_none());
    }

    #[test]
    fn words_that_differ_far_behind_stay_apart() {
        let (a, b) = ("x".repeat(300), format!("{}y", "x".repeat(299)));
        let bytes = index(&[(1, &a), (2, &b)]);
        assert_eq!((rows(&bytes, &a), rows(&bytes, &b)), (vec![1], vec![2]));
    }

    #[test]
    fn an_empty_index_has_nothing() {
        assert_eq!(rows(&index(&[]), "a"), []);
    }
}
