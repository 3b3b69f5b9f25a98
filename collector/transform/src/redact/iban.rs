//! International bank account numbers (ISO 13616): country, its length, and check digits modulo 97.

use super::{Find, is_word_at, runs};
use crate::Preset;

/// The shortest, Norway's.
const BYTES_MIN: usize = 15;
const BYTES_MAX: usize = 34;

const CLASS: runs::Class = {
    let mut class = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        class[byte as usize] = byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b' ';
        byte += 1;
    }
    class
};

/// Countries and the length of their numbers, as registered with SWIFT.
const LENGTHS: [(&[u8; 2], usize); 88] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    runs::each(text, &CLASS, BYTES_MIN, |start, end| {
        let mut at = start;
        while at + BYTES_MIN <= end {
            if !text[at].is_ascii_uppercase() {
                at += 1;
            } else if let Some(iban_end) = iban_at(text, at) {
                finds.push(Find::new(at..iban_end, Preset::Iban));
                at = iban_end;
            } else {
                at += 1;
            }
        }
    });
}

/// The end of the number that starts at `at`, in one piece or in fours parted by one blank.
fn iban_at(text: &[u8], at: usize) -> Option<usize> {
    let country = text.get(at..at + 2)?;
    let checks = text.get(at + 2..at + 4)?;
    if !checks.iter().all(u8::is_ascii_digit) || is_word_at(text, at.checked_sub(1)) {
        return None;
    }
    let (_, length) = LENGTHS.iter().find(|(code, _)| code.as_slice() == country)?;
    let is_spaced = text.get(at + 4) == Some(&b' ');
    let mut number = [0; BYTES_MAX];
    let mut end = at;
    for (i, place) in number[..*length].iter_mut().enumerate() {
        if is_spaced && i > 0 && i % 4 == 0 {
            if text.get(end) != Some(&b' ') {
                return None;
            }
            end += 1;
        }
        *place = *text.get(end).filter(|b| b.is_ascii_digit() || b.is_ascii_uppercase())?;
        end += 1;
    }
    (!is_word_at(text, Some(end)) && remainder(&number[..*length]) == 1).then_some(end)
}

/// The number with its first four at the end and letters as 10 to 35, modulo 97.
fn remainder(number: &[u8]) -> u32 {
    let (head, tail) = number.split_at(4);
    tail.iter().chain(head).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
