//! Errors in the form of the Prometheus HTTP API: `{"status":"error","errorType":…,"error":…}`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use orszem_promql::{EvalError, Interruption, SourceError};
use serde_json::json;

/// A request that is not answered; the texts are Prometheus' where it has one.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("invalid parameter {name:?}: {reason}")]
    Parameter { name: &'static str, reason: String },
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Evaluation(#[from] EvalError),
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("the query waited too long for others to end; try again")]
    Busy,
    #[error("admin APIs need a token with the role admin")]
    AdminOnly,
    #[error("the answer could not be computed; the server's log says why")]
    Panicked(#[from] tokio::task::JoinError),
}

impl QueryError {
    /// The status and Prometheus' error type (`web/api/v1/api.go`).
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Parameter { .. } | Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            Self::Evaluation(EvalError::Interrupted(Interruption::TimedOut)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "timeout")
            }
            Self::Evaluation(EvalError::Interrupted(Interruption::Cancelled)) => {
                (StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), "canceled")
            }
            Self::Evaluation(EvalError::Source(error)) | Self::Source(error) if !error.is_limit => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
            Self::Evaluation(_) | Self::Source(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::AdminOnly => (StatusCode::FORBIDDEN, "unavailable"),
            Self::Panicked(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let (status, kind) = self.kind();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = &self as &dyn std::error::Error, "query failed");
        }
        let body = json!({ "status": "error", "errorType": kind, "error": self.to_string() });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
