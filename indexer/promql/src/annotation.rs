//! What the engine has to say about a query beside its answer (Prometheus, `util/annotations`).

use crate::ast::Span;

/// How serious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The query is likely not what was meant.
    Info,
    /// The answer is likely not what was meant.
    Warning,
}

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Annotation {
    pub level: Level,
    /// The part of the query that it is about.
    pub span: Span,
    /// In Prometheus' words, without the place.
    pub message: String,
}
