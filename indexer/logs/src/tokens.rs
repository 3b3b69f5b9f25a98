//! Tokens: the maximal runs of word characters that the index is made of, and their hashes.
//!
//! A word character is a Unicode alphanumeric (`docs/search.md`); a byte that is no UTF-8 separates.
//! A token that holds an ASCII digit is *variable*, any other is *static*: skeletons keep static tokens
//! and mask variable ones.

use orszem_search::fold::fold;
use xxhash_rust::xxh3::xxh3_64;

const SEPARATOR: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const BEYOND_ASCII: u8 = 3;

const CLASS: [u8; 256] = {
    let mut table = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            0x80..=0xff => BEYOND_ASCII,
            _ => SEPARATOR,
        };
        byte += 1;
    }
    table
};

/// One token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It holds an ASCII digit.
    pub(crate) variable: bool,
}

/// Calls `found` with each token of `text`, in order.
#[inline]
pub(crate) fn for_each_token(text: &[u8], mut found: impl FnMut(Token)) {
    let mut at = 0;
    while at < text.len() {
        let mut class = CLASS[usize::from(text[at])];
        if class == SEPARATOR {
            at += 1;
            continue;
        }
        let start = at;
        let mut seen = 0u8;
        loop {
            match class {
                BEYOND_ASCII => match decode_char(&text[at..]) {
                    Some((c, length)) if c.is_alphanumeric() => at += length,
                    Some((_, length)) => {
                        end_token(start, at, seen, &mut found);
                        at += length;
                        break;
                    }
                    None => {
                        end_token(start, at, seen, &mut found);
                        at += 1;
                        break;
                    }
                },
                SEPARATOR => {
                    end_token(start, at, seen, &mut found);
                    break;
                }
                ascii => {
                    seen |= ascii;
                    at += 1;
                }
            }
            if at == text.len() {
                end_token(start, at, seen, &mut found);
                break;
            }
            class = CLASS[usize::from(text[at])];
        }
    }
}

#[inline]
fn end_token(start: usize, end: usize, seen: u8, found: &mut impl FnMut(Token)) {
    if end > start {
        found(Token { start, end, variable: seen & DIGIT != 0 });
    }
}

/// The first character of `bytes` and its length; `None` when they do not start with valid UTF-8.
fn decode_char(bytes: &[u8]) -> Option<(char, usize)> {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
    };
    let c = valid.chars().next()?;
    Some((c, c.len_utf8()))
}

/// Appends the case-folded form of `text`; bytes that are no UTF-8 stay as they are.
pub(crate) fn fold_into(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        out.extend(text.iter().map(u8::to_ascii_lowercase));
        return;
    }
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        match decode_char(rest) {
            Some((c, length)) => {
                out.extend_from_slice(fold(c).encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[length..];
            }
            None => {
                out.push(byte);
                rest = &rest[1..];
            }
        }
    }
}

/// Spaces of the index, so that equal texts in different places have different hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space<'a> {
    Body,
    Trace,
    Span,
    Entity,
    Attribute(&'a str),
}

/// Hashes index terms; keeps a buffer for folding.
#[derive(Debug, Default)]
pub(crate) struct TermHasher {
    folded: Vec<u8>,
}

impl TermHasher {
    /// The hash of `text`, case-folded, in `space`.
    #[inline]
    pub(crate) fn hash(&mut self, space: Space<'_>, text: &[u8]) -> u64 {
        self.folded.clear();
        fold_into(text, &mut self.folded);
        place(space, xxh3_64(&self.folded))
    }

    /// The hash of `bytes` as they are.
    pub(crate) fn hash_exact(&self, space: Space<'_>, bytes: &[u8]) -> u64 {
        place(space, xxh3_64(bytes))
    }

    /// What the last call of [`Self::hash`] hashed.
    pub(crate) fn last_folded(&self) -> &[u8] {
        &self.folded
    }
}

#[inline]
fn place(space: Space<'_>, hash: u64) -> u64 {
    match space {
        Space::Body => hash,
        Space::Trace => hash.wrapping_add(0x9e37_79b9_7f4a_7c15),
        Space::Span => hash.wrapping_add(0x3c6e_f372_fe94_f82a),
        Space::Entity => hash.wrapping_add(0xdaa6_6d2c_7ddf_743f),
        Space::Attribute(key) => hash.rotate_left(23) ^ xxh3_64(key.as_bytes()).wrapping_mul(0xff51_afd7_ed55_8ccd),
    }
}

/// A set of the ASCII letters (case-folded) and digits that occur in variable tokens, and one bit for anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charset(pub(crate) u64);

const CHARSET_BIT: [u64; 256] = {
    let mut table = [1 << 36; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => 1 << (byte - b'a' as usize),
            b'A'..=b'Z' => 1 << (byte - b'A' as usize),
            b'0'..=b'9' => 1 << (26 + byte - b'0' as usize),
            _ => 1 << 36,
        };
        byte += 1;
    }
    table
};

impl Charset {
    /// Adds what occurs in `token`.
    #[inline]
    pub(crate) fn add(&mut self, token: &[u8]) {
        self.0 |= token.iter().fold(0, |bits, byte| bits | CHARSET_BIT[usize::from(*byte)]);
    }

    /// Whether a character beyond ASCII is in it.
    pub(crate) fn beyond_ascii(self) -> bool {
        self.0 & (1 << 36) != 0
    }

    /// Whether a token of these characters could contain the folded `text`. A token with characters beyond ASCII
    /// may fold to anything.
    pub(crate) fn may_contain(self, folded: &[u8]) -> bool {
        let mut wanted = Self::default();
        wanted.add(folded);
        self.beyond_ascii() || wanted.0 & !self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<(&[u8], bool)> {
        let mut out = Vec::new();
        for_each_token(text, |token| out.push((&text[token.start..token.end], token.variable)));
        out
    }

    #[test]
    fn splits_on_everything_but_word_characters() {
        assert_eq!(tokens(b"blk_-12 a"), [(&b"blk"[..], false), (b"12", true), (b"a", false)]);
        assert_eq!(tokens("Őr7–őr".as_bytes()), [("Őr7".as_bytes(), true), ("őr".as_bytes(), false)]);
        assert_eq!(tokens(b"a\xffb\xc3"), [(&b"a"[..], false), (b"b", false)]);
        assert_eq!(tokens(b" .,\0"), []);
        assert_eq!(tokens(b""), []);
    }

    #[test]
    fn folds_ascii_and_beyond() {
        let fold = |text: &str| {
            let mut out = Vec::new();
            fold_into(text.as_bytes(), &mut out);
            String::from_utf8(out).expect("utf-8")
        };
        assert_eq!(fold("ErrOR"), "error");
        assert_eq!(fold("ŐR \u{212a}"), "őr k");
    }

    #[test]
    fn a_charset_rules_out_what_it_lacks() {
        let mut hex = Charset::default();
        hex.add(b"9AF3");
        assert!(hex.may_contain(b"fa3") && !hex.may_contain(b"conn"));
        hex.add("ő".as_bytes());
        assert!(hex.may_contain(b"conn"));
    }
}
