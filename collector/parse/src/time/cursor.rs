//! Takes the parts of a stamp from the front of a text.

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// A text and how much of it is taken. What is not there is `None`, and then nothing is taken unless said.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub(super) fn skip(&mut self, any_of: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|b| any_of.contains(b))?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// Exactly `count` digits, at most 18.
    #[inline]
    pub(super) fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + count)?;
        let mut sum = 0;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            sum = sum * 10 + i64::from(digit);
        }
        self.at += count;
        Some(sum)
    }

    /// One to `most` digits and no more; `None` too when they are more than an `i64` holds.
    pub(super) fn number(&mut self, most: usize) -> Option<i64> {
        let rest = self.text.get(self.at..)?;
        let count = rest.iter().take(most + 1).take_while(|b| b.is_ascii_digit()).count();
        if count == 0 || count > most {
            return None;
        }
        let mut sum = 0_i64;
        for byte in rest.get(..count)? {
            sum = sum.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
        }
        self.at += count;
        Some(sum)
    }

    pub(super) fn month_name(&mut self) -> Option<i64> {
        self.name_of(&MONTHS)
    }

    pub(super) fn weekday_name(&mut self) -> Option<i64> {
        self.name_of(&WEEKDAYS)
    }

    /// The place of a three-letter name, in any case, from 1.
    #[inline]
    fn name_of(&mut self, names: &[&[u8; 3]]) -> Option<i64> {
        let [a, b, c] = *self.text.get(self.at..self.at + 3)? else { return None };
        let low = [a | 0x20, b | 0x20, c | 0x20];
        let index = names.iter().position(|name| **name == low)?;
        self.at += 3;
        Some(index as i64 + 1)
    }

    /// `22`, ` 2` or `2`.
    pub(super) fn padded_day(&mut self) -> Option<i64> {
        match self.expect(b' ') {
            Some(()) => self.digits(1),
            None => self.digits(2).or_else(|| self.digits(1)),
        }
    }

    /// `HH:MM:SS`, as seconds; a leap second counts as the one before. May leave a part of it taken.
    #[inline]
    pub(super) fn clock(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.after_hour(hour)
    }

    /// `HH:MM:SS` or `H:MM:SS`.
    pub(super) fn padded_clock(&mut self) -> Option<i64> {
        self.expect(b' ');
        let hour = self.number(2)?;
        self.after_hour(hour)
    }

    #[inline]
    fn after_hour(&mut self, hour: i64) -> Option<i64> {
        self.expect(b':')?;
        let minute = self.digits(2)?;
        self.expect(b':')?;
        let second = self.digits(2)?;
        (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
    }

    /// `HHMMSS`.
    pub(super) fn packed_clock(&mut self) -> Option<i64> {
        let packed = self.digits(6)?;
        let (hour, minute, second) = (packed / 10_000, packed / 100 % 100, packed % 100);
        (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
    }

    /// `H:MM:SS AM`.
    pub(super) fn twelve_hour_clock(&mut self) -> Option<i64> {
        let hour = self.number(2).filter(|h| (1..=12).contains(h))?;
        let seconds = self.after_hour(hour % 12)?;
        let narrow_blank = "\u{202f}".as_bytes();
        match self.text.get(self.at..)?.starts_with(narrow_blank) {
            true => self.at += narrow_blank.len(),
            false => self.expect(b' ')?,
        }
        let half = self.skip(b"AP")?;
        self.expect(b'M')?;
        Some(seconds + if half == b'P' { 43_200 } else { 0 })
    }

    /// `.123456` or `,123`, as nanoseconds; 0 where there is none.
    #[inline]
    pub(super) fn fraction(&mut self) -> i64 {
        let is_digit = |at: usize| self.text.get(at).is_some_and(u8::is_ascii_digit);
        if !matches!(self.peek(), Some(b'.' | b',')) || !is_digit(self.at + 1) {
            return 0;
        }
        self.at += 1;
        let (mut nanos, mut unit) = (0, 100_000_000);
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        nanos
    }

    /// `2026 ` before a clock.
    pub(super) fn year_and_blank(&mut self) -> Option<i64> {
        let start = self.at;
        let year = self.digits(4).filter(|_| self.expect(b' ').is_some());
        if year.is_none() {
            self.at = start;
        }
        year
    }

    /// ` 2026` before a blank, a colon or the end.
    pub(super) fn blank_and_year(&mut self) -> Option<i64> {
        let start = self.at;
        let year = self.expect(b' ').and_then(|()| self.digits(4));
        let year = year.filter(|y| (1970..2262).contains(y) && matches!(self.peek(), None | Some(b' ' | b':')));
        if year.is_none() {
            self.at = start;
        }
        year
    }

    /// `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, `+01`, with or without a blank before.
    #[inline]
    pub(super) fn offset(&mut self) -> Option<i64> {
        let start = self.at;
        let blank = self.expect(b' ').is_some();
        let offset = match self.peek()? {
            b'+' | b'-' => self.numeric_offset(),
            b'Z' | b'z' if !blank => self.zero_offset(1),
            b'U' => self.zero_offset_named(b"UTC"),
            b'G' => self.zero_offset_named(b"GMT"),
            _ => None,
        };
        if offset.is_none() {
            self.at = start;
        }
        offset
    }

    /// An offset in numbers, or `Z`, with no blank before.
    pub(super) fn bare_offset(&mut self) -> Option<i64> {
        match self.peek() {
            Some(b'+' | b'-' | b'Z') => self.offset(),
            _ => None,
        }
    }

    fn zero_offset_named(&mut self, name: &[u8]) -> Option<i64> {
        if self.text.get(self.at..)?.starts_with(name) { self.zero_offset(name.len()) } else { None }
    }

    fn zero_offset(&mut self, len: usize) -> Option<i64> {
        let ends = !self.text.get(self.at + len).is_some_and(u8::is_ascii_alphanumeric);
        ends.then(|| {
            self.at += len;
            0
        })
    }

    /// May leave a part of it taken.
    fn numeric_offset(&mut self) -> Option<i64> {
        let sign = if self.skip(b"+-")? == b'+' { 1 } else { -1 };
        let hours = self.digits(2).filter(|h| *h <= 15)?;
        let minutes = match self.expect(b':') {
            Some(()) => self.digits(2)?,
            None => self.digits(2).unwrap_or(0),
        };
        let ends = !self.peek().is_some_and(|b| b.is_ascii_digit());
        (minutes < 60 && ends).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// ` CET`, ` CEST`: two to five capitals.
    pub(super) fn zone_word(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?.strip_prefix(b" ")?;
        let count = rest.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
        let word = rest.get(..count).filter(|word| (2..=5).contains(&word.len()))?;
        self.at += 1 + count;
        Some(word)
    }
}
