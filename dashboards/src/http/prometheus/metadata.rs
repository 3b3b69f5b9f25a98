//! `/api/v1/metadata` and `/api/v1/targets/metadata`.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::answer::{Remarks, put_list, put_string, success};
use super::api::{Patience, PrometheusApi};
use super::engine::MetricMetadata;
use super::error::QueryError;
use super::params::Params;
use crate::http::access::Reader;

const TIMEOUT: Duration = Duration::from_secs(30);

/// `/api/v1/metadata`
pub(super) async fn metadata(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let limit = count(&params, "limit")?;
    let of_metric = count(&params, "limit_per_metric")?.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let metric = params.get("metric").to_owned();
    let run = move |api: &PrometheusApi, _: &Patience| {
        let mut found = (api.engine.metadata)(&reader.0.tenant)?;
        found.retain(|one| metric.is_empty() || one.metric == metric);
        let groups = found.chunk_by(|a, b| a.metric == b.metric).take(limit.unwrap_or(usize::MAX));
        Ok(success(&Remarks::default(), |out| {
            out.push(b'{');
            for (at, group) in groups.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put_string(out, group.first().map_or("", |one| &one.metric));
                out.push(b':');
                put_list(out, group.iter().take(of_metric), put_one);
            }
            out.push(b'}');
        }))
    };
    api.run(TIMEOUT, &headers, run).await
}

fn put_one(out: &mut Vec<u8>, one: &MetricMetadata) {
    let MetricMetadata { metric: _, kind, help, unit } = one;
    for (at, (name, text)) in [("type", kind), ("help", help), ("unit", unit)].into_iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        put_string(out, name);
        out.push(b':');
        put_string(out, text);
    }
    out.push(b'}');
}

/// A number; `None` when it is not given or negative.
fn count(params: &Params, name: &'static str) -> Result<Option<usize>, QueryError> {
    match params.get(name) {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(number) => Ok(usize::try_from(number).ok()),
            Err(_) => Err(QueryError::BadRequest(format!("{name} must be a number"))),
        },
    }
}
