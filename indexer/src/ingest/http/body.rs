//! A request's body: how much of it may be in memory, and what is in it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orszem_model::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use super::super::decompress::{Encoding, decompress};
use super::super::elastic;
use super::super::error::IngestError;
use super::protocol::{Options, Protocol};
use super::{Context, Decoded, IngestState};

/// Bodies up to this size are decoded on the async thread; larger ones would hold it up.
pub(super) const INLINE_BYTES_MAX: usize = 64 << 10;
/// The unit of the memory that bodies share.
pub(super) const PERMIT_BYTES: usize = 1024;
/// How many times larger than on the wire a compressed body is taken to be until it is known.
const EXPANSION: usize = 8;

/// Whose body it is, for its limits.
pub(super) struct Sender {
    pub(super) tenant: u32,
    pub(super) source: String,
    pub(super) now: Timestamp,
}

/// How a body is packed.
pub(super) struct Packing {
    pub(super) encoding: Encoding,
    /// The crc32c that it must have once it is unpacked.
    pub(super) hash: Option<u32>,
}

/// What is to be done with a body.
pub(super) struct Work {
    pub(super) sender: Sender,
    pub(super) packing: Packing,
    pub(super) protocol: Protocol,
    /// Its sender can't mend its records.
    pub(super) corrects_times: bool,
    pub(super) options: Options,
}

/// Takes `bytes` from the rates of source and tenant, or tells when to try again (429).
pub(super) fn check_rates(state: &IngestState, sender: &Sender, bytes: usize) -> Result<(), IngestError> {
    let limited = |whose: &str, wait: u64| {
        let message = format!("the {whose} sends more bytes a second than it may; try again in {wait} s");
        IngestError::new("ingest.rate_limited", 429, message).retry_after(wait)
    };
    let Sender { tenant, source, now } = sender;
    if !source.is_empty() {
        state.sources.take(source, bytes, *now).map_err(|wait| limited("source", wait))?;
    }
    state.tenants.take(&tenant.to_string(), bytes, *now).map_err(|wait| limited("tenant", wait))
}

/// The body's length as its sender states it.
pub(super) fn stated_len(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Reserves memory for a body of the stated length before it is read.
pub(super) fn reserve(
    state: &IngestState,
    stated: Option<usize>,
    encoding: Encoding,
) -> Result<OwnedSemaphorePermit, IngestError> {
    let limit = state.limits.body_bytes_max;
    let expected = match stated {
        Some(length) if length > limit => return Err(IngestError::body_too_large(limit)),
        Some(length) if encoding == Encoding::Identity => length,
        Some(length) => length.saturating_mul(EXPANSION).min(limit),
        None => limit,
    };
    acquire(state, expected)
}

fn acquire(state: &IngestState, bytes: usize) -> Result<OwnedSemaphorePermit, IngestError> {
    let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
    Arc::clone(&state.inflight).try_acquire_many_owned(permits).map_err(|_| {
        let message = format!("bodies in work together exceed {} bytes; try again", state.limits.inflight_bytes_max);
        IngestError::new("ingest.overloaded", 429, message).retry_after(1)
    })
}

/// Reads the whole body, as sent.
pub(super) async fn read(state: &IngestState, body: Body) -> Result<Bytes, IngestError> {
    let limit = state.limits.body_bytes_max;
    let timeout_s = state.limits.body_timeout_s;
    let collecting = Limited::new(body, limit).collect();
    match tokio::time::timeout(Duration::from_secs(timeout_s), collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(IngestError::body_too_large(limit)),
        Ok(Err(error)) => {
            Err(IngestError::new("ingest.body_incomplete", 400, format!("the body ended before it was whole: {error}")))
        }
        Err(_) => {
            let message = format!("the body did not arrive within {timeout_s} s");
            Err(IngestError::new("ingest.body_timeout", 408, message))
        }
    }
}

/// A body's records, what is answered of each where the protocol tells that, and the permits that its real size needs.
type Read = (Decoded, Option<elastic::Answer>, OwnedSemaphorePermit);

/// Decompresses and checks a body; `permit` grows to its real size.
pub(super) fn unpack<'b>(
    state: &IngestState,
    sender: &Sender,
    packing: &Packing,
    bytes: &'b [u8],
    permit: &mut OwnedSemaphorePermit,
) -> Result<Cow<'b, [u8]>, IngestError> {
    let body = decompress(bytes, packing.encoding, state.limits.body_bytes_max)?;
    let reserved = permit.num_permits() * PERMIT_BYTES;
    if body.len() > reserved {
        permit.merge(acquire(state, body.len() - reserved)?);
    }
    if let Some(expected) = packing.hash {
        let actual = crc32c::crc32c(&body);
        if actual != expected {
            let message = format!("the body's crc32c is {actual:08x}, not {expected:08x}; send it again");
            return Err(IngestError::new("ingest.hash_mismatch", 400, message));
        }
    }
    check_rates(state, sender, body.len())?;
    Ok(body)
}

/// Unpacks and decodes a body.
pub(super) fn decode(
    state: &IngestState,
    work: &Work,
    bytes: &[u8],
    mut permit: OwnedSemaphorePermit,
) -> Result<Read, IngestError> {
    let body = unpack(state, &work.sender, &work.packing, bytes, &mut permit)?;
    let context = Context {
        tenant: work.sender.tenant,
        now: work.sender.now,
        corrects_times: work.corrects_times,
        limits: &state.limits,
        streams: &state.streams,
    };
    let (decoded, answer) = work.protocol.decode(&body, &context, &work.options)?;
    Ok((decoded, answer, permit))
}
