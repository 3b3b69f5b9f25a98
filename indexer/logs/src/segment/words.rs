//! The dictionary of words in bodies that are kept whole: what a prefix or infix is looked up in before the index.
//!
//! Sorted, front-coded: `n × { varint shared with the one before · bytes rest }`, then zstd.

use std::collections::HashSet;

use orszem_model::varint::{put, put_bytes, take, take_bytes};

/// The bytes of words a segment keeps; beyond them it keeps none and such queries read the blocks.
pub(crate) const WORDS_BYTES_MAX: usize = 16 << 20;
/// Longer words are left to the blocks: a dictionary that lacks them says so in its first byte.
const WORD_BYTES_MAX: usize = 64;

/// Collects distinct words.
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    known: HashSet<u64>,
    spans: Vec<(u32, u32)>,
    arena: Vec<u8>,
    incomplete: bool,
}

impl WordsBuilder {
    /// Adds a folded word with its hash.
    pub(crate) fn add(&mut self, hash: u64, folded: &[u8]) {
        if self.incomplete || !self.known.insert(hash) {
            return;
        }
        if folded.len() > WORD_BYTES_MAX || self.arena.len() + folded.len() > WORDS_BYTES_MAX {
            self.incomplete = true;
            return;
        }
        self.spans.push((self.arena.len() as u32, folded.len() as u32));
        self.arena.extend_from_slice(folded);
    }

    /// The encoded dictionary; empty if it would be incomplete.
    pub(crate) fn finish(self) -> Vec<u8> {
        if self.incomplete {
            return Vec::new();
        }
        let mut words: Vec<&[u8]> =
            self.spans.iter().map(|(start, length)| &self.arena[*start as usize..(*start + *length) as usize]).collect();
        words.sort_unstable();
        let mut out = vec![1];
        let mut previous: &[u8] = &[];
        for word in words {
            let shared = previous.iter().zip(word).take_while(|(a, b)| a == b).count();
            put(&mut out, shared as u64);
            put_bytes(&mut out, &word[shared..]);
            previous = word;
        }
        out
    }
}

/// Calls `found` with every word of an encoded dictionary; `None` when it is corrupt, `Some(false)` when there is none.
pub(crate) fn for_each_word(mut input: &[u8], mut found: impl FnMut(&[u8])) -> Option<bool> {
    let Some((1, rest)) = input.split_first().map(|(first, rest)| (*first, rest)) else {
        return if input.is_empty() { Some(false) } else { None };
    };
    input = rest;
    let mut word = Vec::new();
    while !input.is_empty() {
        let shared = usize::try_from(take(&mut input)?).ok().filter(|shared| *shared <= word.len())?;
        word.truncate(shared);
        word.extend_from_slice(take_bytes(&mut input)?);
        found(&word);
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_each_word_once_sorted() {
        let mut builder = WordsBuilder::default();
        for (hash, word) in [(3, "connect"), (1, "closed"), (2, "connection"), (3, "connect")] {
            builder.add(hash, word.as_bytes());
        }
        let bytes = builder.finish();
        let mut words = Vec::new();
        assert_eq!(for_each_word(&bytes, |word| words.push(String::from_utf8_lossy(word).into_owned())), Some(true));
        assert_eq!(words, ["closed", "connect", "connection"]);
        assert_eq!(for_each_word(&bytes[..bytes.len() - 1], |_| ()), None);
    }

    #[test]
    fn a_long_word_leaves_no_dictionary() {
        let mut builder = WordsBuilder::default();
        builder.add(1, &[b'a'; 65]);
        assert_eq!(for_each_word(&builder.finish(), |_| panic!("no words")), Some(false));
    }
}
