//! The HTTP surface of ingest: body in, batches to whoever was passed in, the protocol's own answer out.

mod answer;
mod arrivals;
mod body;
mod document;
mod elastic;
mod headers;
mod protocol;
mod samples;
mod topology;
mod votes;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use orszem_model::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::decompress::Encoding;
use super::error::IngestError;
use super::limits::Limits;
use super::metrics::Metrics;
use super::rate::RateLimiter;
use super::stream_limit::StreamLimiter;
use super::{Context, Decoded, elastic as documents};
use arrivals::Rejections;
use protocol::{Protocol, Surface};

pub use arrivals::watched;
pub use elastic::index as elastic_index;
pub use samples::{SamplesState, router as samples_router, take_remote_write};
pub use topology::router as topology_router;
pub use votes::router as votes_router;

/// A boxed future, as [`SubmitFn`] gives it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Makes batches durable and visible; the answer comes when they are.
pub type SubmitFn = Arc<dyn Fn(Submission) -> BoxFuture<Result<Accepted, SubmitError>> + Send + Sync>;
/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Whose request it is: an extension that the access check puts on the request; tenant 0 without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tenant(pub u32);

/// The records of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub tenant: u32,
    /// Who sends it and as which of its batches; repeats are recognised by it.
    pub identity: Option<Identity>,
    /// A foreign sender's own key, at most 256 bytes; repeats are recognised by it.
    pub idempotency_key: Option<String>,
    /// Encoded batches of at most 1 MiB; empty when all records were rejected but the identity still counts.
    pub batches: Vec<Vec<u8>>,
}

/// A batch's place among its source's batches (`X-Orszem-Source`, `-Epoch`, `-Seq`, `-Gap`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub source: String,
    pub epoch: u64,
    pub seq: u64,
    /// How many numbers right before `seq` the source gave up and will never send; the horizon passes them.
    pub skipped: u64,
}

/// The acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The last of the source's sequence numbers that was taken in.
    pub accepted_seq: u64,
    /// All sequence numbers up to this one may be forgotten by the source.
    pub horizon_seq: u64,
    /// It had been taken in before; nothing was written.
    pub duplicate: bool,
}

/// Why batches were not taken in; nothing of them is durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error("the server takes in all it can; try again in {retry_after_s} s")]
    Overloaded { retry_after_s: u64 },
    #[error("the server's disk is full")]
    DiskFull,
    /// One submission is kept or lost as a whole, and this one is more than can be.
    #[error("the records take {bytes} bytes, over {limit}; send fewer in one request")]
    TooLarge { bytes: u64, limit: u64 },
    #[error("the server is shutting down; try again")]
    ShuttingDown,
    #[error("the server could not write: {0}")]
    Io(String),
}

impl SubmitError {
    /// A word for counters.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::DiskFull => "disk_full",
            Self::TooLarge { .. } => "too_large",
            Self::ShuttingDown => "shutting_down",
            Self::Io(_) => "io",
        }
    }
}

impl From<SubmitError> for IngestError {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::Overloaded { retry_after_s } => {
                Self::new("ingest.overloaded", 429, message).retry_after(retry_after_s)
            }
            SubmitError::DiskFull => Self::new("ingest.disk_full", 507, message).retry_after(60),
            SubmitError::TooLarge { .. } => Self::new("ingest.body_too_large", 413, message),
            SubmitError::ShuttingDown => Self::new("ingest.shutting_down", 503, message).retry_after(5),
            SubmitError::Io(_) => Self::new("ingest.write_failed", 503, message).retry_after(5),
        }
    }
}

/// What the ingest routes share.
pub struct IngestState {
    pub(super) submit: SubmitFn,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) streams: StreamLimiter,
    sources: RateLimiter,
    tenants: RateLimiter,
    /// One permit is 1 KiB of a body in work.
    inflight: Arc<Semaphore>,
}

impl IngestState {
    /// The state for validated `limits`.
    pub fn new(limits: Limits, submit: SubmitFn, metrics: Metrics, clock: Clock) -> Self {
        Self {
            streams: StreamLimiter::new(&limits),
            sources: RateLimiter::new(limits.source_bytes_per_s),
            tenants: RateLimiter::new(limits.tenant_bytes_per_s),
            inflight: Arc::new(Semaphore::new(limits.inflight_bytes_max / body::PERMIT_BYTES)),
            submit,
            clock,
            limits,
            metrics,
        }
    }
}

/// The routes `/app/v1/ingest`, `/v1/logs`, `/loki/api/v1/push`, and those of Elasticsearch but `/` and `/{index}`.
pub fn router(state: Arc<IngestState>) -> Router {
    let ndjson = |State(state): State<Arc<IngestState>>, request: Request| serve(state, Surface::Lines, request);
    let otlp = |State(state): State<Arc<IngestState>>, request: Request| serve(state, Surface::Otlp, request);
    let loki = |State(state): State<Arc<IngestState>>, request: Request| serve(state, Surface::Loki, request);
    Router::new()
        .route("/app/v1/ingest", post(ndjson))
        .route("/v1/logs", post(otlp))
        .route("/loki/api/v1/push", post(loki))
        .merge(elastic::routes())
        // Bodies are bounded here, decompressed, by ingest.body_bytes_max.
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(state)
}

async fn serve(state: Arc<IngestState>, surface: Surface, request: Request) -> Response {
    let protocol = match Protocol::of(surface, request.headers()) {
        Ok(protocol) => protocol,
        Err(error) => {
            state.metrics.refused(surface.name(), error.code);
            return answer::refused(&error, surface.shape(request.headers()));
        }
    };
    match take_in(&state, protocol, request).await {
        Ok(taken) => {
            let refusal = answer::refusal(protocol, &taken);
            let code = refusal.as_ref().map_or("ok", |error| error.code);
            state.metrics.taken(protocol.name(), code, &taken.decoded);
            let rejections = Rejections::of(&taken.decoded);
            with(answer::taken(protocol, &taken, refusal.as_ref()), rejections)
        }
        Err(error) => {
            state.metrics.refused(protocol.name(), error.code);
            with(answer::refused(&error, protocol.shape()), Rejections::refused(error.code))
        }
    }
}

fn with(mut response: Response, rejections: Rejections) -> Response {
    response.extensions_mut().insert(rejections);
    response
}

/// What became of a request that was not refused.
struct Taken {
    decoded: Decoded,
    /// `None` when there was nothing to submit.
    accepted: Option<Accepted>,
    has_identity: bool,
    /// What is answered of each document; only in Elasticsearch's protocol.
    documents: Option<documents::Answer>,
    took_ms: u64,
}

/// Reads, decodes and submits one request.
async fn take_in(state: &Arc<IngestState>, protocol: Protocol, request: Request) -> Result<Taken, IngestError> {
    let (parts, body) = request.into_parts();
    let tenant = parts.extensions.get::<Tenant>().copied().unwrap_or_default().0;
    let encoding = headers::encoding(&parts.headers, protocol)?;
    let identity = headers::identity(&parts.headers)?;
    let idempotency_key = headers::idempotency_key(&parts.headers)?;
    let options = protocol.options(&parts)?;
    let work = body::Work {
        sender: body::Sender { tenant, source: headers::source(&parts, identity.as_ref()), now: (state.clock)() },
        packing: body::Packing { encoding, hash: headers::hash(&parts.headers)? },
        protocol,
        corrects_times: identity.is_some(),
        options,
    };
    body::check_rates(state, &work.sender, 0)?;
    let permit = body::reserve(state, body::stated_len(&parts.headers), encoding)?;
    let bytes = body::read(state, body).await?;
    decode_and_submit(state, work, identity, idempotency_key, bytes, permit).await
}

/// Takes in an `ExportLogsServiceRequest` in protobuf and zstd without HTTP, as `/v1/logs` would: with its limits and
/// counted by its metrics. `hash` is the crc32c of the decompressed request.
///
/// Also tells what became of the records; its batches are gone.
///
/// # Errors
/// What `/v1/logs` answers: 4xx for a request that can't be taken in, 429, 503 and 507 for one to be sent again.
pub async fn take_otlp(
    state: &Arc<IngestState>,
    tenant: u32,
    identity: Identity,
    payload: Bytes,
    hash: u32,
) -> Result<(Accepted, Decoded), IngestError> {
    let protocol = Protocol::OtlpProtobuf;
    let taken = match take_payload(state, tenant, identity, payload, hash).await {
        Ok(taken) => taken,
        Err(error) => {
            state.metrics.refused(protocol.name(), error.code);
            return Err(error);
        }
    };
    state.metrics.taken(protocol.name(), "ok", &taken.decoded);
    Ok((taken.accepted.unwrap_or_default(), taken.decoded))
}

async fn take_payload(
    state: &Arc<IngestState>,
    tenant: u32,
    identity: Identity,
    payload: Bytes,
    hash: u32,
) -> Result<Taken, IngestError> {
    let encoding = Encoding::Zstd;
    let work = body::Work {
        sender: body::Sender { tenant, source: identity.source.clone(), now: (state.clock)() },
        packing: body::Packing { encoding, hash: Some(hash) },
        protocol: Protocol::OtlpProtobuf,
        corrects_times: true,
        options: protocol::Options::default(),
    };
    body::check_rates(state, &work.sender, 0)?;
    let permit = body::reserve(state, Some(payload.len()), encoding)?;
    decode_and_submit(state, work, Some(identity), None, payload, permit).await
}

/// Decodes a body and submits its records.
async fn decode_and_submit(
    state: &Arc<IngestState>,
    work: body::Work,
    identity: Option<Identity>,
    idempotency_key: Option<String>,
    bytes: Bytes,
    permit: OwnedSemaphorePermit,
) -> Result<Taken, IngestError> {
    let (tenant, began) = (work.sender.tenant, work.sender.now);
    // The permits are kept until the batches are durable.
    let (mut decoded, documents, _permits) = if bytes.len() > body::INLINE_BYTES_MAX {
        let state = Arc::clone(state);
        let decoding = tokio::task::spawn_blocking(move || body::decode(&state, &work, &bytes, permit));
        decoding
            .await
            .map_err(|error| IngestError::new("ingest.internal", 500, format!("decoding stopped: {error}")))?
    } else {
        body::decode(state, &work, &bytes, permit)
    }?;
    let has_identity = identity.is_some();
    let batches = std::mem::take(&mut decoded.batches);
    let accepted = if batches.is_empty() && !has_identity {
        None
    } else {
        Some((state.submit)(Submission { tenant, identity, idempotency_key, batches }).await?)
    };
    let took_ms = u64::try_from((state.clock)().0.saturating_sub(began.0) / 1_000_000).unwrap_or(0);
    Ok(Taken { decoded, accepted, has_identity, documents, took_ms })
}
