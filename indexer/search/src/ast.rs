//! The syntax tree that the search language, and later LogQL's line and label filters, are parsed into.

use std::cmp::Ordering;

use crate::glob::Glob;
use crate::literal::Searcher;

/// A condition on one record.
#[derive(Clone, Debug)]
pub enum Expr {
    /// Every record.
    All,
    /// All of them; empty: every record.
    And(Vec<Expr>),
    /// Any of them; empty: none.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// A condition on the body.
    Text(TextPattern),
    /// A condition on a field.
    Field(FieldPattern),
}

/// A literal that must occur in the folded text for a pattern to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Case-folded (see `fold`), never empty.
    pub folded: String,
    /// A word character may not come right before it, if it starts with one.
    pub left_boundary: bool,
    /// A word character may not follow it, if it ends with one.
    pub right_boundary: bool,
}

/// A pattern over a text: the body, or one field's value. Made by its constructors (see `text.rs`).
#[derive(Clone, Debug)]
pub struct TextPattern {
    /// Each of them must occur; what the store narrows by.
    pub required: Vec<Required>,
    /// What decides in the end. `Exact`: occurrence of all of `required` is already the match.
    pub verify: Verify,
    /// As the user wrote it, for `explain` and highlights.
    pub source: String,
    /// One for each of `required`, in their order.
    pub(crate) searchers: Vec<Searcher>,
}

/// How a candidate text is verified.
#[derive(Clone, Debug)]
pub enum Verify {
    /// The match is exactly: every `required` literal occurs at its boundaries.
    Exact,
    /// A regular expression over the raw bytes.
    Regex(regex::bytes::Regex),
    /// A pattern with wildcards. It is no regular expression, since no syntax of those says our word boundary.
    Glob(Glob),
}

/// Which field of a record a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldName {
    Severity,
    TraceId,
    SpanId,
    Kind,
    Entity,
    Body,
    /// Stream labels and attributes of any of these names (the first is the one the user wrote, then its aliases).
    Named(Vec<String>),
}

/// A condition on a field; it holds when any value that the field has matches.
#[derive(Clone, Debug)]
pub struct FieldPattern {
    pub field: FieldName,
    pub matcher: FieldMatcher,
}

/// A condition on one value of a field.
#[derive(Clone, Debug)]
pub enum FieldMatcher {
    /// The field is there (a severity that is set, a non-empty id).
    Exists,
    /// The whole value, case-folded.
    Equals(String),
    /// A glob over the whole value, or a regular expression anywhere in it.
    Pattern(TextPattern),
    /// The value compared with a bound: numerically when both are numbers, else as folded text.
    Compare(Comparison, Bound),
    /// `lower` and `upper` as for `Compare`.
    Range { lower: (Comparison, Bound), upper: (Comparison, Bound) },
    /// Severity only: a bit for each number 0 to 24 that matches.
    Severities(u32),
}

/// `<`, `<=`, `>` or `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether a value that stands in `ordering` to the bound satisfies it.
    pub fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering == Ordering::Less,
            Self::LessOrEqual => ordering != Ordering::Greater,
            Self::Greater => ordering == Ordering::Greater,
            Self::GreaterOrEqual => ordering != Ordering::Less,
        }
    }
}

/// The other side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    Number(f64),
    /// Case-folded.
    Text(String),
    /// No bound (`*`).
    Open,
}
