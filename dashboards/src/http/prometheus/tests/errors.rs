//! What is refused: status, type and text.

use serde_json::{Value, json};

use super::*;

/// Status, error type and error.
async fn refused(path: &str, query: &str) -> (u16, String, String) {
    let request = Request::get(format!("/api/v1/{path}?{query}")).body(Body::empty()).expect("request");
    let (status, _, body) = call(READER, request).await;
    let answer: Value = serde_json::from_slice(&body).expect("json");
    assert_eq!(answer["status"], json!("error"), "{path}?{query}: {answer}");
    let text = |name: &str| answer[name].as_str().expect("text").to_owned();
    (status, text("errorType"), text("error"))
}

#[tokio::test]
async fn bad_data_is_named() {
    let not_time = |name| format!("invalid parameter \"{name}\": cannot parse \"foo\" to a valid timestamp");
    let not_duration = |name| format!("invalid parameter \"{name}\": cannot parse \"foo\" to a valid duration");
    let empty = "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher".to_owned();
    let no_match = "no match[] parameter provided".to_owned();
    let before = "invalid parameter \"end\": end timestamp must not be before start timestamp".to_owned();
    let step = "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer".to_owned();
    let points =
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            .to_owned();
    let limit = "invalid parameter \"limit\": limit must be non-negative".to_owned();
    let cases = [
        ("query", "query=up&time=foo", not_time("time")),
        ("query", "query=up&timeout=foo", not_duration("timeout")),
        ("query", "query=up&lookback_delta=foo", not_duration("lookback_delta")),
        ("query", "query=up&limit=-1", limit.clone()),
        ("query", "query=up&limit=x", "invalid parameter \"limit\": cannot parse \"x\" to a number".to_owned()),
        ("query", "", "invalid parameter \"query\": unknown position: parse error: no expression found in input".to_owned()),
        (
            "query",
            "query=up%7B",
            "invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces".to_owned(),
        ),
        ("query_range", "query=up&start=foo&end=2&step=1", not_time("start")),
        ("query_range", "query=up&end=2&step=1", "invalid parameter \"start\": cannot parse \"\" to a valid timestamp".to_owned()),
        ("query_range", "query=up&start=1&end=foo&step=1", not_time("end")),
        ("query_range", "query=up&start=1&end=2&step=foo", not_duration("step")),
        ("query_range", "query=up&start=1&end=2", "invalid parameter \"step\": cannot parse \"\" to a valid duration".to_owned()),
        ("query_range", "query=up&start=1&end=2&step=0", step.clone()),
        ("query_range", "query=up&start=1&end=2&step=-1", step),
        ("query_range", "query=up&start=0&end=11001&step=1", points),
        (
            "query_range",
            "query=up&start=3&end=2&step=1",
            "invalid parameter \"end\": end timestamp must not be before start time".to_owned(),
        ),
        (
            "query_range",
            "query=up%5B1m%5D&start=1&end=2&step=1",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
                .to_owned(),
        ),
        (
            "query_range",
            "query=%22x%22&start=1&end=2&step=1",
            "invalid parameter \"query\": invalid expression type \"string\" for range query, must be Scalar or instant Vector"
                .to_owned(),
        ),
        ("series", "", no_match.clone()),
        ("series", "match[]=%7Bx=%22%22%7D", empty.clone()),
        ("series", "match[]=up&start=3&end=2", before.clone()),
        ("series", "match[]=up&limit=-1", limit),
        ("labels", "match[]=%7Bx=~%22.*%22%7D", empty.clone()),
        ("label/job/values", "match[]=%7B%7D", empty),
        ("label/job/values", "start=foo", not_time("start")),
        ("label/U__/values", "", "invalid label name: \"\"".to_owned()),
        ("metadata", "limit=x", "limit must be a number".to_owned()),
        ("metadata", "limit_per_metric=x", "limit_per_metric must be a number".to_owned()),
        ("query_exemplars", "query=up&start=3&end=2", before),
        ("status/tsdb", "limit=0", "limit must be a positive number".to_owned()),
        ("status/tsdb", "limit=10001", "limit must not exceed 10000".to_owned()),
    ];
    for (path, query, error) in cases {
        assert_eq!(refused(path, query).await, (400, "bad_data".to_owned(), error), "{path}?{query}");
    }
    // The good twins of the limits.
    assert_eq!(get("query_range", &[("query", "1"), ("start", "0"), ("end", "11000"), ("step", "1")]).await.0, 200);
    assert_eq!(get("query_range", &[("query", "1"), ("start", "2"), ("end", "2"), ("step", "1")]).await.0, 200);
}

#[tokio::test]
async fn evaluation_may_fail() {
    let timed_out = "query timed out in expression evaluation".to_owned();
    assert_eq!(refused("query", "query=up&time=20&timeout=0").await, (503, "timeout".to_owned(), timed_out));
    assert_eq!(refused("query", "query=broken").await, (500, "internal".to_owned(), "broken series".to_owned()));
    assert_eq!(refused("query", "query=excessive").await, (422, "execution".to_owned(), "excessive series".to_owned()));
    let (status, kind, error) = refused("query", "query=up%20%2B%20on()%20up&time=20").await;
    assert_eq!((status, kind.as_str()), (422, "execution"));
    assert!(error.starts_with("found duplicate series for the match group {} on the right"), "{error}");
    assert_eq!(get("query", &[("query", "up"), ("time", "20"), ("timeout", "1m")]).await.0, 200);
}

#[tokio::test]
async fn rights_are_asked_for() {
    let ask = |access, path: &str| {
        call(access, Request::post(format!("/api/v1/{path}")).body(Body::empty()).expect("request"))
    };
    let only = json!({
        "status": "error", "errorType": "unavailable", "error": "admin APIs need a token with the role admin",
    });
    for path in ["admin/tsdb/delete_series?match[]=up", "admin/tsdb/clean_tombstones"] {
        let (status, _, body) = ask(READER, path).await;
        assert_eq!((status, serde_json::from_slice::<Value>(&body).expect("json")), (403, only.clone()), "{path}");
        let (status, _, body) = ask(ADMIN, path).await;
        assert_eq!((status, body.len()), (204, 0), "{path}");
    }
    assert_eq!(ask(ADMIN, "admin/tsdb/delete_series").await.0, 400);
    assert_eq!(ask(Access { may_read: false, ..ADMIN }, "query?query=1").await.0, 403);
    let (_, _, body) = ask(Access { tenant: 1, ..READER }, "query?query=up&time=20").await;
    let none = success(r#"{"resultType":"vector","result":[]}"#).1;
    assert_eq!(String::from_utf8(body).expect("text"), none);
}

#[tokio::test]
async fn a_deletion_is_passed_on() {
    let deleted = Deleted::default();
    let request = Request::put("/api/v1/admin/tsdb/delete_series?match[]=up&match[]=odd&start=1&end=2.5");
    let request = request.body(Body::empty()).expect("request");
    let response = app(&deleted, ADMIN).oneshot(request).await.expect("answers");
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(*deleted.lock().expect("lock"), [(1000, 2500, 2)]);
}
