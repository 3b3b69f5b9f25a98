use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::{Extension, Router};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use orszem_model::record::{Attribute, AttributeValue};
use orszem_model::wire::{Batch, encode_records};
use orszem_model::{Labels, Record, Severity, Stream, Timestamp};
use orszem_search::Query;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::access::Access;
use super::engine::*;
use super::{LogsApi, app};

/// 2026-11-22T10:00:00Z
const START: i64 = 1_795_341_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

const ADMIN: Access = Access { tenant: 0, may_read: true, is_admin: true };
const READER: Access = Access { is_admin: false, ..ADMIN };
const SENDER: Access = Access { tenant: 0, may_read: false, is_admin: false };

/// Five lines, a second apart: the third is an error and no UTF-8.
fn rows() -> Vec<Row> {
    let bodies: [&[u8]; 5] = [b"one start", b"two", b"three \xff error", b"four", b"five end"];
    let numbered = bodies.iter().zip(0..);
    numbered
        .map(|(body, i)| {
            let host = if i % 2 == 0 { "db1" } else { "db2" };
            let stream = Stream { tenant: 0, class: "default".into(), labels: Labels::from([("host", host)]) };
            let mut record = Record::line(Timestamp(START + i * SECOND), stream, *body);
            record.observed = Some(record.timestamp);
            if i == 2 {
                record.severity = Severity::ERROR;
                record.attributes =
                    vec![Attribute { key: "n".into(), value: AttributeValue::Integer("12345678901234567890".into()) }];
            }
            Row { seq: i.unsigned_abs(), record }
        })
        .collect()
}

fn matches(query: &Query, row: &Row) -> bool {
    let bytes = encode_records(Timestamp(0), std::slice::from_ref(&row.record));
    let batch = Batch::decode(&bytes).expect("decodes");
    batch.records().any(|raw| query.matches(&raw.view(&batch.streams[0], row.seq)))
}

fn found(scope: &Scope) -> Vec<Row> {
    let inside = |row: &Row| (scope.range.from..scope.range.to).contains(&row.record.timestamp.0);
    rows().into_iter().filter(|row| scope.tenant == 0 && inside(row) && matches(&scope.query, row)).collect()
}

fn answer<T>(value: T) -> Answer<T> {
    Answer { value, stats: Stats { bytes_scanned: 7, records_scanned: 5 }, partial: None }
}

fn page(ask: &SearchAsk) -> RowPage {
    let mut rows = found(&ask.scope);
    if ask.order == Order::NewestFirst {
        rows.reverse();
    }
    let behind = |row: &Row| match (ask.after, ask.order) {
        (None, _) => true,
        (Some(after), Order::NewestFirst) => row.cursor() < after,
        (Some(after), Order::OldestFirst) => row.cursor() > after,
    };
    rows.retain(behind);
    let is_last = rows.len() <= ask.limit;
    rows.truncate(ask.limit);
    let next = rows.last().filter(|_| !is_last).map(Row::cursor);
    RowPage { rows, next }
}

fn engine() -> Engine {
    Engine {
        search: Box::new(|ask, _| Ok(answer(page(ask)))),
        count: Box::new(|scope, _| {
            Ok(Answer { partial: Some(Partial::Deadline), ..answer(found(scope).len() as u64) })
        }),
        histogram: Box::new(|ask, _| {
            let counts = [found(&ask.scope).len() as u64, 0, 0, 0, 0, 0, 0];
            Ok(answer(vec![(START, counts)]))
        }),
        top: Box::new(|_, _| {
            Ok(answer(Top { values: vec![("db1".into(), 3), ("db2".into(), 2)], distinct: 2, other: 0, missing: 1 }))
        }),
        numbers: Box::new(|ask, _| {
            let quantiles = ask.quantiles.iter().map(|quantile| quantile * 100.0).collect();
            Ok(answer(Numbers { count: 3, min: 0.0, max: 100.0, mean: 50.0, quantiles }))
        }),
        fields: Box::new(|_, _| Ok(answer(vec![FieldSummary { name: "host".into(), count: 5 }]))),
        context: Box::new(|ask, _| {
            let rows = rows();
            let at = rows.iter().position(|row| row.cursor() == ask.at);
            Ok(at.map(|at| Context {
                before: rows[at.saturating_sub(ask.before)..at].to_vec(),
                row: rows[at].clone(),
                after: rows[at + 1..(at + 1 + ask.after).min(rows.len())].to_vec(),
            }))
        }),
        patterns: Box::new(|_, _| Ok(answer(vec![Pattern { skeleton: "a *".into(), count: 2 }]))),
        explain: Box::new(|_, _| Err(EngineError::Store("disk on fire".into()))),
        delete: Box::new(|scope, _| Ok(found(scope).len() as u64)),
        tail: Box::new(|_| {
            let (sender, rows) = mpsc::channel(1);
            drop(sender);
            TailFeed { rows, dropped: Arc::new(AtomicU64::new(0)) }
        }),
    }
}

fn app(access: Option<Access>) -> Router {
    let router = app::router(LogsApi::new(engine()));
    match access {
        Some(access) => router.layer(Extension(access)),
        None => router,
    }
}

async fn call(access: Option<Access>, request: Request<Body>) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let response = app(access).oneshot(request).await.expect("answers");
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.expect("body").to_bytes().to_vec())
}

async fn get(path: &str) -> (u16, Value) {
    let (status, _, body) = call(Some(READER), Request::get(path).body(Body::empty()).expect("request")).await;
    (status.as_u16(), serde_json::from_slice(&body).expect("json"))
}

async fn post(access: Access, path: &str, kind: &str, body: &'static str) -> (u16, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("request");
    let (status, _, body) = call(Some(access), request).await;
    (status.as_u16(), serde_json::from_slice(&body).expect("json"))
}

fn bodies(answer: &Value) -> Vec<&str> {
    answer["rows"].as_array().expect("rows").iter().map(|row| row["body"].as_str().expect("body")).collect()
}

#[tokio::test]
async fn a_row_shows_everything_of_its_record() {
    let (status, answer) = get("/app/v1/search?q=error").await;
    let expected = json!({
        "status": "ok",
        "rows": [{
            "ts": "2026-11-22T10:00:02Z",
            "ts_ns": "1795341602000000000",
            "seq": "2",
            "cursor": "18ea49ea34b4d4002",
            "stream": { "host": "db1" },
            "severity": 17,
            "level": "error",
            "severity_text": null,
            "body": "three \u{fffd} error",
            "body_base64": "dGhyZWUg/yBlcnJvcg==",
            "attributes": { "n": 12_345_678_901_234_567_890_u64 },
            "kind": "log",
            "highlights": [[8, 13]],
        }],
        "next": null,
        "stats": { "bytes_scanned": 7, "records_scanned": 5 },
        "partial": false,
    });
    let mut answer = answer;
    let cursor = answer["rows"][0]["cursor"].take();
    assert_eq!(cursor.as_str().map(str::len), Some(17));
    let mut expected = expected;
    expected["rows"][0]["cursor"] = Value::Null;
    assert_eq!((status, answer), (200, expected));
}

#[tokio::test]
async fn cursors_walk_through_all_rows_once_in_either_order() {
    for (order, expected) in
        [("newest", ["five end", "four", "two", "one start"]), ("oldest", ["one start", "two", "four", "five end"])]
    {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, answer) = get(&format!("/app/v1/search?q=-error&limit=2&order={order}{cursor}")).await;
            assert_eq!(status, 200);
            seen.extend(bodies(&answer).into_iter().map(str::to_owned));
            match answer["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
}

#[tokio::test]
async fn get_form_and_json_ask_the_same() {
    let expected = ["two"];
    let from_get = get("/app/v1/search?from=2026-11-22T10:00:01Z&to=1795341602").await;
    let form =
        post(READER, "/app/v1/search", "application/x-www-form-urlencoded", "from=2026-11-22T10:00:01Z&to=1795341602")
            .await;
    let json = post(
        READER,
        "/app/v1/search",
        "application/json; charset=utf-8",
        r#"{"from":1795341601,"to":"2026-11-22T10:00:02Z"}"#,
    )
    .await;
    for (status, answer) in [from_get, form, json] {
        assert_eq!((status, bodies(&answer)), (200, expected.to_vec()));
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    for (path, status, code, key, value) in [
        ("/app/v1/search?q=a%20(", 400, "search.syntax", "position", json!(3)),
        ("/app/v1/search?limit=5001", 400, "request.parameter", "parameter", json!("limit")),
        ("/app/v1/search?limit=0", 400, "request.parameter", "parameter", json!("limit")),
        ("/app/v1/search?cursor=xyz", 400, "request.parameter", "parameter", json!("cursor")),
        ("/app/v1/search?from=now&to=now-1h", 400, "request.parameter", "parameter", json!("from")),
        ("/app/v1/search?querry=x", 400, "request.parameters", "parameter", Value::Null),
        ("/app/v1/search?timeout=10m", 400, "request.parameter", "parameter", json!("timeout")),
        ("/app/v1/histogram", 400, "request.parameter", "parameter", json!("from")),
        ("/app/v1/histogram?since=7d&step=1ms", 400, "request.parameter", "parameter", json!("step")),
        ("/app/v1/facets", 400, "request.parameter", "parameter", json!("field")),
        ("/app/v1/numbers?field=ms&quantiles=2", 400, "request.parameter", "parameter", json!("quantiles")),
        ("/app/v1/context?ts=1&seq=1", 404, "search.no_such_record", "parameter", Value::Null),
        ("/app/v1/explain", 500, "search.store", "parameter", Value::Null),
    ] {
        let (got, answer) = get(path).await;
        assert_eq!(
            (got, &answer["status"], &answer["code"], &answer[key]),
            (status, &json!("error"), &json!(code), &value),
            "{path}: {answer}"
        );
        assert!(!answer.to_string().contains("on fire"), "{path}");
    }
    let (status, answer) = post(READER, "/app/v1/search", "text/plain", "q=x").await;
    assert_eq!((status, &answer["code"]), (415, &json!("request.content_type")));
}

#[tokio::test]
async fn the_other_questions_have_their_shapes() {
    let stats = json!({ "bytes_scanned": 7, "records_scanned": 5 });
    let (_, count) = get("/app/v1/count?q=host:db1").await;
    assert_eq!(
        count,
        json!({ "status": "ok", "count": 3, "stats": stats, "partial": true, "partial_reason": "deadline" })
    );
    let (_, histogram) = get("/app/v1/histogram?from=2026-11-22T10:00:00Z&to=2026-11-22T11:00:00Z").await;
    assert_eq!(
        histogram,
        json!({
            "status": "ok", "step_ns": "30000000000", "from_ns": "1795341600000000000", "to_ns": "1795345200000000000",
            "bands": ["unset", "trace", "debug", "info", "warn", "error", "fatal"],
            "buckets": [{ "ts": "2026-11-22T10:00:00Z", "ts_ns": "1795341600000000000", "counts": [5, 0, 0, 0, 0, 0, 0] }],
            "stats": stats, "partial": false,
        })
    );
    let (_, facets) = get("/app/v1/facets?field=host").await;
    let values = json!([{ "value": "db1", "count": 3 }, { "value": "db2", "count": 2 }]);
    assert_eq!(
        facets,
        json!({ "status": "ok", "field": "host", "values": values, "distinct": 2, "other": 0, "missing": 1, "stats": stats, "partial": false })
    );
    let (_, fields) = get("/app/v1/fields").await;
    assert_eq!(fields["fields"], json!([{ "name": "host", "count": 5 }]));
    let (_, patterns) = get("/app/v1/patterns").await;
    assert_eq!(patterns["patterns"], json!([{ "pattern": "a *", "count": 2 }]));
    let (_, context) = get("/app/v1/context?ts=1795341601000000000&seq=1&before=5&after=1").await;
    let shown = |rows: &Value| rows.as_array().expect("rows").iter().map(|r| r["body"].clone()).collect::<Vec<_>>();
    assert_eq!((shown(&context["before"]), &context["row"]["body"]), (vec![json!("one start")], &json!("two")));
    assert_eq!(shown(&context["after"]), [json!("three \u{fffd} error")]);
}

#[tokio::test]
async fn an_export_holds_every_line_with_its_bytes() {
    let text = Request::get("/app/v1/export?format=text&order=oldest").body(Body::empty()).expect("request");
    let (status, headers, body) = call(Some(READER), text).await;
    assert_eq!((status, body.as_slice()), (StatusCode::OK, &b"one start\ntwo\nthree \xff error\nfour\nfive end\n"[..]));
    assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment; filename=\"lines.txt\"");
    let ndjson = Request::get("/app/v1/export?q=two").body(Body::empty()).expect("request");
    let (_, _, body) = call(Some(READER), ndjson).await;
    let line: Value = serde_json::from_slice(&body).expect("one JSON line");
    assert_eq!((&line["body"], body.last()), (&json!("two"), Some(&b'\n')));
}

#[tokio::test]
async fn rights_are_asked_for() {
    let search = || Request::get("/app/v1/search").body(Body::empty()).expect("request");
    let (status, _, body) = call(None, search()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", String::from_utf8_lossy(&body));
    assert_eq!(call(Some(SENDER), search()).await.0, StatusCode::FORBIDDEN);
    let other = Access { tenant: 1, ..READER };
    let (_, _, body) = call(Some(other), search()).await;
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("json")["rows"], json!([]));

    const WHOLE: &str = r#"{"q":"host:db1","from":"2026-11-22T10:00:00Z","to":"2026-11-22T11:00:00Z"}"#;
    let delete = |access, body| post(access, "/app/v1/delete", "application/json", body);
    let (status, answer) = delete(READER, WHOLE).await;
    assert_eq!((status, &answer["code"]), (403, &json!("access.forbidden")));
    let (status, answer) = delete(ADMIN, r#"{"q":"host:db1","since":"1h"}"#).await;
    assert_eq!((status, &answer["parameter"]), (400, &json!("to")));
    assert_eq!(delete(ADMIN, WHOLE).await, (200, json!({ "status": "ok", "deleted": 3 })));
    let (status, _, _) = call(Some(ADMIN), Request::get("/app/v1/delete").body(Body::empty()).expect("request")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_foreign_page_may_not_open_a_tail() {
    for (origin, code) in [("http://evil.example", "access.origin"), ("http://here:7450", "request.parameters")] {
        let request = Request::get("/app/v1/tail?q=x").header("origin", origin).header("host", "here:7450");
        let (_, _, body) = call(Some(READER), request.body(Body::empty()).expect("request")).await;
        let answer: Value = serde_json::from_slice(&body).expect("json");
        assert_eq!(answer["code"], json!(code), "{origin}");
    }
}

#[tokio::test]
async fn a_tail_sends_rows_and_tells_what_it_left_out() {
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::Message;

    let engine = Engine {
        tail: Box::new(|scope| {
            let (sender, receiver) = mpsc::channel(8);
            for row in found(&scope) {
                sender.try_send(row).expect("room");
            }
            TailFeed { rows: receiver, dropped: Arc::new(AtomicU64::new(3)) }
        }),
        ..engine()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("address");
    let router = app::router(LogsApi::new(engine)).layer(Extension(READER));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("ws://{address}/app/v1/tail?q=host:db2");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("connects");
    let mut messages = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => messages.push(serde_json::from_str::<Value>(&text).expect("json")),
            Message::Close(_) => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(messages[0]["type"], json!("rows"));
    assert_eq!(bodies(&messages[0]), ["two", "four"]);
    assert_eq!(messages[1..], [json!({ "type": "overload", "dropped": 3 })]);
    server.abort();
}

#[tokio::test]
async fn a_question_is_cancelled_when_the_client_leaves() {
    let cancel = Arc::new(Mutex::new(None::<Arc<AtomicBool>>));
    let seen = Arc::clone(&cancel);
    let engine = Engine {
        count: Box::new(move |_, budget| {
            *seen.lock().expect("lock") = Some(Arc::clone(&budget.cancel));
            while !budget.is_cancelled() {
                std::thread::yield_now();
            }
            Err(EngineError::Cancelled)
        }),
        ..engine()
    };
    let router = app::router(LogsApi::new(engine)).layer(Extension(READER));
    let request = Request::get("/app/v1/count").body(Body::empty()).expect("request");
    let asked = tokio::spawn(router.oneshot(request));
    while cancel.lock().expect("lock").is_none() {
        tokio::task::yield_now().await;
    }
    let flag = cancel.lock().expect("lock").clone().expect("asked");
    assert!(!flag.load(Ordering::Relaxed));
    asked.abort();
    assert!(asked.await.expect_err("aborted").is_cancelled());
    assert!(flag.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_page_is_for_browsers_and_the_name_for_elasticsearch_clients() {
    let html = Request::get("/").header(header::ACCEPT, "text/html,*/*").body(Body::empty()).expect("request");
    let (status, headers, body) = call(None, html).await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"text/html; charset=utf-8"[..]));
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text").starts_with("default-src 'none';"));
    let page = String::from_utf8(body).expect("text");
    assert!(
        !page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="),
        "inline code is refused by the policy"
    );

    let again =
        Request::get("/").header(header::ACCEPT, "text/html").header(header::IF_NONE_MATCH, &headers[header::ETAG]);
    let (status, _, body) = call(None, again.body(Body::empty()).expect("request")).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));

    let (_, headers, body) = call(None, Request::get("/").body(Body::empty()).expect("request")).await;
    assert_eq!(headers["x-elastic-product"], "Elasticsearch");
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("json")["version"]["number"], "8.15.0");

    for path in page.split('"').filter(|part| part.starts_with("/assets/")) {
        let (status, _, body) = call(None, Request::get(path).body(Body::empty()).expect("request")).await;
        assert_eq!((status, body.is_empty()), (StatusCode::OK, false), "{path}");
    }
    let (status, _, _) = call(None, Request::get("/nothing").body(Body::empty()).expect("request")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
