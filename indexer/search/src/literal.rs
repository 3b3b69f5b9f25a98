//! Finding one folded literal in raw bytes, fast and without allocating.
//!
//! Candidates are found by two rare bytes of the literal at a fixed distance, compared for a whole chunk at a time in
//! a loop that the compiler turns into SIMD instructions; each candidate is then verified character by character, so
//! texts that are not ASCII need no second path. Only bytes that a character of fixed width stands for may take part:
//! all of ASCII but `k`, which the three bytes of the Kelvin sign fold to.

use std::ops::Range;

use crate::ast::Required;
use crate::fold::{char_at, char_before, fold, is_word, originals};

/// A [`Required`] literal, ready to be searched for.
#[derive(Clone, Debug)]
pub(crate) struct Searcher {
    /// The literal's folded characters.
    chars: Box<[char]>,
    /// The literal itself, if every byte of an occurrence has a fixed place.
    plain: Option<Box<[u8]>>,
    anchor: Anchor,
    /// The place among `chars` of the character that the anchor finds.
    anchor_index: usize,
    /// A word character may not come right before an occurrence (the literal begins with one).
    left: bool,
    right: bool,
}

#[derive(Clone, Debug)]
enum Anchor {
    /// Two ASCII bytes, `distance` bytes apart.
    Pair { first: Folded, second: Folded, distance: usize },
    /// The last byte of the encodings of a character's originals.
    Last([u8; 3]),
}

/// An ASCII byte in either case: a byte `b` is it when `b | mask == byte`.
#[derive(Clone, Copy, Debug)]
struct Folded {
    byte: u8,
    mask: u8,
}

impl Folded {
    fn new(byte: u8) -> Self {
        Self { byte, mask: if byte.is_ascii_lowercase() { 0x20 } else { 0 } }
    }

    #[inline(always)]
    fn is(self, byte: u8) -> bool {
        byte | self.mask == self.byte
    }
}

impl Searcher {
    pub(crate) fn new(required: &Required) -> Self {
        let chars: Box<[char]> = required.folded.chars().collect();
        let plain = chars.iter().all(|c| has_fixed_width(*c)).then(|| required.folded.as_bytes().into());
        let (anchor, anchor_index) = pair(&chars).unwrap_or_else(|| last(&chars));
        let left = required.left_boundary && chars.first().copied().is_some_and(is_word);
        let right = required.right_boundary && chars.last().copied().is_some_and(is_word);
        Self { chars, plain, anchor, anchor_index, left, right }
    }

    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.find(text, 0).is_some()
    }

    /// The first occurrence at its boundaries whose anchor lies at or after `from`, and the `from` of the next.
    pub(crate) fn find(&self, text: &[u8], from: usize) -> Option<(Range<usize>, usize)> {
        let mut from = from;
        loop {
            let at = self.candidate(text, from)?;
            if let Some(range) = self.verify(text, at) {
                return Some((range, at + 1));
            }
            from = at + 1;
        }
    }

    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        match &self.anchor {
            Anchor::Pair { first, second, distance } => find_pair(text, from, *first, *second, *distance),
            Anchor::Last([a, b, c]) => memchr::memchr3(*a, *b, *c, text.get(from..)?).map(|at| from + at),
        }
    }

    /// The occurrence whose anchor is at `at`, if there is one.
    fn verify(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let range = match &self.plain {
            Some(plain) => {
                let start = at.checked_sub(self.anchor_index)?;
                let range = start..start + plain.len();
                text.get(range.clone())?.eq_ignore_ascii_case(plain).then_some(range)?
            }
            None => self.verify_chars(text, at)?,
        };
        let word_before = self.left && char_before(text, range.start).is_some_and(|(c, _)| is_word(c));
        let word_after = self.right && char_at(text, range.end).is_some_and(|(c, _)| is_word(c));
        (!word_before && !word_after).then_some(range)
    }

    fn verify_chars(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let mut start = match self.anchor {
            Anchor::Pair { .. } => at,
            Anchor::Last(_) => char_before(text, at + 1)?.1,
        };
        let (before, from_anchor) = self.chars.split_at(self.anchor_index);
        let mut end = start;
        for expected in from_anchor {
            let (c, next) = char_at(text, end)?;
            if fold(c) != *expected {
                return None;
            }
            end = next;
        }
        for expected in before.iter().rev() {
            let (c, previous) = char_before(text, start)?;
            if fold(c) != *expected {
                return None;
            }
            start = previous;
        }
        Some(start..end)
    }
}

fn has_fixed_width(folded: char) -> bool {
    folded.is_ascii() && folded != 'k'
}

/// The two rarest bytes within one run of fixed width; a run of one byte pairs it with itself.
fn pair(chars: &[char]) -> Option<(Anchor, usize)> {
    let mut best: Option<(u32, usize, usize)> = None;
    let mut start = 0;
    for run in chars.split(|c| !has_fixed_width(*c)) {
        let mut order: Vec<usize> = (start..start + run.len()).collect();
        order.sort_by_key(|at| chars.get(*at).map_or(0, |c| commonness(*c)));
        if let Some(&one) = order.first() {
            let two = order.get(1).copied().unwrap_or(one);
            // A second byte that is not there rejects nothing: it counts as common as the commonest.
            let commonness_of = |at: usize| chars.get(at).map_or(0, |c| commonness(*c));
            let score = commonness_of(one) + if one == two { COMMONNESS_MAX } else { commonness_of(two) };
            if best.is_none_or(|(lowest, _, _)| score < lowest) {
                best = Some((score, one.min(two), one.max(two)));
            }
        }
        start += run.len() + 1;
    }
    let (_, first, second) = best?;
    let byte = |at: usize| chars.get(at).and_then(|c| u8::try_from(*c).ok()).map(Folded::new);
    Some((Anchor::Pair { first: byte(first)?, second: byte(second)?, distance: second - first }, first))
}

/// The last bytes of the character that has the fewest of them.
fn last(chars: &[char]) -> (Anchor, usize) {
    let (bytes, index) = chars
        .iter()
        .enumerate()
        .map(|(index, c)| (last_bytes(*c), index))
        .min_by_key(|(bytes, _)| bytes.len())
        .unwrap_or_default();
    let byte = |at: usize| bytes.get(at).or(bytes.first()).copied().unwrap_or(0);
    (Anchor::Last([byte(0), byte(1), byte(2)]), index)
}

fn last_bytes(folded: char) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        originals(folded).filter_map(|c| c.encode_utf8(&mut [0; 4]).as_bytes().last().copied()).collect();
    bytes.sort_unstable();
    bytes.dedup();
    bytes
}

const COMMONNESS_MAX: u32 = 128;

/// How often the ASCII character is met in logs, as a rank: 0 for the rarest.
fn commonness(c: char) -> u32 {
    const COMMONEST_FIRST: &str = " e0t1anoirs2d-lc.:3h5u4m6p97f8=g/b_,y\"vw[]x()<>'{}|;#@+&%?*!j$q~`^z\\";
    COMMONEST_FIRST.chars().zip((0..COMMONNESS_MAX).rev()).find(|(common, _)| *common == c).map_or(0, |(_, rank)| rank)
}

/// The first position at or after `from` where `first` stands, and `second` `distance` bytes after it.
fn find_pair(text: &[u8], from: usize, first: Folded, second: Folded, distance: usize) -> Option<usize> {
    const LANES: usize = 32;
    let ahead = text.get(distance..)?;
    let here = text.get(..ahead.len())?;
    let mut at = from;
    while at < here.len() {
        // The last chunk overlaps the one before it, so that only short texts are read byte by byte.
        let start = if at + LANES <= here.len() { at } else { here.len().saturating_sub(LANES).min(at) };
        let (a, b) = (here.get(start..)?, ahead.get(start..)?);
        let (Some(a), Some(b)) = (a.first_chunk::<LANES>(), b.first_chunk::<LANES>()) else {
            let pairs = here.iter().zip(ahead).enumerate().skip(at);
            return pairs.into_iter().find(|(_, (x, y))| first.is(**x) && second.is(**y)).map(|(found, _)| found);
        };
        let mut any = false;
        for lane in 0..LANES {
            any |= first.is(a[lane]) & second.is(b[lane]);
        }
        if any {
            let found = (at - start..LANES).find(|lane| first.is(a[*lane]) && second.is(b[*lane]));
            if let Some(lane) = found {
                return Some(start + lane);
            }
        }
        at = start + LANES;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &[u8], literal: &str, left: bool, right: bool) -> Vec<Range<usize>> {
        let folded = crate::fold_text(literal);
        let searcher = Searcher::new(&Required { folded, left_boundary: left, right_boundary: right });
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((range, next)) = searcher.find(text, from) {
            found.push(range);
            from = next;
        }
        found
    }

    #[test]
    fn every_character_has_at_most_three_last_bytes() {
        for c in '\u{0}'..=char::MAX {
            if fold(c) == c {
                assert!(last_bytes(c).len() <= 3, "{c:?}");
            }
        }
    }

    #[test]
    fn finds_in_any_case_and_at_boundaries_only() {
        assert_eq!(find(b"an ERROR, errors", "error", true, true), vec![3..8]);
        assert_eq!(find(b"an ERROR, errors", "error", true, false), vec![3..8, 10..15]);
        assert_eq!(find("őerror error".as_bytes(), "error", true, true), vec![8..13]);
        assert_eq!(find(b"\xC5error\x91", "error", true, true), vec![1..6]);
        assert_eq!(find(b"110.0.0.1 10.0.0.12 10.0.0.1", "10.0.0.1", true, true), vec![20..28]);
        assert_eq!(find(b"a=7b=7", "=7", true, true), vec![4..6]);
        assert_eq!(find(b"aaa", "aa", false, false), vec![0..2, 1..3]);
        assert_eq!(find(b"", "a", true, true), Vec::<Range<usize>>::new());
    }

    #[test]
    fn letters_that_fold_to_another_length_are_found() {
        assert_eq!(find("dis\u{212A}".as_bytes(), "disk", true, true), vec![0..6]);
        assert_eq!(find("\u{212A}\u{212A} k".as_bytes(), "kk", true, true), vec![0..6]);
        assert_eq!(find("HIBÁS Őrszem".as_bytes(), "őRSZEM", true, true), vec![7..14]);
        assert_eq!(find("ОШИБКА".as_bytes(), "ошибка", true, true), vec![0..12]);
        assert_eq!(find("ОШИБКА".as_bytes(), "шибк", true, true), Vec::<Range<usize>>::new());
        assert_eq!(find("ОШИБКА".as_bytes(), "шибк", false, false), vec![2..10]);
    }

    #[test]
    fn a_byte_that_folds_only_by_its_bits_is_not_taken() {
        // '@' | 0x20 == '`', '[' | 0x20 == '{': only letters have a case.
        assert_eq!(find(b"@[", "`{", false, false), Vec::<Range<usize>>::new());
        assert_eq!(find(b"\x10", "0", false, false), Vec::<Range<usize>>::new());
    }

    #[test]
    fn every_offset_and_length_is_searched() {
        for length in 2..150 {
            for at in 0..length - 1 {
                let mut text = vec![b'.'; length];
                text[at] = b'Z';
                text[at + 1] = b'q';
                assert_eq!(find(&text, "zq", true, true), vec![at..at + 2], "{at} of {length}");
                assert_eq!(find(&text, "q", false, false), vec![at + 1..at + 2], "{at} of {length}");
            }
        }
    }
}
