//! Where batches go.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// The receiver of batches. The collector knows no more of it than this.
#[derive(Debug)]
pub enum Output {
    /// A server in the same process. The channel is bounded; the collector has one batch under way at a time.
    InProcess(mpsc::Sender<OutboundBatch>),
}

/// One batch on its way out.
///
/// The same `(source, epoch, seq)` always carries the same `batch` bytes, also after a crash; `seq` counts
/// from 0 without gaps within an epoch. A receiver that remembers the last `seq` of `(source, epoch)` and
/// answers `Ok` to repeats stores every record once.
#[derive(Debug)]
pub struct OutboundBatch {
    /// An encoded batch (`orszem_model::wire`), at most 1 MiB − 16 KiB.
    pub batch: Vec<u8>,
    pub source: String,
    pub epoch: u64,
    pub seq: u64,
    /// Answer `Ok` once the batch is durable. Dropping it counts as [`OutputError::Unavailable`].
    pub done: oneshot::Sender<Result<(), OutputError>>,
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// Full for now; sent again after `retry_after`.
    #[error("the receiver is busy for {retry_after:?}")]
    Busy { retry_after: Duration },
    /// Can't say whether it was taken; sent again with growing pauses.
    #[error("the receiver is unavailable: {reason}")]
    Unavailable { reason: String },
    /// Will never be taken. Its records are dropped and counted.
    #[error("the receiver refused the batch: {reason}")]
    Refused { reason: String },
}
