//! `/api/v1/query`, `query_range`, `format_query`, `parse_query` and `query_exemplars`.

use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use orszem_promql::ast::{Expr, ExprKind, ValueType};
use orszem_promql::{Answer, Moments, Options, ParseOptions, Query, Value};

use super::answer::{Put, Remarks, put_answer, put_labels, put_list, put_statistics, put_string, success};
use super::api::{Patience, PrometheusApi, now_ms};
use super::engine::SeriesAsk;
use super::error::QueryError;
use super::number::{put_time, put_value};
use super::params::Params;
use crate::http::access::Reader;

/// Points of one series in one answer.
const POINTS_MAX: i64 = 11_000;

pub(super) fn parse(text: &str, options: &ParseOptions) -> Result<Expr, QueryError> {
    orszem_promql::parse(text, options)
        .map_err(|error| QueryError::Parameter { name: "query", reason: error.to_string() })
}

/// `/api/v1/query`
pub(super) async fn instant(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let limit = params.limit()?;
    let time = params.time("time", Some(now_ms()))?;
    let timeout = params.timeout()?;
    let options = evaluation(&api, &params)?;
    let run = move |api: &PrometheusApi, patience: &Patience| {
        let text = params.get("query");
        let expr = parse(text, &api.options.parse)?;
        answered(api, reader.0.tenant, &params, &expr, Moments::Instant(time), &options, limit, patience)
    };
    api.run(timeout, &headers, run).await
}

/// `/api/v1/query_range`
pub(super) async fn range(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let limit = params.limit()?;
    let moments = range_of(&params)?;
    let timeout = params.timeout()?;
    let options = evaluation(&api, &params)?;
    let run = move |api: &PrometheusApi, patience: &Patience| {
        let expr = parse(params.get("query"), &api.options.parse)?;
        check_range_type(&expr)?;
        answered(api, reader.0.tenant, &params, &expr, moments, &options, limit, patience)
    };
    api.run(timeout, &headers, run).await
}

/// `start`, `end` and `step`.
pub(super) fn range_of(params: &Params) -> Result<Moments, QueryError> {
    let wrong = |name, reason: &str| QueryError::Parameter { name, reason: reason.to_owned() };
    let (start, end) = (params.time("start", None)?, params.time("end", None)?);
    if end < start {
        return Err(wrong("end", "end timestamp must not be before start time"));
    }
    let step = params.duration("step")?;
    let step = step.ok_or_else(|| wrong("step", "cannot parse \"\" to a valid duration"))?;
    if step <= 0 {
        let reason = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(wrong("step", reason));
    }
    if end.saturating_sub(start) / step > POINTS_MAX {
        let reason = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(QueryError::BadRequest(reason.to_owned()));
    }
    Ok(Moments::Range { start, end, step })
}

/// Whether `expr` can be asked for at each step of a range.
pub(super) fn check_range_type(expr: &Expr) -> Result<(), QueryError> {
    let kind = expr.value_type();
    if matches!(kind, ValueType::Vector | ValueType::Scalar) {
        return Ok(());
    }
    let reason =
        format!("invalid expression type \"{}\" for range query, must be Scalar or instant Vector", kind.described());
    Err(QueryError::Parameter { name: "query", reason })
}

/// How the query is evaluated.
pub(super) fn evaluation(api: &PrometheusApi, params: &Params) -> Result<Options, QueryError> {
    let mut options = api.options.evaluate.clone();
    if let Some(lookback) = params.duration("lookback_delta")?.filter(|lookback| *lookback > 0) {
        options.lookback_ms = lookback;
    }
    Ok(options)
}

#[expect(clippy::too_many_arguments, reason = "the two callers differ in all of them")]
fn answered(
    api: &PrometheusApi,
    tenant: u32,
    params: &Params,
    expr: &Expr,
    moments: Moments,
    options: &Options,
    limit: usize,
    patience: &Patience,
) -> Result<Vec<u8>, QueryError> {
    let begun = Instant::now();
    let source = (api.engine.source)(tenant);
    let mut answer = orszem_promql::evaluate(&Query { expr, moments }, source.as_ref(), options, patience)?;
    let seconds = begun.elapsed().as_secs_f64();
    let is_cut = cut(&mut answer, limit);
    let mut remarks = Remarks::of(params.get("query"), &answer.annotations);
    remarks.warnings.extend(Remarks::cut(is_cut).warnings);
    let remarks = remarks.with_damage(source.damaged());
    let stats = params.get("stats");
    let statistics = |out: &mut Vec<u8>| put_statistics(out, &answer.statistics, seconds, stats == "all");
    let statistics: Option<&Put<'_>> = if stats.is_empty() { None } else { Some(&statistics) };
    Ok(success(&remarks, |out| put_answer(out, &answer, statistics)))
}

/// Leaves the first `limit` series, all for 0; answers whether any are gone.
fn cut(answer: &mut Answer, limit: usize) -> bool {
    let length = match &mut answer.value {
        Value::Vector(samples) if limit > 0 => {
            let length = samples.len();
            samples.truncate(limit);
            length
        }
        Value::Matrix(series) if limit > 0 => {
            let length = series.len();
            series.truncate(limit);
            length
        }
        Value::Vector(_) | Value::Matrix(_) | Value::Scalar { .. } | Value::String { .. } => 0,
    };
    length > limit
}

/// `/api/v1/format_query`
pub(super) async fn format(
    State(api): State<PrometheusApi>,
    _reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let run = move |api: &PrometheusApi, _: &Patience| {
        let expr = parse(params.get("query"), &api.options.parse)?;
        Ok(success(&Remarks::default(), |out| put_string(out, &orszem_promql::pretty(&expr))))
    };
    api.run(std::time::Duration::from_secs(10), &headers, run).await
}

/// `/api/v1/parse_query`
pub(super) async fn tree(
    State(api): State<PrometheusApi>,
    _reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let run = move |api: &PrometheusApi, _: &Patience| {
        let expr = parse(params.get("query"), &api.options.parse)?;
        let tree = orszem_promql::tree(&expr).to_string();
        Ok(success(&Remarks::default(), |out| out.extend_from_slice(tree.as_bytes())))
    };
    api.run(std::time::Duration::from_secs(10), &headers, run).await
}

/// `/api/v1/query_exemplars`
pub(super) async fn exemplars(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let (start, end) = params.open_range()?;
    let timeout = params.timeout()?;
    let run = move |api: &PrometheusApi, _: &Patience| {
        let expr = parse(params.get("query"), &api.options.parse)?;
        let mut sets = Vec::new();
        selectors(&expr, &mut sets);
        if sets.is_empty() {
            return Ok(success(&Remarks::default(), |out| out.extend_from_slice(b"[]")));
        }
        let ask = SeriesAsk { tenant: reader.0.tenant, sets, start, end, limit: 0 };
        let found = (api.engine.exemplars)(&ask)?;
        Ok(success(&Remarks::default(), |out| {
            put_list(out, found.iter(), |out, series| {
                out.extend_from_slice(b"{\"seriesLabels\":");
                put_labels(out, &series.labels);
                out.extend_from_slice(b",\"exemplars\":");
                put_list(out, series.exemplars.iter(), |out, exemplar| {
                    out.extend_from_slice(b"{\"labels\":");
                    put_labels(out, &exemplar.labels);
                    out.extend_from_slice(b",\"value\":");
                    put_value(out, exemplar.value);
                    out.extend_from_slice(b",\"timestamp\":");
                    put_time(out, exemplar.time);
                    out.push(b'}');
                });
                out.push(b'}');
            });
        }))
    };
    api.run(timeout, &headers, run).await
}

/// The matchers of all selectors in `expr`.
fn selectors(expr: &Expr, sets: &mut Vec<Vec<orszem_model::Matcher>>) {
    if let ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } = &expr.kind {
        sets.push(selector.matchers.clone());
    }
    for part in expr.parts() {
        selectors(part, sets);
    }
}
