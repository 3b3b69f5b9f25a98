//! Follows this host's text logs and systemd journal and hands them on as batches that survive a crash.
//!
//! Lines go `source → parse → batch → checkpoint → output`. Parsing is pure. A batch and the positions it
//! leads to are written to one checkpoint file before the batch is sent, so after a crash the same bytes are
//! sent again under the same `(source, epoch, seq)` and the receiver drops what it already has.

mod batch;
mod checkpoint;
mod collector;
mod config;
mod counters;
mod error;
mod glob;
mod output;
mod source;
mod status;

pub use collector::{Collector, CollectorHandle};
pub use config::{CollectorConfig, JournalMode, StartAt};
pub use counters::CounterValues;
pub use error::{CollectorError, ConfigError};
pub use output::{OutboundBatch, Output, OutputError};
pub use status::{FileState, FileStatus};
