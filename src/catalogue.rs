//! The texts that users of the server's shell see, each error with its stable code and status.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

/// An error that the shell around the routes answers. Codes never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiError {
    NoToken,
    UnknownToken,
    Forbidden,
    CrossSite,
    ForeignHost,
    LoginFailed,
    LoginBody,
    LoginLimited,
    LoginUnneeded,
    PairingFailed,
    TooManyLinks,
    BodyTooLarge,
    NotFound,
    MethodNotAllowed,
    NotReady,
    MetricsFailed,
    SettleFailed,
    BackupBusy,
    BackupFailed,
}

impl ApiError {
    /// All of them, in the order of the table in `docs/errors.md`.
    pub const ALL: [Self; 19] = [
        Self::NoToken,
        Self::UnknownToken,
        Self::Forbidden,
        Self::CrossSite,
        Self::ForeignHost,
        Self::LoginFailed,
        Self::LoginBody,
        Self::LoginLimited,
        Self::LoginUnneeded,
        Self::PairingFailed,
        Self::TooManyLinks,
        Self::BodyTooLarge,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotReady,
        Self::MetricsFailed,
        Self::SettleFailed,
        Self::BackupBusy,
        Self::BackupFailed,
    ];

    /// The stable code, the status, and the sentence that says what to change.
    pub fn entry(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NoToken => (
                "access.no_token",
                StatusCode::UNAUTHORIZED,
                "this server wants a token: send `Authorization: Bearer TOKEN`, the token as Basic password, or log in at `/`",
            ),
            Self::UnknownToken => (
                "access.unknown_token",
                StatusCode::UNAUTHORIZED,
                "the token or login is not known here: check it, or make a new one with `orszem token new NAME --role ROLE`",
            ),
            Self::Forbidden => (
                "access.forbidden",
                StatusCode::FORBIDDEN,
                "the token's role does not allow this: `ingest` sends, `read` queries, `admin` does everything; use a token of another role",
            ),
            Self::CrossSite => (
                "access.cross_site",
                StatusCode::FORBIDDEN,
                "the request comes from another site's page: use this server's own page, or a client that sends a token as Bearer",
            ),
            Self::ForeignHost => (
                "access.foreign_host",
                StatusCode::FORBIDDEN,
                "without tokens only `localhost` and loopback addresses are answered: use one as the host, or set access.token_file",
            ),
            Self::LoginFailed => (
                "access.login_failed",
                StatusCode::UNAUTHORIZED,
                "no such token: paste the whole token as `orszem token new` printed it",
            ),
            Self::LoginBody => (
                "access.login_body",
                StatusCode::BAD_REQUEST,
                "a login is JSON `{\"token\": \"…\"}` or a form with the field `token`, at most 4 KiB",
            ),
            Self::LoginLimited => (
                "access.login_limited",
                StatusCode::TOO_MANY_REQUESTS,
                "too many failed logins from this address: wait a minute",
            ),
            Self::LoginUnneeded => (
                "access.login_unneeded",
                StatusCode::CONFLICT,
                "this server has no tokens, so nobody needs to log in: set access.token_file to change that",
            ),
            Self::PairingFailed => (
                "access.pairing_failed",
                StatusCode::UNAUTHORIZED,
                "the code is not good, or not any more: it holds for 5 minutes and for one device; have a new one shown",
            ),
            Self::TooManyLinks => (
                "access.too_many_links",
                StatusCode::TOO_MANY_REQUESTS,
                "links of messages were followed too often from this address: wait a minute",
            ),
            Self::BodyTooLarge => (
                "server.body_too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than server.body_max: send smaller batches or raise it",
            ),
            Self::NotFound => (
                "server.not_found",
                StatusCode::NOT_FOUND,
                "there is nothing at this path: check its spelling and prefix",
            ),
            Self::MethodNotAllowed => (
                "server.method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "this path is not used with this method: see the `Allow` header",
            ),
            Self::NotReady => (
                "server.not_ready",
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is starting or stopping: try again in a moment",
            ),
            Self::MetricsFailed => (
                "server.metrics_failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics could not be written: see the server's log",
            ),
            Self::SettleFailed => (
                "store.settle_failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "the store could not write everything out: see the server's log; nothing is lost",
            ),
            Self::BackupBusy => (
                "store.backup_busy",
                StatusCode::CONFLICT,
                "another backup of this server is under way: ask again when it is done",
            ),
            Self::BackupFailed => (
                "store.backup_failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "the stores could not be copied: see the server's log; they are as they were",
            ),
        }
    }

    /// The answer as JSON: `{"status": "error", "code": …, "message": …}`.
    pub fn json(self) -> String {
        let (code, _, message) = self.entry();
        json(code, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status, message) = self.entry();
        let mut response = refusal(status, code, message);
        let headers = response.headers_mut();
        if self == Self::NoToken || self == Self::UnknownToken {
            headers.insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer realm=\"orszem\""));
        }
        if self == Self::LoginLimited {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static("60"));
        }
        if self == Self::NotReady {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        response
    }
}

/// An error of a route that says more than its code: the same JSON, with a message of its own.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json(code, message)).into_response()
}

fn json(code: &str, message: &str) -> String {
    serde_json::json!({ "status": "error", "code": code, "message": message }).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_listed_in_the_docs() {
        let codes: BTreeSet<&str> = ApiError::ALL.iter().map(|error| error.entry().0).collect();
        assert_eq!(codes.len(), ApiError::ALL.len());
        let docs = include_str!("../docs/errors.md");
        let missing: Vec<&&str> = codes.iter().filter(|code| !docs.contains(&format!("`{code}`"))).collect();
        assert_eq!(missing, Vec::<&&str>::new());
    }
}
