//! `/api/v1/status/*`, and what else tells of the server itself.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{Remarks, success};
use super::api::{Patience, PrometheusApi, now_ms};
use super::engine::{Cardinality, Runtime, SeriesAsk};
use super::error::QueryError;
use super::params::Params;
use crate::http::access::Reader;

pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// Lines of each list of the cardinality report, unless asked for otherwise, and at most.
const REPORT_LINES: usize = 10;
const REPORT_LINES_MAX: usize = 10_000;

pub(super) fn answered(data: &Value) -> Response {
    let body = json!({ "status": "success", "data": data }).to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `/api/v1/status/buildinfo`: without `features`, so that Grafana takes the server for a Prometheus, whose rules it
/// shows and does not edit.
pub(super) async fn build(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    let options = &api.options;
    answered(&json!({
        "version": options.version,
        "revision": options.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// `/api/v1/status/config`
pub(super) async fn configuration(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    answered(&json!({ "yaml": (api.engine.configuration)() }))
}

/// `/api/v1/status/flags`
pub(super) async fn flags(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    let flags: serde_json::Map<String, Value> =
        api.options.flags.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    answered(&Value::Object(flags))
}

/// `/api/v1/status/runtimeinfo`
pub(super) async fn runtime(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
) -> Result<Response, QueryError> {
    let run = move |api: &PrometheusApi, _: &Patience| {
        let Runtime { started, config_loaded, is_config_good, retention, corruptions, directory, host, threads } =
            (api.engine.runtime)();
        let series = (api.engine.cardinality)(&(reader.0.tenant, 0))?.series;
        let data = json!({
            "startTime": rfc3339(started),
            "CWD": directory,
            "hostname": host,
            "serverTime": rfc3339(now_ms()),
            "reloadConfigSuccess": is_config_good,
            "lastConfigTime": rfc3339(config_loaded),
            "corruptionCount": corruptions,
            "goroutineCount": threads,
            "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
            // No limit, as Go says it.
            "GOMEMLIMIT": i64::MAX,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": retention,
            "timeSeriesCount": series,
        });
        Ok(success(&Remarks::default(), |out| out.extend_from_slice(data.to_string().as_bytes())))
    };
    api.run(TIMEOUT, &headers, run).await
}

/// `/api/v1/status/tsdb`
pub(super) async fn cardinality(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let lines = match params.get("limit") {
        "" => REPORT_LINES,
        _ => match params.limit()? {
            0 => return Err(QueryError::BadRequest("limit must be a positive number".to_owned())),
            lines if lines > REPORT_LINES_MAX => {
                return Err(QueryError::BadRequest(format!("limit must not exceed {REPORT_LINES_MAX}")));
            }
            lines => lines,
        },
    };
    let run = move |api: &PrometheusApi, _: &Patience| {
        let Cardinality {
            series,
            label_pairs,
            chunks,
            min_time,
            max_time,
            series_by_metric,
            values_by_label,
            bytes_by_label,
            series_by_pair,
        } = (api.engine.cardinality)(&(reader.0.tenant, lines))?;
        let list = |lines: Vec<(String, u64)>| -> Vec<Value> {
            lines.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
        };
        let data = json!({
            "headStats": {
                "numSeries": series,
                "numLabelPairs": label_pairs,
                "chunkCount": chunks,
                "minTime": min_time,
                "maxTime": max_time,
            },
            "seriesCountByMetricName": list(series_by_metric),
            "labelValueCountByLabelName": list(values_by_label),
            "memoryInBytesByLabelName": list(bytes_by_label),
            "seriesCountByLabelValuePair": list(series_by_pair),
        });
        Ok(success(&Remarks::default(), |out| out.extend_from_slice(data.to_string().as_bytes())))
    };
    api.run(TIMEOUT, &headers, run).await
}

/// `/api/v1/status/walreplay`: done, as nothing is answered before.
pub(super) async fn replay(_reader: Reader) -> Response {
    answered(&json!({ "min": 0, "max": 0, "current": 0 }))
}

/// `/api/v1/notifications`: none; what the operator has to know is in the log and in the metrics.
pub(super) async fn notifications(_reader: Reader) -> Response {
    answered(&json!([]))
}

/// `/api/v1/alertmanagers`: none.
pub(super) async fn alertmanagers(_reader: Reader) -> Response {
    answered(&json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }))
}

/// `/api/v1/admin/tsdb/delete_series`
pub(super) async fn delete(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    if !reader.0.is_admin {
        return Err(QueryError::AdminOnly);
    }
    let (start, end) = params.open_range()?;
    let sets = params.matcher_sets()?;
    if sets.is_empty() {
        return Err(QueryError::BadRequest("no match[] parameter provided".to_owned()));
    }
    let ask = SeriesAsk { tenant: reader.0.tenant, sets, start, end, limit: 0 };
    let run = move |api: &PrometheusApi, _: &Patience| {
        (api.engine.delete)(&ask)?;
        Ok(Vec::new())
    };
    api.run(TIMEOUT, &headers, run).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `/api/v1/admin/tsdb/clean_tombstones`: deleted samples leave the disk when their blocks are next rewritten.
pub(super) async fn clean(reader: Reader) -> Result<Response, QueryError> {
    if reader.0.is_admin { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(QueryError::AdminOnly) }
}

pub(super) fn rfc3339(ms: i64) -> String {
    orszem_model::Timestamp(ms.saturating_mul(1_000_000)).to_string()
}
