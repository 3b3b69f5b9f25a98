//! A whole query: its tree, the kinds of records it looks at and what the user wrote.

use orszem_model::Kind;
use orszem_model::wire::RecordView;

use crate::ast::{Expr, FieldMatcher, FieldName, FieldPattern};
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

    /// Whether the query itself says that records are of this kind alone, as `kind:event` does.
    pub fn is_only_of(&self, kind: Kind) -> bool {
        is_only_of(&self.expr, kind.name())
    }

    /// Whether the record is of a kind that the query looks at, and matches.
    pub fn matches(&self, record: &RecordView<'_>) -> bool {
        self.looks_at(record.kind) && self.expr.matches(record)
    }
}

fn is_only_of(expr: &Expr, kind: &str) -> bool {
    match expr {
        Expr::And(all) => all.iter().any(|expr| is_only_of(expr, kind)),
        Expr::Or(any) => !any.is_empty() && any.iter().all(|expr| is_only_of(expr, kind)),
        Expr::Field(FieldPattern { field: FieldName::Kind, matcher: FieldMatcher::Equals(value) }) => value == kind,
        Expr::All | Expr::Not(_) | Expr::Text(_) | Expr::Field(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_itself_that_it_is_of_one_kind() {
        let is = |source: &str| Query::parse(source).expect("parses").is_only_of(Kind::Event);
        for of_events in ["kind:event", "lost (kind:EVENT host:db1)", "kind:event a OR kind:event b"] {
            assert!(is(of_events), "{of_events}");
        }
        for of_more in ["", "event", "-kind:event", "kind:log", "kind:event OR a", "kind:*"] {
            assert!(!is(of_more), "{of_more}");
        }
    }
}
