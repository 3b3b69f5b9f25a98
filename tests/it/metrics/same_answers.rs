//! A real Prometheus scrapes and remote-writes to the server; both answer the same to the same queries, and promtool
//! understands the server's answers.
//!
//! Prometheus up to 2 takes a sample at the very begin of a range into it, and so a subquery's step; Prometheus 3 and the
//! server do not. Debian has the former, so all moments that are asked for lie half a second beside the samples and a
//! quarter beside whole seconds: no begin falls on a sample or step, and both rules give the same.

use std::net::SocketAddr;

use serde_json::Value;

use super::exporter::Exporter;
use super::prometheus::Prometheus;
use super::promtool;
use super::queries::QUERIES;
use super::remote::{ask, instant, seconds};
use crate::program::{Server, wait_until};
use crate::tools;
use crate::torture::client::request;

/// Scrapes of each target, a second apart; more than any window and lookback of the queries.
const SCRAPES: u64 = 24;
/// Relative; sums are added up in other orders and with other corrections.
const TOLERANCE: f64 = 1e-9;

#[test]
fn queries_are_answered_as_prometheus_answers_them() {
    let (Some(program), Some(tool)) = (tools::program("prometheus"), tools::program("promtool")) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let server = Server::start(&folder.path().join("data"), &[]);
    let exporters = [Exporter::start(0), Exporter::start(1)];
    let targets = exporters.each_ref().map(|exporter| exporter.address);
    let prometheus = Prometheus::start(&program, folder.path(), &config(&targets, &server.url()));
    let scrapes = || exporters.iter().map(Exporter::scrapes).min().unwrap_or(0);
    while scrapes() < SCRAPES {
        let before = scrapes();
        wait_until(&format!("the targets are scraped: {}", prometheus.log()), || scrapes() > before);
    }
    let both = [prometheus.address, server.address];
    let (begin, end) = moments(prometheus.address);
    let stored = samples(prometheus.address, end);
    assert!(stored > 500, "Prometheus has {stored} samples");
    wait_until("the remote write has caught up", || samples(server.address, end) == stored);

    let mut wrong = Vec::new();
    let mut compare = |query: &str, answers: [Value; 2]| {
        let [theirs, ours] = answers;
        if !is_same(&theirs, &ours) {
            wrong.push(format!("{query}\n  Prometheus: {theirs}\n  the server: {ours}"));
        }
    };
    // Some answer nothing; so many must not.
    let mut found = 0;
    for query in QUERIES {
        let answers = both.map(|address| ordered(query, instant(address, query, end).0));
        found += usize::from(answers[0].as_array().is_some_and(|result| !result.is_empty()));
        compare(query, answers);
        for step in ["1", "2.5", "7"] {
            let parameters = [("query", *query), ("start", &seconds(begin)), ("end", &seconds(end)), ("step", step)];
            let answers = both.map(|address| {
                let (status, mut answer) = ask(address, "/api/v1/query_range", &parameters);
                assert_eq!(status, 200, "{query}: {answer}");
                ordered(query, answer["data"]["result"].take())
            });
            compare(&format!("{query} every {step} s"), answers);
        }
    }
    // Raw samples and their times, to the last bit; marks of staleness are not shown.
    for selector in ["{job=\"demo\"}[1h]", "demo_job_active[20s]"] {
        compare(selector, both.map(|address| ordered(selector, instant(address, selector, end).0)));
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(QUERIES.len() >= 50 && found >= QUERIES.len() - 5, "{found} of {} queries found something", QUERIES.len());
    same_lists(both, begin, end);
    promtool::check(&tool, &server, begin, end);
    let (_, metrics) = server.get("/metrics", "");
    let refused = metrics.lines().filter(|line| line.starts_with("orszem_ingest_samples_rejected_total{"));
    assert_eq!(refused.collect::<Vec<_>>(), [""; 0]);
}

/// Scrapes the targets and writes to the server what it scraped.
fn config(targets: &[SocketAddr], write_to: &str) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("{:?}", target.to_string())).collect();
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: demo\n    \
         static_configs:\n      - targets: [{}]\nremote_write:\n  - url: {write_to}/api/v1/write\n    \
         queue_config: {{batch_send_deadline: 200ms, min_backoff: 30ms}}\n    \
         metadata_config: {{send_interval: 1s}}\n",
        targets.join(", ")
    )
}

/// How many samples there are up to `end`.
fn samples(address: SocketAddr, end: i64) -> usize {
    let (result, _) = instant(address, "{job=\"demo\"}[1h]", end);
    let series = result.as_array().expect("a matrix").iter();
    series.map(|series| series["values"].as_array().map_or(0, Vec::len)).sum()
}

/// Begin and end of what is asked for, in milliseconds: after the first samples and before the last, half a second
/// beside the samples of the first target and a quarter beside whole seconds.
fn moments(prometheus: SocketAddr) -> (i64, i64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the far future");
    let (result, _) = instant(prometheus, "up[1h]", now);
    let times: Vec<Vec<i64>> = result
        .as_array()
        .expect("a matrix")
        .iter()
        .map(|series| {
            let points = series["values"].as_array().expect("values").iter();
            points.map(|point| (point[0].as_f64().expect("a time") * 1000.0).round() as i64).collect()
        })
        .collect();
    let last = times.iter().filter_map(|times| times.last()).min().expect("a scrape");
    // Of all thousandths the one that is farthest from the samples and the quarters of a second.
    let distance = |at: i64| {
        let beside = |other: i64| (at - other).rem_euclid(1000).min((other - at).rem_euclid(1000));
        times.iter().flatten().copied().chain([0, 500]).map(beside).min().unwrap_or(0)
    };
    let part = (0..1000).max_by_key(|at| distance(*at)).expect("some");
    assert!(distance(part) > 20, "the targets are scraped all over the second");
    let end = (last - 1000).div_euclid(1000) * 1000 + part;
    (end - 14_000, end)
}

/// Series in the order of their labels, where the query does not order them.
fn ordered(query: &str, mut result: Value) -> Value {
    let is_ordered = query.starts_with("sort") || result[0].is_number();
    if let Some(series) = result.as_array_mut().filter(|_| !is_ordered) {
        series.sort_by_key(|series| series["metric"].to_string());
    }
    result
}

/// Whether all of it is equal, numbers in texts up to the tolerance.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (Value::String(a), Value::String(b)) => a == b || is_near(a, b),
        (a, b) => a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b),
    }
}

fn is_near(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    a == b || ((a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) && a.is_finite() && b.is_finite())
}

#[test]
fn nearly_equal_answers_are_told_from_different_ones() {
    let answer = |value: &str| serde_json::json!([{"metric": {"a": "b"}, "value": [1.5, value]}]);
    assert!(is_same(&answer("1"), &answer("1.0000000001")) && is_same(&answer("NaN"), &answer("NaN")));
    assert!(!is_same(&answer("1"), &answer("1.00000001")) && !is_same(&answer("1"), &answer("NaN")));
    assert!(!is_same(&answer("1"), &Value::Array(Vec::new())) && !is_same(&answer("+Inf"), &answer("-Inf")));
}

/// Series, labels, values and metadata as both know them.
fn same_lists(both: [SocketAddr; 2], begin: i64, end: i64) {
    let (start, end) = (seconds(begin), seconds(end));
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("/api/v1/series", &[("match[]", "demo_requests_total")]),
        ("/api/v1/series", &[("match[]", "demo_limit"), ("match[]", "{room=~\"[01]\"}")]),
        ("/api/v1/labels", &[]),
        ("/api/v1/labels", &[("match[]", "demo_latency_seconds_bucket")]),
        ("/api/v1/label/path/values", &[]),
        ("/api/v1/label/__name__/values", &[("match[]", "{room=\"1\"}")]),
    ];
    for (path, parameters) in cases {
        let parameters = [parameters, &[("start", &start), ("end", &end)]].concat();
        let [theirs, ours] = both.map(|address| {
            let (status, mut answer) = ask(address, path, &parameters);
            assert_eq!(status, 200, "{path}: {answer}");
            if let Some(list) = answer["data"].as_array_mut() {
                list.sort_by_key(Value::to_string);
            }
            answer["data"].take()
        });
        assert!(theirs.as_array().is_some_and(|list| !list.is_empty()), "{path}: {theirs}");
        assert_eq!(ours, theirs, "{path} {parameters:?}");
    }
    wait_until("the metadata came", || {
        let answer = request(both[1], "GET /api/v1/metadata?metric=demo_requests_total", "", "").expect("answers");
        let expected = serde_json::json!([{"type": "counter", "help": "Requests served.", "unit": ""}]);
        serde_json::from_str::<Value>(&answer.body).expect("JSON")["data"]["demo_requests_total"] == expected
    });
}
