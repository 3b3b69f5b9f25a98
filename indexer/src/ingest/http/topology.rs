//! `POST /app/v1/topology`: all edges of one origin that a reporter knows.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use orszem_model::time::parse_timestamp;
use orszem_model::topology::{Edge, Relation};
use orszem_model::{Timestamp, chain};
use serde::Deserialize;
use serde_json::json;

use super::super::error::IngestError;
use super::{IngestState, SubmitError, document};
use crate::error::Error;
use crate::facts;
use crate::topology::{EDGES_MAX, EdgeSet, EdgeTally, Topology};

/// Bytes of an entity, an origin, a reporter or a detail, at most.
const TEXT_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    origin: String,
    reporter: String,
    /// In any common form; now where it is left out.
    at: Option<String>,
    edges: Vec<ToldEdge>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldEdge {
    from: String,
    relation: String,
    to: String,
    #[serde(default)]
    detail: String,
}

type Shared = (Arc<IngestState>, Topology);

/// The route `POST /app/v1/topology`.
pub fn router(state: Arc<IngestState>, topology: Topology) -> Router {
    let take = |State((state, topology)): State<Shared>, request: Request| async move {
        document::answered(take_in(&state, &topology, request).await)
    };
    Router::new()
        .route("/app/v1/topology", post(take))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state((state, topology))
}

async fn take_in(state: &Arc<IngestState>, topology: &Topology, request: Request) -> Result<String, IngestError> {
    let set = document::read(state, request, |sender, body| {
        let told: Told = serde_json::from_slice(body).map_err(|error| {
            wrong(format!("the body is not `{{\"origin\", \"reporter\", \"edges\": [{{\"from\", \"relation\", \"to\"}}]}}`: {error}"))
        })?;
        told.checked(sender.tenant, sender.now)
    });
    let set = set.await?;
    let edges = set.edges.len();
    let EdgeTally { added, removed } = topology.replace(set).await.map_err(|error| refusal(&error))?;
    Ok(json!({ "status": "ok", "edges": edges, "added": added, "removed": removed }).to_string())
}

impl Told {
    fn checked(self, tenant: u32, now: Timestamp) -> Result<EdgeSet, IngestError> {
        let Self { origin, reporter, at, edges } = self;
        for (name, text) in [("origin", &origin), ("reporter", &reporter)] {
            check(name, text, 1)?;
        }
        if reporter.split('/').next() == Some(facts::SERVICE) {
            return Err(wrong(format!("reporter: {reporter:?} is the server's own; use the host's name")));
        }
        if edges.len() > EDGES_MAX {
            return Err(too_many(EDGES_MAX));
        }
        let at = match at {
            Some(text) => parse_timestamp(&text, now).map_err(|error| wrong(format!("at: {error}")))?,
            None => now,
        };
        let edges = edges.into_iter().map(|told| told.checked(&origin)).collect::<Result<_, _>>()?;
        Ok(EdgeSet { tenant, reporter, origin: Some(origin), at, edges })
    }
}

impl ToldEdge {
    fn checked(self, origin: &str) -> Result<Edge, IngestError> {
        let Self { from, relation, to, detail } = self;
        for (name, entity) in [("from", &from), ("to", &to)] {
            check(name, entity, 1)?;
            if !entity.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()) {
                return Err(wrong(format!("{name}: {entity:?} is no entity; write KIND/NAME, such as host/db1")));
            }
        }
        check("detail", &detail, 0)?;
        let Some(relation) = Relation::from_name(&relation) else {
            let known: Vec<&str> = Relation::ALL.into_iter().map(Relation::name).collect();
            return Err(wrong(format!("relation: {relation:?} is none of {}", known.join(", "))));
        };
        Ok(Edge { from, relation, to, detail, origin: origin.to_owned() })
    }
}

fn check(name: &str, text: &str, least: usize) -> Result<(), IngestError> {
    document::check_text(name, text, least, TEXT_BYTES_MAX).map_err(wrong)
}

fn wrong(message: String) -> IngestError {
    IngestError::new("topology.wrong", 400, message)
}

fn too_many(limit: usize) -> IngestError {
    let message = format!("a tenant's topology has at most {limit} edges, and with these it would have more");
    IngestError::new("topology.too_many_edges", 400, message)
}

fn refusal(error: &Error) -> IngestError {
    match error {
        Error::TooManyEdges { limit } => too_many(*limit),
        Error::JournalEdges { source: orszem_journal::Error::QueueFull } => {
            SubmitError::Overloaded { retry_after_s: 1 }.into()
        }
        Error::ShuttingDown => document::unwritten(error),
        error => {
            tracing::error!(error = %chain(error), "edges could not be taken in");
            document::unwritten(error)
        }
    }
}
