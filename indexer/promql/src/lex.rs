//! The tokens of PromQL (Prometheus, `promql/parser/lex.go`).

mod number;
mod token;

use crate::ast::{BinaryOp, Span};
use crate::quote::{quote, quote_character};

pub(crate) use token::{Keyword, Kind, Token};

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Reads tokens one by one; a copy can run ahead.
#[derive(Clone, Copy)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Where the token starts.
    start: usize,
    /// Where the next character stands.
    at: usize,
    parens: usize,
    in_braces: bool,
    in_brackets: bool,
    /// Only the tokens of durations may follow: nothing but them has stood since the bracket.
    only_durations: bool,
    /// Something stands between the bracket and here.
    has_range: bool,
    has_colon: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            start: 0,
            at: 0,
            parens: 0,
            in_braces: false,
            in_brackets: false,
            only_durations: false,
            has_range: false,
            has_colon: false,
        }
    }

    /// The next token; at the end of the text again and again [`Kind::Eof`].
    pub(crate) fn token(&mut self) -> Result<Token, Fault> {
        self.skip_blank();
        self.start = self.at;
        if self.in_braces {
            return self.in_braces();
        }
        if self.only_durations {
            return self.in_duration();
        }
        self.in_expression()
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Takes the next character if it is one of `set`.
    fn accept(&mut self, set: &str) -> bool {
        let is_in = self.peek().is_some_and(|character| set.contains(character));
        if is_in {
            self.next();
        }
        is_in
    }

    fn accept_while(&mut self, is_in: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_in) {
            self.next();
        }
    }

    /// Skips spaces and comments; comments end a stretch of nothing but durations nowhere.
    fn skip_blank(&mut self) {
        loop {
            self.accept_while(is_space);
            if self.only_durations || self.peek() != Some('#') {
                return;
            }
            self.accept_while(|character| !matches!(character, '\r' | '\n'));
        }
    }

    fn word(&self) -> &'a str {
        self.text.get(self.start..self.at).unwrap_or_default()
    }

    fn emit(&self, kind: Kind) -> Result<Token, Fault> {
        Ok(Token { kind, span: Span { start: self.start, end: self.at } })
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { span: Span { start: self.start, end: self.text.len() }, message: message.into() })
    }

    /// A fault behind the character that was just read.
    fn fault_behind<T>(&mut self, message: impl Into<String>) -> Result<T, Fault> {
        self.start = self.at;
        self.fault(message)
    }

    fn in_expression(&mut self) -> Result<Token, Fault> {
        let Some(character) = self.next() else { return self.end() };
        if let Some(kind) = self.operator(character) {
            return self.emit(kind);
        }
        match character {
            ',' => self.emit(Kind::Comma),
            '=' if self.peek() == Some('~') => self.fault("unexpected character after '=': '~'"),
            '=' => self.emit(Kind::Assign),
            '!' => {
                let next = self.next();
                self.fault(format!("unexpected character after '!': {}", quote_character(next)))
            }
            '@' => self.emit(Kind::At),
            '0'..='9' => self.number_or_duration(),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => self.number_or_duration(),
            '"' | '\'' => self.string(character),
            '`' => self.raw_string(),
            '(' | ')' => self.paren(character),
            '{' => {
                self.in_braces = true;
                self.emit(Kind::LeftBrace)
            }
            '[' if self.in_brackets => self.fault("unexpected left bracket '['"),
            '[' => {
                (self.in_brackets, self.only_durations) = (true, true);
                (self.has_range, self.has_colon) = (false, false);
                self.emit(Kind::LeftBracket)
            }
            ']' => self.right_bracket(),
            _ if is_letter(character) || character == ':' => self.word_or_colon(character),
            _ => self.fault(format!("unexpected character: {}", quote_character(Some(character)))),
        }
    }

    fn end(&mut self) -> Result<Token, Fault> {
        if self.parens > 0 {
            return self.fault("unclosed left parenthesis");
        }
        if self.in_brackets {
            return self.fault("unclosed left bracket");
        }
        self.emit(Kind::Eof)
    }

    fn operator(&mut self, character: char) -> Option<Kind> {
        Some(Kind::Operator(match character {
            '+' => BinaryOp::Add,
            '-' => BinaryOp::Sub,
            '*' => BinaryOp::Mul,
            '/' => BinaryOp::Div,
            '%' => BinaryOp::Mod,
            '^' => BinaryOp::Pow,
            '=' if self.accept("=") => BinaryOp::Equal,
            '!' if self.accept("=") => BinaryOp::NotEqual,
            '<' if self.accept("=") => BinaryOp::LessOrEqual,
            '<' if self.accept("/") => BinaryOp::TrimUpper,
            '<' => BinaryOp::Less,
            '>' if self.accept("=") => BinaryOp::GreaterOrEqual,
            '>' if self.accept("/") => BinaryOp::TrimLower,
            '>' => BinaryOp::Greater,
            _ => return None,
        }))
    }

    fn paren(&mut self, character: char) -> Result<Token, Fault> {
        self.has_range = true;
        if character == '(' {
            self.parens += 1;
            return self.emit(Kind::LeftParen);
        }
        let Some(parens) = self.parens.checked_sub(1) else {
            return self.fault_behind("unexpected right parenthesis ')'");
        };
        self.parens = parens;
        self.emit(Kind::RightParen)
    }

    fn right_bracket(&mut self) -> Result<Token, Fault> {
        if !self.in_brackets {
            return self.fault("unexpected right bracket ']'");
        }
        (self.in_brackets, self.only_durations) = (false, false);
        self.emit(Kind::RightBracket)
    }

    /// Words of any kind; between brackets a colon or the words of durations.
    fn word_or_colon(&mut self, character: char) -> Result<Token, Fault> {
        if !self.in_brackets {
            return self.keyword_or_name();
        }
        if character == ':' {
            if self.has_colon {
                return self.fault("unexpected colon ':'");
            }
            self.has_colon = true;
            return self.emit(Kind::Colon);
        }
        match self.duration_word() {
            Some(kind) => self.emit(kind),
            None => self.fault(format!("unexpected character: {}, expected ':'", quote_character(Some(character)))),
        }
    }

    fn keyword_or_name(&mut self) -> Result<Token, Fault> {
        self.accept_while(|character| is_alphanumeric(character) || character == ':');
        let word = self.word();
        let kind = match token::keyword(word) {
            // These are names wherever no parenthesis follows.
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.text.get(self.at..).unwrap_or_default().trim_start_matches(is_space).starts_with('(') =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        self.emit(kind)
    }

    /// Right behind a bracket, as long as no number has come.
    fn in_duration(&mut self) -> Result<Token, Fault> {
        let Some(character) = self.next() else {
            return self.fault("unexpected end of input in duration expression");
        };
        match character {
            ']' => self.right_bracket(),
            ':' if !self.has_range => self.fault_behind("unexpected colon before duration in duration expression"),
            ':' if self.has_colon => self.fault_behind("unexpected repeated colon in duration expression"),
            ':' => {
                self.has_colon = true;
                self.emit(Kind::Colon)
            }
            '(' | ')' => self.paren(character),
            ',' => self.emit(Kind::Comma),
            '+' | '-' | '*' | '/' | '%' | '^' => match self.operator(character) {
                Some(kind) => self.emit(kind),
                None => self.unexpected_in_duration(character),
            },
            '0'..='9' => self.number_or_duration(),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => self.number_or_duration(),
            _ => match self.duration_word() {
                Some(kind) if is_letter(character) => self.emit(kind),
                _ => self.unexpected_in_duration(character),
            },
        }
    }

    fn unexpected_in_duration<T>(&self, character: char) -> Result<T, Fault> {
        self.fault(format!("unexpected character in duration expression: {}", quote_character(Some(character))))
    }

    fn duration_word(&mut self) -> Option<Kind> {
        self.accept_while(is_letter);
        token::keyword(self.word()).filter(|kind| kind.starts_duration())
    }

    /// Between braces there are no keywords.
    fn in_braces(&mut self) -> Result<Token, Fault> {
        let Some(character) = self.next() else { return self.fault("unexpected end of input inside braces") };
        match character {
            ',' => self.emit(Kind::Comma),
            '"' | '\'' => self.string(character),
            '`' => self.raw_string(),
            '=' if self.accept("~") => self.emit(Kind::RegexMatch),
            '=' => self.emit(Kind::Assign),
            '!' => match self.next() {
                Some('~') => self.emit(Kind::RegexMismatch),
                Some('=') => self.emit(Kind::Operator(BinaryOp::NotEqual)),
                next => self.fault(format!("unexpected character after '!' inside braces: {}", quote_character(next))),
            },
            '{' => self.fault("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                self.emit(Kind::RightBrace)
            }
            _ if is_letter(character) => {
                self.accept_while(is_alphanumeric);
                self.emit(Kind::Identifier)
            }
            _ => self.fault(format!("unexpected character inside braces: {}", quote_character(Some(character)))),
        }
    }

    /// A string with escapes; the opening quote was read.
    fn string(&mut self, quote: char) -> Result<Token, Fault> {
        loop {
            match self.next() {
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => return self.fault("invalid UTF-8 rune"),
                None | Some('\n') => return self.fault("unterminated quoted string"),
                Some(character) if character == quote => return self.emit(Kind::String),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Result<Token, Fault> {
        loop {
            match self.next() {
                Some(char::REPLACEMENT_CHARACTER) => return self.fault("invalid UTF-8 rune"),
                None => return self.fault("unterminated raw string"),
                Some('`') => return self.emit(Kind::String),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), Fault> {
        let (count, base, limit) = match self.next() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(character) if character == quote => return Ok(()),
            Some('0'..='7') => {
                self.at -= 1;
                (3, 8, 0xff)
            }
            Some('x') => (2, 16, 0xff),
            Some('u') => (4, 16, u32::from(char::MAX)),
            Some('U') => (8, 16, u32::from(char::MAX)),
            None => return self.fault("escape sequence not terminated"),
            Some(other) => return self.fault(format!("unknown escape sequence {}", code_point(other))),
        };
        let mut value: u32 = 0;
        for _ in 0..count {
            let Some(character) = self.next() else { return self.fault("escape sequence not terminated") };
            let Some(digit) = character.to_digit(base) else {
                return self.fault(format!("illegal character {} in escape sequence", code_point(character)));
            };
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        if value > limit || (0xD800..0xE000).contains(&value) {
            return self.fault("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }

    fn bad_number<T>(&self) -> Result<T, Fault> {
        self.fault(format!("bad number or duration syntax: {}", quote(self.word())))
    }
}

/// As Go's `%#U`.
fn code_point(character: char) -> String {
    format!("U+{:04X} '{character}'", u32::from(character))
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_letter(character: char) -> bool {
    character == '_' || character.is_ascii_alphabetic()
}

fn is_alphanumeric(character: char) -> bool {
    is_letter(character) || character.is_ascii_digit()
}
