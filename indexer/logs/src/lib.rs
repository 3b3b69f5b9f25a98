//! The log store: a memtable over the journal, immutable segments beneath, and the queries over both.
//!
//! Lines are told apart by their skeleton (digit-free words kept, the rest masked); a segment keeps each skeleton once
//! and the variable parts in columns, so common words are counted on skeletons and rare ones found by their hash.

mod catalog;
mod due;
mod error;
mod files;
mod flush;
mod memtable;
mod merge;
mod mirror;
mod paths;
mod query;
mod scan;
mod segment;
mod store;
mod terms;
mod tokens;

pub use catalog::SegmentRow;
pub use error::{Error, Result};
pub use query::aggregate::{Bands, FieldSummary, NumberSummary, PatternCount, Top, ValueCount};
pub use query::explain::Explanation;
pub use query::{Answer, Budget, Cursor, Order, Page, Partial, Range, Row, SearchResult, Stats};
pub use store::{Full, LogStore, Options, Quarantined, Reservation, Sizes, Snapshot};
