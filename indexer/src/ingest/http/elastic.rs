//! The routes of Elasticsearch: documents are taken in, what agents ask and set up before that is answered.
//!
//! Nothing that is set up is stored: there are no templates, pipelines or policies here, and none are needed.
//! `GET /` is answered where the page is.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::super::elastic::{Document, Failure, Target};
use super::protocol::Surface;
use super::{IngestState, answer, serve};

/// How long the body of a call that stores nothing may take.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);
/// What templates, policies and pipelines are kept under.
const SETUPS: [&str; 6] = [
    "/_ilm/policy/{name}",
    "/_index_template/{name}",
    "/_template/{name}",
    "/_component_template/{name}",
    "/_ingest/pipeline/{name}",
    "/_data_stream/{name}",
];
/// Questions and changes that only a search engine can answer.
const UNSUPPORTED: [&str; 13] = [
    "/_search",
    "/_count",
    "/_msearch",
    "/_mget",
    "/_delete_by_query",
    "/{index}/_search",
    "/{index}/_count",
    "/{index}/_msearch",
    "/{index}/_mget",
    "/{index}/_mapping",
    "/{index}/_update/{id}",
    "/{index}/_update_by_query",
    "/{index}/_delete_by_query",
];

/// All routes but `/` and `/{index}`, for which see [`index`].
pub(super) fn routes() -> Router<Arc<IngestState>> {
    let health = json!({"cluster_name": "orszem", "status": "green", "timed_out": false, "number_of_nodes": 1,
        "number_of_data_nodes": 1, "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0,
        "initializing_shards": 0, "unassigned_shards": 0, "number_of_pending_tasks": 0,
        "active_shards_percent_as_number": 100.0});
    let nodes = json!({"_nodes": {"total": 0, "successful": 0, "failed": 0}, "cluster_name": "orszem", "nodes": {}});
    let started = json!({"acknowledged": true, "basic_was_started": false});
    let mut router = Router::new()
        .route("/_bulk", post(bulk).put(bulk))
        .route("/{index}/_bulk", post(bulk_of).put(bulk_of))
        .route("/{index}/_doc", post(document))
        .route("/{index}/_doc/{id}", post(document_as).put(document_as).fallback(unsupported))
        .route("/{index}/_create/{id}", post(document_as).put(document_as))
        .route("/_license", with(&json!({"license": license()})))
        .route("/_license/start_basic", post(with_answer(&started)))
        .route("/_xpack", with(&xpack()))
        .route("/_cluster/health", with(&health))
        .route("/_nodes", with(&nodes))
        .route("/_nodes/http", with(&nodes))
        .route("/_nodes/_all/http", with(&nodes))
        .route("/_alias/{name}", get(missing_alias))
        .route("/_refresh", any(refreshed))
        .route("/{index}/_refresh", any(refreshed));
    for path in SETUPS {
        router = router.route(path, get(missing).put(set_up).post(set_up));
    }
    for path in UNSUPPORTED {
        router = router.route(path, any(unsupported));
    }
    router
}

/// `HEAD` and `PUT /{index}`: no index exists, and one is made without being stored. `None` for anything else.
///
/// It is not among the routes, for it would take every other path of one part.
pub fn index(request: &Request) -> Option<Response> {
    let name = request.uri().path().strip_prefix('/').filter(|name| !name.is_empty() && !name.contains('/'))?;
    match *request.method() {
        Method::HEAD => Some(json_answer(StatusCode::NOT_FOUND, &Value::Null)),
        Method::PUT => {
            let made = json!({"acknowledged": true, "shards_acknowledged": true, "index": name});
            Some(json_answer(StatusCode::OK, &made))
        }
        _ => None,
    }
}

async fn bulk(State(state): State<Arc<IngestState>>, request: Request) -> Response {
    take(state, Target::default(), request).await
}

async fn bulk_of(State(state): State<Arc<IngestState>>, Path(index): Path<String>, request: Request) -> Response {
    take(state, Target { index: Some(index), ..Target::default() }, request).await
}

async fn document(State(state): State<Arc<IngestState>>, Path(index): Path<String>, request: Request) -> Response {
    let target = Target { index: Some(index), document: Some(Document { id: None }), ..Target::default() };
    take(state, target, request).await
}

async fn document_as(
    State(state): State<Arc<IngestState>>,
    Path((index, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let target = Target { index: Some(index), document: Some(Document { id: Some(id) }), ..Target::default() };
    take(state, target, request).await
}

async fn take(state: Arc<IngestState>, target: Target, mut request: Request) -> Response {
    request.extensions_mut().insert(target);
    serve(state, Surface::Elastic, request).await
}

/// `GET` with always the same answer.
fn with(value: &Value) -> MethodRouter<Arc<IngestState>> {
    get(with_answer(value))
}

fn with_answer(value: &Value) -> impl Fn() -> std::future::Ready<Response> + Clone + Send + Sync + 'static {
    let body = value.to_string().into_bytes();
    move || std::future::ready(answer::of_elasticsearch(StatusCode::OK, body.clone()))
}

fn license() -> Value {
    json!({"status": "active", "uid": "orszem", "type": "basic", "mode": "basic", "issued_to": "orszem", "issuer": "orszem"})
}

fn xpack() -> Value {
    let feature = json!({"available": true, "enabled": true});
    json!({"build": {"hash": "orszem", "date": "1970-01-01T00:00:00Z"}, "license": license(),
        "features": {"ilm": feature, "data_streams": feature}, "tagline": "You know, for X"})
}

/// A template, policy, pipeline or data stream: there is none.
async fn missing(Path(name): Path<String>) -> Response {
    let reason = format!("[{name}] is not stored here; it can be put and needs not be");
    answer::failure(&Failure::new(404, "resource_not_found_exception", reason))
}

async fn missing_alias(Path(name): Path<String>) -> Response {
    json_answer(StatusCode::NOT_FOUND, &json!({"error": format!("alias [{name}] missing"), "status": 404}))
}

/// Acknowledges what is set up, once its body was read.
async fn set_up(request: Request) -> Response {
    match tokio::time::timeout(SETUP_TIMEOUT, skip(request.into_body())).await {
        Ok(Ok(())) => json_answer(StatusCode::OK, &json!({"acknowledged": true})),
        Ok(Err(error)) => {
            let reason = format!("the body ended before it was whole: {error}");
            answer::failure(&Failure::new(400, "illegal_argument_exception", reason))
        }
        Err(_) => answer::failure(&Failure::new(408, "receive_timeout_transport_exception", "the body did not arrive")),
    }
}

async fn skip(mut body: Body) -> Result<(), axum::Error> {
    while let Some(frame) = body.frame().await {
        drop(frame?);
    }
    Ok(())
}

/// What was acknowledged can be found already.
async fn refreshed() -> Response {
    json_answer(StatusCode::OK, &json!({"_shards": {"total": 1, "successful": 1, "failed": 0}}))
}

async fn unsupported(request: Request) -> Response {
    let reason = format!(
        "{} {} is not answered: documents are taken in here in Elasticsearch's protocol, not searched or changed; \
         search with GET /app/v1/search or on the page",
        request.method(),
        request.uri().path()
    );
    answer::failure(&Failure::new(501, "unsupported_operation_exception", reason))
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    answer::of_elasticsearch(status, if value.is_null() { Vec::new() } else { value.to_string().into() })
}
