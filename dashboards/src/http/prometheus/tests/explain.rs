//! `/api/v1/explain`

use serde_json::{Value, json};

use super::*;

async fn ask(pairs: &[(&str, &str)]) -> Value {
    let (status, answer) = get("explain", pairs).await;
    let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer}");
    answer["data"].take()
}

#[tokio::test]
async fn a_query_is_explained_without_being_run() {
    let expected = json!({
        "query": "sum(rate(many{n=~\"1.0\"}[20s] offset 5s))",
        "start": 60,
        "end": 100,
        "step": 20,
        "estimatedSamples": 60,
        "tree": {
            "type": "aggregation",
            "text": "sum",
            "valueType": "vector",
            "position": [0, 40],
            "steps": 3,
            "children": [{
                "type": "call",
                "text": "rate",
                "valueType": "vector",
                "position": [4, 39],
                "steps": 3,
                "children": [{
                    "type": "matrixSelector",
                    "text": "many{n=~\"1.0\"}[20s] offset 5s",
                    "valueType": "matrix",
                    "position": [9, 38],
                    "steps": 3,
                    "children": [],
                    "selects": {
                        "matchers": [
                            { "name": "n", "type": "=~", "value": "1.0" },
                            { "name": "__name__", "type": "=", "value": "many" },
                        ],
                        "after": 35,
                        "until": 95,
                        "series": 10,
                        "parts": null,
                        "estimatedSamples": 60,
                    },
                }],
            }],
        },
    });
    let query = ("query", "sum(rate(many{n=~\"1.0\"}[20s] offset 5s))");
    let found = ask(&[query, ("start", "60"), ("end", "100"), ("step", "20")]).await;
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_run_shows_what_was_read_and_made() {
    let found = ask(&[("query", "-up"), ("time", "100"), ("analyze", "true")]).await;
    let tree = &found["tree"];
    let counts = |node: &Value| {
        [&node["actual"]["evaluations"], &node["actual"]["series"], &node["actual"]["samples"]].map(Value::clone)
    };
    assert_eq!(counts(tree), [json!(1), json!(2), json!(2)], "{found}");
    assert_eq!(counts(&tree["children"][0]), [json!(1), json!(2), json!(2)], "{found}");
    let read = &tree["children"][0]["selects"]["read"];
    assert_eq!((&read["series"], &read["samples"]), (&json!(2), &json!(22)), "{found}");
    assert_eq!((&found["samplesRead"], &found["stats"]["samples"]["totalQueryableSamples"]), (&json!(22), &json!(2)));
    for seconds in [&tree["actual"]["seconds"], &read["seconds"], &found["stats"]["timings"]["evalTotalTime"]] {
        assert!(seconds.as_f64().is_some_and(|seconds| seconds > 0.0), "{found}");
    }
}

#[tokio::test]
async fn explaining_is_refused_as_the_query_would_be() {
    for (pairs, status, text) in [
        (vec![("query", "up{")], 400, "invalid parameter \\\"query\\\""),
        (vec![("query", "up[1m]"), ("start", "0"), ("end", "9"), ("step", "1")], 400, "invalid expression type"),
        (vec![("query", "up"), ("start", "0")], 400, "invalid parameter \\\"end\\\""),
        (vec![("query", "up"), ("start", "0"), ("end", "99999"), ("step", "1")], 400, "exceeded maximum resolution"),
        (vec![("query", "up"), ("analyze", "maybe")], 400, "invalid parameter \\\"analyze\\\""),
        (vec![("query", "broken")], 500, "broken series"),
        (vec![("query", "excessive")], 422, "excessive series"),
        (vec![("query", "up"), ("timeout", "0")], 503, ""),
    ] {
        let (found, answer) = get("explain", &pairs).await;
        assert!(found == status && answer.contains(text), "{pairs:?}: {found} {answer}");
    }
}
