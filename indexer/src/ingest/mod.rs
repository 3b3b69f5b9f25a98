//! Takes in records: one protocol a file, all of them functions from bytes, a moment and limits to encoded batches.
//!
//! Nothing here touches the store: [`http`] hands the batches to whoever was passed in.

mod batcher;
pub mod decompress;
mod elastic;
pub mod error;
pub mod exposition;
mod hex;
pub mod http;
mod level;
pub mod limits;
pub mod loki;
pub mod metrics;
pub mod ndjson;
mod normalise;
pub mod otlp;
mod protobuf;
pub mod rate;
pub mod rejection;
pub mod remote_write;
pub mod stream_limit;
pub mod syslog;

pub use error::IngestError;
pub use limits::Limits;
pub use rate::RateLimiter;
pub use rejection::{Reason, RejectionCount};
pub use stream_limit::StreamLimiter;

use orszem_model::Timestamp;

/// The attribute of records that came without a time and got one here.
pub const TIME_INFERRED: &str = "orszem.time_inferred";
/// The attribute with the time that a record named, where it was too far in the future to be kept.
pub const TIME_WRITTEN: &str = "orszem.time_written";
/// The only label of the stream that takes records beyond a tenant's stream limit.
pub const OVERFLOW_LABEL: &str = "__overflow__";

/// What a decoder needs to know besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Whose records these are; decided by the access check, never by the request.
    pub tenant: u32,
    /// The moment the request came in.
    pub now: Timestamp,
    pub limits: &'a Limits,
    /// Whether a time that lies too far in the future is replaced by the time of arrival, marked, instead of refusing the
    /// record: a collector can't ask whoever wrote the line to write it again.
    pub corrects_times: bool,
    /// Which streams the tenant has already.
    pub streams: &'a StreamLimiter,
}

/// What became of a request's records: accepted + rejected = all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Encoded batches (`orszem_model::wire`) of at most 1 MiB each.
    pub batches: Vec<Vec<u8>>,
    /// Records in the batches.
    pub accepted: usize,
    /// Records left out, by reason.
    pub rejected: Vec<RejectionCount>,
    /// Accepted records that went to the overflow stream.
    pub overflowed: usize,
    /// Accepted records whose invalid UTF-8 was replaced by U+FFFD.
    pub repaired: usize,
    /// The decompressed body.
    pub body_bytes: usize,
}

impl Decoded {
    /// Records left out, for all reasons together.
    pub fn rejected_count(&self) -> usize {
        self.rejected.iter().map(|rejection| rejection.count).sum()
    }
}

#[cfg(test)]
mod tests;
