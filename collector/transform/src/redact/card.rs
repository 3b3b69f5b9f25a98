//! Payment card numbers (ISO/IEC 7812): issuer prefix, length, Luhn check digit, and how people group them.

use super::{Find, is_word_at, runs};
use crate::Preset;

pub(super) const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;
/// The most groups a number is written in: 4-4-4-4-3.
const GROUPS_MAX: usize = 5;

const CLASS: runs::Class = {
    let mut class = [false; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        class[digit as usize] = true;
        digit += 1;
    }
    class[b' ' as usize] = true;
    class[b'-' as usize] = true;
    class
};

pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    runs::each(text, &CLASS, DIGITS_MIN, |start, end| {
        if text[start..end].iter().filter(|b| b.is_ascii_digit()).count() < DIGITS_MIN {
            return;
        }
        let mut at = start;
        while at < end {
            if !text[at].is_ascii_digit() {
                at += 1;
            } else if let Some(card_end) = card_at(text, at) {
                finds.push(Find::new(at..card_end, Preset::Card));
                at = card_end;
            } else {
                at += digits(text, at);
            }
        }
    });
}

/// Whether a number, as JSON has it, is a card's.
pub(super) fn is_card_number(number: i64) -> bool {
    number >= 1_000_000_000_000 && {
        let text = number.to_string();
        card_at(text.as_bytes(), 0) == Some(text.len())
    }
}

/// The end of the card number that starts with the group of digits at `at`, the longest if there are several.
///
/// In one piece, in fours with the last group shorter or not, or as 4-6-4 and 4-6-5; parted by one blank or one dash,
/// the same throughout. What is part of a word, a decimal fraction, an identifier with dashes or a longer row of digits
/// is none.
fn card_at(text: &[u8], at: usize) -> Option<usize> {
    if is_inside(text, at) {
        return None;
    }
    let mut lengths = [0; GROUPS_MAX];
    let mut ends = [0; GROUPS_MAX];
    let mut groups = 0;
    let mut start = at;
    let mut separator = None;
    while groups < GROUPS_MAX {
        let length = digits(text, start);
        if length == 0 {
            break;
        }
        lengths[groups] = length;
        ends[groups] = start + length;
        groups += 1;
        match text.get(start + length) {
            Some(b @ (b' ' | b'-')) if separator.is_none_or(|s| s == *b) => separator = Some(*b),
            Some(_) | None => break,
        }
        start += length + 1;
    }
    (1..=groups).rev().find_map(|count| {
        let end = ends[count - 1];
        let fits = is_shape(&lengths[..count]) && !goes_on(text, end) && is_number(&text[at..end], count > 1);
        fits.then_some(end)
    })
}

/// How many digits stand at `at`.
fn digits(text: &[u8], at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
}

fn is_shape(lengths: &[usize]) -> bool {
    match lengths {
        [4, 6, 4 | 5] => true,
        [one] => (DIGITS_MIN..=DIGITS_MAX).contains(one),
        [fours @ .., last] => {
            let digits = 4 * fours.len() + last;
            fours.iter().all(|l| *l == 4) && *last <= 4 && (DIGITS_MIN..=DIGITS_MAX).contains(&digits)
        }
        [] => false,
    }
}

/// Whether the byte before belongs to what starts at `at`: a word, a dash, the point of a fraction.
fn is_inside(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1);
    is_word_at(text, before)
        || match before.map(|i| text[i]) {
            Some(b'-') => true,
            Some(b'.') => at >= 2 && text[at - 2].is_ascii_digit(),
            Some(_) | None => false,
        }
}

fn goes_on(text: &[u8], end: usize) -> bool {
    is_word_at(text, Some(end))
        || match text.get(end) {
            Some(b'-') => is_word_at(text, Some(end + 1)),
            Some(b'.') => text.get(end + 1).is_some_and(u8::is_ascii_digit),
            Some(_) | None => false,
        }
}

/// Whether issuer, length and check digit agree.
fn is_number(text: &[u8], is_grouped: bool) -> bool {
    let mut number = [0; DIGITS_MAX];
    let mut len = 0;
    for digit in text.iter().filter(|b| b.is_ascii_digit()) {
        if len == DIGITS_MAX {
            return false;
        }
        number[len] = digit - b'0';
        len += 1;
    }
    let number = &number[..len];
    is_issued(number, is_grouped) && luhn(number)
}

/// Whether an issuer has numbers with this prefix and length.
///
/// Visa's 19 digits count only in groups: nobody is known to print them in one piece, and every ninth 64-bit number
/// starts with a 4.
fn is_issued(number: &[u8], is_grouped: bool) -> bool {
    let prefix = number.iter().take(4).fold(0_u32, |n, d| n * 10 + u32::from(*d));
    match (prefix, number.len()) {
        (4000..=4999, 13 | 16) => true,
        (4000..=4999, 19) => is_grouped,
        // Mastercard, Mir.
        (5100..=5599 | 2221..=2720 | 2200..=2204, 16) => true,
        // American Express.
        (3400..=3499 | 3700..=3799, 15) => true,
        // Diners Club.
        (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14 | 16) => true,
        // Discover, RuPay.
        (6000..=6099 | 6440..=6599 | 8100..=8299, 16) => true,
        // JCB.
        (3528..=3589, 16) => true,
        // UnionPay.
        (6200..=6299, 16..=19) => true,
        // Maestro.
        (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19) => true,
        // Troy.
        (9792, 16) => true,
        _ => false,
    }
}

fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i % 2, u32::from(*digit) * 2) {
            (0, double) => double / 2,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}
