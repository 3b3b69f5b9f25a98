//! `/api/v1/targets`, `targets/metadata` and `scrape_pools`: what is scraped.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use orszem_model::Labels;
use serde_json::{Map, Value, json};

use super::answer::{Remarks, success};
use super::api::{Patience, PrometheusApi};
use super::engine::{DroppedTarget, Health, Target, TargetMetadata, TargetMetadataAsk, Targets};
use super::error::QueryError;
use super::params::Params;
use super::status::{TIMEOUT, answered, rfc3339};
use crate::http::access::Reader;

/// `/api/v1/targets`
pub(super) async fn targets(State(api): State<PrometheusApi>, _reader: Reader, params: Params) -> Response {
    let state = params.get("state");
    let (is_any, pool) = (matches!(state, "" | "any"), params.get("scrapePool"));
    let Targets { pools: _, active, dropped, dropped_counts } = (api.engine.targets)();
    let is_of_pool = |name: &str| pool.is_empty() || name == pool;
    let active = active.iter().filter(|target| (is_any || state == "active") && is_of_pool(&target.pool));
    let shows_dropped = is_any || state == "dropped";
    let dropped = dropped.iter().filter(|target| shows_dropped && is_of_pool(&target.pool));
    let counts: Map<String, Value> =
        dropped_counts.into_iter().filter(|_| shows_dropped).map(|(pool, count)| (pool, json!(count))).collect();
    answered(&json!({
        "activeTargets": active.map(shown).collect::<Vec<_>>(),
        "droppedTargets": dropped.map(shown_dropped).collect::<Vec<_>>(),
        "droppedTargetCounts": counts,
    }))
}

fn object(labels: &Labels) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn shown(target: &Target) -> Value {
    json!({
        "discoveredLabels": object(&target.discovered),
        "labels": object(&target.labels),
        "scrapePool": target.pool,
        "scrapeUrl": target.url,
        "globalUrl": target.global_url,
        "lastError": target.last_error,
        "lastScrape": target.last_scrape.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
        "lastScrapeDuration": target.last_duration_s,
        "health": match target.health {
            Health::Up => "up",
            Health::Down => "down",
            Health::Unknown => "unknown",
        },
        "scrapeInterval": duration(target.interval_ms),
        "scrapeTimeout": duration(target.timeout_ms),
    })
}

fn shown_dropped(DroppedTarget { pool, discovered }: &DroppedTarget) -> Value {
    json!({ "discoveredLabels": object(discovered), "scrapePool": pool })
}

fn duration(ms: u64) -> String {
    orszem_promql::format_duration_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// `/api/v1/scrape_pools`
pub(super) async fn pools(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    let mut pools = (api.engine.targets)().pools;
    pools.sort();
    answered(&json!({ "scrapePools": pools }))
}

/// `/api/v1/targets/metadata`
pub(super) async fn metadata(
    State(api): State<PrometheusApi>,
    _reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let limit = match params.get("limit") {
        "" => None,
        text => match text.parse::<i64>() {
            // As in Prometheus, a negative one is none.
            Ok(limit) => usize::try_from(limit).ok(),
            Err(_) => return Err(QueryError::BadRequest("limit must be a number".to_owned())),
        },
    };
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        text => orszem_promql::parse_selector(text)
            .map_err(|error| QueryError::Parameter { name: "match_target", reason: error.to_string() })?,
    };
    let metric = Some(params.get("metric").to_owned()).filter(|metric| !metric.is_empty());
    let ask = TargetMetadataAsk { matchers, metric, limit };
    let run = move |api: &PrometheusApi, _: &Patience| {
        let found = (api.engine.target_metadata)(&ask)?;
        let data: Vec<Value> = found.iter().map(|one| shown_metadata(one, ask.metric.is_none())).collect();
        Ok(success(&Remarks::default(), |out| out.extend_from_slice(json!(data).to_string().as_bytes())))
    };
    api.run(TIMEOUT, &headers, run).await
}

fn shown_metadata(TargetMetadata { target, metadata }: &TargetMetadata, names_metric: bool) -> Value {
    let mut value = json!({
        "target": object(target), "type": metadata.kind, "help": metadata.help, "unit": metadata.unit,
    });
    if names_metric {
        value["metric"] = json!(metadata.metric);
    }
    value
}
