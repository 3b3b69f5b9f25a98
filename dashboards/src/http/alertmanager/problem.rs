//! Errors in the two forms that Alertmanager has: its own, a JSON string, and those of its input validation.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use orszem_indexer::Error;
use serde_json::json;

use super::AlertmanagerApi;
use crate::http::access::Access;

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum Problem {
    /// What was sent can't be used.
    Bad(String),
    /// The body is no JSON of the kind.
    Unreadable(String),
    /// A field is wrong; the code is that of go-openapi.
    Field {
        code: u16,
        message: String,
    },
    NotFound,
    NoSuchSilence(String),
    Expired(String),
    NoAccess,
    /// It could not be written: nothing of it holds.
    Failed(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Bad(message) => (StatusCode::BAD_REQUEST, json!(message)),
            Self::Unreadable(message) => (StatusCode::BAD_REQUEST, json!({ "code": 400, "message": message })),
            Self::Field { code, message } => {
                (StatusCode::UNPROCESSABLE_ENTITY, json!({ "code": code, "message": message }))
            }
            Self::NotFound => return StatusCode::NOT_FOUND.into_response(),
            Self::NoSuchSilence(message) => (StatusCode::NOT_FOUND, json!(message)),
            Self::Expired(message) => (StatusCode::INTERNAL_SERVER_ERROR, json!(message)),
            Self::NoAccess => (StatusCode::FORBIDDEN, json!("alerting belongs to another tenant than the token's")),
            Self::Failed(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "alerting could not take a request");
                (StatusCode::SERVICE_UNAVAILABLE, json!(error.to_string()))
            }
        };
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Whoever asks is of the tenant that alerting is about.
pub(super) struct Ours;

impl FromRequestParts<AlertmanagerApi> for Ours {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &AlertmanagerApi) -> Result<Self, Problem> {
        let access = parts.extensions.get::<Access>();
        let is_ours = access.is_some_and(|access| access.tenant == api.server.tenant);
        if is_ours { Ok(Self) } else { Err(Problem::NoAccess) }
    }
}
