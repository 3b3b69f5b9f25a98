//! `/app/v1/heartbeat/NAME`, with `/start`, `/fail` or an exit status behind it, and `/app/v1/heartbeats`.

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use orszem_probe::Signal;
use serde_json::json;

use super::Heartbeats;
use crate::access::Identity;
use crate::catalogue::refusal;
use crate::collecting;

pub(super) fn router(heartbeats: Heartbeats) -> Router {
    // As with other services of the kind, any of the methods that curl and wget send by themselves is taken.
    Router::new()
        .route("/app/v1/heartbeat/{name}", get(plain).post(plain))
        .route("/app/v1/heartbeat/{name}/{signal}", get(told).post(told))
        .route("/app/v1/heartbeats", get(list))
        .with_state(heartbeats)
}

async fn plain(state: State<Heartbeats>, identity: Extension<Identity>, Path(name): Path<String>) -> Response {
    told(state, identity, Path((name, String::new()))).await
}

async fn told(
    State(heartbeats): State<Heartbeats>,
    Extension(identity): Extension<Identity>,
    Path((name, signal)): Path<(String, String)>,
) -> Response {
    if identity.tenant != Identity::local().tenant {
        return foreign();
    }
    let Some(signal) = Signal::parse(&signal) else {
        let told = format!("{signal:?} is no signal; write start, fail, success or an exit status from 0 to 255");
        return refusal(StatusCode::NOT_FOUND, "heartbeat.no_such_signal", &told);
    };
    let unknown = format!("no heartbeat is called {name:?}; name it in [[heartbeat]]");
    match heartbeats.tell(name, signal).await {
        Some(true) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], "OK\n").into_response(),
        Some(false) => {
            let told = "it could not be written, and does not count; try again, and see the server's log";
            let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, "heartbeat.not_written", told);
            response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
            response
        }
        None => refusal(StatusCode::NOT_FOUND, "heartbeat.no_such_name", &unknown),
    }
}

async fn list(State(heartbeats): State<Heartbeats>, Extension(identity): Extension<Identity>) -> Response {
    if identity.tenant != Identity::local().tenant {
        return foreign();
    }
    let all = heartbeats.shown.borrow().clone();
    let body = json!({ "status": "ok", "now_ms": collecting::now().0 / 1_000_000, "heartbeats": all });
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn foreign() -> Response {
    refusal(StatusCode::FORBIDDEN, "heartbeat.tenant", "heartbeats belong to another tenant than the token's")
}
