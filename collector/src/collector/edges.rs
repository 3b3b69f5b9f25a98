//! Has the server in use know how the entities of this host's cluster depend on each other.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use orszem_cluster::pacemaker::cib::EDGES_ORIGIN;
use orszem_model::chain;
use orszem_model::topology::Edge;
use tracing::{info, warn};

use super::CollectorHandle;
use crate::output::edges::{TellError, tell};

/// How often it is looked whether they have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// They are told again after this, as the server may have been set up anew, or be back from a copy.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// The pause after a failure, and how long it grows.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What a server was told last.
#[derive(Debug)]
struct Told {
    edges: Arc<Vec<Edge>>,
    url: String,
    reporter: String,
    at: Instant,
}

impl Told {
    /// Whether there is nothing new to tell.
    fn is_still(&self, edges: &Arc<Vec<Edge>>, url: &str, reporter: &str) -> bool {
        Arc::ptr_eq(&self.edges, edges)
            && self.url == url
            && self.reporter == reporter
            && self.at.elapsed() < AGAIN_AFTER
    }
}

/// Tells them when they change, when another server is in use, and every ten minutes, until the collector is stopped.
/// Until any are known nothing is told: what the server knows from before stays.
pub(super) async fn keep_telling(handle: CollectorHandle) {
    let shutdown = handle.inner.shutdown.clone();
    let mut told: Option<Told> = None;
    let mut pause = PAUSE;
    let mut wait = LOOK_EVERY;
    let mut is_failure_told = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = LOOK_EVERY,
        }
        let edges = handle.edges();
        let Some(url) = handle.inner.shared.endpoint_in_use() else { continue };
        let reporter = handle.inner.shared.identity().host;
        let has_any = told.is_some() || !edges.is_empty();
        if !has_any || told.as_ref().is_some_and(|told| told.is_still(&edges, &url, &reporter)) {
            continue;
        }
        match handle.tell_edges(&url, &reporter, &edges).await {
            Ok(()) => {
                if std::mem::replace(&mut is_failure_told, false) || told.is_none() {
                    info!(endpoint = url, edges = edges.len(), "the server knows the cluster's edges");
                }
                told = Some(Told { edges, url, reporter, at: Instant::now() });
                pause = PAUSE;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failure_told, true) {
                    warn!(
                        endpoint = url,
                        error = chain(&error),
                        "the cluster's edges are not told; they are tried again"
                    );
                }
                wait = pause;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

impl CollectorHandle {
    async fn tell_edges(&self, url: &str, reporter: &str, edges: &[Edge]) -> Result<(), TellError> {
        let config = self.inner.config.lock().unwrap_or_else(PoisonError::into_inner).output.clone();
        tell(&config, url, EDGES_ORIGIN, reporter, edges).await
    }
}
