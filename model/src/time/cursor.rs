//! The fields that times are made of, read from the front of a text.

use super::civil::TimeOfDay;

/// Zones that appear by name in mail and log files, in seconds east of UTC (RFC 2822 §4.3, and Central Europe).
const ZONES: [(&[u8], i64); 14] = [
    (b"Z", 0),
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UT", 0),
    (b"CET", 3600),
    (b"CEST", 7200),
    (b"EST", -18_000),
    (b"EDT", -14_400),
    (b"CST", -21_600),
    (b"CDT", -18_000),
    (b"MST", -25_200),
    (b"MDT", -21_600),
    (b"PST", -28_800),
    (b"PDT", -25_200),
];
const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What is left of the text. Every reader leaves it alone when it answers `None`, except for spaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn peek(self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Takes the next byte when it is one of `set`.
    #[inline]
    pub(super) fn any(&mut self, set: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        if !set.contains(&first) {
            return None;
        }
        self.0 = rest;
        Some(first)
    }

    /// Takes spaces; `None` when there is none.
    pub(super) fn spaces(&mut self) -> Option<()> {
        self.any(b" ")?;
        while self.any(b" ").is_some() {}
        Some(())
    }

    /// Takes exactly `count` digits.
    #[inline]
    pub(super) fn digits(&mut self, count: usize) -> Option<u32> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let mut value = 0;
        for byte in head {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
        }
        self.0 = rest;
        Some(value)
    }

    /// Takes one or two digits.
    pub(super) fn day(&mut self) -> Option<u32> {
        self.digits(2).or_else(|| self.digits(1))
    }

    /// Takes the letters at the front.
    pub(super) fn word(&mut self) -> Option<&'a [u8]> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        (length > 0).then_some(word)
    }

    /// Takes a month's English name, whole or its first three letters: 1 to 12.
    pub(super) fn month(&mut self) -> Option<u32> {
        let mut ahead = *self;
        let word = ahead.word()?;
        let start = word.get(..3)?;
        let at = MONTHS.iter().position(|month| start.eq_ignore_ascii_case(*month))?;
        *self = ahead;
        Some(at as u32 + 1)
    }

    /// Takes a weekday's English name, whole or its first three letters, and the comma and spaces behind it.
    pub(super) fn weekday(&mut self) -> Option<()> {
        let mut ahead = *self;
        let word = ahead.word()?;
        DAYS.iter().find(|day| {
            word.len() >= 3 && day.as_bytes().get(..word.len()).is_some_and(|start| word.eq_ignore_ascii_case(start))
        })?;
        let has_comma = ahead.any(b",").is_some();
        if !has_comma || ahead.peek() == Some(b' ') {
            ahead.spaces()?;
        }
        *self = ahead;
        Some(())
    }

    /// Takes `HH:MM`, `HH:MM:SS` or, without `separated`, `HHMM` and `HHMMSS`, and a fraction behind `.` or `,`.
    #[inline]
    pub(super) fn time(&mut self, separated: bool) -> Option<TimeOfDay> {
        let hour = self.digits(2)?;
        if separated {
            self.any(b":")?;
        }
        let minute = self.digits(2)?;
        let (mut second, mut nanos) = (0, 0);
        let has_seconds =
            if separated { self.any(b":").is_some() } else { self.peek().is_some_and(|b| b.is_ascii_digit()) };
        if has_seconds {
            second = self.digits(2)?;
            if self.any(b".,").is_some() {
                nanos = self.fraction()?;
            }
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some(TimeOfDay { seconds: i64::from(hour * 3600 + minute * 60 + second), nanos })
    }

    /// Takes the digits of a fraction; those beyond nanoseconds are cut.
    #[inline]
    fn fraction(&mut self) -> Option<i64> {
        let mut nanos = 0;
        let mut scale = 100_000_000;
        let mut length = 0;
        for byte in self.0 {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            nanos += i64::from(digit) * scale;
            scale /= 10;
            length += 1;
        }
        self.0 = self.0.get(length..)?;
        (length > 0).then_some(nanos)
    }

    /// Takes an offset (`Z`, `+02:00`, `+0200`, `+02`, a zone of [`ZONES`]): seconds east of UTC.
    #[inline]
    pub(super) fn offset(&mut self) -> Option<i64> {
        if let [b'Z' | b'z'] = self.0 {
            self.0 = &[];
            return Some(0);
        }
        let Some(sign) = self.any(b"+-") else {
            let word = self.word()?;
            return ZONES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, offset)| *offset);
        };
        let hours = self.digits(2)?;
        let minutes = if self.any(b":").is_some() { self.digits(2)? } else { self.digits(2).unwrap_or(0) };
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = i64::from(hours * 3600 + minutes * 60);
        Some(if sign == b'-' { -offset } else { offset })
    }

    /// Takes the rest of the text as an offset, perhaps behind a space; `fallback` when nothing is left.
    ///
    /// A zone's name behind a numeric offset (`+0100 CET`) is skipped.
    #[inline]
    pub(super) fn offset_to_end(&mut self, fallback: i64) -> Option<i64> {
        if self.is_empty() {
            return Some(fallback);
        }
        let numeric_at = if self.peek() == Some(b' ') {
            self.spaces()?;
            self.peek()
        } else {
            self.peek()
        };
        let offset = self.offset()?;
        if !self.is_empty() && matches!(numeric_at, Some(b'+' | b'-')) {
            self.spaces()?;
            self.word()?;
        }
        self.is_empty().then_some(offset)
    }
}
