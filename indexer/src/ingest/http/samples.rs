//! `/api/v1/write` and `/api/v1/import/prometheus`: remote write 1.0 and 2.0, and metrics as targets expose them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use orszem_exposition::Format;
use orszem_model::Labels;
use tokio::sync::OwnedSemaphorePermit;

use super::super::decompress::Encoding;
use super::super::error::IngestError;
use super::super::remote_write::{self, Outcome, Version};
use super::super::{exposition, limits::Limits};
use super::body::{self, INLINE_BYTES_MAX, Packing, Sender};
use super::{Accepted, Identity, IngestState, Tenant, headers};
use crate::samples::{BatchSink, SampleSubmission, Samples};

/// What the routes of samples share.
#[derive(Clone)]
pub struct SamplesState {
    pub ingest: Arc<IngestState>,
    pub samples: Samples,
}

/// What a body is.
#[derive(Clone)]
enum Protocol {
    RemoteWrite(Version),
    Exposition { format: Format, extra: Labels },
}

impl Protocol {
    fn name(&self) -> &'static str {
        match self {
            Self::RemoteWrite(Version::V1) => "remote_write_1",
            Self::RemoteWrite(Version::V2) => "remote_write_2",
            Self::Exposition { .. } => "exposition",
        }
    }
}

/// What became of a request.
struct Taken {
    outcome: Outcome,
    accepted: Option<Accepted>,
    has_identity: bool,
}

/// The routes `/api/v1/write` and `/api/v1/import/prometheus`.
pub fn router(state: SamplesState) -> Router {
    Router::new()
        .route("/api/v1/write", post(write))
        .route("/api/v1/push", post(write))
        .route("/api/v1/import/prometheus", post(import))
        // Bodies are bounded here, decompressed, by ingest.body_bytes_max.
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(state)
}

async fn write(State(state): State<SamplesState>, request: Request) -> Response {
    let protocol = text(request.headers(), &header::CONTENT_TYPE).and_then(Version::from_content_type);
    serve(&state, protocol.map(Protocol::RemoteWrite), "remote_write", request).await
}

async fn import(State(state): State<SamplesState>, request: Request) -> Response {
    let protocol = of_import(&request);
    serve(&state, protocol, "exposition", request).await
}

/// The format by `Content-Type`, the plain text without one; further labels from `extra_label=name=value`.
fn of_import(request: &Request) -> Result<Protocol, IngestError> {
    let wrong = |message: String| IngestError::new("ingest.unsupported_media_type", 415, message);
    let media_type = text(request.headers(), &header::CONTENT_TYPE)?.unwrap_or_default();
    let is_plain = ["", "application/x-www-form-urlencoded", "application/octet-stream"].contains(&media_type);
    let format = match Format::from_content_type(media_type) {
        Ok(format) => format,
        Err(_) if is_plain => Format::Text,
        Err(error) => return Err(wrong(format!("{error}; send text/plain or OpenMetrics"))),
    };
    let query = request.uri().query().unwrap_or_default();
    let mut extra = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.split_once('=')) {
            ("extra_label", Some((label, value))) if !label.is_empty() => {
                extra.push((label.to_owned(), value.to_owned()));
            }
            (name, _) => {
                let message = format!("{name}={value:?}: write extra_label=name=value");
                return Err(IngestError::new("ingest.bad_parameter", 400, message));
            }
        }
    }
    Ok(Protocol::Exposition { format, extra: Labels::new(extra) })
}

async fn serve(
    state: &SamplesState,
    protocol: Result<Protocol, IngestError>,
    surface: &'static str,
    request: Request,
) -> Response {
    let metrics = &state.ingest.metrics;
    let protocol = match protocol {
        Ok(protocol) => protocol,
        Err(error) => {
            metrics.refused(surface, error.code);
            return refused(&error);
        }
    };
    let name = protocol.name();
    match take_in(state, protocol, request).await {
        Ok(taken) => {
            let code = if taken.outcome.rejected.is_empty() { "ok" } else { "partial" };
            metrics.taken_samples(name, code, &taken.outcome);
            answered(&taken)
        }
        Err(error) => {
            metrics.refused(name, error.code);
            refused(&error)
        }
    }
}

/// Reads, decodes and submits one request.
async fn take_in(state: &SamplesState, protocol: Protocol, request: Request) -> Result<Taken, IngestError> {
    let (parts, body) = request.into_parts();
    let ingest = &state.ingest;
    let tenant = parts.extensions.get::<Tenant>().copied().unwrap_or_default().0;
    let encoding = encoding(&parts.headers, &protocol)?;
    let identity = headers::identity(&parts.headers)?;
    let idempotency_key = headers::idempotency_key(&parts.headers)?;
    let sender = Sender { tenant, source: headers::source(&parts, identity.as_ref()), now: (ingest.clock)() };
    let packing = Packing { encoding, hash: headers::hash(&parts.headers)? };
    body::check_rates(ingest, &sender, 0)?;
    let permit = body::reserve(ingest, body::stated_len(&parts.headers), encoding)?;
    let bytes = body::read(ingest, body).await?;
    let work = Work { protocol, sender, packing };
    submit(state, work, identity, idempotency_key, bytes, permit).await
}

/// Takes in a request of remote write 2.0, compressed with zstd, without HTTP, as `/api/v1/write` would: with its limits
/// and counted by its metrics. `hash` is the crc32c of the decompressed request. Also tells what became of the samples.
///
/// # Errors
/// What `/api/v1/write` answers: 4xx for a request that can't be taken in, 429, 503 and 507 for one to be sent again.
pub async fn take_remote_write(
    state: &SamplesState,
    tenant: u32,
    identity: Identity,
    payload: Bytes,
    hash: u32,
) -> Result<(Accepted, Outcome), IngestError> {
    let protocol = Protocol::RemoteWrite(Version::V2);
    let name = protocol.name();
    let taken = async {
        let sender = Sender { tenant, source: identity.source.clone(), now: (state.ingest.clock)() };
        let packing = Packing { encoding: Encoding::Zstd, hash: Some(hash) };
        body::check_rates(&state.ingest, &sender, 0)?;
        let permit = body::reserve(&state.ingest, Some(payload.len()), packing.encoding)?;
        submit(state, Work { protocol, sender, packing }, Some(identity), None, payload, permit).await
    };
    let taken = taken.await.inspect_err(|error| state.ingest.metrics.refused(name, error.code))?;
    state.ingest.metrics.taken_samples(name, "ok", &taken.outcome);
    Ok((taken.accepted.unwrap_or_default(), taken.outcome))
}

/// What is to be done with a body.
struct Work {
    protocol: Protocol,
    sender: Sender,
    packing: Packing,
}

/// Decodes a body into a batch and submits it.
async fn submit(
    state: &SamplesState,
    work: Work,
    identity: Option<Identity>,
    idempotency_key: Option<String>,
    bytes: Bytes,
    permit: OwnedSemaphorePermit,
) -> Result<Taken, IngestError> {
    let tenant = work.sender.tenant;
    let has_identity = identity.is_some();
    let decoding = state.clone();
    // The permits are kept until the batch is durable.
    let (batch, frames, outcome, _permit) = if bytes.len() > INLINE_BYTES_MAX {
        let decoding = tokio::task::spawn_blocking(move || decode(&decoding, &work, &bytes, permit));
        decoding
            .await
            .map_err(|error| IngestError::new("ingest.internal", 500, format!("decoding stopped: {error}")))?
    } else {
        decode(&decoding, &work, &bytes, permit)
    }?;
    let accepted = if frames.is_empty() && !has_identity {
        None
    } else {
        let submission = SampleSubmission { tenant, identity, idempotency_key, batch, frames };
        Some(state.samples.submit(submission).await?)
    };
    Ok(Taken { outcome, accepted, has_identity })
}

type Read = (orszem_series::Batch, Vec<Bytes>, Outcome, OwnedSemaphorePermit);

fn decode(
    state: &SamplesState,
    work: &Work,
    bytes: &[u8],
    mut permit: OwnedSemaphorePermit,
) -> Result<Read, IngestError> {
    let Work { protocol, sender, packing } = work;
    let ingest = &state.ingest;
    let body = body::unpack(ingest, sender, packing, bytes, &mut permit)?;
    let mut sink = BatchSink(state.samples.store().batch(sender.tenant));
    let limits: &Limits = &ingest.limits;
    let outcome = match protocol {
        Protocol::RemoteWrite(version) => remote_write::decode(&body, *version, limits, sender.now, &mut sink)?,
        Protocol::Exposition { format, extra } => {
            exposition::import(&body, *format, extra, limits, sender.now, &mut sink)
        }
    };
    let batch = sink.0.finish();
    let frames = if batch.is_empty() { Vec::new() } else { batch.encode() };
    Ok((batch, frames, outcome, permit))
}

/// How a body is compressed: remote write is snappy, and zstd where it says so; metrics of targets are plain, or what
/// any other route takes.
fn encoding(headers: &HeaderMap, protocol: &Protocol) -> Result<Encoding, IngestError> {
    let value = text(headers, &header::CONTENT_ENCODING)?;
    match protocol {
        Protocol::RemoteWrite(_) if value.is_some_and(|value| value.trim().eq_ignore_ascii_case("zstd")) => {
            Ok(Encoding::Zstd)
        }
        Protocol::RemoteWrite(_) => remote_write::check_encoding(value).map(|()| Encoding::Snappy),
        Protocol::Exposition { .. } => {
            let value = value.unwrap_or_default();
            Encoding::from_header(value).ok_or_else(|| {
                let message =
                    format!("content encoding {value:?} is not understood; use gzip, zstd, deflate or snappy");
                IngestError::new("ingest.unsupported_encoding", 415, message)
            })
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, IngestError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let wrong = |_| IngestError::new("ingest.bad_header", 400, format!("{name} must be printable ASCII"));
    value.to_str().map(Some).map_err(wrong)
}

/// 204, or 400 with the reasons when anything was rejected. A sender with an identity always gets a success, so that it
/// goes on to its next batch; the headers tell it what was written.
fn answered(taken: &Taken) -> Response {
    let Taken { outcome, accepted, has_identity } = taken;
    let mut response = match outcome.message().filter(|_| !has_identity) {
        Some(message) => plain(StatusCode::BAD_REQUEST, message),
        None => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
    };
    written(&mut response, outcome);
    if let Some(Accepted { accepted_seq, horizon_seq, duplicate }) = accepted {
        let headers = response.headers_mut();
        headers.insert("x-orszem-accepted-seq", (*accepted_seq).into());
        headers.insert("x-orszem-horizon-seq", (*horizon_seq).into());
        headers.insert("x-orszem-duplicate", HeaderValue::from_static(if *duplicate { "true" } else { "false" }));
    }
    response
}

fn refused(error: &IngestError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = plain(status, error.message.clone());
    written(&mut response, &Outcome::default());
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The headers of remote write 2.0, which errors have too.
fn written(response: &mut Response, outcome: &Outcome) {
    for (name, count) in outcome.headers() {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            response.headers_mut().insert(name, count.into());
        }
    }
}

fn plain(status: StatusCode, mut message: String) -> Response {
    message.push('\n');
    let mut response = Response::new(message.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
