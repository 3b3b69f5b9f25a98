//! The indexer: takes in, keeps and searches what the sources send.
//!
//! The life of a batch: [`ingest`] decodes and normalises it; [`Indexer::submit`] recognises repeats, reserves room and
//! appends it to the journal, whose fsync is the point of durability; the apply stage makes it visible in the log
//! store, shows it to live tails and subscribers, and acknowledges it. Maintenance threads write memory out into
//! segments, rewrite and expire those, and trim the journal behind them.

pub mod alerting;
mod apply;
mod backup;
mod checkpoint;
pub mod collectors;
mod command;
mod counted;
mod delete;
mod door;
mod due;
mod error;
pub mod facts;
mod identity;
mod indexer;
pub mod ingest;
mod judge;
mod maintenance;
mod metrics;
mod open;
mod options;
pub mod probes;
mod retention;
pub mod samples;
mod shared;
mod sqlite;
mod stages;
mod submit;
mod subscribers;
mod tail;
pub mod topology;
mod wake;

#[cfg(test)]
mod tests;

pub use backup::{backup, restore};
pub use error::Error;
pub use indexer::Indexer;
pub use open::OpenReport;
pub use options::{IndexerOptions, OptionsError, RetentionClass};
pub use retention::{Decision, Disk, EvictionReason, Pressure, decide};
pub use subscribers::{AppliedGroup, Subscriber};
pub use tail::{TailClient, TailItem};
