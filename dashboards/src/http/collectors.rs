//! The endpoints that list collectors and how they are doing.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use orszem_indexer::collectors::{CollectorReport, Collectors};
use serde::Serialize;

use super::access::Reader;
use super::error::ApiError;
use super::logs::{json_response, now};

#[derive(Serialize)]
struct List {
    status: &'static str,
    now_ns: i64,
    collectors: Vec<CollectorReport>,
}

#[derive(Serialize)]
struct One {
    status: &'static str,
    now_ns: i64,
    collector: CollectorReport,
}

/// `/app/v1/collectors` and `/app/v1/collectors/{host}`; each request needs an [`Access`](super::access::Access).
pub fn router(collectors: Arc<Collectors>) -> Router {
    Router::new()
        .route("/app/v1/collectors", get(list))
        .route("/app/v1/collectors/{host}", get(one))
        .with_state(collectors)
}

async fn list(State(collectors): State<Arc<Collectors>>, reader: Reader) -> Result<Response, ApiError> {
    let now = now();
    let collectors = collectors.list(reader.0.tenant, now);
    Ok(json_response(serde_json::to_vec(&List { status: "ok", now_ns: now.0, collectors })?))
}

async fn one(
    State(collectors): State<Arc<Collectors>>,
    reader: Reader,
    Path(host): Path<String>,
) -> Result<Response, ApiError> {
    let now = now();
    let collector = collectors.get(reader.0.tenant, &host, now).ok_or(ApiError::NoSuchCollector { host })?;
    Ok(json_response(serde_json::to_vec(&One { status: "ok", now_ns: now.0, collector })?))
}
