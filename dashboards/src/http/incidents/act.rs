//! What people do about an incident: `POST /app/v1/incidents/{id}/{action}`, and `POST /app/v1/notify/test`.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use orszem_alerting::{Input, Refusal};
use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_point};
use serde::Deserialize;
use serde_json::json;

use super::{IncidentsApi, Ours, answer, failed};
use crate::http::ApiError;
use crate::http::logs::now;

/// The body of an action; each reads what it needs.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Body {
    /// Who does it.
    by: String,
    note: String,
    /// Until a moment, or …
    until: Option<String>,
    /// … for this long.
    #[serde(rename = "for")]
    span: Option<String>,
    /// The incident that goes on with this one.
    into: Option<u64>,
    contact: String,
}

/// `ack`, `unack`, `snooze`, `note`, `escalate`, `merge`.
pub(super) async fn act(
    State(api): State<IncidentsApi>,
    _: Ours,
    Path((incident, action)): Path<(u64, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let body = read(&body)?;
    let (by, now) = (name(&body.by), now());
    let input = match action.as_str() {
        "ack" => Input::Acknowledge { incident, by, until: body.until(now)?, note: body.note },
        "unack" => Input::Unacknowledge { incident, by },
        "snooze" => {
            let missing = || ApiError::Parameter { name: "for", reason: "say for how long, such as 30m".to_owned() };
            Input::Snooze { incident, by, until: body.until(now)?.ok_or_else(missing)? }
        }
        "note" if body.note.is_empty() => {
            return Err(ApiError::Parameter { name: "note", reason: "say something".to_owned() });
        }
        "note" => Input::Note { incident, by, text: body.note },
        "escalate" => Input::EscalateNow { incident, by },
        "merge" => {
            let missing = || ApiError::Parameter { name: "into", reason: "name the other incident".to_owned() };
            let why = if body.note.is_empty() { format!("{by} says so") } else { format!("{by}: {}", body.note) };
            Input::Merge { from: incident, into: body.into.ok_or_else(missing)?, why }
        }
        _ => return Err(ApiError::NoSuchAction { action }),
    };
    give(&api, input).await?;
    answer(&json!({ "status": "ok", "incident": incident }))
}

/// A message to every address of a contact; `/app/v1/deliveries` tells what became of it.
pub(super) async fn test(State(api): State<IncidentsApi>, _: Ours, body: Bytes) -> Result<Response, ApiError> {
    let body = read(&body)?;
    give(&api, Input::Test { contact: body.contact.clone(), by: name(&body.by) }).await?;
    answer(&json!({ "status": "ok", "contact": body.contact }))
}

async fn give(api: &IncidentsApi, input: Input) -> Result<(), ApiError> {
    let answers = api.alerting.submit(vec![input]).await.map_err(failed)?;
    match answers.into_iter().flatten().next() {
        None => Ok(()),
        Some(Refusal::UnknownIncident(id)) => Err(ApiError::NoSuchIncident { id }),
        Some(refusal) => Err(ApiError::Refused { reason: refusal.to_string() }),
    }
}

fn read(body: &[u8]) -> Result<Body, ApiError> {
    if body.is_empty() {
        return Ok(Body::default());
    }
    serde_json::from_slice(body).map_err(|error| ApiError::Parameters { reason: error.to_string() })
}

fn name(by: &str) -> String {
    if by.is_empty() { "somebody".to_owned() } else { by.to_owned() }
}

impl Body {
    fn until(&self, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
        let wrong = |name: &'static str, reason: String| ApiError::Parameter { name, reason };
        match (&self.until, &self.span) {
            (None, None) => Ok(None),
            (Some(until), None) => parse_point(until, now).map(Some).map_err(|error| wrong("until", error.to_string())),
            (None, Some(span)) => {
                let span = parse_duration(span).map_err(|error| wrong("for", error.to_string()))?;
                Ok(Some(now.after(span)))
            }
            (Some(_), Some(_)) => Err(wrong("for", "say `for` or `until`, not both".to_owned())),
        }
    }
}
