//! Characters of a byte string: how they are decoded, folded and told apart as words.
//!
//! A valid UTF-8 sequence never begins inside another one, so whether a character stands at an offset can be
//! decided there, without decoding the text from its beginning.

use std::cmp::Ordering;
use std::sync::OnceLock;

/// The case rule: the lower case of `c` if that is one character, else `c` itself. Idempotent.
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Every character of `text` folded.
pub fn fold_text(text: &str) -> String {
    text.chars().map(fold).collect()
}

/// Whether `c` belongs to a word. Folding does not change it.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

/// The character that begins at `at` and the offset after it; `None` for an invalid byte and at the end.
pub fn char_at(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = *text.get(at)?;
    let length = match first {
        0..0x80 => return Some((char::from(first), at + 1)),
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => return None,
    };
    let c = std::str::from_utf8(text.get(at..at + length)?).ok()?.chars().next()?;
    Some((c, at + length))
}

/// The character that ends right before `end` and the offset it begins at; `None` for an invalid byte and at 0.
pub fn char_before(text: &[u8], end: usize) -> Option<(char, usize)> {
    let last = *text.get(end.checked_sub(1)?)?;
    if last < 0x80 {
        return Some((char::from(last), end - 1));
    }
    (2..=4.min(end)).find_map(|length| {
        let (c, after) = char_at(text, end - length)?;
        (after == end).then_some((c, end - length))
    })
}

/// One step through a text: a character, or `None` for an invalid byte.
pub fn items(text: &[u8]) -> impl Iterator<Item = (Option<char>, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= text.len() {
            return None;
        }
        let (item, next) = char_at(text, at).map_or((None, at + 1), |(c, next)| (Some(c), next));
        at = next;
        Some((item, next))
    })
}

/// Whether `value` equals the folded text `folded` once it is folded, too.
pub fn equals_folded(value: &[u8], folded: &str) -> bool {
    compare_folded(value, folded) == Some(Ordering::Equal)
}

/// How `value`, folded, stands to the folded text `folded`; `None` if it holds an invalid byte.
pub fn compare_folded(value: &[u8], folded: &str) -> Option<Ordering> {
    let mut ordering = Ordering::Equal;
    let mut others = folded.chars();
    for (item, _) in items(value) {
        let c = fold(item?);
        if ordering == Ordering::Equal {
            ordering = others.next().map_or(Ordering::Greater, |other| c.cmp(&other));
        }
    }
    if ordering == Ordering::Equal && others.next().is_some() { Some(Ordering::Less) } else { Some(ordering) }
}

/// All characters that fold to the folded character `folded`, itself included.
pub(crate) fn originals(folded: char) -> impl Iterator<Item = char> {
    static TABLE: OnceLock<Vec<(char, char)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut pairs: Vec<(char, char)> =
            ('\u{0}'..ORIGINALS_END).filter(|c| fold(*c) != *c).map(|c| (fold(c), c)).collect();
        pairs.sort_unstable();
        pairs
    });
    let from = table.partition_point(|pair| pair.0 < folded);
    std::iter::once(folded).chain(table.iter().skip(from).take_while(move |pair| pair.0 == folded).map(|pair| pair.1))
}

/// No character from here on has a lower case.
const ORIGINALS_END: char = '\u{20000}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_idempotent_and_keeps_words_words() {
        for c in '\u{0}'..=char::MAX {
            assert_eq!(fold(fold(c)), fold(c), "{c:?}");
            assert_eq!(is_word(fold(c)), is_word(c), "{c:?}");
            assert_eq!(fold(c).is_whitespace(), c.is_whitespace(), "{c:?}");
            assert!(fold(c) == c || c < ORIGINALS_END, "{c:?}");
        }
    }

    #[test]
    fn only_the_kelvin_sign_folds_into_ascii_from_outside() {
        let strangers: Vec<char> = ('\u{80}'..=char::MAX).filter(|c| fold(*c).is_ascii()).collect();
        assert_eq!(strangers, ['\u{212A}']);
        assert_eq!(originals('k').collect::<Vec<_>>(), ['k', 'K', '\u{212A}']);
        assert_eq!(originals('-').collect::<Vec<_>>(), ['-']);
        assert_eq!((fold('İ'), fold('ſ'), fold('Ő')), ('İ', 'ſ', 'ő'));
    }

    #[test]
    fn characters_are_found_from_either_side() {
        let text = b"a\xC5\x91\xFF\xF0\x9F\x98\x80\x91\xE2\x84";
        let mut at = 0;
        for (item, next) in items(text) {
            let back = char_before(text, next);
            assert_eq!(back, item.map(|c| (c, at)), "at {at}");
            at = next;
        }
        let read: Vec<Option<char>> = items(text).map(|(item, _)| item).collect();
        assert_eq!(read, [Some('a'), Some('ő'), None, Some('😀'), None, None, None]);
    }

    #[test]
    fn values_compare_folded() {
        for (value, folded, ordering) in [
            ("DB1", "db1", Some(Ordering::Equal)),
            ("db", "db1", Some(Ordering::Less)),
            ("db12", "db1", Some(Ordering::Greater)),
            ("Ő", "ő", Some(Ordering::Equal)),
            ("", "", Some(Ordering::Equal)),
        ] {
            assert_eq!(compare_folded(value.as_bytes(), folded), ordering, "{value} {folded}");
        }
        assert_eq!(compare_folded(b"b\xFF", "a"), None);
    }
}
