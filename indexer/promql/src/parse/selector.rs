//! Instant vector selectors: a name and matchers.

use orszem_model::{METRIC_NAME, MatchOp, Matcher};

use super::{Parser, fault, joined};
use crate::ast::{BinaryOp, Modifiers, Selector, Span};
use crate::lex::{Fault, Kind, Token};

const PLACE: &str = "label matching";

impl Parser<'_> {
    /// Without what may stand behind it.
    pub(super) fn selector(&mut self) -> Result<(Selector, Span), Fault> {
        let mut name = None;
        let mut matchers = Vec::new();
        let mut span = self.current.span;
        if self.current.kind != Kind::LeftBrace {
            if !self.current.kind.is_metric_name() {
                return self.unexpected();
            }
            let token = self.take()?;
            name = Some(self.text_of(token).to_owned());
        }
        if self.current.kind == Kind::LeftBrace {
            let close;
            (matchers, close) = self.matchers()?;
            span = joined(span, close);
        }
        matchers.extend(name.clone().map(|name| Matcher::equal(METRIC_NAME, name)));
        Ok((Selector { name, matchers, modifiers: Modifiers::default(), extension: None }, span))
    }

    /// The matchers, and where the closing brace is.
    fn matchers(&mut self) -> Result<(Vec<Matcher>, Span), Fault> {
        self.take()?;
        let mut matchers = Vec::new();
        loop {
            if let Some(close) = self.accept(Kind::RightBrace)? {
                return Ok((matchers, close.span));
            }
            matchers.push(self.matcher()?);
            match self.current.kind {
                Kind::Comma => {
                    self.take()?;
                }
                Kind::RightBrace => {}
                _ => return self.unexpected_in(PLACE, "\",\" or \"}\""),
            }
        }
    }

    /// A quoted name that stands alone is the metric's.
    fn matcher(&mut self) -> Result<Matcher, Fault> {
        let token = self.current;
        let name = match token.kind {
            Kind::Identifier => self.text_of(token).to_owned(),
            Kind::String => self.unquoted(token)?,
            _ => return self.unexpected_in(PLACE, "identifier or \"}\""),
        };
        self.take()?;
        let op = match self.current.kind {
            Kind::Assign => MatchOp::Equal,
            Kind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::RegexMatch => MatchOp::Regex,
            Kind::RegexMismatch => MatchOp::NotRegex,
            _ if token.kind == Kind::String => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return self.unexpected_in(PLACE, "label matching operator"),
        };
        self.take()?;
        if self.current.kind != Kind::String {
            return self.unexpected_in(PLACE, "string");
        }
        let value = self.take()?;
        self.matcher_of(token, name, op, value)
    }

    fn matcher_of(&self, token: Token, name: String, op: MatchOp, value: Token) -> Result<Matcher, Fault> {
        Matcher::new(name, op, self.unquoted(value)?).or_else(|error| {
            let text = error.to_string();
            // The last line says what is wrong; those before show where.
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            fault(joined(token.span, value.span), format!("error parsing regexp: {reason}"))
        })
    }
}
