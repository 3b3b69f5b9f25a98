//! The search language: its syntax tree, its parser and what a record must be to match.
//!
//! Pure: no IO, no clock. `docs/search.md` states the semantics; the log store and live tail both evaluate this tree.

pub mod ast;
mod condition;
mod error;
mod evaluate;
mod field;
pub mod fold;
mod glob;
mod highlight;
mod lex;
mod literal;
pub mod names;
#[doc(hidden)]
pub mod oracle;
mod parse;
mod plan;
mod query;
mod regex_literals;
mod severities;
mod text;
mod tokens;

pub use ast::{Bound, Comparison, Expr, FieldMatcher, FieldName, FieldPattern, Required, TextPattern, Verify};
pub use error::{ParseError, PatternError};
pub use fold::{fold, fold_text};
pub use glob::{CHARACTERS_MAX, Glob, Piece, Scope};
pub use highlight::highlight;
pub use parse::{DEPTH_MAX, QUERY_BYTES_MAX, TERMS_MAX};
pub use query::{KINDS_ALL, KINDS_DEFAULT, Query};
pub use text::REGEX_BYTES_MAX;
pub use tokens::required_tokens;
