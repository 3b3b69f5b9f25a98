//! `/app/v1/incidents`, `/app/v1/deliveries`, `/app/v1/why` and `/app/v1/notify/test`: what alerting made of alerts, who was
//! told, and what people do about it.

mod act;
mod shown;

pub(super) use shown::target as shown_target;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::request::Parts;
use orszem_indexer::alerting::{AlertingHandle, IncidentRecord, parse_matchers};
use orszem_model::Timestamp;
use serde_json::{Value, json};

use super::ApiError;
use super::access::Access;
use super::engine::EngineError;
use super::logs::json_response;

/// Incidents and deliveries of one answer, unless asked for otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The way to alerting, and the tenant that it is about.
#[derive(Clone)]
pub struct IncidentsApi {
    alerting: AlertingHandle,
    tenant: u32,
}

impl IncidentsApi {
    pub fn new(alerting: AlertingHandle, tenant: u32) -> Self {
        Self { alerting, tenant }
    }

    /// The routes; each request needs an [`Access`] in its extensions.
    pub fn router(self) -> Router {
        Router::new()
            .route("/app/v1/incidents", get(list))
            .route("/app/v1/incidents/{id}", get(show))
            .route("/app/v1/incidents/{id}/{action}", post(act::act))
            .route("/app/v1/deliveries", get(deliveries))
            .route("/app/v1/why", get(why))
            .route("/app/v1/notify/test", post(act::test))
            .with_state(self)
    }
}

/// Whoever asks is of the tenant that alerting is about. What a role may do is decided before.
pub(super) struct Ours;

/// `S` knows the tenant that alerting is about.
impl<S: AsRef<u32> + Sync> FromRequestParts<S> for Ours {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &S) -> Result<Self, ApiError> {
        let access = parts.extensions.get::<Access>().ok_or(ApiError::AccessRequired)?;
        if access.tenant == *api.as_ref() { Ok(Self) } else { Err(ApiError::ForeignTenant) }
    }
}

impl AsRef<u32> for IncidentsApi {
    fn as_ref(&self) -> &u32 {
        &self.tenant
    }
}

/// The parameters of a query string, each once.
struct Asked(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes());
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}

impl Asked {
    fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(ApiError::Parameters { reason: format!("unknown parameter {name:?}") }),
            None => Ok(()),
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, ApiError> {
        let read = |text: &String| {
            text.parse().map_err(|_| ApiError::Parameter { name, reason: format!("{text:?} is no number") })
        };
        self.0.get(name).map(read).transpose()
    }

    fn limit(&self) -> Result<usize, ApiError> {
        match self.number("limit")? {
            None => Ok(LIMIT),
            Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
            Some(_) => Err(ApiError::Parameter { name: "limit", reason: format!("write 1 to {LIMIT_MAX}") }),
        }
    }

    fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(ApiError::Parameter { name, reason: format!("{text:?} is neither true nor false") }),
        }
    }
}

/// `GET /app/v1/incidents?open=true&limit=…`: those that live, then those that are over, the newest first.
async fn list(State(api): State<IncidentsApi>, _: Ours, asked: Asked) -> Result<Response, ApiError> {
    asked.only(&["open", "limit"])?;
    let (is_open, limit) = (asked.flag("open")?, asked.limit()?);
    let mut incidents = live(&api).await?;
    incidents.sort_by_key(|incident| std::cmp::Reverse((incident.started_ns, incident.id)));
    if is_open {
        incidents.retain(IncidentRecord::is_open);
    } else {
        let alerting = api.alerting.clone();
        let past = blocking(move || alerting.past_incidents(Timestamp(i64::MAX), limit)).await?;
        let known: Vec<u64> = incidents.iter().map(|incident| incident.id).collect();
        incidents.extend(past.into_iter().filter(|incident| !known.contains(&incident.id)));
        incidents.sort_by_key(|incident| std::cmp::Reverse((incident.started_ns, incident.id)));
    }
    incidents.truncate(limit);
    let incidents: Vec<Value> = incidents.iter().map(shown::incident).collect();
    answer(&json!({ "status": "ok", "incidents": incidents }))
}

/// `GET /app/v1/incidents/{id}`: the incident with its timeline and who was told.
async fn show(State(api): State<IncidentsApi>, _: Ours, Path(id): Path<u64>) -> Result<Response, ApiError> {
    let live = api.alerting.read(move |engine, _| engine.incident(id).map(IncidentRecord::of)).await;
    let live = live.map_err(failed)?;
    let alerting = api.alerting.clone();
    let read = move || {
        let past = if live.is_some() { live } else { alerting.past_incident(id)? };
        Ok((past, alerting.timeline(id)?, alerting.deliveries(Some(id), LIMIT_MAX)?))
    };
    let (incident, timeline, deliveries) = blocking(read).await?;
    let incident = incident.ok_or(ApiError::NoSuchIncident { id })?;
    let timeline: Vec<Value> =
        timeline.iter().map(|event| json!({ "at": event.at.to_string(), "text": event.text })).collect();
    let deliveries: Vec<Value> = deliveries.iter().map(shown::delivery).collect();
    let shown = shown::incident(&incident);
    answer(&json!({ "status": "ok", "incident": shown, "timeline": timeline, "deliveries": deliveries }))
}

/// `GET /app/v1/deliveries?incident=…&limit=…`: what was or is to be sent, the newest first, with all attempts.
async fn deliveries(State(api): State<IncidentsApi>, _: Ours, asked: Asked) -> Result<Response, ApiError> {
    asked.only(&["incident", "limit"])?;
    let (incident, limit) = (asked.number("incident")?, asked.limit()?);
    let alerting = api.alerting.clone();
    let deliveries = blocking(move || alerting.deliveries(incident, limit)).await?;
    let deliveries: Vec<Value> = deliveries.iter().map(shown::delivery).collect();
    answer(&json!({ "status": "ok", "deliveries": deliveries }))
}

/// `GET /app/v1/why?alert={alertname="…"}`: for each alert that matches, why somebody was told of it or was not.
async fn why(State(api): State<IncidentsApi>, _: Ours, asked: Asked) -> Result<Response, ApiError> {
    asked.only(&["alert", "limit"])?;
    let limit = asked.limit()?;
    let text = asked.0.get("alert").map_or("", String::as_str);
    let wrong = |error: orszem_indexer::alerting::MatcherError| ApiError::Parameter {
        name: "alert",
        reason: error.to_string(),
    };
    let matchers = parse_matchers(text).map_err(wrong)?;
    let found = api.alerting.read(move |engine, now| {
        let is_meant = |alert: &&orszem_alerting::Alert| {
            let labels = engine.labels_of(alert);
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        };
        let meant = engine.alerts().filter(is_meant).take(limit);
        meant.map(|alert| shown::why(&engine.why(&alert.key, now), &engine.labels_of(alert))).collect::<Vec<Value>>()
    });
    let alerts = found.await.map_err(failed)?;
    answer(&json!({ "status": "ok", "alerts": alerts }))
}

async fn live(api: &IncidentsApi) -> Result<Vec<IncidentRecord>, ApiError> {
    let live = api.alerting.read(|engine, _| engine.incidents().map(IncidentRecord::of).collect::<Vec<_>>());
    live.await.map_err(failed)
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, orszem_indexer::Error> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(read).await?.map_err(failed)
}

pub(super) fn failed(error: orszem_indexer::Error) -> ApiError {
    match error {
        orszem_indexer::Error::NotWritten | orszem_indexer::Error::ShuttingDown => ApiError::NotWritten,
        error => ApiError::Engine(EngineError::Store(Box::new(error))),
    }
}

pub(super) fn answer(value: &Value) -> Result<Response, ApiError> {
    Ok(json_response(serde_json::to_vec(value)?))
}
