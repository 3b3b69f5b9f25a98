//! A whole query: its tree, the kinds of records it looks at and what the user wrote.

use orszem_model::Kind;
use orszem_model::wire::RecordView;

use crate::ast::Expr;
use crate::error::ParseError;
use crate::parse;

/// The bits of the kinds that a query looks at unless it mentions `kind:`: log and event.
pub const KINDS_DEFAULT: u8 = 1 << Kind::Log as u8 | 1 << Kind::Event as u8;
/// The bits of all kinds.
pub const KINDS_ALL: u8 = KINDS_DEFAULT | 1 << Kind::Span as u8 | 1 << Kind::Probe as u8;

/// A parsed query.
#[derive(Clone, Debug)]
pub struct Query {
    pub expr: Expr,
    /// The kinds of records it looks at: bit `n` for the kind with code `n`.
    pub kinds: u8,
    /// As the user wrote it.
    pub source: String,
}

impl Query {
    /// Parses a query in the language of `docs/search.md`.
    ///
    /// # Errors
    /// With position and expectation, for whatever is no query and beyond the limits named there.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let (expr, mentions_kind) = parse::parse(source)?;
        let kinds = if mentions_kind { KINDS_ALL } else { KINDS_DEFAULT };
        Ok(Self { expr, kinds, source: source.to_owned() })
    }

    /// Whether the query looks at records of this kind at all.
    pub fn looks_at(&self, kind: Kind) -> bool {
        self.kinds >> (kind as u8) & 1 == 1
    }

    /// Whether the record is of a kind that the query looks at, and matches.
    pub fn matches(&self, record: &RecordView<'_>) -> bool {
        self.looks_at(record.kind) && self.expr.matches(record)
    }
}
