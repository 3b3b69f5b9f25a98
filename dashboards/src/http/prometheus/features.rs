//! `/api/v1/features`: what the server can do, by kind, as Prometheus 3.8 and later list it.

use axum::extract::State;
use axum::response::Response;
use orszem_promql::ast::AggregateOp;
use orszem_promql::functions::Function;
use serde_json::{Map, Value, json};

use super::api::PrometheusApi;
use super::status::answered;
use crate::http::access::Reader;

const OPERATORS: [&str; 18] =
    ["!=", "!~", "%", "*", "+", "-", "/", "<", "<=", "==", "=~", ">", ">=", "^", "and", "atan2", "or", "unless"];
const LANGUAGE: [&str; 12] = [
    "at_modifier",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_query_lookback_delta",
    "subqueries",
    "without",
];
const EXPERIMENTAL_LANGUAGE: [&str; 5] = ["anchored", "duration_expr", "fill", "fill_left", "smoothed"];
const API: [&str; 8] = [
    "admin",
    "label_values_match",
    "query_explain",
    "query_stats",
    "query_warnings",
    "remote_write_receiver",
    "time_range_labels",
    "time_range_series",
];

/// `/api/v1/features`
pub(super) async fn features(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    let is_experimental = api.options.parse.is_experimental;
    let on =
        |names: &[&str]| -> Map<String, Value> { names.iter().map(|name| ((*name).to_owned(), json!(true))).collect() };
    let mut language = on(&LANGUAGE);
    language.insert("delayed_name_removal".to_owned(), json!(true));
    language.extend(EXPERIMENTAL_LANGUAGE.iter().map(|name| ((*name).to_owned(), json!(is_experimental))));
    let mut operators = on(&OPERATORS);
    operators.extend(
        AggregateOp::ALL.iter().map(|op| (op.name().to_owned(), json!(is_experimental || !op.is_experimental()))),
    );
    let functions: Map<String, Value> = Function::ALL
        .iter()
        .map(|function| function.signature())
        .map(|signature| (signature.name.to_owned(), json!(is_experimental || !signature.is_experimental)))
        .collect();
    answered(&json!({
        "api": on(&API),
        "promql": language,
        "promql_functions": functions,
        "promql_operators": operators,
        "scrape": on(&["start_timestamp_read", "utf8_names"]),
        "tsdb": on(&["delete_series", "exemplars", "native_histograms", "out_of_order"]),
    }))
}
