//! The words of the text formats: what both lexers share.

use std::borrow::Cow;

use memchr::{memchr_iter, memchr2, memchr3};

use crate::entry::unescape;
use crate::error::ParseError;
use crate::quote::quote;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Invalid,
    Eof,
    Linebreak,
    Help,
    Type,
    Unit,
    EofWord,
    Text,
    Comment,
    MetricName,
    Quoted,
    BraceOpen,
    BraceClose,
    LabelName,
    LabelValue,
    Comma,
    Equal,
    Timestamp,
    Value,
}

impl Token {
    /// Its name in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::Eof => "EOF",
            Self::Linebreak => "LINEBREAK",
            Self::Help => "HELP",
            Self::Type => "TYPE",
            Self::Unit => "UNIT",
            Self::EofWord => "EOFWORD",
            Self::Text => "TEXT",
            Self::Comment => "COMMENT",
            Self::MetricName => "MNAME",
            Self::Quoted => "QSTRING",
            Self::BraceOpen => "BOPEN",
            Self::BraceClose => "BCLOSE",
            Self::LabelName => "LNAME",
            Self::LabelValue => "LVALUE",
            Self::Comma => "COMMA",
            Self::Equal => "EQUAL",
            Self::Timestamp => "TIMESTAMP",
            Self::Value => "VALUE",
        }
    }
}

/// Which words may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    LineStart,
    MetaName,
    MetaText,
    Labels,
    LabelValue,
    Value,
    Timestamp,
    Exemplar,
    ExemplarValue,
    ExemplarTimestamp,
}

/// Where in a body the parser is. A word ends at `at`; after an invalid one `at` is the byte that cannot be.
#[derive(Debug)]
pub(crate) struct Cursor<'b> {
    pub(crate) body: &'b [u8],
    pub(crate) at: usize,
    /// Where the current word begins.
    pub(crate) word: usize,
    /// Where the current entry begins.
    pub(crate) entry: usize,
    pub(crate) state: State,
    /// Whether the body is read as if a line break followed it.
    ends_line: bool,
    /// Lines before `counted`.
    lines: usize,
    counted: usize,
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(body: &'b [u8], ends_line: bool) -> Self {
        Self { body, at: 0, word: 0, entry: 0, state: State::LineStart, ends_line, lines: 0, counted: 0 }
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        match self.body.get(at) {
            Some(&byte) => Some(byte),
            None => (self.ends_line && at == self.body.len()).then_some(b'\n'),
        }
    }

    /// The bytes of the body from `from` to `to`.
    #[inline]
    pub(crate) fn bytes(&self, from: usize, to: usize) -> &'b [u8] {
        self.body.get(from..to.min(self.body.len())).unwrap_or_default()
    }

    /// The current word.
    #[inline]
    pub(crate) fn current(&self) -> &'b [u8] {
        self.bytes(self.word, self.at)
    }

    /// Ends the word before `at`.
    #[inline]
    pub(crate) fn take(&mut self, token: Token, at: usize, state: State) -> Token {
        self.at = at;
        self.state = state;
        token
    }

    #[inline]
    pub(crate) fn invalid(&mut self, at: usize) -> Token {
        self.at = at.min(self.end());
        Token::Invalid
    }

    /// The current word as text, without `quotes` bytes at both ends.
    #[inline]
    pub(crate) fn text(&mut self, quotes: usize) -> Result<&'b str, ParseError> {
        let word = self.current();
        let inner = word.get(quotes..word.len().saturating_sub(quotes)).unwrap_or_default();
        match std::str::from_utf8(inner) {
            Ok(text) => Ok(text),
            Err(_) => Err(self.error(format!("invalid UTF-8 label value: {}", quote(word)))),
        }
    }

    /// The current word as the name of a family, in quotes or not.
    pub(crate) fn family_name(&mut self) -> Result<Cow<'b, str>, ParseError> {
        let word = self.current();
        let inner = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word);
        match std::str::from_utf8(inner) {
            Ok(name) => Ok(unescape(name, true)),
            Err(_) => Err(self.error(format!("invalid metric name {}", quote(inner)))),
        }
    }

    /// Takes a name as `token`.
    #[inline]
    pub(crate) fn take_name(&mut self, token: Token, then: State) -> Token {
        match self.name_end(token == Token::MetricName) {
            Some(end) => self.take(token, end, then),
            None => self.invalid(self.word),
        }
    }

    /// Takes a string in quotes as `token`.
    #[inline]
    pub(crate) fn take_quoted(&mut self, token: Token, spans_lines: bool, then: State) -> Token {
        match self.quoted_end(spans_lines) {
            Ok(end) => self.take(token, end, then),
            Err(at) => self.invalid(at),
        }
    }

    fn end(&self) -> usize {
        self.body.len() + usize::from(self.ends_line)
    }

    /// The end of the name that begins at the current word, `None` when none does.
    #[inline]
    pub(crate) fn name_end(&self, with_colons: bool) -> Option<usize> {
        let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (with_colons && byte == b':');
        let rest = self.body.get(self.word..)?;
        if !rest.first().is_some_and(|&byte| is_first(byte)) {
            return None;
        }
        let length = rest.iter().position(|&byte| !is_first(byte) && !byte.is_ascii_digit());
        Some(self.word + length.unwrap_or(rest.len()))
    }

    /// The end of the string in quotes that begins at the current word; else the byte that cannot be.
    #[inline]
    pub(crate) fn quoted_end(&self, spans_lines: bool) -> Result<usize, usize> {
        if self.byte(self.word) != Some(b'"') {
            return Err(self.word);
        }
        let mut at = self.word + 1;
        loop {
            let rest = self.body.get(at..).unwrap_or_default();
            let found = if spans_lines { memchr2(b'"', b'\\', rest) } else { memchr3(b'"', b'\\', b'\n', rest) };
            at += found.ok_or(self.end())?;
            match self.body.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') if self.body.get(at + 1).is_some_and(|&byte| byte != b'\n') => at += 2,
                Some(b'\\') => return Err(at + 1),
                _ => return Err(at),
            }
        }
    }

    /// The first byte from the current word plus `skip` on for which `ends` is true.
    #[inline]
    pub(crate) fn run_end(&self, skip: usize, ends: impl Fn(u8) -> bool) -> usize {
        let from = (self.word + skip).min(self.body.len());
        let rest = self.body.get(from..).unwrap_or_default();
        from + rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len())
    }

    /// The end of the line with the byte `at`, its line break excluded.
    #[inline]
    pub(crate) fn line_end(&self, at: usize) -> usize {
        let rest = self.body.get(at..).unwrap_or_default();
        at + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    }

    /// Goes to the line after the one in which the entry began.
    pub(crate) fn skip_line(&mut self) {
        self.at = (self.line_end(self.entry) + 1).min(self.end());
        self.state = State::LineStart;
    }

    /// The entry's error.
    pub(crate) fn error(&mut self, reason: String) -> ParseError {
        let new = self.body.get(self.counted..self.entry).unwrap_or_default();
        self.lines += memchr_iter(b'\n', new).count();
        self.counted = self.counted.max(self.entry);
        ParseError::in_line(self.lines + 1, reason)
    }

    /// The error of a word that is not the expected one.
    pub(crate) fn unexpected(&mut self, expected: &str, token: Token) -> ParseError {
        let reason = format!(
            "{expected}, got {} ({}) while parsing: {}",
            self.quoted(self.word, self.at + 1),
            quote(token.name().as_bytes()),
            self.quoted(self.entry, self.at + 1)
        );
        self.error(reason)
    }

    /// The error of words that are wrong in themselves.
    pub(crate) fn wrong(&mut self, reason: &str) -> ParseError {
        let reason = format!("{reason} while parsing: {}", self.quoted(self.entry, self.at));
        self.error(reason)
    }

    fn quoted(&self, from: usize, to: usize) -> String {
        if self.ends_line && to > self.body.len() {
            return quote(&[self.bytes(from, to), b"\n"].concat());
        }
        quote(self.bytes(from, to))
    }
}
