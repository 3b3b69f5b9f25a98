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

    let mut runtime = data("status/runtimeinfo").await;
    for moving in ["serverTime", "GOMAXPROCS"] {
        assert!(!runtime[moving].take().is_null(), "{moving}");
    }
    let expected = json!({
        "startTime": "2026-11-22T10:00:00Z",
        "CWD": "",
        "reloadConfigSuccess": true,
        "lastConfigTime": "2026-11-22T10:00:00Z",
        "corruptionCount": 2,
        "goroutineCount": 0,
        "GOMAXPROCS": null,
        "GOMEMLIMIT": 0,
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
        "discoveredLabels": { "__address__": "db1:9100" },
        "labels": { "instance": "db1:9100", "job": "node" },
        "scrapePool": "node",
        "scrapeUrl": "http://db1:9100/metrics",
        "globalUrl": "http://db1:9100/metrics",
        "lastError": "",
        "lastScrape": "2026-11-22T10:00:00Z",
        "lastScrapeDuration": 0.25,
        "health": "up",
        "scrapeInterval": "15s",
        "scrapeTimeout": "2.5s",
    });
    let shown = |active: Value| json!({ "activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {} });
    for (query, active) in [
        ("targets", json!([node])),
        ("targets?state=active", json!([node])),
        ("targets?scrapePool=node", json!([node])),
        ("targets?state=dropped", json!([])),
        ("targets?scrapePool=other", json!([])),
    ] {
        assert_eq!(data(query).await, shown(active), "{query}");
    }
}
