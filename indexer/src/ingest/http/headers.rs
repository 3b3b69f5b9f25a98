//! What a request's headers say: compression, who sends it, which of its batches it is.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{HeaderMap, header};

use super::super::decompress::Encoding;
use super::super::error::IngestError;
use super::Identity;
use super::protocol::Protocol;

const SOURCE: &str = "x-orszem-source";
const EPOCH: &str = "x-orszem-epoch";
const SEQ: &str = "x-orszem-seq";
const GAP: &str = "x-orszem-gap";
const HASH: &str = "x-orszem-hash";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest source or key.
const NAME_BYTES_MAX: usize = 256;

/// How the body is compressed. Loki's protobuf is snappy unless another compression is named.
pub(super) fn encoding(headers: &HeaderMap, protocol: Protocol) -> Result<Encoding, IngestError> {
    let value = text(headers, header::CONTENT_ENCODING.as_str())?.unwrap_or("");
    match Encoding::from_header(value) {
        Some(Encoding::Identity) if protocol == Protocol::LokiProtobuf => Ok(Encoding::Snappy),
        Some(encoding) => Ok(encoding),
        None => {
            let shown: String = value.chars().take(64).collect();
            let message = format!("content encoding `{shown}` is not understood; use gzip, zstd, deflate or snappy");
            Err(IngestError::new("ingest.unsupported_encoding", 415, message))
        }
    }
}

/// The identity, when all three headers are there; some without the others are refused, and a gap without them.
pub(super) fn identity(headers: &HeaderMap) -> Result<Option<Identity>, IngestError> {
    let gap = text(headers, GAP)?;
    match (text(headers, SOURCE)?, text(headers, EPOCH)?, text(headers, SEQ)?) {
        (None, None, None) if gap.is_none() => Ok(None),
        (None, None, None) => Err(bad_header(format!("{GAP} goes with {SOURCE}, {EPOCH} and {SEQ}; send all or none"))),
        (Some(source), Some(epoch), Some(seq)) if !source.is_empty() && source.len() <= NAME_BYTES_MAX => {
            let (epoch, seq) = (number(EPOCH, epoch)?, number(SEQ, seq)?);
            let skipped = gap.map(|gap| number(GAP, gap)).transpose()?.unwrap_or(0);
            if skipped > seq {
                return Err(bad_header(format!("{GAP}: {skipped} numbers cannot lie before number {seq}")));
            }
            Ok(Some(Identity { source: source.to_owned(), epoch, seq, skipped }))
        }
        _ => Err(bad_header(format!(
            "{SOURCE} (1 to {NAME_BYTES_MAX} bytes), {EPOCH} and {SEQ} go together; send all three or none"
        ))),
    }
}

/// The foreign sender's key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, IngestError> {
    match text(headers, IDEMPOTENCY_KEY)? {
        Some(key) if key.is_empty() || key.len() > NAME_BYTES_MAX => {
            Err(bad_header(format!("{IDEMPOTENCY_KEY} must have 1 to {NAME_BYTES_MAX} bytes")))
        }
        key => Ok(key.map(str::to_owned)),
    }
}

/// The crc32c that the decompressed body must have.
pub(super) fn hash(headers: &HeaderMap) -> Result<Option<u32>, IngestError> {
    let Some(value) = text(headers, HASH)? else { return Ok(None) };
    match u32::from_str_radix(value, 16) {
        Ok(hash) if value.len() == 8 => Ok(Some(hash)),
        _ => Err(bad_header(format!("{HASH} must be the body's crc32c as 8 hex digits"))),
    }
}

/// The name under which the sender's rate is limited: its source, else its address.
pub(super) fn source(parts: &Parts, identity: Option<&Identity>) -> String {
    match (identity, parts.extensions.get::<ConnectInfo<SocketAddr>>()) {
        (Some(identity), _) => identity.source.clone(),
        (None, Some(ConnectInfo(address))) => address.ip().to_string(),
        (None, None) => String::new(),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, IngestError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| bad_header(format!("{name} must be printable ASCII")))
}

fn number(name: &str, value: &str) -> Result<u64, IngestError> {
    value.parse().map_err(|_| bad_header(format!("{name} must be an unsigned 64-bit number")))
}

fn bad_header(message: String) -> IngestError {
    IngestError::new("ingest.bad_header", 400, message)
}
