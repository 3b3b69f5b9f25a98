//! `POST /app/v1/probes/votes`: what a collector finds of the targets that it probes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use orszem_availability::{Told, ToldVote, VOTES_MAX};
use orszem_model::chain;

use super::super::error::IngestError;
use super::{IngestState, document};
use crate::error::Error;
use crate::probes::ProbesHandle;

/// Bytes of the names of a collector and a probe, of a target, and of a reason, at most.
const NAME_BYTES_MAX: usize = 256;
const INSTANCE_BYTES_MAX: usize = 2_048;
const REASON_BYTES_MAX: usize = 1_000;
/// Labels of a target, and bytes of a name or value, at most.
const LABELS_MAX: usize = 64;

type Shared = (Arc<IngestState>, ProbesHandle);

/// The route `POST /app/v1/probes/votes`.
pub fn router(state: Arc<IngestState>, probes: ProbesHandle) -> Router {
    let take = |State((state, probes)): State<Shared>, request: Request| async move {
        document::answered(take_in(&state, &probes, request).await)
    };
    Router::new()
        .route("/app/v1/probes/votes", post(take))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state((state, probes))
}

async fn take_in(state: &Arc<IngestState>, probes: &ProbesHandle, request: Request) -> Result<String, IngestError> {
    let told = document::read(state, request, |sender, body| {
        let told: Told = serde_json::from_slice(body).map_err(|error| {
            wrong(format!("the body is not `{{\"collector\", \"epoch\", \"votes\": [{{\"n\", \"probe\", \"instance\", \"vote\", \"interval_ms\", \"timeout_ms\"}}]}}`: {error}"))
        })?;
        check(&told)?;
        Ok((sender.tenant, told))
    });
    let (tenant, told) = told.await?;
    let reply = probes.tell(tenant, told).await.map_err(|error| refusal(&error))?;
    serde_json::to_string(&reply)
        .map_err(|error| IngestError::new("ingest.internal", 500, format!("the answer can't be written: {error}")))
}

fn check(told: &Told) -> Result<(), IngestError> {
    let Told { collector, epoch: _, isolated, votes, wait_ms: _ } = told;
    check_text("collector", collector, 1, NAME_BYTES_MAX)?;
    check_text("isolated", isolated.as_deref().unwrap_or(""), 0, INSTANCE_BYTES_MAX)?;
    if votes.len() > VOTES_MAX {
        return Err(wrong(format!("votes: a request has at most {VOTES_MAX}, and these are {}", votes.len())));
    }
    for vote in votes {
        let ToldVote { probe, instance, reason, labels, .. } = vote;
        check_text("probe", probe, 1, NAME_BYTES_MAX)?;
        check_text("instance", instance, 1, INSTANCE_BYTES_MAX)?;
        if reason.len() > REASON_BYTES_MAX {
            return Err(wrong(format!("reason: it may have {REASON_BYTES_MAX} bytes, and has {}", reason.len())));
        }
        if labels.len() > LABELS_MAX {
            return Err(wrong(format!("labels: a target has at most {LABELS_MAX}, and these are {}", labels.len())));
        }
        for (name, value) in labels {
            check_text("labels", name, 1, NAME_BYTES_MAX)?;
            check_text("labels", value, 0, INSTANCE_BYTES_MAX)?;
        }
    }
    Ok(())
}

fn check_text(name: &str, text: &str, least: usize, most: usize) -> Result<(), IngestError> {
    document::check_text(name, text, least, most).map_err(wrong)
}

fn wrong(message: String) -> IngestError {
    IngestError::new("probes.wrong", 400, message)
}

fn refusal(error: &Error) -> IngestError {
    if !matches!(error, Error::ShuttingDown) {
        tracing::debug!(error = %chain(error), "votes were not taken");
    }
    document::unwritten(error)
}
