//! `POST /app/v1/rules/replay`: what rules would have done over stored history.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::request::Parts;
use orszem_indexer::alerting::{
    Episode, Failing, ReplayAsk, ReplayError, ReplayPatience, Replayed, Replayer, RuleSummary, episodes, summaries,
};
use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_point};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::ApiError;
use super::access::Access;
use super::alertmanager::object;
use super::engine::EngineError;
use super::logs::{CancelOnDrop, json_response, now};

/// The largest body: all rule files with their texts.
const BODY_MAX: usize = 4 << 20;
/// Replays at once; further ones are told to come back.
const REPLAYS_MAX: usize = 1;
/// How long one may take, unless asked for otherwise, and at most. What was found by then is answered.
const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// Episodes of one answer, the first ones; the figures of rules are about all.
const EPISODES_MAX: usize = 10_000;

/// The way to the stores and the rules in force, and the tenant that they are about.
#[derive(Clone)]
pub struct ReplayApi {
    replayer: Replayer,
    tenant: u32,
    room: Arc<Semaphore>,
}

impl ReplayApi {
    pub fn new(replayer: Replayer, tenant: u32) -> Self {
        Self { replayer, tenant, room: Arc::new(Semaphore::new(REPLAYS_MAX)) }
    }

    /// The route; each request needs an [`Access`] in its extensions.
    pub fn router(self) -> Router {
        Router::new().route("/app/v1/rules/replay", post(run)).layer(DefaultBodyLimit::max(BODY_MAX)).with_state(self)
    }
}

/// Whoever asks is of the tenant that alerting is about.
struct Ours;

impl FromRequestParts<ReplayApi> for Ours {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &ReplayApi) -> Result<Self, ApiError> {
        let access = parts.extensions.get::<Access>().ok_or(ApiError::AccessRequired)?;
        if access.tenant == api.tenant { Ok(Self) } else { Err(ApiError::ForeignTenant) }
    }
}

/// What is asked.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Body {
    /// None: the rules in force.
    files: Vec<File>,
    from: Option<String>,
    to: Option<String>,
    /// In place of `from`: this long before `to`.
    last: Option<String>,
    /// Of groups that do not say.
    interval: Option<String>,
    timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    text: String,
}

impl Body {
    fn range(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
        let point = |name, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => parse_point(text, now).map(Some).map_err(|error| wrong(name, &error)),
        };
        let to = point("to", &self.to)?.unwrap_or(now);
        let from = match (point("from", &self.from)?, span("last", self.last.as_ref())?) {
            (Some(from), None) => from,
            (None, Some(last)) => to.before(last),
            (None, None) => to.before(Duration::from_secs(86_400)),
            (Some(_), Some(_)) => {
                return Err(ApiError::Parameter { name: "last", reason: "write it or from, not both".to_owned() });
            }
        };
        Ok((from, to))
    }
}

fn span(name: &'static str, text: Option<&String>) -> Result<Option<Duration>, ApiError> {
    text.map(|text| parse_duration(text).map_err(|error| wrong(name, &error))).transpose()
}

fn wrong(name: &'static str, error: &impl std::fmt::Display) -> ApiError {
    ApiError::Parameter { name, reason: error.to_string() }
}

async fn run(State(api): State<ReplayApi>, _: Ours, body: Bytes) -> Result<Response, ApiError> {
    let body: Body = match body.is_empty() {
        true => Body::default(),
        false => serde_json::from_slice(&body).map_err(|error| ApiError::Parameters { reason: error.to_string() })?,
    };
    let range = body.range(now())?;
    let interval = span("interval", body.interval.as_ref())?;
    if interval.is_some_and(|interval| interval < Duration::from_millis(100)) {
        return Err(ApiError::Parameter { name: "interval", reason: "write at least 100ms".to_owned() });
    }
    let timeout = span("timeout", body.timeout.as_ref())?.unwrap_or(TIMEOUT).min(TIMEOUT_MAX);
    let files: Vec<(String, String)> = body.files.into_iter().map(|File { name, text }| (name, text)).collect();
    let ask = api.replayer.ask(&files, range, interval).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        ApiError::Rules { reason: lines.join("\n") }
    })?;
    let permit = Arc::clone(&api.room).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    // Whoever goes away ends it.
    let cancel = CancelOnDrop(Arc::new(AtomicBool::new(false)));
    let patience = ReplayPatience { until: Instant::now() + timeout, cancel: Arc::clone(&cancel.0) };
    let replayed = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let replayed = api.replayer.run(&ask, &patience).map_err(failed)?;
        serde_json::to_vec(&answer(&ask, &replayed)).map_err(ApiError::from)
    });
    Ok(json_response(replayed.await??))
}

fn failed(error: ReplayError) -> ApiError {
    match error {
        ReplayError::Cancelled => ApiError::Engine(EngineError::Cancelled),
        ReplayError::Series(_) | ReplayError::Records(_) | ReplayError::Facts(_) => {
            ApiError::Engine(EngineError::Store(Box::new(error)))
        }
        ReplayError::Backwards
        | ReplayError::TooLong
        | ReplayError::TooManyRules { .. }
        | ReplayError::TooManyEvaluations { .. } => ApiError::Replay { reason: error.to_string() },
    }
}

fn answer(ask: &ReplayAsk, replayed: &Replayed) -> Value {
    let all = episodes(ask, replayed);
    let rules: Vec<Value> = summaries(ask, &all).iter().map(|rule| rule_json(rule, &replayed.failing)).collect();
    let mut partial = replayed.partial.clone();
    if all.len() > EPISODES_MAX {
        partial.push(format!("of {} episodes the first {EPISODES_MAX} are told", all.len()));
    }
    let episodes: Vec<Value> = all.iter().take(EPISODES_MAX).map(episode_json).collect();
    json!({
        "status": "ok",
        "from": ask.from.to_string(),
        "to": ask.to.to_string(),
        "rules": rules,
        "episodes": episodes,
        "looked_at": {
            "evaluations": replayed.evaluations,
            "samples": replayed.samples,
            "records": replayed.records,
        },
        "partial": partial,
    })
}

fn rule_json(rule: &RuleSummary, failing: &[Failing]) -> Value {
    let RuleSummary { rule, kind, file, fired, warning, critical, pended, alerts, total, longest, first, last } = rule;
    let failing = failing.iter().find(|failing| failing.rule == *rule).map(
        |Failing { rule: _, error, times, at }| json!({ "error": error, "times": times, "first": at.to_string() }),
    );
    json!({
        "rule": rule,
        "kind": kind,
        "file": file,
        "fired": fired,
        "warning": warning,
        "critical": critical,
        "pended": pended,
        "alerts": alerts,
        "total_ms": milliseconds(*total),
        "longest_ms": milliseconds(*longest),
        "first": first.map(|at| at.to_string()),
        "last": last.map(|at| at.to_string()),
        "failing": failing,
    })
}

fn episode_json(episode: &Episode) -> Value {
    let Episode { key, level, from, to, annotations } = episode;
    json!({
        "rule": key.rule,
        "labels": object(&key.labels),
        "level": level.map(orszem_alerting::Level::name),
        "from": from.to_string(),
        "to": to.map(|to| to.to_string()),
        "annotations": object(annotations),
    })
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
