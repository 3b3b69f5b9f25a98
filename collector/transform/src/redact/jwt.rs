//! JSON web tokens in compact form (RFC 7515 §7.1, RFC 7516 §7.1): `eyJ….….…`.

use memchr::memmem::Finder;

use super::Find;
use crate::Preset;

/// What a JSON object in base64url starts with.
const START: &[u8] = b"eyJ";
/// The shortest header that names an algorithm, and the shortest payload, are longer.
const PART_BYTES_MIN: usize = 10;

#[derive(Debug)]
pub(super) struct Tokens {
    start: Finder<'static>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { start: Finder::new(START) }
    }

    pub(super) fn find(&self, text: &[u8], finds: &mut Vec<Find>) {
        let mut from = 0;
        for at in self.start.find_iter(text) {
            if at < from || at.checked_sub(1).is_some_and(|before| is_base64url(text[before])) {
                continue;
            }
            let Some(end) = token_end(text, at) else { continue };
            finds.push(Find::new(at..end, Preset::Jwt));
            from = end;
        }
    }
}

/// The end of a token of three parts, the last possibly empty, or of an encrypted one of five, whose key may be.
fn token_end(text: &[u8], at: usize) -> Option<usize> {
    let header = part_end(text, at);
    let second = part_end(text, next_part(text, header)?);
    let third = part_end(text, next_part(text, second)?);
    let fifth = next_part(text, third).map(|fourth| part_end(text, fourth)).and_then(|end| {
        let fifth = part_end(text, next_part(text, end)?);
        Some(fifth)
    });
    let (second_len, third_len) = (second - header - 1, third - second - 1);
    let is_long = header - at >= PART_BYTES_MIN && second_len.max(third_len) >= PART_BYTES_MIN;
    is_long.then_some(fifth.unwrap_or(third))
}

fn next_part(text: &[u8], end: usize) -> Option<usize> {
    (text.get(end) == Some(&b'.')).then_some(end + 1)
}

fn part_end(text: &[u8], start: usize) -> usize {
    start + text[start..].iter().take_while(|b| is_base64url(**b)).count()
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
