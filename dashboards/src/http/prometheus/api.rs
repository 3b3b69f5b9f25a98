//! The API's state, and how a question is run: off the async threads, one of a limited number, until its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use orszem_indexer::alerting::AlertingHandle;
use orszem_promql::{Interrupt, Interruption, Options, ParseOptions};
use tokio::sync::Semaphore;

use super::engine::SeriesEngine;
use super::error::QueryError;
use crate::http::logs::CancelOnDrop;

/// Questions computed at once; more wait until their deadline.
pub const QUERIES_MAX: usize = 20;
/// Answers from this size on are compressed for those who take gzip.
const GZIP_BYTES_MIN: usize = 1024;

/// The series store and the limits on its use. Cheap to clone.
#[derive(Clone)]
pub struct PrometheusApi {
    pub(super) engine: Arc<SeriesEngine>,
    /// Where rules are evaluated.
    pub(super) alerting: Option<AlertingHandle>,
    pub(super) options: Arc<ApiOptions>,
    questions: Arc<Semaphore>,
}

/// How queries are parsed and evaluated.
#[derive(Clone, Debug, Default)]
pub struct ApiOptions {
    pub parse: ParseOptions,
    pub evaluate: Options,
    /// The flags that `/api/v1/status/flags` shows.
    pub flags: Vec<(String, String)>,
    /// The program's version.
    pub version: String,
    pub revision: String,
}

/// When a question has to end.
pub(super) struct Patience {
    deadline: Instant,
    cancel: Arc<AtomicBool>,
}

impl Interrupt for Patience {
    fn check(&self) -> Result<(), Interruption> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(Interruption::Cancelled)
        } else if Instant::now() >= self.deadline {
            Err(Interruption::TimedOut)
        } else {
            Ok(())
        }
    }
}

impl PrometheusApi {
    pub fn new(engine: SeriesEngine, options: ApiOptions) -> Self {
        let questions = Arc::new(Semaphore::new(QUERIES_MAX));
        Self { engine: Arc::new(engine), alerting: None, options: Arc::new(options), questions }
    }

    /// The same, which tells of the rules of `alerting`.
    #[must_use]
    pub fn with_alerting(self, alerting: AlertingHandle) -> Self {
        Self { alerting: Some(alerting), ..self }
    }

    /// Runs `ask` and answers the JSON that it writes.
    pub(super) async fn run(
        &self,
        timeout: Duration,
        headers: &HeaderMap,
        ask: impl FnOnce(&Self, &Patience) -> Result<Vec<u8>, QueryError> + Send + 'static,
    ) -> Result<Response, QueryError> {
        let deadline = Instant::now() + timeout;
        let waiting = Arc::clone(&self.questions).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(timeout, waiting).await else { return Err(QueryError::Busy) };
        let cancel = CancelOnDrop(Arc::new(AtomicBool::new(false)));
        let patience = Patience { deadline, cancel: Arc::clone(&cancel.0) };
        let (api, takes_gzip) = (self.clone(), takes_gzip(headers));
        let answer = tokio::task::spawn_blocking(move || {
            let answer = ask(&api, &patience);
            drop(permit);
            Ok::<_, QueryError>(encoded(answer?, takes_gzip))
        });
        answer.await?
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|weight| weight == "q=0")
    })
}

fn encoded(body: Vec<u8>, takes_gzip: bool) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let vary = (header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if takes_gzip
        && body.len() >= GZIP_BYTES_MIN
        && let Some(compressed) = gzip(&body)
    {
        let coding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return ([json, vary, coding], compressed).into_response();
    }
    ([json, vary], body).into_response()
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    std::io::Write::write_all(&mut encoder, body).ok()?;
    encoder.finish().ok()
}

/// The time now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
