//! Prometheus remote write: requests of version 1.0 and 2.0, decoded into a sink of series.
//!
//! Sources: the remote write specifications 1.0 and 2.0, `prompb` and `storage/remote/write_handler.go` of Prometheus.

mod histogram;
mod intake;
mod labels;
mod negotiation;
mod outcome;
mod sink;
mod v1;
mod v2;

pub(super) use intake::Intake;
pub(super) use labels::build;
pub use negotiation::{Version, check_encoding};
pub use outcome::{Outcome, Reason, Rejection};
pub use sink::{LabelProblem, Metadata, Refused, SeriesSink};

use orszem_exposition::protobuf::Malformed;
use orszem_model::Timestamp;

use super::error::IngestError;
use super::limits::Limits;

/// Decodes a request, decompressed already (`ingest::decompress` with `Encoding::Snappy`), and gives `sink` what is good
/// in it; what is not is counted by reason in the outcome.
///
/// Of [`Limits`] those of labels and `future_max_s` count. On an error the sink holds an unknown part of the request:
/// drop that part.
pub fn decode<S: SeriesSink>(
    body: &[u8],
    version: Version,
    limits: &Limits,
    now: Timestamp,
    sink: &mut S,
) -> Result<Outcome, IngestError> {
    let mut intake = Intake::new(limits, now, sink);
    match version {
        Version::V1 => v1::decode(body, &mut intake).map_err(malformed)?,
        Version::V2 => v2::decode(body, &mut intake)?,
    }
    Ok(intake.finish(body.len()))
}

fn malformed(error: Malformed) -> IngestError {
    IngestError::bad_protobuf(error)
}

#[cfg(test)]
pub(super) mod tests;
