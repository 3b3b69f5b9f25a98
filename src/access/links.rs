//! How often links in messages may be followed: whoever guesses tokens is slow, and a loop does not hold up alerting.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::failures::Failures;
use super::peer;
use crate::catalogue::ApiError;

/// Requests of a minute from one address; a proxy in front is one.
const REQUESTS_MAX: u32 = 60;

/// Counts what follows links, by address.
#[derive(Clone, Debug)]
pub(crate) struct LinkLimit(Arc<Failures>);

impl LinkLimit {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Failures::new(REQUESTS_MAX)))
    }

    /// The routes behind the limit.
    pub(crate) fn around(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self, limit))
    }
}

/// 429 beyond the limit.
async fn limit(State(LinkLimit(followed)): State<LinkLimit>, request: Request, next: Next) -> Response {
    if let Some(address) = peer(&request) {
        let now = Instant::now();
        if followed.is_limited(address, now) {
            return ApiError::TooManyLinks.into_response();
        }
        followed.count(address, now);
    }
    next.run(request).await
}
