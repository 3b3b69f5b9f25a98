//! Codes that log another device in: shown as a QR code by who is logged in, good once and for some minutes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tracing::{info, warn};

use super::login::{BODY_MAX, with_cookie};
use super::token::{self, TokenHash};
use super::{Access, origin, peer};
use crate::catalogue::ApiError;

/// How long a code is good.
const LIFETIME: Duration = Duration::from_secs(300);
/// Codes at once; at the limit the one that would end first ends now.
const CODES_MAX: usize = 100;

/// The codes that are good, each by its hash.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<HashMap<TokenHash, Code>>);

#[derive(Debug)]
struct Code {
    token: TokenHash,
    ends: Instant,
}

impl Codes {
    /// A code that logs in with the token of this hash.
    fn make(&self, token: TokenHash, now: Instant) -> Result<String, getrandom::Error> {
        let code = token::random_secret()?;
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, code| code.ends > now);
        if codes.len() >= CODES_MAX {
            let first = codes.iter().min_by_key(|(_, code)| code.ends).map(|(hash, _)| *hash);
            if let Some(first) = first {
                codes.remove(&first);
            }
        }
        codes.insert(token::hash(&code), Code { token, ends: now + LIFETIME });
        Ok(code)
    }

    /// What a code stands for; it is used up by this.
    fn take(&self, code: &str, now: Instant) -> Option<TokenHash> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&token::hash(code));
        taken.filter(|code| code.ends > now).map(|code| code.token)
    }
}

/// `POST /app/v1/pair`: a code for another device of whoever asks.
pub(super) async fn offer(State(access): State<Arc<Access>>, headers: HeaderMap) -> Response {
    match try_offer(&access, &headers) {
        Ok(code) => {
            let answer = serde_json::json!({ "status": "ok", "code": code, "seconds": LIFETIME.as_secs() });
            ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        }
        Err(error) => error.into_response(),
    }
}

fn try_offer(access: &Access, headers: &HeaderMap) -> Result<String, ApiError> {
    access.table().ok_or(ApiError::LoginUnneeded)?;
    let token = access.token_hash(headers).ok_or(ApiError::UnknownToken)?;
    access.codes.make(token, Instant::now()).map_err(|error| {
        warn!(%error, "no randomness for a code");
        ApiError::NotReady
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    code: String,
}

/// `POST /app/v1/login/pair`: a code in exchange for a login.
pub(super) async fn redeem(State(access): State<Arc<Access>>, request: Request) -> Response {
    match try_redeem(&access, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_redeem(access: &Access, request: Request) -> Result<Response, ApiError> {
    let table = access.table().ok_or(ApiError::LoginUnneeded)?;
    if origin::is_cross_site(request.headers(), request.uri()) {
        return Err(ApiError::CrossSite);
    }
    let now = Instant::now();
    let address = peer(&request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if access.failures.is_limited(address, now) {
        return Err(ApiError::LoginLimited);
    }
    let body = axum::body::to_bytes(request.into_body(), BODY_MAX).await.map_err(|_| ApiError::LoginBody)?;
    let Pair { code } = serde_json::from_slice(&body).map_err(|_| ApiError::LoginBody)?;
    // The token may have been removed since.
    let found = access.codes.take(code.trim(), now).and_then(|hash| Some((hash, table.find(&hash)?)));
    let Some((hash, identity)) = found else {
        access.failures.count(address, now);
        warn!(%address, "a code of pairing was refused");
        return Err(ApiError::PairingFailed);
    };
    let session = access.sessions.open(hash).map_err(|error| {
        warn!(%error, "no randomness for a login");
        ApiError::NotReady
    })?;
    info!(%address, name = %identity.name, role = identity.role.name(), "logged in by a code");
    let answer = serde_json::json!({ "name": identity.name, "role": identity.role.name() });
    Ok(with_cookie(StatusCode::OK, &answer.to_string(), &session, access.sessions.lifetime().as_secs(), access.secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_while() {
        let codes = Codes::default();
        let (token, now) = (token::hash("t"), Instant::now());
        let code = codes.make(token, now).expect("random");
        assert_eq!(codes.take("another", now), None);
        assert_eq!(codes.take(&code, now), Some(token));
        assert_eq!(codes.take(&code, now), None);
        let late = codes.make(token, now).expect("random");
        assert_eq!(codes.take(&late, now + LIFETIME), None);
    }

    #[test]
    fn memory_is_bounded() {
        let codes = Codes::default();
        let start = Instant::now();
        let first = codes.make(token::hash("t"), start).expect("random");
        for n in 0..CODES_MAX as u64 {
            codes.make(token::hash("t"), start + Duration::from_millis(n + 1)).expect("random");
        }
        assert_eq!(codes.0.lock().expect("not poisoned").len(), CODES_MAX);
        assert_eq!(codes.take(&first, start), None);
    }
}
