//! From a query to its tree: operators, groups and the limits. What a single condition means is `condition.rs`'s.

use crate::ast::{Bound, Comparison, Expr, FieldName, TextPattern};
use crate::condition::{self, Value};
use crate::error::{ParseError, PatternError};
use crate::field::number;
use crate::fold::fold_text;
use crate::lex::{Keyword, Lexer};

/// The most bytes of a query.
pub const QUERY_BYTES_MAX: usize = 64 << 10;
/// The most terms of a query.
pub const TERMS_MAX: usize = 1_000;
/// The deepest nesting of groups and negations.
pub const DEPTH_MAX: usize = 100;

const A_TERM: &str = "a word, a quoted text, a field, a /regex/ or a group";

/// The tree, and whether it mentions `kind:`.
pub(crate) fn parse(query: &str) -> Result<(Expr, bool), ParseError> {
    if query.len() > QUERY_BYTES_MAX {
        let is_boundary = |at: &usize| query.is_char_boundary(*at);
        let at = (0..=QUERY_BYTES_MAX).rev().find(is_boundary).unwrap_or(0);
        return Err(ParseError::new(query, at, "the query is too long", format!("at most {QUERY_BYTES_MAX} bytes")));
    }
    let mut parser = Parser { lexer: Lexer::new(query), terms: 0, depth: 0, mentions_kind: false };
    parser.lexer.skip_space();
    if parser.lexer.peek().is_none() {
        return Ok((Expr::All, false));
    }
    let expr = parser.any_of(None)?;
    if parser.lexer.peek().is_some() {
        let at = parser.lexer.at();
        return Err(parser.lexer.error(at, "this parenthesis closes nothing", A_TERM));
    }
    Ok((expr, parser.mentions_kind))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    terms: usize,
    depth: usize,
    mentions_kind: bool,
}

impl Parser<'_> {
    /// Conditions joined by `OR`, up to a `)` or the end; within `field:( )` for values of that field.
    fn any_of(&mut self, field: Option<&FieldName>) -> Result<Expr, ParseError> {
        let mut parts = vec![self.all_of(field)?];
        while matches!(self.lexer.keyword(), Some((Keyword::Or, _))) {
            self.lexer.eat("OR");
            parts.push(self.all_of(field)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expr::Or(parts) })
    }

    /// Conditions joined by `AND` or nothing.
    fn all_of(&mut self, field: Option<&FieldName>) -> Result<Expr, ParseError> {
        let mut parts = vec![self.negatable(field)?];
        loop {
            self.lexer.skip_space();
            match self.lexer.keyword() {
                Some((Keyword::Or, _)) => break,
                Some((Keyword::And, _)) => {
                    self.lexer.eat("AND");
                }
                Some((Keyword::Not, _)) => {}
                None if matches!(self.lexer.peek(), None | Some(')')) => break,
                None => {}
            }
            parts.push(self.negatable(field)?);
        }
        parts.retain(|part| !matches!(part, Expr::All));
        Ok(match parts.len() {
            0 => Expr::All,
            1 => parts.swap_remove(0),
            _ => Expr::And(parts),
        })
    }

    fn negatable(&mut self, field: Option<&FieldName>) -> Result<Expr, ParseError> {
        self.lexer.skip_space();
        let at = self.lexer.at();
        if matches!(self.lexer.keyword(), Some((Keyword::Not, _))) {
            self.lexer.eat("NOT");
            return self.nested(at, |parser| Ok(Expr::Not(Box::new(parser.negatable(field)?))));
        }
        if !self.lexer.eat("-") && !self.lexer.eat("!") {
            return self.term(field);
        }
        if self.lexer.is_at_end_of_term() || matches!(self.lexer.peek(), Some('-' | '!')) {
            let message = "a negation is attached to the one thing it negates; put a text that begins so in quotes";
            return Err(self.lexer.error(at, message, "`-term`"));
        }
        self.nested(at, |parser| Ok(Expr::Not(Box::new(parser.term(field)?))))
    }

    fn nested<T>(
        &mut self,
        at: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            return Err(self.lexer.error(at, "the query is nested too deeply", format!("at most {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn term(&mut self, field: Option<&FieldName>) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        if let Some((_, word)) = self.lexer.keyword() {
            let message =
                format!("`{word}` stands where a term should; write \"{word}\" in quotes to search for the word");
            return Err(self.lexer.error(at, message, A_TERM));
        }
        match self.lexer.peek() {
            None | Some(')') => Err(self.lexer.error(at, "a term is missing here", A_TERM)),
            Some('(') => self.group(field),
            Some('"') if field.is_none() => self.quoted_term(),
            _ => match field {
                Some(field) => self.value(field),
                None => match self.lexer.field_name() {
                    Some(name) => self.field(name),
                    None => self.plain_term(),
                },
            },
        }
    }

    fn group(&mut self, field: Option<&FieldName>) -> Result<Expr, ParseError> {
        let open = self.lexer.at();
        self.lexer.eat("(");
        self.lexer.skip_space();
        if self.lexer.peek() == Some(')') {
            return Err(self.lexer.error(open, "this group is empty; put a text with parentheses in quotes", A_TERM));
        }
        let expr = self.nested(open, |parser| parser.any_of(field))?;
        if !self.lexer.eat(")") {
            return Err(self.lexer.error(open, "this parenthesis is not closed", "a closing `)`"));
        }
        Ok(expr)
    }

    /// A phrase, or a field whose name is in quotes.
    fn quoted_term(&mut self) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        let text = self.lexer.quoted()?;
        if self.lexer.eat(":") {
            return self.field(&text);
        }
        self.end_of_term()?;
        let source = self.lexer.since(at).to_owned();
        self.condition(&FieldName::Body, Value::Quoted { text, source: &source }, at)
    }

    fn plain_term(&mut self) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        if self.lexer.peek() == Some('/') {
            return self.regex(&FieldName::Body);
        }
        let word = self.lexer.word(&[])?;
        if word.is_star() { Ok(Expr::All) } else { self.condition(&FieldName::Body, Value::Word(word), at) }
    }

    /// What follows `name:`.
    fn field(&mut self, name: &str) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        if self.lexer.is_at_end_of_term() {
            let message = "the value follows the colon without a space; put a text with a colon in quotes";
            return Err(self.lexer.error(at, message, format!("a value of the field `{name}`")));
        }
        let field = FieldName::resolve(name);
        self.mentions_kind |= field == FieldName::Kind;
        if self.lexer.peek() == Some('(') { self.group(Some(&field)) } else { self.value(&field) }
    }

    fn value(&mut self, field: &FieldName) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        match self.lexer.peek() {
            Some('"') => {
                let text = self.lexer.quoted()?;
                self.end_of_term()?;
                let source = self.lexer.since(at).to_owned();
                self.condition(field, Value::Quoted { text, source: &source }, at)
            }
            Some('/') => self.regex(field),
            Some('<' | '>') => {
                let comparison = self.comparison();
                let bound = self.bound(&[])?;
                self.end_of_term()?;
                self.condition(field, Value::Compare(comparison, bound), at)
            }
            Some('[' | '{') => self.range(field),
            _ => {
                let word = self.lexer.word(&[])?;
                self.condition(field, Value::Word(word), at)
            }
        }
    }

    fn regex(&mut self, field: &FieldName) -> Result<Expr, ParseError> {
        let at = self.lexer.at();
        let (pattern, start) = self.lexer.regex()?;
        let source = self.lexer.since(at);
        let pattern = TextPattern::regex(pattern).map_err(|error| self.pattern_error(start, &error))?;
        self.condition(field, Value::Regex(pattern.with_source(source)), at)
    }

    fn comparison(&mut self) -> Comparison {
        let is_less = self.lexer.next() == Some('<');
        match (is_less, self.lexer.eat("=")) {
            (true, false) => Comparison::Less,
            (true, true) => Comparison::LessOrEqual,
            (false, false) => Comparison::Greater,
            (false, true) => Comparison::GreaterOrEqual,
        }
    }

    fn range(&mut self, field: &FieldName) -> Result<Expr, ParseError> {
        const FORM: &str = "a range `[a TO b]`; put a text that begins so in quotes";
        const ENDS: &[char] = &[']', '}'];
        let at = self.lexer.at();
        let lower = if self.lexer.next() == Some('[') { Comparison::GreaterOrEqual } else { Comparison::Greater };
        self.lexer.skip_space();
        let from = self.range_bound(ENDS)?;
        self.lexer.skip_space();
        if !self.lexer.eat("TO") || !self.lexer.peek().is_some_and(char::is_whitespace) {
            return Err(self.lexer.error(self.lexer.at(), "this is no range", FORM));
        }
        self.lexer.skip_space();
        let to = self.range_bound(ENDS)?;
        self.lexer.skip_space();
        let upper = match self.lexer.next() {
            Some(']') => Comparison::LessOrEqual,
            Some('}') => Comparison::Less,
            _ => return Err(self.lexer.error(at, "this range is not closed", "`]` or `}` after the second bound")),
        };
        self.end_of_term()?;
        self.condition(field, Value::Range { lower: (lower, from), upper: (upper, to) }, at)
    }

    fn range_bound(&mut self, ends: &[char]) -> Result<(Bound, String, usize), ParseError> {
        let at = self.lexer.at();
        let after_star = self.lexer.rest().strip_prefix('*').map(|rest| rest.chars().next());
        match after_star {
            Some(next) if next.is_none_or(|c| c.is_whitespace() || ends.contains(&c)) => {
                self.lexer.eat("*");
                Ok((Bound::Open, "*".to_owned(), at))
            }
            _ => self.bound(ends),
        }
    }

    /// A bound, its text, and where it stands.
    fn bound(&mut self, ends: &[char]) -> Result<(Bound, String, usize), ParseError> {
        let at = self.lexer.at();
        if self.lexer.peek() == Some('"') {
            let text = self.lexer.quoted()?;
            return Ok((Bound::Text(fold_text(&text)), text, at));
        }
        let word = self.lexer.word(ends)?;
        match word.literal() {
            Some(text) if text.is_empty() => Err(self.lexer.error(at, "a bound is missing here", "a number or a text")),
            Some(text) => {
                let bound = number(text.as_bytes()).map_or_else(|| Bound::Text(fold_text(&text)), Bound::Number);
                Ok((bound, text, at))
            }
            None => Err(self.lexer.error(at, "a bound has no wildcards", "a number or a text")),
        }
    }

    fn end_of_term(&self) -> Result<(), ParseError> {
        if self.lexer.is_at_end_of_term() {
            return Ok(());
        }
        Err(self.lexer.error(self.lexer.at(), "something is stuck to the end of this term", "a space"))
    }

    fn condition(&mut self, field: &FieldName, value: Value<'_>, at: usize) -> Result<Expr, ParseError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.lexer.error(at, "the query has too many terms", format!("at most {TERMS_MAX}")));
        }
        condition::build(field, value).map_err(|problem| match problem {
            condition::Problem::Pattern(error) => self.pattern_error(at, &error),
            condition::Problem::Value { at: within, message, expected } => {
                self.lexer.error(within.unwrap_or(at), message, expected)
            }
        })
    }

    fn pattern_error(&self, start: usize, error: &PatternError) -> ParseError {
        let (offset, expected) = match error {
            PatternError::RegexSyntax { offset, .. } => {
                (*offset, "an expression in the syntax of Rust's `regex` crate")
            }
            PatternError::RegexTooLarge { .. } => (0, "fewer or smaller repetitions"),
            PatternError::GlobTooLong { .. } => (0, "a shorter pattern"),
        };
        self.lexer.error(start + offset, error.to_string(), expected)
    }
}

#[cfg(test)]
mod tests;
