//! The words of bodies that are kept whole, with the rows that have each: an exact inverted index.
//!
//! ```text
//! u32 n words · u32 bytes of text · text: n × { word '\n' }, sorted
//! n.div_ceil(32) × { u32 offset into text · u32 offset into rows } · rows: n × { varint length · row gaps }
//! ```
//! Words are case-folded. Rows count from the first row whose body is kept whole. A word over [`WORD_BYTES_MAX`] is cut
//! there and carries `!` and the hash of all of it, so that only a part of it can not be decided by the index.

use std::collections::HashMap;

use memchr::{memchr, memmem};
use orszem_model::varint::{put, put_bytes, take, take_bytes};

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
    /// The row after the last one noted.
    next: u32,
    rows: Vec<u8>,
}

/// What a folded word is kept as.
fn kept(hash: u64, folded: &[u8]) -> Box<[u8]> {
    if folded.len() <= WORD_BYTES_MAX {
        return folded.into();
    }
    let mut text = folded[..WORD_BYTES_MAX].to_vec();
    text.extend_from_slice(format!("{CUT}{hash:016x}").as_bytes());
    text.into()
}

/// Stands behind the kept part of a word that is cut; no word has it.
const CUT: char = '!';
const CUT_BYTES: usize = WORD_BYTES_MAX + 17;

impl WordsBuilder {
    /// Notes that `row` has the folded word with this hash.
    pub(crate) fn add(&mut self, row: u32, hash: u64, folded: &[u8]) {
        let Self { by_hash, words } = self;
        let index = *by_hash.entry(hash).or_insert_with(|| {
            words.push(Word { text: kept(hash, folded), next: 0, rows: Vec::new() });
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
        let (mut text, mut offsets, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for block in self.words.chunks(WORDS_PER_BLOCK) {
            offsets.extend_from_slice(&(text.len() as u32).to_le_bytes());
            offsets.extend_from_slice(&(rows.len() as u32).to_le_bytes());
            for word in block {
                text.extend_from_slice(&word.text);
                text.push(b'\n');
                put_bytes(&mut rows, &word.rows);
            }
        }
        let mut out = (self.words.len() as u32).to_le_bytes().to_vec();
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        for part in [text, offsets, rows] {
            out.extend_from_slice(&part);
        }
        out
    }
}

/// An encoded index of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    text: &'a [u8],
    offsets: &'a [[u8; 8]],
    rows: &'a [u8],
}

/// How a part of a word lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Prefix,
    Suffix,
    Anywhere,
}

impl<'a> Words<'a> {
    /// Reads the header; `None` when it does not decode.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
        let (count, text_bytes) = (word(0)?, word(4)?);
        let (text, rest) = bytes.get(8..)?.split_at_checked(text_bytes)?;
        let (offsets, rows) = rest.split_at_checked(count.div_ceil(WORDS_PER_BLOCK) * 8)?;
        Some(Self { text, offsets: offsets.as_chunks().0, rows })
    }

    /// Where a block's words and rows begin.
    fn block(&self, index: usize) -> Option<(usize, usize)> {
        let [a, b, c, d, e, f, g, h] = *self.offsets.get(index)?;
        Some((u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize))
    }

    /// The word at this offset of the text.
    fn word(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.text.get(at..)?;
        rest.get(..memchr(b'\n', rest)?)
    }

    /// The block in which `text` would lie.
    fn block_for(&self, text: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.offsets.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.word(self.block(middle)?.0)? <= text { low = middle + 1 } else { high = middle }
        }
        Some(low.saturating_sub(1))
    }

    /// Calls `found` with each row of the word at offset `at` of the text.
    fn for_each_row(&self, at: usize, found: &mut impl FnMut(u32)) -> Option<()> {
        let index = self
            .offsets
            .partition_point(|offset| u32::from_le_bytes([offset[0], offset[1], offset[2], offset[3]]) as usize <= at);
        let (text_at, rows_at) = self.block(index.checked_sub(1)?)?;
        let before = memchr::memchr_iter(b'\n', self.text.get(text_at..at)?).count();
        let mut input = self.rows.get(rows_at..)?;
        for _ in 0..before {
            take_bytes(&mut input)?;
        }
        let mut rows = take_bytes(&mut input)?;
        let mut next = 0u64;
        while !rows.is_empty() {
            let row = next + take(&mut rows)?;
            found(u32::try_from(row).ok()?);
            next = row + 1;
        }
        Some(())
    }

    /// Calls `found` with each row that has the folded word with this hash; `None` when the index does not decode.
    pub(crate) fn look_up(&self, hash: u64, folded: &[u8], mut found: impl FnMut(u32)) -> Option<()> {
        if self.offsets.is_empty() {
            return Some(());
        }
        let wanted = kept(hash, folded);
        let mut at = self.block(self.block_for(&wanted)?)?.0;
        while at < self.text.len() {
            let word = self.word(at)?;
            if *word >= *wanted {
                return if *word == *wanted { self.for_each_row(at, &mut found) } else { Some(()) };
            }
            at += word.len() + 1;
        }
        Some(())
    }

    /// Calls `found` with each row that has a word with `part` in that place, and whether that is certain: of a word
    /// that is cut only the beginning is known. A row may come more than once. `None` when the index does not decode.
    pub(crate) fn for_each_with(&self, part: &[u8], place: Part, mut found: impl FnMut(u32, bool)) -> Option<()> {
        if place == Part::Prefix {
            return self.for_each_from(part, found);
        }
        let mut last = None;
        for at in memmem::find_iter(self.text, part) {
            let start = memchr::memrchr(b'\n', self.text.get(..at)?).map_or(0, |newline| newline + 1);
            let word = self.word(start)?;
            let cut = word.len() == CUT_BYTES;
            let fits = place == Part::Anywhere || word.ends_with(part);
            if !cut && fits && last != Some(start) {
                last = Some(start);
                self.for_each_row(start, &mut |row| found(row, true))?;
            }
        }
        for at in memchr::memchr_iter(CUT as u8, self.text) {
            let start = memchr::memrchr(b'\n', self.text.get(..at)?).map_or(0, |newline| newline + 1);
            self.for_each_row(start, &mut |row| found(row, false))?;
        }
        Some(())
    }

    fn for_each_from(&self, prefix: &[u8], mut found: impl FnMut(u32, bool)) -> Option<()> {
        if self.offsets.is_empty() {
            return Some(());
        }
        let (known, rest) = prefix.split_at(prefix.len().min(WORD_BYTES_MAX));
        let mut at = self.block(self.block_for(known)?)?.0;
        while at < self.text.len() {
            let word = self.word(at)?;
            if word.starts_with(known) {
                let cut = word.len() == CUT_BYTES;
                if cut || word.starts_with(prefix) {
                    self.for_each_row(at, &mut |row| found(row, rest.is_empty() || !cut))?;
                }
            } else if word > known {
                break;
            }
            at += word.len() + 1;
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
        let words = Words::decode(bytes).expect("decodes");
        words.look_up(xxh3_64(word.as_bytes()), word.as_bytes(), |row| rows.push(row)).expect("decodes");
        rows
    }

    fn with(bytes: &[u8], part: &str, place: Part) -> Vec<(u32, bool)> {
        let mut rows = Vec::new();
        let words = Words::decode(bytes).expect("decodes");
        words.for_each_with(part.as_bytes(), place, |row, certain| rows.push((row, certain))).expect("decodes");
        rows.sort_unstable();
        rows.dedup();
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
        assert_eq!(with(&bytes, "w12", Part::Prefix), [(0, true), (6, true)]);
        assert_eq!(with(&bytes, "99", Part::Suffix), [4, 9, 14, 19, 24, 29, 34, 39, 44, 49].map(|row| (row, true)));
        assert_eq!(with(&bytes, "l", Part::Anywhere).len(), 50);
        assert!(Words::decode(&bytes[..7]).is_none());
    }

    #[test]
    fn words_that_differ_far_behind_stay_apart() {
        let (a, b) = ("x".repeat(300), format!("{}y", "x".repeat(299)));
        let bytes = index(&[(1, &a), (2, &b), (3, "xx")]);
        assert_eq!((rows(&bytes, &a), rows(&bytes, &b)), (vec![1], vec![2]));
        assert_eq!(with(&bytes, "xx", Part::Prefix), [(1, true), (2, true), (3, true)]);
        assert_eq!(with(&bytes, &a, Part::Prefix), [(1, false), (2, false)]);
        assert_eq!(with(&bytes, "xy", Part::Suffix), [(1, false), (2, false)]);
    }

    #[test]
    fn an_empty_index_has_nothing() {
        assert_eq!(rows(&index(&[]), "a"), []);
    }
}
