//! `/api/v1/explain`: what a query selects, node by node, and with `analyze=true` what it takes.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use orszem_model::Matcher;
use orszem_promql::explain::{Actual, Explanation, Node, Read, Run, Selected, Watch};
use orszem_promql::{Moments, Query};
use serde_json::{Value, json};

use super::answer::{Remarks, put_statistics, success};
use super::api::{Patience, PrometheusApi, now_ms};
use super::error::QueryError;
use super::params::Params;
use super::query::{check_range_type, evaluation, parse, range_of};
use crate::http::access::Reader;

/// `/api/v1/explain`: with the parameters of `query`, or those of `query_range` where one of them is given.
pub(super) async fn explain(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let is_range = ["start", "end", "step"].iter().any(|name| !params.get(name).is_empty());
    let moments = if is_range { range_of(&params)? } else { Moments::Instant(params.time("time", Some(now_ms()))?) };
    let runs = params.flag("analyze")?;
    let timeout = params.timeout()?;
    let options = evaluation(&api, &params)?;
    let run = move |api: &PrometheusApi, patience: &Patience| {
        let text = params.get("query");
        let expr = parse(text, &api.options.parse)?;
        if is_range {
            check_range_type(&expr)?;
        }
        let source = (api.engine.source)(reader.0.tenant);
        let query = Query { expr: &expr, moments };
        let origin = Instant::now();
        let watch = Watch::new(move || origin.elapsed());
        let explained = orszem_promql::explain(&query, source.as_ref(), &options, patience, &watch, runs)?;
        let annotations = explained.run.as_ref().map_or(&[][..], |run| run.annotations.as_slice());
        let remarks = Remarks::of(text, annotations).with_damage(source.damaged());
        let data = shown(&explained, text, moments).to_string();
        Ok(success(&remarks, |out| out.extend_from_slice(data.as_bytes())))
    };
    api.run(timeout, &headers, run).await
}

fn shown(explained: &Explanation, query: &str, moments: Moments) -> Value {
    let Explanation { root, run } = explained;
    let (start, end, step) = match moments {
        Moments::Instant(time) => (time, time, None),
        Moments::Range { start, end, step } => (start, end, Some(step)),
    };
    let mut data = json!({
        "query": query,
        "start": seconds(start),
        "end": seconds(end),
        "step": step.map(seconds),
        "estimatedSamples": estimated(root),
        "tree": node(root),
    });
    if let Some(Run { annotations: _, statistics, samples_read, time }) = run {
        let mut stats = Vec::new();
        put_statistics(&mut stats, statistics, time.as_secs_f64(), false);
        data["samplesRead"] = json!(samples_read);
        data["stats"] = serde_json::from_slice(&stats).unwrap_or_default();
    }
    data
}

/// Of all selectors; those that read the same are read once.
fn estimated(root: &Node) -> u64 {
    fn gather<'a>(node: &'a Node, all: &mut Vec<&'a Selected>) {
        let is_same = |a: &Selected, b: &Selected| a.start == b.start && a.end == b.end && a.matchers == b.matchers;
        if let Some(selected) = node.selected.as_ref().filter(|one| !all.iter().any(|other| is_same(one, other))) {
            all.push(selected);
        }
        node.children.iter().for_each(|child| gather(child, all));
    }
    let mut all = Vec::new();
    gather(root, &mut all);
    all.iter().fold(0, |sum, selected| sum.saturating_add(selected.estimated_samples))
}

fn node(node: &Node) -> Value {
    let Node { span, kind, text, value_type, steps, selected, actual, children } = node;
    let mut value = json!({
        "type": kind,
        "text": text,
        "valueType": value_type.name(),
        "position": [span.start, span.end],
        "steps": steps,
        "children": children.iter().map(self::node).collect::<Vec<_>>(),
    });
    if let Some(selected) = selected {
        value["selects"] = selection(selected);
    }
    if let Some(Actual { evaluations, series, samples, time }) = actual {
        value["actual"] = json!({
            "evaluations": evaluations, "series": series, "samples": samples, "seconds": time_taken(*time),
        });
    }
    value
}

fn selection(selected: &Selected) -> Value {
    let Selected { matchers, start, end, series, parts, estimated_samples, read } = selected;
    let condition =
        |matcher: &Matcher| json!({ "name": matcher.name, "type": matcher.op.symbol(), "value": matcher.value });
    let mut value = json!({
        "matchers": matchers.iter().map(condition).collect::<Vec<_>>(),
        "after": seconds(*start),
        "until": seconds(*end),
        "series": series,
        "parts": parts,
        "estimatedSamples": estimated_samples,
    });
    if let Some(Read { series, samples, time }) = read {
        value["read"] = json!({ "series": series, "samples": samples, "seconds": time_taken(*time) });
    }
    value
}

fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

fn time_taken(time: Duration) -> f64 {
    time.as_secs_f64()
}
