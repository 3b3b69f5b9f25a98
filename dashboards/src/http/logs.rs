//! The search endpoints under `/app/v1`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, header};
use orszem_model::{Severity, Timestamp};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::access::Reader;
use super::engine::{
    Answer, Budget, Context, ContextAsk, Engine, EngineError, HistogramAsk, Numbers, NumbersAsk, PatternsAsk, Scope,
    SearchAsk, TimeRange, TopAsk,
};
use super::error::ApiError;
use super::params::{Params, encode_cursor};
use super::rows::{shown_time, view, views};
use super::{export, tail};

/// Questions computed at once; more wait until their deadline.
const QUESTIONS_MAX: usize = 8;
/// Live tails and exports at once, each.
pub(super) const STREAMS_MAX: usize = 64;
/// Memory of one question.
pub(super) const MEMORY_BYTES: usize = 256 << 20;

/// The store and the limits on its use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogsApi {
    pub(super) engine: Arc<Engine>,
    questions: Arc<Semaphore>,
    pub(super) tails: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
}

/// Sets the flag when the request is dropped, so that the question stops when the client leaves.
pub(super) struct CancelOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl LogsApi {
    pub fn new(engine: Engine) -> Self {
        let limit = |n| Arc::new(Semaphore::new(n));
        Self {
            engine: Arc::new(engine),
            questions: limit(QUESTIONS_MAX),
            tails: limit(STREAMS_MAX),
            exports: limit(STREAMS_MAX),
        }
    }

    /// The endpoints; each request needs an [`Access`](super::access::Access) in its extensions.
    pub fn router(self) -> Router {
        Router::new()
            .route("/app/v1/search", get(search).post(search))
            .route("/app/v1/count", get(count).post(count))
            .route("/app/v1/histogram", get(histogram).post(histogram))
            .route("/app/v1/facets", get(facets).post(facets))
            .route("/app/v1/numbers", get(numbers).post(numbers))
            .route("/app/v1/fields", get(fields).post(fields))
            .route("/app/v1/context", get(context).post(context))
            .route("/app/v1/patterns", get(patterns).post(patterns))
            .route("/app/v1/explain", get(explain).post(explain))
            .route("/app/v1/export", get(export::export).post(export::export))
            .route("/app/v1/delete", post(delete))
            .route("/app/v1/tail", get(tail::tail))
            .with_state(self)
    }

    /// Runs `ask` off the async threads, one of a limited number, until the deadline of `params`.
    async fn run<T: Send + 'static>(
        &self,
        params: &Params,
        ask: impl FnOnce(&Engine, &Budget) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let timeout = params.timeout()?;
        let deadline = Instant::now() + timeout;
        let waiting = Arc::clone(&self.questions).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(timeout, waiting).await else { return Err(ApiError::Busy) };
        let cancel = CancelOnDrop(Arc::new(AtomicBool::new(false)));
        let budget = Budget { deadline: Some(deadline), memory_bytes: MEMORY_BYTES, cancel: Arc::clone(&cancel.0) };
        let engine = Arc::clone(&self.engine);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = ask(&engine, &budget);
            drop(permit);
            answer
        });
        answer.await?
    }
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn scope(params: &Params, reader: Reader) -> Result<Scope, ApiError> {
    Ok(Scope { query: params.query()?, tenant: reader.0.tenant, range: params.range(now())? })
}

/// `{"status":"ok", …fields, "stats":…, "partial":…}`
fn answered<'a, T, V: Serialize>(
    answer: &'a Answer<T>,
    fields: impl FnOnce(&'a T) -> Result<V, serde_json::Error>,
) -> Result<Vec<u8>, ApiError> {
    #[derive(Serialize)]
    struct Body<V> {
        status: &'static str,
        #[serde(flatten)]
        fields: V,
        stats: super::engine::Stats,
        partial: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        partial_reason: Option<super::engine::Partial>,
    }
    let body = Body {
        status: "ok",
        fields: fields(&answer.value)?,
        stats: answer.stats,
        partial: answer.partial.is_some(),
        partial_reason: answer.partial,
    };
    Ok(serde_json::to_vec(&body)?)
}

pub(super) fn json_response(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

async fn search(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let ask = SearchAsk {
        scope: scope(&params, reader)?,
        order: params.order(),
        limit: params.limit()?,
        after: params.after_cursor()?,
    };
    let body = api.run(&params, move |engine, budget| {
        #[derive(Serialize)]
        struct Page<R> {
            rows: R,
            next: Option<String>,
        }
        let answer = (engine.search)(&ask, budget)?;
        answered(&answer, |page| {
            Ok(Page { rows: views(&page.rows, Some(&ask.scope.query))?, next: page.next.map(encode_cursor) })
        })
    });
    Ok(json_response(body.await?))
}

async fn count(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let scope = scope(&params, reader)?;
    let body = api.run(&params, move |engine, budget| {
        answered(&(engine.count)(&scope, budget)?, |count| Ok(json!({ "count": count })))
    });
    Ok(json_response(body.await?))
}

async fn histogram(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let range = params.closed_range(now())?;
    let scope = Scope { query: params.query()?, tenant: reader.0.tenant, range };
    let ask = HistogramAsk { scope, step: params.step(range)? };
    let body = api.run(&params, move |engine, budget| {
        let answer = (engine.histogram)(&ask, budget)?;
        answered(&answer, |buckets| {
            let buckets: Vec<_> = buckets
                .iter()
                .map(|(start, counts)| {
                    let (ts, ts_ns) = shown_time(*start);
                    json!({ "ts": ts, "ts_ns": ts_ns, "counts": counts })
                })
                .collect();
            let TimeRange { from, to } = range;
            Ok(json!({
                "step_ns": ask.step.to_string(),
                "from_ns": from.to_string(),
                "to_ns": to.to_string(),
                "bands": Severity::BANDS,
                "buckets": buckets,
            }))
        })
    });
    Ok(json_response(body.await?))
}

async fn facets(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let ask = TopAsk { scope: scope(&params, reader)?, field: params.field()?, limit: params.limit()? };
    let body = api.run(&params, move |engine, budget| {
        let answer = (engine.top)(&ask, budget)?;
        answered(&answer, |top| {
            let values: Vec<_> =
                top.values.iter().map(|(value, count)| json!({ "value": value, "count": count })).collect();
            Ok(json!({ "field": ask.field, "values": values, "distinct": top.distinct, "other": top.other, "missing": top.missing }))
        })
    });
    Ok(json_response(body.await?))
}

async fn numbers(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let ask = NumbersAsk { scope: scope(&params, reader)?, field: params.field()?, quantiles: params.quantiles()? };
    let body = api.run(&params, move |engine, budget| {
        answered(&(engine.numbers)(&ask, budget)?, |numbers| {
            let quantiles: Vec<_> = ask
                .quantiles
                .iter()
                .zip(&numbers.quantiles)
                .map(|(quantile, value)| json!({ "quantile": quantile, "value": value }))
                .collect();
            let Numbers { count, min, max, mean, quantiles: _ } = numbers;
            let figures = json!({ "field": ask.field, "count": count, "min": min, "max": max, "mean": mean, "quantiles": quantiles });
            Ok(figures)
        })
    });
    Ok(json_response(body.await?))
}

async fn fields(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let scope = scope(&params, reader)?;
    let body = api.run(&params, move |engine, budget| {
        answered(&(engine.fields)(&scope, budget)?, |fields| {
            let fields: Vec<_> = fields.iter().map(|f| json!({ "name": f.name, "count": f.count })).collect();
            Ok(json!({ "fields": fields }))
        })
    });
    Ok(json_response(body.await?))
}

async fn context(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let (before, after) = params.neighbours()?;
    let query = params.query()?;
    let filter = params.filtered.then(|| query.clone());
    let ask = ContextAsk { tenant: reader.0.tenant, at: params.record()?, before, after, filter };
    let body = api.run(&params, move |engine, budget| {
        let Context { before, row, after } = (engine.context)(&ask, budget)?.ok_or(ApiError::NoSuchRecord)?;
        let marks = Some(&query);
        let (before, row, after) = (views(&before, marks)?, view(&row, marks)?, views(&after, marks)?);
        Ok(serde_json::to_vec(&json!({ "status": "ok", "before": before, "row": row, "after": after }))?)
    });
    Ok(json_response(body.await?))
}

async fn patterns(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let ask = PatternsAsk { scope: scope(&params, reader)?, limit: params.limit()? };
    let body = api.run(&params, move |engine, budget| {
        answered(&(engine.patterns)(&ask, budget)?, |patterns| {
            let patterns: Vec<_> =
                patterns.iter().map(|p| json!({ "pattern": p.skeleton, "count": p.count })).collect();
            Ok(json!({ "patterns": patterns }))
        })
    });
    Ok(json_response(body.await?))
}

async fn explain(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let scope = scope(&params, reader)?;
    let body = api.run(&params, move |engine, budget| {
        answered(&(engine.explain)(&scope, budget)?, |plan| Ok(json!({ "plan": plan })))
    });
    Ok(json_response(body.await?))
}

async fn delete(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    if !reader.0.is_admin {
        return Err(ApiError::Forbidden { role: "admin" });
    }
    if params.to.is_none() {
        return Err(ApiError::Parameter {
            name: "to",
            reason: "missing; a deletion needs both ends of its range".to_owned(),
        });
    }
    let scope = Scope { query: params.query()?, tenant: reader.0.tenant, range: params.closed_range(now())? };
    // Not tied to the client's patience: once begun it is carried out.
    let engine = Arc::clone(&api.engine);
    let deletion = tokio::task::spawn_blocking(move || {
        let budget = Budget { deadline: None, memory_bytes: MEMORY_BYTES, cancel: Arc::new(AtomicBool::new(false)) };
        (engine.delete)(&scope, &budget)
    });
    let deleted: Result<u64, EngineError> = deletion.await?;
    Ok(json_response(serde_json::to_vec(&json!({ "status": "ok", "deleted": deleted? }))?))
}
