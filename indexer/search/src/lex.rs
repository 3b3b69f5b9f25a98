//! Reading a query's smallest parts: words with their wildcards, quoted texts, regular expressions, names, operators.

use crate::error::ParseError;
use crate::glob::Piece;

/// A place in a query.
pub(crate) struct Lexer<'a> {
    query: &'a str,
    at: usize,
}

/// An operator that is written as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Not,
}

/// A word as written, and what it consists of.
pub(crate) struct Word<'a> {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) source: &'a str,
}

impl Word<'_> {
    /// The word's text, `None` if it has wildcards.
    pub(crate) fn literal(&self) -> Option<String> {
        self.pieces.iter().map(|piece| if let Piece::Literal(c) = piece { Some(*c) } else { None }).collect()
    }

    /// Whether it is nothing but stars.
    pub(crate) fn is_star(&self) -> bool {
        self.pieces.iter().all(|piece| *piece == Piece::Star)
    }
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(query: &'a str) -> Self {
        Self { query, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.query.get(self.at..).unwrap_or("")
    }

    /// What was read since `from`.
    pub(crate) fn since(&self, from: usize) -> &'a str {
        self.query.get(from..self.at).unwrap_or("")
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads `text` if it comes next.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let comes = self.rest().starts_with(text);
        self.at += if comes { text.len() } else { 0 };
        comes
    }

    pub(crate) fn skip_space(&mut self) {
        self.at = self.query.len() - self.rest().trim_start().len();
    }

    pub(crate) fn error(&self, at: usize, message: impl Into<String>, expected: impl Into<String>) -> ParseError {
        ParseError::new(self.query, at, message, expected)
    }

    /// Whether a term ends here.
    pub(crate) fn is_at_end_of_term(&self) -> bool {
        self.peek().is_none_or(|c| c.is_whitespace() || c == ')')
    }

    /// The operator that comes next, if one does; it is not read.
    pub(crate) fn keyword(&self) -> Option<(Keyword, &'static str)> {
        const KEYWORDS: [(Keyword, &str); 3] = [(Keyword::And, "AND"), (Keyword::Or, "OR"), (Keyword::Not, "NOT")];
        KEYWORDS.into_iter().find(|(_, text)| {
            let after = self.rest().strip_prefix(text);
            after.is_some_and(|after| after.chars().next().is_none_or(|c| c.is_whitespace() || c == '(' || c == ')'))
        })
    }

    /// Reads a field's name and its colon, if they come next.
    pub(crate) fn field_name(&mut self) -> Option<&'a str> {
        let is_first = |c: char| c.is_alphabetic() || c == '_' || c == '@';
        let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/');
        let rest = self.rest();
        let (name, after) = rest.split_once(':')?;
        let is_name = name.starts_with(is_first) && name.chars().all(is_inner);
        if !is_name || after.starts_with(':') || after.starts_with("//") {
            return None;
        }
        self.at += name.len() + 1;
        Some(name)
    }

    /// Reads a text in quotes, which comes next.
    pub(crate) fn quoted(&mut self) -> Result<String, ParseError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped()),
                Some(c) => text.push(c),
                None => return Err(self.error(open, "this quote is not closed", "a closing `\"`")),
            }
        }
    }

    /// Reads a regular expression between slashes, which comes next; returns it and where it begins.
    pub(crate) fn regex(&mut self) -> Result<(&'a str, usize), ParseError> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        loop {
            match self.next() {
                Some('/') => break,
                Some('\\') => {
                    self.next();
                }
                Some(_) => {}
                None => {
                    let message = "this regular expression is not closed; write a path in quotes";
                    return Err(self.error(open, message, "a closing `/`"));
                }
            }
        }
        let pattern = self.query.get(start..self.at - 1).unwrap_or("");
        if pattern.is_empty() {
            return Err(self.error(open, "this regular expression is empty; write slashes in quotes", "an expression"));
        }
        if !self.is_at_end_of_term() {
            let message =
                "a regular expression ends here; write a path in quotes, and `\\/` for a slash in an expression";
            return Err(self.error(self.at, message, "a space"));
        }
        Ok((pattern, start))
    }

    /// Reads a word up to whitespace, a parenthesis or one of `ends`; it may be empty.
    pub(crate) fn word(&mut self, ends: &[char]) -> Result<Word<'a>, ParseError> {
        let start = self.at;
        let mut pieces = Vec::new();
        while let Some(c) = self.peek() {
            if c.is_whitespace() || c == ')' || ends.contains(&c) {
                break;
            }
            if c == '"' || c == '(' {
                let message =
                    "in the middle of a word this must be escaped with a backslash, or the whole be in quotes";
                return Err(self.error(self.at, message, "a space before it"));
            }
            self.next();
            pieces.push(match c {
                '*' => Piece::Star,
                '?' => Piece::One,
                '\\' => Piece::Literal(self.escaped()),
                c => Piece::Literal(c),
            });
        }
        Ok(Word { pieces, source: self.since(start) })
    }

    /// What a backslash, just read, stands for, together with what follows.
    fn escaped(&mut self) -> char {
        match self.peek().filter(|c| c.is_ascii_punctuation() || *c == ' ') {
            Some(c) => {
                self.at += 1;
                c
            }
            None => '\\',
        }
    }
}
