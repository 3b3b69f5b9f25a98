//! The search language: its syntax tree, its parser and what a record must be to match.
//!
//! Pure: no IO, no clock. `docs/search.md` states the semantics; the log store and live tail both evaluate this tree.

pub mod ast;

pub use ast::{Expr, FieldMatcher, FieldName, FieldPattern, Required, TextPattern};
