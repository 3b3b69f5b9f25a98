//! Where batches go, and how they get there: each is tried until it was taken, or set aside as a dead letter.

mod asking;
mod config;
mod counts;
mod dead_letter;
mod dial;
pub(crate) mod edges;
mod endpoints;
mod http;
mod in_process;
mod pause;
mod probe;
mod protobuf;
mod reply;
mod sender;
mod signal;
mod split;
mod token;
pub(crate) mod votes;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

pub use asking::{ASKED_BYTES_MAX, AskError, Asker};
pub use config::OutputConfig;
pub use counts::{OutputCounts, RetryCounts};
pub use endpoints::{EndpointState, EndpointStatus, OutputStatus};
pub use sender::{Sender, StartError};
pub use signal::Signal;

/// The receiver of batches.
#[derive(Clone, Debug)]
pub enum Output {
    /// A server in the same process. The channel is bounded; one batch is under way at a time.
    InProcess(mpsc::Sender<OutboundBatch>),
    /// Servers over HTTP.
    Http(HttpOutput),
}

/// Servers over HTTP.
#[derive(Clone, Debug)]
pub struct HttpOutput {
    pub config: OutputConfig,
    /// A hash of the collector's configuration, told with every batch as `X-Orszem-Config`; empty to tell none.
    pub config_hash: String,
}

/// A batch to be delivered.
///
/// The same `(source, epoch, seq)` always carries the same records, also after a crash; `seq` counts up, and what it
/// leaves out is told by `skipped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    pub source: String,
    pub epoch: u64,
    /// What the sender's [`Signal`] names, in protobuf and zstd.
    pub payload: Bytes,
    /// The crc32c of the request before compression.
    pub hash: u32,
    /// Its size before compression; for counting.
    pub raw_len: usize,
    /// Log records; of metrics samples, histograms and exemplars.
    pub records: u32,
    pub seq: u64,
    /// How many numbers right before `seq` are given up and will never be sent.
    pub skipped: u64,
}

/// One batch on its way to a server in the same process.
#[derive(Debug)]
pub struct OutboundBatch {
    /// What the payload is.
    pub signal: Signal,
    /// As in [`Outbound`]; empty of records where only the number is to be taken in.
    pub payload: Bytes,
    pub hash: u32,
    pub source: String,
    pub epoch: u64,
    pub seq: u64,
    pub skipped: u64,
    pub records: u32,
    /// Answer `Ok` once the batch is durable. Dropping it counts as [`OutputError::Unavailable`].
    pub done: oneshot::Sender<Result<Accepted, OutputError>>,
}

/// The acknowledgement of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The highest number that was taken in; may be beyond the batch's own.
    pub accepted_seq: u64,
    /// All numbers up to this one may be forgotten; may lie before the batch's own.
    pub horizon_seq: u64,
    /// Records of the batch that the server left out for good.
    pub rejected: u64,
    /// Why it left them out; empty without any.
    pub message: String,
}

/// Why a server in the same process did not take a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// Full for now; sent again after `retry_after`.
    #[error("the receiver is busy for {retry_after:?}")]
    Busy { retry_after: Duration },
    /// Can't say whether it was taken; sent again with growing pauses.
    #[error("the receiver is unavailable: {reason}")]
    Unavailable { reason: String },
    /// Will never be taken. It becomes a dead letter and its number is sent without records.
    #[error("the receiver refused the batch: {reason}")]
    Refused { reason: String },
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub accepted_seq: u64,
    /// All numbers up to this one may be forgotten. A server that tells none keeps what it acknowledges.
    pub horizon_seq: u64,
    /// What of the batch the server did not keep.
    pub refused: Option<Refused>,
}

/// Records that were sent and not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    pub records: u64,
    pub reason: String,
    /// Where they are, if they were set aside here; a server that leaves out single records does not say which.
    pub dead_letters: Vec<PathBuf>,
}

/// Why a batch is still to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    #[error("told to stop")]
    Cancelled,
    #[error("the receiver of batches is gone")]
    Closed,
}
