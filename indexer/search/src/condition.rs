//! What one condition means for its field: which values the field takes, and how they are compared.

use orszem_model::Kind;

use crate::ast::{Bound, Comparison, Expr, FieldMatcher, FieldName, FieldPattern, TextPattern};
use crate::error::PatternError;
use crate::fold::fold_text;
use crate::glob::{Piece, Scope};
use crate::lex::Word;
use crate::severities::{self, Band};

/// A bound, as written, and where it stands in the query.
pub(crate) type WrittenBound = (Bound, String, usize);

/// What stands after `field:`, or alone.
pub(crate) enum Value<'a> {
    Word(Word<'a>),
    Quoted { text: String, source: &'a str },
    Regex(TextPattern),
    Compare(Comparison, WrittenBound),
    Range { lower: (Comparison, WrittenBound), upper: (Comparison, WrittenBound) },
}

/// Why there is no such condition.
pub(crate) enum Problem {
    Pattern(PatternError),
    /// `at` is the place in the query, `None` for where the value begins.
    Value {
        at: Option<usize>,
        message: String,
        expected: String,
    },
}

impl From<PatternError> for Problem {
    fn from(error: PatternError) -> Self {
        Self::Pattern(error)
    }
}

fn problem(at: Option<usize>, message: impl Into<String>, expected: impl Into<String>) -> Problem {
    Problem::Value { at, message: message.into(), expected: expected.into() }
}

/// The condition that the field's value is `value`.
pub(crate) fn build(field: &FieldName, value: Value<'_>) -> Result<Expr, Problem> {
    let matcher = match field {
        FieldName::Body => return body(value),
        FieldName::Severity => severity(value)?,
        FieldName::Kind => kind(value)?,
        FieldName::TraceId | FieldName::SpanId | FieldName::Entity | FieldName::Named(_) => general(value)?,
    };
    Ok(Expr::Field(FieldPattern { field: field.clone(), matcher }))
}

fn body(value: Value<'_>) -> Result<Expr, Problem> {
    match value {
        Value::Word(word) if word.is_star() => {
            Ok(Expr::Field(FieldPattern { field: FieldName::Body, matcher: FieldMatcher::Exists }))
        }
        Value::Word(word) => Ok(Expr::Text(term(&word)?)),
        Value::Quoted { text, .. } if text.is_empty() => {
            Err(problem(None, "an empty phrase would match everything", "a text between the quotes"))
        }
        Value::Quoted { text, source } => Ok(Expr::Text(TextPattern::literal(&text, true, true).with_source(source))),
        Value::Regex(pattern) => Ok(Expr::Text(pattern)),
        Value::Compare(..) | Value::Range { .. } => {
            Err(problem(None, "a body cannot be compared", "a word, a quoted text or a /regex/"))
        }
    }
}

/// A word or glob within a body.
fn term(word: &Word<'_>) -> Result<TextPattern, PatternError> {
    let is_star = |piece: Option<&Piece>| piece == Some(&Piece::Star);
    let (left, right) = (!is_star(word.pieces.first()), !is_star(word.pieces.last()));
    let first = word.pieces.iter().position(|piece| *piece != Piece::Star).unwrap_or(0);
    let last = word.pieces.iter().rposition(|piece| *piece != Piece::Star).unwrap_or(0);
    let core = word.pieces.get(first..=last).unwrap_or_default();
    let literal: Option<String> =
        core.iter().map(|piece| if let Piece::Literal(c) = piece { Some(*c) } else { None }).collect();
    match literal {
        Some(literal) => Ok(TextPattern::literal(&literal, left, right).with_source(word.source)),
        None => TextPattern::glob(&word.pieces, Scope::Within, word.source),
    }
}

fn general(value: Value<'_>) -> Result<FieldMatcher, PatternError> {
    Ok(match value {
        Value::Word(word) if word.is_star() => FieldMatcher::Exists,
        Value::Word(word) => match word.literal() {
            Some(text) => FieldMatcher::Equals(fold_text(&text)),
            None => FieldMatcher::Pattern(TextPattern::glob(&word.pieces, Scope::Whole, word.source)?),
        },
        Value::Quoted { text, .. } => FieldMatcher::Equals(fold_text(&text)),
        Value::Regex(pattern) => FieldMatcher::Pattern(pattern),
        Value::Compare(comparison, (bound, ..)) => FieldMatcher::Compare(comparison, bound),
        Value::Range { lower, upper } => {
            FieldMatcher::Range { lower: (lower.0, lower.1.0), upper: (upper.0, upper.1.0) }
        }
    })
}

fn severity(value: Value<'_>) -> Result<FieldMatcher, Problem> {
    let band = |text: &str, at: Option<usize>| {
        Band::named(text).ok_or_else(|| problem(at, format!("`{text}` is no severity"), severities::EXPECTED))
    };
    let side = |(comparison, (bound, text, at)): (Comparison, WrittenBound)| -> Result<_, Problem> {
        match bound {
            Bound::Open => Ok(None),
            Bound::Number(_) | Bound::Text(_) => Ok(Some((comparison, band(&text, Some(at))?))),
        }
    };
    let mask = match value {
        Value::Word(ref word) => match word.literal() {
            Some(text) => band(&text, None)?.mask(),
            None => return Ok(general(value)?),
        },
        Value::Quoted { text, .. } => band(&text, None)?.mask(),
        Value::Regex(pattern) => return Ok(FieldMatcher::Pattern(pattern)),
        Value::Compare(comparison, bound) => severities::range(side((comparison, bound))?, None),
        Value::Range { lower, upper } => severities::range(side(lower)?, side(upper)?),
    };
    Ok(FieldMatcher::Severities(mask))
}

fn kind(value: Value<'_>) -> Result<FieldMatcher, Problem> {
    let text = match value {
        Value::Word(word) if word.is_star() => return Ok(FieldMatcher::Exists),
        Value::Word(word) => word.literal(),
        Value::Quoted { text, .. } => Some(text),
        Value::Regex(_) | Value::Compare(..) | Value::Range { .. } => None,
    };
    let folded = text.map(|text| fold_text(&text));
    match folded.filter(|folded| Kind::ALL.iter().any(|kind| kind.name() == folded)) {
        Some(folded) => Ok(FieldMatcher::Equals(folded)),
        None => Err(problem(None, "there is no such kind", "log, event, span or probe")),
    }
}
