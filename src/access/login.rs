//! Logging the page in and out: a token in exchange for a cookie.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tracing::{info, warn};

use super::{Access, Identity, cookie, origin, pairing, peer, session_of, token};
use crate::catalogue::ApiError;

/// The largest body of a login.
pub(super) const BODY_MAX: usize = 4 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

/// `POST /app/v1/login` and `POST /app/v1/logout`, `GET /app/v1/me`, and pairing.
pub fn routes(access: Arc<Access>) -> Router {
    Router::new()
        .route("/app/v1/login", post(log_in))
        .route("/app/v1/login/pair", post(pairing::redeem))
        .route("/app/v1/logout", post(log_out))
        .route("/app/v1/me", get(me))
        .route("/app/v1/pair", post(pairing::offer))
        .with_state(access)
}

/// `GET /app/v1/me`: whom the sender's token stands for, and which version answers.
async fn me(State(access): State<Arc<Access>>, Extension(identity): Extension<Identity>) -> Response {
    let Identity { name, role, tenant } = identity;
    let answer = serde_json::json!({
        "status": "ok", "name": name, "role": role.name(), "tenant": tenant, "has_tokens": access.tokens.is_some(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

async fn log_in(State(access): State<Arc<Access>>, request: Request) -> Response {
    match try_log_in(&access, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_log_in(access: &Access, request: Request) -> Result<Response, ApiError> {
    let table = access.table().ok_or(ApiError::LoginUnneeded)?;
    if origin::is_cross_site(request.headers(), request.uri()) {
        return Err(ApiError::CrossSite);
    }
    let address = peer(&request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if access.failures.is_limited(address, Instant::now()) {
        return Err(ApiError::LoginLimited);
    }
    let Login { token } = read_login(request).await?;
    let hash = token::hash(token.trim());
    let Some(identity) = table.find(&hash) else {
        access.failures.count(address, Instant::now());
        warn!(%address, "login refused");
        return Err(ApiError::LoginFailed);
    };
    let session = access.sessions.open(hash).map_err(|error| {
        warn!(%error, "no randomness for a login");
        ApiError::NotReady
    })?;
    info!(%address, name = %identity.name, role = identity.role.name(), "logged in");
    let answer = serde_json::json!({ "name": identity.name, "role": identity.role.name() });
    Ok(with_cookie(StatusCode::OK, &answer.to_string(), &session, access.sessions.lifetime().as_secs(), access.secure))
}

async fn log_out(State(access): State<Arc<Access>>, request: Request) -> Response {
    if let Some(session) = session_of(request.headers()) {
        if !origin::is_same_origin(request.headers(), request.uri()) {
            return ApiError::CrossSite.into_response();
        }
        access.sessions.close(session);
    }
    with_cookie(StatusCode::OK, "{}", "", 0, access.secure)
}

async fn read_login(request: Request) -> Result<Login, ApiError> {
    let is_json = is_json(request.headers());
    let body = axum::body::to_bytes(request.into_body(), BODY_MAX).await.map_err(|_| ApiError::LoginBody)?;
    if is_json {
        return serde_json::from_slice(&body).map_err(|_| ApiError::LoginBody);
    }
    // A token is made of characters that forms leave as they are.
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::LoginBody)?;
    let token = text.split('&').find_map(|pair| pair.strip_prefix("token=")).ok_or(ApiError::LoginBody)?;
    Ok(Login { token: token.to_owned() })
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.starts_with("application/json"))
}

pub(super) fn with_cookie(status: StatusCode, json: &str, session: &str, max_age_s: u64, secure: bool) -> Response {
    let mut response = Response::new(Body::from(json.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    if let Some(cookie) = cookie(session, max_age_s, secure) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
