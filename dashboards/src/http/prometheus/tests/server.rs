//! What the server tells of itself.

use serde_json::{Value, json};

use super::*;

async fn data(path: &str) -> Value {
    let (status, answer) = get(path, &[]).await;
    let mut answer: Value = serde_json::from_str(&answer).expect("json");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{path}");
    answer["data"].take()
}

#[tokio::test]
async fn the_server_tells_of_itself() {
    let build = json!({
        "version": "3.9.9", "revision": "abc", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    });
    assert_eq!(data("status/buildinfo").await, build);
    assert_eq!(data("status/config").await, json!({ "yaml": "a: 1\n" }));
    assert_eq!(data("status/flags").await, json!({ "query.lookback-delta": "5m" }));
    assert_eq!(data("rules").await, json!({ "groups": [] }));
    assert_eq!(data("alerts").await, json!({ "alerts": [] }));
    assert_eq!(data("alertmanagers").await, json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }));

    assert_eq!(data("status/walreplay").await, json!({ "min": 0, "max": 0, "current": 0 }));
    assert_eq!(data("notifications").await, json!([]));

    let mut runtime = data("status/runtimeinfo").await;
    for moving in ["serverTime", "GOMAXPROCS"] {
        assert!(!runtime[moving].take().is_null(), "{moving}");
    }
    let expected = json!({
        "startTime": "2026-11-22T10:00:00Z",
        "CWD": "/srv",
        "hostname": "db1",
        "reloadConfigSuccess": false,
        "lastConfigTime": "2026-11-22T10:01:01.5Z",
        "corruptionCount": 2,
        "goroutineCount": 7,
        "GOMAXPROCS": null,
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "90d",
        "serverTime": null,
        "timeSeriesCount": 110,
    });
    assert_eq!(runtime, expected);
}

#[tokio::test]
async fn the_largest_metrics_are_told() {
    let report = |by_metric: Value| {
        json!({
            "headStats": {
                "numSeries": 110, "numLabelPairs": 120, "chunkCount": 3, "minTime": 0, "maxTime": 100_000,
            },
            "seriesCountByMetricName": by_metric,
            "labelValueCountByLabelName": [],
            "memoryInBytesByLabelName": [],
            "seriesCountByLabelValuePair": [],
        })
    };
    let [many, odd] = [json!({ "name": "many", "value": 100 }), json!({ "name": "odd", "value": 6 })];
    assert_eq!(data("status/tsdb").await, report(json!([many, odd])));
    assert_eq!(data("status/tsdb?limit=1").await, report(json!([many])));
}

#[tokio::test]
async fn targets_are_shown_by_state_and_pool() {
    let node = json!({
        "discoveredLabels": { "__address__": "localhost:9100" },
        "labels": { "instance": "localhost:9100", "job": "node" },
        "scrapePool": "node",
        "scrapeUrl": "http://localhost:9100/metrics",
        "globalUrl": "http://db1:9100/metrics",
        "lastError": "",
        "lastScrape": "2026-11-22T10:00:00Z",
        "lastScrapeDuration": 0.25,
        "health": "up",
        "scrapeInterval": "1m",
        "scrapeTimeout": "2s500ms",
    });
    let mut api = node.clone();
    for (key, value) in [
        ("scrapePool", "api"),
        ("scrapeUrl", "http://api1/"),
        ("globalUrl", "http://api1/"),
        ("lastScrape", "0001-01-01T00:00:00Z"),
        ("health", "unknown"),
    ] {
        api[key] = json!(value);
    }
    let dropped = json!({ "discoveredLabels": { "__address__": "db9:9100" }, "scrapePool": "node" });
    let counts = json!({ "api": 0, "node": 2 });
    let shown = |active: Value, dropped: Value, counts: Value| json!({ "activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts });
    let all = shown(json!([node, api]), json!([dropped]), counts.clone());
    for (query, expected) in [
        ("targets", all.clone()),
        ("targets?state=any", all),
        ("targets?state=active", shown(json!([node, api]), json!([]), json!({}))),
        ("targets?scrapePool=api", shown(json!([api]), json!([]), counts.clone())),
        ("targets?state=dropped", shown(json!([]), json!([dropped]), counts.clone())),
        ("targets?state=dropped&scrapePool=api", shown(json!([]), json!([]), counts.clone())),
        ("targets?scrapePool=other", shown(json!([]), json!([]), counts)),
        ("targets?state=what", shown(json!([]), json!([]), json!({}))),
    ] {
        assert_eq!(data(query).await, expected, "{query}");
    }
    assert_eq!(data("scrape_pools").await, json!({ "scrapePools": ["api", "node"] }));
}

#[tokio::test]
async fn metadata_of_targets_names_the_metric_unless_it_was_asked_for() {
    let target = json!({ "instance": "localhost:9100" });
    let told = |help: &str| json!({ "target": target, "type": "gauge", "help": help, "unit": "s" });
    let mut named = told("0 None None");
    named["metric"] = json!("up");
    assert_eq!(data("targets/metadata").await, json!([named]));
    assert_eq!(data("targets/metadata?metric=up&limit=3").await, json!([told("0 Some(\"up\") Some(3)")]));
    let path = "targets/metadata?match_target=%7Bjob%3D%22a%22%7D&metric=x&limit=-1";
    assert_eq!(data(path).await, json!([told("1 Some(\"x\") None")]));
    let refused = |text: &str| (400, format!("{{\"error\":{text},\"errorType\":\"bad_data\",\"status\":\"error\"}}"));
    assert_eq!(get("targets/metadata", &[("limit", "x")]).await, refused("\"limit must be a number\""));
    let (status, text) = get("targets/metadata", &[("match_target", "{")]).await;
    assert!(status == 400 && text.contains("invalid parameter \\\"match_target\\\""), "{text}");
}

#[tokio::test]
async fn features_tell_what_is_switched_on() {
    let features = data("features").await;
    for (kind, name, is_on) in [
        ("api", "remote_write_receiver", true),
        ("promql", "subqueries", true),
        ("promql", "anchored", false),
        ("promql_functions", "rate", true),
        ("promql_functions", "info", false),
        ("promql_operators", "topk", true),
        ("promql_operators", "limitk", false),
        ("promql_operators", "unless", true),
    ] {
        assert_eq!(features[kind][name], json!(is_on), "{kind} {name}");
    }
}
