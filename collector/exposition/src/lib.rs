//! The formats in which targets expose metrics: Prometheus text, OpenMetrics text and Prometheus protobuf.
//!
//! Pure: no IO, no clock, no async. What is accepted, and the reasons of what is not, are those of Prometheus 3
//! (`model/textparse`).

mod entry;
mod error;
mod families;
mod format;
pub mod histogram;
mod lexer;
mod number;
mod openmetrics;
mod parser;
pub mod protobuf;
mod quote;
mod text;

pub use entry::{DuplicateLabel, Entry, Exemplar, HistogramSample, MetricType, Sample, Series};
pub use error::ParseError;
pub use format::{ContentTypeError, Escaping, Format, SCRAPE_PROTOCOLS, ScrapeProtocol, accept};
pub use histogram::{HistogramParts, HistogramProblem};
pub use parser::{Classic, Parser};
pub use quote::quote;

#[cfg(test)]
mod tests;
