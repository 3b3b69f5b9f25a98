//! PromQL, the query language of Prometheus 3: parser, printer and evaluation over any [`Source`] of series.
//!
//! Pure: no IO, no clock, no async.

pub mod annotation;
pub mod ast;
mod check;
mod eval;
pub mod explain;
pub mod functions;
pub mod histogram;
mod lex;
pub mod memory;
pub mod notation;
mod parse;
mod pretty;
mod print;
pub mod query;
pub mod quote;
pub mod source;
mod tree;

pub use annotation::{Annotation, Level};
pub use eval::{evaluate, explain, math};
pub use parse::{ParseError, ParseOptions, format_duration_ms, parse, parse_duration_ms, parse_selector};
pub use pretty::pretty;
pub use query::{
    Answer, EvalError, Interrupt, Interruption, Moments, Never, Options, Point, Query, Sample, Series, Statistics,
    Value,
};
pub use source::{Select, Selection, SeriesReader, Source, SourceError};
pub use tree::tree;
