//! Damaged parts that are left out of an answer are told in it.

use serde_json::{Value, json};

use super::*;

fn damaged(parts: u64) -> SeriesEngine {
    let names = move |names: &[&str]| Limited {
        items: names.iter().map(|name| (*name).to_owned()).collect(),
        is_cut: true,
        damaged: parts,
    };
    SeriesEngine {
        source: Box::new(|_| Arc::new(Damaged(Memory(kept()), AtomicU64::default()))),
        series: Box::new(move |ask| Ok(Limited { items: listed(ask), is_cut: false, damaged: parts })),
        label_names: Box::new(move |_| Ok(names(&["job"]))),
        label_values: Box::new(move |_| Ok(names(&["a"]))),
        ..engine(&Deleted::default())
    }
}

/// The data and the warnings of an answer.
async fn ask(path: &str) -> (Value, Value) {
    let router = PrometheusApi::new(damaged(2), ApiOptions::default()).router().layer(Extension(READER));
    let request = Request::get(format!("/api/v1/{path}")).body(Body::empty()).expect("request");
    let response = router.oneshot(request).await.expect("answers");
    assert_eq!(response.status(), 200, "{path}");
    let body = response.into_body().collect().await.expect("body").to_bytes();
    let mut answer: Value = serde_json::from_slice(&body).expect("JSON");
    (answer["data"].take(), answer["warnings"].take())
}

fn told(parts: u64) -> String {
    format!(
        "the answer is incomplete: damaged parts of series were left out ({parts}); the server's log names their files"
    )
}

#[tokio::test]
async fn queries_and_lists_tell_of_what_they_left_out() {
    let sum = json!({ "resultType": "vector", "result": [{ "metric": {}, "value": [0, "1"] }] });
    assert_eq!(ask("query?query=sum(up)&time=0").await, (sum, json!([told(1)])));
    let (_, warnings) = ask("query_range?query=up%2Bmany&start=0&end=60&step=30").await;
    assert_eq!(warnings, json!([told(2)]));
    // What selects nothing leaves nothing out.
    let (_, warnings) = ask("query?query=1&time=0").await;
    assert_eq!(warnings, Value::Null);
    let (_, warnings) = ask("explain?query=up&time=0").await;
    assert_eq!(warnings, json!([told(1)]));

    let (_, warnings) = ask("series?match[]=up").await;
    assert_eq!(warnings, json!([told(2)]));
    let cut = json!(["results truncated due to limit", told(2)]);
    assert_eq!(ask("labels?limit=1").await, (json!(["job"]), cut.clone()));
    assert_eq!(ask("label/job/values?limit=1").await, (json!(["a"]), cut));
}
