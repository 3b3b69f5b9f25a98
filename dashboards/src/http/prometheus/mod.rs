//! The Prometheus HTTP API (`web/api/v1/api.go` of Prometheus 3): what Grafana's data source and promtool call.

mod answer;
mod api;
pub mod engine;
mod error;
mod explain;
mod features;
mod labels;
mod metadata;
mod number;
mod params;
mod query;
mod rules;
mod status;
mod targets;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};

pub use api::{ApiOptions, PrometheusApi, QUERIES_MAX};
pub use params::QUERY_TIMEOUT;

impl PrometheusApi {
    /// The routes; each request needs an [`Access`](super::access::Access) in its extensions.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v1/query", get(query::instant).post(query::instant))
            .route("/api/v1/query_range", get(query::range).post(query::range))
            .route("/api/v1/query_exemplars", get(query::exemplars).post(query::exemplars))
            .route("/api/v1/format_query", get(query::format).post(query::format))
            .route("/api/v1/parse_query", get(query::tree).post(query::tree))
            .route("/api/v1/explain", get(explain::explain).post(explain::explain))
            .route("/api/v1/series", get(labels::series).post(labels::series))
            .route("/api/v1/labels", get(labels::names).post(labels::names))
            .route("/api/v1/label/{name}/values", get(labels::values))
            .route("/api/v1/metadata", get(metadata::metadata))
            .route("/api/v1/status/buildinfo", get(status::build))
            .route("/api/v1/status/config", get(status::configuration))
            .route("/api/v1/status/flags", get(status::flags))
            .route("/api/v1/status/runtimeinfo", get(status::runtime))
            .route("/api/v1/status/tsdb", get(status::cardinality))
            .route("/api/v1/status/walreplay", get(status::replay))
            .route("/api/v1/features", get(features::features))
            .route("/api/v1/notifications", get(status::notifications))
            .route("/api/v1/rules", get(rules::rules))
            .route("/api/v1/alerts", get(rules::alerts))
            .route("/api/v1/alertmanagers", get(status::alertmanagers))
            .route("/api/v1/scrape_pools", get(targets::pools))
            .route("/api/v1/targets", get(targets::targets))
            .route("/api/v1/targets/metadata", get(targets::metadata))
            .route("/api/v1/admin/tsdb/delete_series", post(status::delete).put(status::delete))
            .route("/api/v1/admin/tsdb/clean_tombstones", post(status::clean).put(status::clean))
            .with_state(self)
    }
}
