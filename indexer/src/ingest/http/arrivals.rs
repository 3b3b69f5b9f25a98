//! Tells who keeps track of collectors what each request says of its sender: whose it is, by which clock, what became of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::HeaderMap;
use orszem_model::Timestamp;

use super::{Clock, Tenant};
use crate::collectors::{Arrival, Collectors};
use crate::ingest::Decoded;

const SOURCE: &str = "x-orszem-source";
/// When the sender sent the request, in nanoseconds since 1970 by its own clock.
const SENT: &str = "x-orszem-sent";

/// What was rejected of a request, in its response's extensions: records by reason, or the code of the refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Rejections(Vec<(&'static str, u64)>);

impl Rejections {
    /// The records left out of a request.
    pub(super) fn of(decoded: &Decoded) -> Self {
        Self(decoded.rejected.iter().map(|rejection| (rejection.reason.name(), rejection.count as u64)).collect())
    }

    /// A request refused as a whole.
    pub(super) fn refused(code: &'static str) -> Self {
        Self(vec![(code, 1)])
    }
}

/// `routes` whose requests `collectors` is told of.
pub fn watched(routes: Router, collectors: Arc<Collectors>, clock: Clock) -> Router {
    routes.layer(from_fn_with_state((collectors, clock), watch))
}

async fn watch(State((collectors, clock)): State<(Arc<Collectors>, Clock)>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(source) = text(headers, SOURCE).map(str::to_owned) else { return next.run(request).await };
    let sent = text(headers, SENT).and_then(|sent| sent.parse().ok()).map(Timestamp);
    let tenant = request.extensions().get::<Tenant>().copied().unwrap_or_default().0;
    let received = clock();
    let response = next.run(request).await;
    let rejections = response.extensions().get::<Rejections>().cloned().unwrap_or_default();
    collectors.arrived(&Arrival { tenant, source: &source, sent, received, rejected: &rejections.0 });
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
