//! The endpoint that tells what depends on what, now and at any past moment.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use orszem_indexer::topology::{HeldEdge, Topology};
use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_point};
use orszem_model::topology::{Edge, EdgeChange};
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::access::Reader;
use super::engine::EngineError;
use super::logs::{json_response, now};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    at: Option<String>,
    since: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    at: String,
    at_ns: String,
    edges: Vec<ShownEdge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ShownChange>>,
}

#[derive(Serialize)]
struct ShownEdge {
    from: String,
    relation: &'static str,
    to: String,
    detail: String,
    origin: String,
    since: String,
}

#[derive(Serialize)]
struct ShownChange {
    at: String,
    /// Whether it began then, or ended.
    is_there: bool,
    from: String,
    relation: &'static str,
    to: String,
    detail: String,
    origin: String,
}

/// `GET /app/v1/topology?at=…&since=…`: the edges at a moment (now unless it is named), and, where `since` names a span
/// before it, what has changed in that; each request needs an [`Access`](super::access::Access).
pub fn router(topology: Topology) -> Router {
    Router::new().route("/app/v1/topology", get(show)).with_state(topology)
}

async fn show(
    State(topology): State<Topology>,
    reader: Reader,
    ask: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Ask { at, since }) = ask.map_err(|error| ApiError::Parameters { reason: error.body_text() })?;
    let now = now();
    let wrong = |name: &'static str, reason: String| ApiError::Parameter { name, reason };
    let at = match at {
        Some(text) => parse_point(&text, now).map_err(|error| wrong("at", error.to_string()))?,
        None => now,
    };
    let from = match since {
        Some(text) => Some(at.before(parse_duration(&text).map_err(|error| wrong("since", error.to_string()))?)),
        None => None,
    };
    let tenant = reader.0.tenant;
    let asked = tokio::task::spawn_blocking(move || {
        let edges = topology.at(tenant, at)?;
        let changes = from.map(|from| topology.changes(tenant, from, Timestamp(at.0.saturating_add(1)))).transpose()?;
        Ok::<_, orszem_indexer::Error>((edges, changes))
    });
    let (edges, changes) = asked.await?.map_err(|error| EngineError::Store(Box::new(error)))?;
    let answer = Answer {
        status: "ok",
        at: at.to_string(),
        at_ns: at.0.to_string(),
        edges: edges.into_iter().map(shown_edge).collect(),
        changes: changes.map(|changes| changes.into_iter().map(shown_change).collect()),
    };
    Ok(json_response(serde_json::to_vec(&answer)?))
}

fn shown_edge(HeldEdge { edge, since }: HeldEdge) -> ShownEdge {
    let Edge { from, relation, to, detail, origin } = edge;
    ShownEdge { from, relation: relation.name(), to, detail, origin, since: since.to_string() }
}

fn shown_change(EdgeChange { at, edge, is_there }: EdgeChange) -> ShownChange {
    let Edge { from, relation, to, detail, origin } = edge;
    ShownChange { at: at.to_string(), is_there, from, relation: relation.name(), to, detail, origin }
}
