//! Elasticsearch's protocol: what becomes of documents, and what their senders are told.

use ::http::Method;
use serde_json::{Value, json};

use super::router::{Server, gzip};
use super::*;
use crate::ingest::http::{Accepted, SubmitError};

/// An answer without what differs from run to run.
fn plain(answer: &super::router::Answer) -> Value {
    let mut value: Value = serde_json::from_slice(&answer.body).expect("JSON");
    if let Some(took) = value.get_mut("took") {
        assert!(took.is_u64(), "{took}");
        *took = Value::Null;
    }
    assert_eq!(answer.header("x-elastic-product"), Some("Elasticsearch"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    value
}

fn created(index: &str, id: &str, seq: usize) -> Value {
    json!({"_index": index, "_id": id, "_version": 1, "result": "created",
        "_shards": {"total": 1, "successful": 1, "failed": 0}, "_seq_no": seq, "_primary_term": 1, "status": 201})
}

const ECS: &str = r#"{"@timestamp":"2026-11-22T10:00:01.000Z","timestamp":1,"message":"disk full","msg":"m","host":{"name":"db1"},"log":{"level":"error","file":{"path":"/var/log/pg.log"}},"service":{"name":"pg"},"trace":{"id":"000102030405060708090a0b0c0d0e0f"},"data_stream":{"type":"logs","dataset":"pg","namespace":"prod"},"agent":{"type":"filebeat"},"code":28}"#;

#[tokio::test]
async fn documents_are_taken_in_by_the_rules_of_lines() {
    let server = Server::ok();
    let body = format!("{{\"create\":{{\"_index\":\"logs-pg\"}}}}\n{ECS}\n{{\"index\":{{\"_id\":7}}}}\n{{\"a\":1}}\n");
    let answer = server.call(Method::PUT, "/web/_bulk?filter_path=errors,items.*.status", &[], body).await;
    let items = json!({"errors": false, "items": [{"create": {"status": 201}}, {"index": {"status": 201}}]});
    assert_eq!((answer.status, plain(&answer)), (200, items));
    let submission = server.submitted().remove(0);
    let records = records(&submission.batches);
    assert_eq!((submission.tenant, submission.identity, submission.idempotency_key), (9, None, None));
    let shown: Vec<String> = records.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "1s {dataset=pg,file=/var/log/pg.log,host=db1,index=logs-pg,namespace=prod,service=pg,type=logs} 17 \
             [timestamp=1 msg=\"m\" agent.type=\"filebeat\" code=28] disk full",
            "0s {index=web} 0 [a=1 orszem.time_inferred=true _id=\"7\"] {\"a\":1}",
        ]
    );
    assert_eq!(records[0].trace_id, Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
    assert_eq!(records[0].severity_text.as_deref(), Some("error"));
}

#[tokio::test]
async fn each_item_is_answered_and_a_bad_one_harms_no_other() {
    let server = Server::ok();
    let body = b"{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"msg\":\"x\"}\n\
        {\"create\":{\"_index\":\"a\",\"_id\":\"2\"}}\n{\"msg\":\n\
        {\"index\":{\"_index\":\"a\",\"_id\":\"3\"}}\n{\"@timestamp\":\"soon\"}\n\
        {\"delete\":{\"_index\":\"a\",\"_id\":\"4\"}}\n\
        {\"update\":{\"_index\":\"a\",\"_id\":\"5\"}}\n{\"doc\":{}}\n\
        {\"index\":{\"_index\":\"_a\",\"_id\":\"6\"}}\n{}\n\
        {\"index\":{\"_index\":\"a\",\"_id\":\"7\"}}\n{\"msg\":\"y\xff\"}\n";
    let answer = server.post("/_bulk", &[("content-encoding", "gzip")], gzip(body)).await;
    let failed = |id: &str, kind: &str, reason: &str| json!({"_index": if id == "6" { "_a" } else { "a" }, "_id": id, "status": 400, "error": {"type": kind, "reason": reason}});
    let unsupported = |verb: &str| {
        format!("documents are not {verb} here: records stay as they were sent; use the actions index and create")
    };
    let value = plain(&answer);
    let expected = json!({"errors": true, "took": null, "items": [
        {"index": created("a", "1", 0)},
        {"create": failed("2", "mapper_parsing_exception", "failed to parse: no JSON object: EOF while parsing a value at line 1 column 7")},
        {"index": failed("3", "mapper_parsing_exception", value["items"][2]["index"]["error"]["reason"].as_str().expect("text"))},
        {"delete": failed("4", "action_request_validation_exception", &unsupported("deleted"))},
        {"update": failed("5", "action_request_validation_exception", &unsupported("updated"))},
        {"index": failed("6", "invalid_index_name_exception", "Invalid index name [_a], must not start with '_', '-', or '+'")},
        {"index": created("a", "7", 6)},
    ]});
    assert_eq!((answer.status, value), (200, expected));
    let shown = server.shown();
    assert_eq!(
        shown,
        [
            "0s {index=a} 0 [orszem.time_inferred=true _id=\"1\"] x",
            "0s {index=a} 0 [orszem.time_inferred=true _id=\"7\"] y\u{fffd}",
        ]
    );
    let metrics = server.metrics();
    for line in [
        r#"orszem_ingest_records_accepted_total{protocol="elasticsearch"} 2"#,
        r#"orszem_ingest_records_repaired_total{protocol="elasticsearch"} 1"#,
        r#"orszem_ingest_records_rejected_total{protocol="elasticsearch",reason="malformed"} 4"#,
        r#"orszem_ingest_records_rejected_total{protocol="elasticsearch",reason="bad_timestamp"} 1"#,
        r#"orszem_ingest_requests_total{protocol="elasticsearch",code="ok"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn single_documents_are_answered_as_such() {
    let server = Server::ok();
    let pretty = "{\n  \"msg\": \"x\",\n  \"host\": \"h\"\n}\n";
    for (method, path, id) in [
        (Method::POST, "/my%20idx/_doc", None),
        (Method::POST, "/a/_doc", None),
        (Method::PUT, "/a/_doc/n%2F1", Some("n/1")),
        (Method::POST, "/a/_create/2", Some("2")),
    ] {
        let answer = server.call(method, path, &[("content-type", "application/json")], pretty).await;
        let value = plain(&answer);
        if path.starts_with("/my") {
            assert_eq!((answer.status, &value["error"]["type"]), (400, &json!("invalid_index_name_exception")));
            assert_eq!((value["status"].as_u64(), server.submitted()), (Some(400), Vec::new()));
            continue;
        }
        let made = value["_id"].as_str().expect("an id");
        assert_eq!(id.map_or(made.len(), |_| 20), 20, "{made}");
        let mut expected = created("a", id.unwrap_or(made), 0);
        expected.as_object_mut().expect("an object").remove("status");
        assert_eq!((answer.status, value), (201, expected));
        let attribute = id.map(|id| format!(" _id={id:?}")).unwrap_or_default();
        assert_eq!(server.shown(), [format!("0s {{host=h,index=a}} 0 [orszem.time_inferred=true{attribute}] x")]);
    }
    let ids: Vec<Value> = [server.post("/a/_doc", &[], "{}").await, server.post("/a/_doc", &[], "{}").await]
        .iter()
        .map(|answer| plain(answer)["_id"].clone())
        .collect();
    assert_ne!(ids[0], ids[1]);
    let answer = server.post("/a/_doc", &[], "noise").await;
    let cause = json!({"type": "mapper_parsing_exception", "reason": "failed to parse: no JSON object: expected ident at line 1 column 2"});
    let expected =
        json!({"error": {"root_cause": [cause], "type": cause["type"], "reason": cause["reason"]}, "status": 400});
    assert_eq!((answer.status, plain(&answer)), (400, expected));
}

#[tokio::test]
async fn requests_are_refused_whole_in_elasticsearchs_shape() {
    let server = Server::ok();
    let item = "{\"index\":{\"_index\":\"a\"}}\n{}\n";
    let cases: [(&str, &str, Vec<u8>, u16, &str); 7] = [
        ("/_bulk", "", Vec::new(), 400, "parse_exception"),
        ("/a/_doc", "", Vec::new(), 400, "parse_exception"),
        ("/_bulk", "", item.trim_end().into(), 400, "illegal_argument_exception"),
        ("/_bulk", "", format!("{item}noise\n{{}}\n").into(), 400, "illegal_argument_exception"),
        ("/_bulk", "", b"{\"index\":{}}\n{}\n".to_vec(), 400, "illegal_argument_exception"),
        ("/_bulk", "gzip", item.into(), 400, "illegal_argument_exception"),
        ("/_bulk", "br", item.into(), 415, "illegal_argument_exception"),
    ];
    for (path, encoding, body, status, kind) in cases {
        let answer = server.post(path, &[("content-encoding", encoding)], body.clone()).await;
        let value = plain(&answer);
        let cause = &value["error"]["root_cause"][0];
        assert_eq!(
            (answer.status, &cause["type"], value["status"].as_u64()),
            (status, &json!(kind), Some(status.into()))
        );
        assert_eq!((&value["error"]["type"], &value["error"]["reason"]), (&cause["type"], &cause["reason"]));
    }
    assert_eq!(server.submitted(), Vec::new());

    for (error, status, kind, retry_after) in [
        (SubmitError::Overloaded { retry_after_s: 7 }, 429, "es_rejected_execution_exception", "7"),
        (SubmitError::DiskFull, 507, "cluster_block_exception", "60"),
        (SubmitError::Io("fsync failed".into()), 503, "unavailable_shards_exception", "5"),
    ] {
        let server = Server::new(Limits::default(), Err(error));
        let answer = server.post("/_bulk", &[], item).await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some(retry_after)));
        assert_eq!(plain(&answer)["error"]["type"], kind);
    }
}

#[tokio::test]
async fn a_key_makes_a_repeat_known_and_ids_do_not() {
    let server = Server::new(Limits::default(), Ok(Accepted { duplicate: true, ..Accepted::default() }));
    let item = "{\"create\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{}\n";
    let answer = server.post("/_bulk", &[("idempotency-key", "k1")], format!("{item}{item}")).await;
    let items = json!([{"create": created("a", "1", 0)}, {"create": created("a", "1", 1)}]);
    assert_eq!((answer.header("x-orszem-duplicate"), &plain(&answer)["items"]), (Some("true"), &items));
    assert_eq!(server.submitted().remove(0).idempotency_key.as_deref(), Some("k1"));
}

#[tokio::test]
async fn what_agents_ask_before_they_send_is_answered_and_stored_nowhere() {
    let server = Server::ok();
    let put = json!({"acknowledged": true});
    let names =
        ["_ilm/policy", "_index_template", "_template", "_component_template", "_ingest/pipeline", "_data_stream"];
    for name in names {
        let path = format!("/{name}/filebeat-9.0.0");
        for method in [Method::GET, Method::PUT, Method::GET] {
            let answer = server.call(method.clone(), &path, &[], "{}").await;
            let value = plain(&answer);
            let (status, expected) = match method {
                Method::PUT => (200, &put),
                _ => (404, &json!("resource_not_found_exception")),
            };
            let told = if status == 404 { &value["error"]["type"] } else { &value };
            assert_eq!((answer.status, told), (status, expected), "{method} {path}");
        }
        let head = server.call(Method::HEAD, &path, &[], "").await;
        assert_eq!((head.status, head.body), (404, Vec::new()), "{path}");
    }
    for (path, pointer, expected) in [
        ("/_license", "/license/type", json!("basic")),
        ("/_xpack", "/features/ilm/enabled", json!(true)),
        ("/_cluster/health?timeout=1s", "/status", json!("green")),
        ("/_nodes/http", "/nodes", json!({})),
        ("/_refresh", "/_shards/failed", json!(0)),
        ("/a/_refresh", "/_shards/failed", json!(0)),
    ] {
        let answer = server.call(Method::GET, path, &[], "").await;
        assert_eq!((answer.status, plain(&answer).pointer(pointer)), (200, Some(&expected)), "{path}");
    }
    let alias = server.call(Method::GET, "/_alias/a", &[], "").await;
    assert_eq!((alias.status, plain(&alias)), (404, json!({"error": "alias [a] missing", "status": 404})));
    for (method, path) in [
        (Method::POST, "/_search"),
        (Method::GET, "/a/_count"),
        (Method::GET, "/a/_doc/1"),
        (Method::DELETE, "/a/_doc/1"),
        (Method::POST, "/a/_update/1"),
    ] {
        let answer = server.call(method, path, &[], "{}").await;
        assert_eq!((answer.status, &plain(&answer)["error"]["type"]), (501, &json!("unsupported_operation_exception")));
    }
    assert_eq!(server.submitted(), Vec::new());
}

#[test]
fn an_index_is_asked_for_and_made_without_a_route() {
    let answer = |method: Method, path: &str| {
        let request = ::http::Request::builder().method(method).uri(path).body(axum::body::Body::empty());
        crate::ingest::http::elastic_index(&request.expect("a request")).map(|answer| answer.status().as_u16())
    };
    assert_eq!(answer(Method::HEAD, "/filebeat-9"), Some(404));
    assert_eq!(answer(Method::PUT, "/%3Cfilebeat-%7Bnow%2Fd%7D-000001%3E"), Some(200));
    for (method, path) in
        [(Method::GET, "/filebeat-9"), (Method::PUT, "/"), (Method::PUT, "/a/b"), (Method::DELETE, "/a")]
    {
        assert_eq!(answer(method, path), None, "{path}");
    }
}
