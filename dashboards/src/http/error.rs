//! What is answered when a request can't be: status, stable code, a sentence, and where a query is wrong.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use orszem_search::ParseError;
use serde_json::json;
use tracing::error;

use super::engine::EngineError;

/// A request that is not answered. The texts are for the person who sent it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Syntax(#[from] ParseError),
    #[error("{name}: {reason}")]
    Parameter { name: &'static str, reason: String },
    #[error("the parameters can't be read: {reason}")]
    Parameters { reason: String },
    #[error("send the parameters as application/json or application/x-www-form-urlencoded, not {given:?}")]
    ContentType { given: String },
    #[error("this needs a token; send it as a Bearer token or log in")]
    AccessRequired,
    #[error("this needs a token with the role {role}")]
    Forbidden { role: &'static str },
    #[error("the page {origin:?} may not open a live tail of this server")]
    ForeignOrigin { origin: String },
    #[error("there is no record with this ts and seq")]
    NoSuchRecord,
    #[error("no collector on the host {host:?} was ever heard of here; `orszem collectors` lists those that were")]
    NoSuchCollector { host: String },
    #[error("there is no such device; `GET /app/v1/devices` lists those that there are")]
    NoSuchDevice,
    #[error("there is no incident {id}; `orszem alerts` lists those that there are")]
    NoSuchIncident { id: u64 },
    #[error("{action:?} is nothing to be done about an incident; write ack, unack, snooze, note, escalate or merge")]
    NoSuchAction { action: String },
    #[error("no probe has such a target: {target:?}; `GET /app/v1/probes` lists those that there are")]
    NoSuchTarget { target: String },
    #[error("there is no exclusion {id} that counts")]
    NoSuchExclusion { id: i64 },
    #[error("{reason}")]
    Refused { reason: String },
    #[error("it could not be written, and nothing of it holds; try again, and see the server's log")]
    NotWritten,
    #[error("the rules are not in order: {reason}")]
    Rules { reason: String },
    #[error("{reason}")]
    Replay { reason: String },
    #[error("alerting belongs to another tenant than the token's")]
    ForeignTenant,
    #[error("too many questions at once; try again in a second")]
    Busy,
    #[error("the answer could not be computed; the server's log says why")]
    Engine(#[from] EngineError),
    #[error("the answer could not be computed; the server's log says why")]
    Panicked(#[from] tokio::task::JoinError),
    #[error("the answer could not be written as JSON")]
    Encode(#[from] serde_json::Error),
}

impl ApiError {
    /// The status and the stable code.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Syntax(_) => (StatusCode::BAD_REQUEST, "search.syntax"),
            Self::Parameter { .. } => (StatusCode::BAD_REQUEST, "request.parameter"),
            Self::Parameters { .. } => (StatusCode::BAD_REQUEST, "request.parameters"),
            Self::ContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.content_type"),
            Self::AccessRequired => (StatusCode::UNAUTHORIZED, "access.required"),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "access.forbidden"),
            Self::ForeignOrigin { .. } => (StatusCode::FORBIDDEN, "access.origin"),
            Self::NoSuchRecord => (StatusCode::NOT_FOUND, "search.no_such_record"),
            Self::NoSuchCollector { .. } => (StatusCode::NOT_FOUND, "collectors.no_such_host"),
            Self::NoSuchDevice => (StatusCode::NOT_FOUND, "alerting.no_such_device"),
            Self::NoSuchIncident { .. } => (StatusCode::NOT_FOUND, "alerting.no_such_incident"),
            Self::NoSuchAction { .. } => (StatusCode::NOT_FOUND, "alerting.no_such_action"),
            Self::NoSuchTarget { .. } => (StatusCode::NOT_FOUND, "probes.no_such_target"),
            Self::NoSuchExclusion { .. } => (StatusCode::NOT_FOUND, "probes.no_such_exclusion"),
            Self::Refused { .. } => (StatusCode::CONFLICT, "alerting.refused"),
            Self::NotWritten => (StatusCode::SERVICE_UNAVAILABLE, "alerting.not_written"),
            Self::Rules { .. } => (StatusCode::BAD_REQUEST, "rules.not_in_order"),
            Self::Replay { .. } => (StatusCode::BAD_REQUEST, "rules.replay"),
            Self::ForeignTenant => (StatusCode::FORBIDDEN, "alerting.tenant"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "search.busy"),
            Self::Engine(EngineError::Cancelled) => (StatusCode::SERVICE_UNAVAILABLE, "search.cancelled"),
            Self::Engine(EngineError::Store(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "search.store"),
            Self::Panicked(_) | Self::Encode(_) => (StatusCode::INTERNAL_SERVER_ERROR, "search.internal"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            error!(code, error = &self as &dyn std::error::Error, "request failed");
        }
        let mut body = json!({ "status": "error", "code": code, "message": self.to_string() });
        if let Self::Syntax(e) = &self {
            body["message"] = json!(e.message);
            body["position"] = json!(e.character);
            body["expected"] = json!(e.expected);
            body["found"] = json!(e.found);
        }
        if let Self::Parameter { name, .. } = &self {
            body["parameter"] = json!(name);
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
