//! Opens the indexer in the data directory and joins it with the routes that stand on it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use orszem_dashboards::http::LogsApi;
use orszem_indexer::Indexer;
use orszem_indexer::ingest::http::{self as ingest, IngestState};
use orszem_indexer::ingest::metrics::Metrics;
use orszem_model::Timestamp;
use prometheus_client::registry::Registry;
use tracing::{error, warn};

use crate::catalogue::ApiError;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::engine::engine;

/// The store as the rest of the program sees it.
pub(crate) struct Store {
    /// Everything that is answered from the store: ingest, queries, the page.
    pub(crate) routes: Router,
    /// What this host's collector and the syslog listeners share with the routes of ingest.
    pub(crate) ingest: Arc<IngestState>,
    /// Flushes and closes it.
    pub(crate) close: BoxFuture<'static, ()>,
}

impl Store {
    /// Opens the store in `data_dir` and registers its metrics. Blocks on the disk.
    pub(crate) fn open(config: &Config, data_dir: &DataDir, registry: &mut Registry) -> anyhow::Result<Self> {
        let (indexer, report) = Indexer::open(data_dir.path(), config.logs.clone()).context("can't open the store")?;
        for lost in &report.quarantined {
            error!(path = %lost.path.display(), reason = %lost.reason, rows = lost.rows, "in quarantine");
        }
        for damage in &report.damaged {
            error!(path = %damage.path.display(), offset = damage.offset, bytes = damage.bytes, reason = %damage.reason, "the journal is damaged");
        }
        if report.damaged_more > 0 {
            error!(ranges = report.damaged_more, "the journal is damaged in more places");
        }
        if let Some(torn) = &report.torn {
            warn!(torn = ?torn, "a write that was never acknowledged was cut off");
        }
        indexer.register_metrics(registry);
        let metrics = Metrics::register(registry);
        let submit = indexer.submit_fn();
        let state = Arc::new(IngestState::new(config.ingest.clone(), submit, metrics, Arc::new(now)));
        let watched = ingest::watched(ingest::router(Arc::clone(&state)), indexer.collectors(), Arc::new(now));
        let routes = watched
            .merge(orszem_dashboards::http::collectors::router(indexer.collectors()))
            .merge(orszem_dashboards::http::app::router(LogsApi::new(engine(&indexer))))
            .merge(admin(indexer.clone()));
        let close = Box::pin(async move {
            if let Err(error) = indexer.shutdown().await {
                error!(%error, "the store did not close well; the next start replays its journal");
            }
        });
        Ok(Self { routes, ingest: state, close })
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// `POST /app/v1/admin/flush` and `/app/v1/admin/seal`: do now what maintenance does in time; answer when it is done.
fn admin(indexer: Indexer) -> Router {
    Router::new()
        .route("/app/v1/admin/flush", post(|State(indexer): State<Indexer>| settle(indexer, false)))
        .route("/app/v1/admin/seal", post(|State(indexer): State<Indexer>| settle(indexer, true)))
        .with_state(indexer)
}

async fn settle(indexer: Indexer, seals: bool) -> Response {
    match tokio::task::spawn_blocking(move || indexer.settle(seals)).await {
        Ok(Ok(())) => ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response(),
        Ok(Err(error)) => {
            error!(%error, "settling failed");
            ApiError::SettleFailed.into_response()
        }
        Err(error) => {
            error!(%error, "settling ended badly");
            ApiError::SettleFailed.into_response()
        }
    }
}
