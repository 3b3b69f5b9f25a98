//! Alertmanager's API v2, as `amtool`, Prometheus, vmalert and Grafana's data source call it.
//!
//! What is answered with 200 is durable. Everybody's alerts and silences are of the tenant that alerting is about; others
//! are refused.

mod alerts;
mod groups;
mod params;
mod post;
mod problem;
mod silences;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use alerts::object;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use orszem_indexer::alerting::AlertingHandle;
use orszem_model::Timestamp;

/// The largest body that is read, in bytes.
const BODY_MAX: usize = 32 << 20;

/// The way to alerting, and what is told of the server.
#[derive(Clone)]
pub struct AlertmanagerApi {
    pub(super) alerting: AlertingHandle,
    pub(super) server: Arc<ServerInfo>,
}

/// What is told of the server.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// The tenant that alerting is about.
    pub tenant: u32,
    pub version: String,
    pub started: Timestamp,
}

impl AlertmanagerApi {
    pub fn new(alerting: AlertingHandle, server: ServerInfo) -> Self {
        Self { alerting, server: Arc::new(server) }
    }

    /// The routes; each request needs an [`Access`](super::access::Access) in its extensions.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v2/alerts", get(alerts::list).post(post::take))
            .route("/api/v2/alerts/groups", get(groups::list))
            .route("/api/v2/silences", get(silences::list).post(silences::create))
            .route("/api/v2/silence/{id}", get(silences::show).delete(silences::expire))
            .route("/api/v2/receivers", get(status::receivers))
            .route("/api/v2/status", get(status::status))
            .layer(DefaultBodyLimit::disable())
            .with_state(self)
    }
}
