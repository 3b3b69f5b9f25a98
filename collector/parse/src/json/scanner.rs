//! Reads the tokens of one JSON text, borrowing from it (RFC 8259; control characters within strings are let pass).

use std::borrow::Cow;

/// Arrays and objects nested deeper than this make a text unreadable.
const NESTING_MAX: usize = 128;

/// A value that is not read further.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Bool(bool),
    Null,
    /// An array, or an object that lies too deep, as written.
    Raw(&'a str),
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no blank; it is not taken.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        if self.take(byte) { Some(()) } else { None }
    }

    /// Whether nothing but blanks is left.
    pub(super) fn end(&mut self) -> Option<()> {
        if self.peek().is_none() { Some(()) } else { None }
    }

    /// A key and its colon.
    pub(super) fn key(&mut self) -> Option<Cow<'a, str>> {
        let key = self.string()?;
        self.expect(b':')?;
        Some(key)
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<Scalar<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Scalar::Text),
            b'[' | b'{' => {
                let start = self.at;
                self.skip(NESTING_MAX)?;
                self.text.get(start..self.at).map(Scalar::Raw)
            }
            b't' => self.literal("true").map(|()| Scalar::Bool(true)),
            b'f' => self.literal("false").map(|()| Scalar::Bool(false)),
            b'n' => self.literal("null").map(|()| Scalar::Null),
            _ => self.number().map(Scalar::Number),
        }
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        let is_next = self.bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        if is_next { Some(()) } else { None }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Some(()) } else { None }
    }

    fn skip_byte(&mut self, any_of: &[u8]) -> bool {
        let is_next = self.bytes().get(self.at).is_some_and(|b| any_of.contains(b));
        self.at += usize::from(is_next);
        is_next
    }

    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.skip_byte(b"-");
        self.digits()?;
        if self.skip_byte(b".") {
            self.digits()?;
        }
        if self.skip_byte(b"eE") {
            self.skip_byte(b"+-");
            self.digits()?;
        }
        self.text.get(start..self.at)
    }

    /// A string, its escapes resolved.
    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        let found = start + memchr::memchr2(b'"', b'\\', self.bytes().get(start..)?)?;
        if self.bytes().get(found) == Some(&b'"') {
            self.at = found + 1;
            return self.text.get(start..found).map(Cow::Borrowed);
        }
        self.escaped(start, found).map(Cow::Owned)
    }

    /// The string that began at `start` and whose first backslash stands at `backslash`.
    fn escaped(&mut self, start: usize, backslash: usize) -> Option<String> {
        let mut out = String::with_capacity(backslash - start + 64);
        let (mut from, mut at) = (start, backslash);
        loop {
            out.push_str(self.text.get(from..at)?);
            if self.bytes().get(at) == Some(&b'"') {
                self.at = at + 1;
                return Some(out);
            }
            self.at = at + 1;
            out.push(self.escape()?);
            from = self.at;
            at = from + memchr::memchr2(b'"', b'\\', self.bytes().get(from..)?)?;
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.bytes().get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => self.unicode()?,
            _ => return None,
        })
    }

    /// Four hexadecimal digits, or a pair of surrogates; half a pair is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let after = self.at;
        if self.skip_byte(b"\\") && self.skip_byte(b"u") {
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        self.at = after;
        Some(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes().get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, b| Some(sum * 16 + char::from(*b).to_digit(16)?))
    }

    /// Goes past any value.
    fn skip(&mut self, nesting: usize) -> Option<()> {
        let close = match self.peek()? {
            b'[' => b']',
            b'{' => b'}',
            _ => return self.value().map(|_| ()),
        };
        let nesting = nesting.checked_sub(1)?;
        self.at += 1;
        if self.take(close) {
            return Some(());
        }
        loop {
            if close == b'}' {
                self.key()?;
            }
            self.skip(nesting)?;
            if self.take(close) {
                return Some(());
            }
            self.expect(b',')?;
        }
    }
}
