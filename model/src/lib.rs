//! The words everyone in Őrszem speaks: records, labels, severities, times and the batch encoding.
//!
//! Pure: no IO, no clock, no async. Whoever needs the time passes it in.

pub mod labels;
pub mod record;
pub mod severity;
pub mod size;
pub mod time;
pub mod varint;
pub mod wire;

pub use labels::{Labels, Stream};
pub use record::{Attribute, AttributeValue, Kind, Record};
pub use severity::Severity;
pub use size::{ByteSize, DiskShare, Span};
pub use time::Timestamp;
