//! The words everyone in Őrszem speaks: records, labels, severities, times and the batch encoding.
//!
//! Pure: no IO, no clock, no async. Whoever needs the time passes it in.

mod chain;
pub mod code;
pub mod fact;
mod fill;
pub mod histogram;
pub mod labels;
pub mod language;
pub mod matcher;
pub mod observation;
mod prefix;
pub mod record;
pub mod sample;
pub mod severity;
mod shown;
pub mod size;
pub mod time;
pub mod topology;
pub mod varint;
pub mod wire;

pub use chain::chain;
pub use fact::{Fact, FactKind, RecordId};
pub use fill::fill;
pub use histogram::{BucketSpan, Buckets, CounterReset, Histogram};
pub use labels::{Labels, METRIC_NAME, Stream};
pub use language::{Language, LanguageError};
pub use matcher::{MatchOp, Matcher};
pub use observation::{Observation, Seen};
pub use prefix::prefix;
pub use record::{Attribute, AttributeValue, Kind, Record};
pub use sample::{Columns, HistogramPoint, STALE, STALE_BITS, is_stale};
pub use severity::Severity;
pub use shown::without_password;
pub use size::{ByteSize, DiskShare, Span};
pub use time::Timestamp;
