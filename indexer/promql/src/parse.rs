//! From text to syntax tree (Prometheus 3.14, `promql/parser/parse.go`, `generated_parser.y`).

mod aggregate;
mod at;
mod call;
mod duration;
mod expr;
mod matching;
mod number;
mod range;
mod selector;
#[cfg(test)]
mod tests;

use std::fmt;

use orszem_model::Matcher;

use crate::ast::{Expr, Span};
use crate::check::check;
use crate::lex::{Fault, Kind, Lexer, Token};

pub use duration::{format_duration_ms, parse_duration_ms};

/// The longest text, in bytes; longer ones are refused.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// How deep parentheses, calls, signs and powers may be nested; deeper texts are refused, as each level takes stack.
const NESTING_MAX: usize = 128;

/// How high the tree may be: a chain of operators is as high as it is long. Higher trees are refused, as whoever walks
/// them takes stack for each level.
const HEIGHT_MAX: usize = 512;

/// What a text may contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// Experimental functions and aggregations, `anchored`, `smoothed` and the `fill` modifiers.
    pub is_experimental: bool,
}

/// Why a text is no query, in Prometheus' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Without the place.
    pub message: String,
    /// What is wrong; where a token is bad, from there to the end.
    pub span: Span,
    /// Of the start, from 1; 0 where the text is empty.
    pub line: usize,
    /// Of the start, from 1, in bytes.
    pub column: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("unknown position")?,
            line => write!(f, "{line}:{}", self.column)?,
        }
        write!(f, ": parse error: {}", self.message)
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    fn new(text: &str, fault: Fault) -> Self {
        let before = text.as_bytes().get(..fault.span.start).unwrap_or_default();
        let line = if text.is_empty() { 0 } else { before.iter().filter(|byte| **byte == b'\n').count() + 1 };
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { message: fault.message, span: fault.span, line, column }
    }
}

/// Reads a query. Texts of more than 1 MiB, of more than 128 levels of nesting or of chains of more than 512 operators
/// are refused.
///
/// # Errors
/// When `text` is no valid query, at the first thing that is wrong.
pub fn parse(text: &str, options: &ParseOptions) -> Result<Expr, ParseError> {
    parsed(text, *options, |parser| {
        if parser.current.kind == Kind::Eof {
            return Err(Fault { span: Span::default(), message: "no expression found in input".to_owned() });
        }
        let mut expr = parser.expression(0)?.expr;
        parser.expect_end()?;
        check(&mut expr, text)?;
        Ok(expr)
    })
}

/// Reads a selector without modifiers, as `match[]` takes it; the matchers may all match the empty value.
///
/// # Errors
/// When `text` is no instant vector selector.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    parsed(text, ParseOptions::default(), |parser| {
        let (selector, _) = parser.selector()?;
        parser.expect_end()?;
        Ok(selector.matchers)
    })
}

fn parsed<'a, T>(
    text: &'a str,
    options: ParseOptions,
    read: impl FnOnce(&mut Parser<'a>) -> Result<T, Fault>,
) -> Result<T, ParseError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("query is longer than {TEXT_BYTES_MAX} bytes");
        return Err(ParseError::new(text, Fault { span: Span { start: 0, end: text.len() }, message }));
    }
    Parser::new(text, options).and_then(|mut parser| read(&mut parser)).map_err(|fault| ParseError::new(text, fault))
}

/// An expression and how high its tree is.
struct Grown {
    expr: Expr,
    height: usize,
}

/// Where an error is said to be, and what would have been right there; empty where nothing is to be said.
#[derive(Clone, Copy)]
struct Context {
    place: &'static str,
    expected: &'static str,
}

/// Recursive descent with one token to look ahead; stops at the first error.
struct Parser<'a> {
    text: &'a str,
    options: ParseOptions,
    lexer: Lexer<'a>,
    current: Token,
    /// The end of the last number, duration or closing bracket that was taken. Many spans end there.
    closed: usize,
    nesting: usize,
    /// Operators of the duration expression that is being read.
    duration_operators: usize,
    /// Unexpected tokens are said to be in the innermost of these.
    contexts: Vec<Context>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: ParseOptions) -> Result<Self, Fault> {
        let mut lexer = Lexer::new(text);
        let current = lexer.token()?;
        Ok(Self { text, options, lexer, current, closed: 0, nesting: 0, duration_operators: 0, contexts: Vec::new() })
    }

    /// Takes the current token and looks at the next.
    fn take(&mut self) -> Result<Token, Fault> {
        let token = self.current;
        if matches!(
            token.kind,
            Kind::RightBrace | Kind::RightParen | Kind::RightBracket | Kind::Duration | Kind::Number
        ) {
            self.closed = token.span.end;
        }
        self.current = self.lexer.token()?;
        Ok(token)
    }

    /// Takes the current token if it is of `kind`.
    fn accept(&mut self, kind: Kind) -> Result<Option<Token>, Fault> {
        if self.current.kind == kind { self.take().map(Some) } else { Ok(None) }
    }

    fn expect(&mut self, kind: Kind) -> Result<Token, Fault> {
        if self.current.kind == kind { self.take() } else { self.unexpected() }
    }

    fn expect_end(&self) -> Result<(), Fault> {
        if self.current.kind == Kind::Eof { Ok(()) } else { self.unexpected() }
    }

    /// What kind of token follows the current one; `None` where that is none.
    fn following(&self) -> Option<Kind> {
        let mut ahead = self.lexer;
        ahead.token().ok().map(|token| token.kind)
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.span.start..token.span.end).unwrap_or_default()
    }

    /// The current token cannot stand here.
    fn unexpected<T>(&self) -> Result<T, Fault> {
        let context = self.contexts.last().copied().unwrap_or(Context { place: "", expected: "" });
        self.unexpected_in(context.place, context.expected)
    }

    fn unexpected_in<T>(&self, place: &str, expected: &str) -> Result<T, Fault> {
        let mut message = format!("unexpected {}", self.current.kind.describe(self.text_of(self.current)));
        for (word, text) in [(" in ", place), (", expected ", expected)] {
            if !text.is_empty() {
                message.push_str(word);
                message.push_str(text);
            }
        }
        fault(self.current.span, message)
    }

    /// Runs `read`; what is unexpected in there is said to be in `place`.
    fn within<T>(
        &mut self,
        place: &'static str,
        expected: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.contexts.push(Context { place, expected });
        let result = read(self);
        self.contexts.pop();
        result
    }

    /// Runs `read` one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.nesting >= NESTING_MAX {
            return fault(self.current.span, format!("expression is nested more than {NESTING_MAX} levels deep"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }
}

fn fault<T>(span: Span, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { span, message: message.into() })
}

/// From the start of `first` to the end of `last`.
fn joined(first: Span, last: Span) -> Span {
    Span { start: first.start, end: last.end }
}
