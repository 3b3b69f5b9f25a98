//! Whether a record matches a tree.

use orszem_model::wire::RecordView;

use crate::ast::Expr;

impl Expr {
    /// Whether the record matches; the kinds of records that the query looks at are [`crate::Query`]'s business.
    pub fn matches(&self, record: &RecordView<'_>) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(part) => !part.matches(record),
            Self::Text(pattern) => pattern.is_match(record.body),
            Self::Field(pattern) => pattern.matches(record),
        }
    }
}
