//! The router as a function, with a collector of submissions behind it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Method, Request};
use axum::body::Body;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use prost::Message;
use tower::ServiceExt;

use super::*;
use crate::ingest::http::{
    Accepted, Identity, IngestState, Submission, SubmitError, SubmitFn, Tenant, router, take_otlp,
};
use crate::ingest::metrics::Metrics;

/// The routes with what they handed on and counted.
pub(super) struct Server {
    router: axum::Router,
    state: Arc<IngestState>,
    submissions: Arc<Mutex<Vec<Submission>>>,
    registry: Registry,
}

pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The stable code of a refusal in JSON.
    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["status"], "error");
        body["code"].as_str().expect("a code").to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Server {
    pub(super) fn new(limits: Limits, outcome: Result<Accepted, SubmitError>) -> Self {
        let submissions = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&submissions);
        let submit: SubmitFn = Arc::new(move |submission| {
            collected.lock().expect("lock").push(submission);
            let outcome = outcome.clone();
            Box::pin(async move { outcome })
        });
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let state = Arc::new(IngestState::new(limits, submit, metrics, Arc::new(|| NOW)));
        Self { router: router(Arc::clone(&state)), state, submissions, registry }
    }

    pub(super) fn ok() -> Self {
        Self::new(Limits::default(), Ok(Accepted::default()))
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.call(Method::POST, path, headers, body).await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.extension(Tenant(9)).body(body.into()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(super) fn submitted(&self) -> Vec<Submission> {
        std::mem::take(&mut self.submissions.lock().expect("lock"))
    }

    pub(super) fn shown(&self) -> Vec<String> {
        self.submitted()
            .iter()
            .flat_map(|submission| records(&submission.batches))
            .map(|record| shown(&record))
            .collect()
    }

    pub(super) fn metrics(&self) -> String {
        let mut out = String::new();
        encode(&mut out, &self.registry).expect("encodes");
        out
    }
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("writes");
    encoder.finish().expect("finishes")
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).expect("compresses")
}

/// Path, headers, body, the answer's status and what is expected of it.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<u8>, u16, &'a str);

const LINE: &str = r#"{"ts":1795341600,"host":"a","msg":"x"}"#;
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const LOKI: &str = r#"{"streams":[{"stream":{"a":"b"},"values":[["1795341600000000000","x"]]}]}"#;

#[tokio::test]
async fn every_protocol_and_compression_arrives() {
    let otlp = export::request(vec![export::record("x")]);
    let otlp_json = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795341600000000000","body":{"stringValue":"x"}}]}]}]}"#;
    let large = format!("{LINE}\n{}", " ".repeat(100_000));
    let zstd = |body: &[u8]| zstd::bulk::compress(body, 1).expect("compresses");
    let plain = "0s {host=a} 0 [] x";
    let cases: Vec<Case<'_>> = vec![
        ("/app/v1/ingest", vec![NDJSON], LINE.into(), 200, plain),
        ("/app/v1/ingest", vec![], LINE.into(), 200, plain),
        ("/app/v1/ingest", vec![NDJSON], large.clone().into(), 200, plain),
        ("/app/v1/ingest", vec![NDJSON, ("content-encoding", "gzip")], gzip(large.as_bytes()), 200, plain),
        ("/app/v1/ingest", vec![NDJSON, ("content-encoding", "zstd")], zstd(LINE.as_bytes()), 200, plain),
        (
            "/app/v1/ingest?labels=msg",
            vec![("content-type", "application/json; charset=utf-8")],
            LINE.into(),
            200,
            "0s {host=a,msg=x} 0 [] {\"ts\":1795341600,\"host\":\"a\",\"msg\":\"x\"}",
        ),
        (
            "/app/v1/ingest?host=a%20b",
            vec![("content-type", "text/plain")],
            b"x".to_vec(),
            200,
            "0s {host=a b} 0 [orszem.time_inferred=true] x",
        ),
        (
            "/v1/logs",
            vec![PROTOBUF],
            otlp.clone(),
            200,
            "0s {container=c1,host=db1,ring=r1,service=pg} 0 [container.name=\"c2\" service.instance.id=\"i\" process.pid=7 otel.scope.name=\"lib\" otel.scope.version=\"1\"] x",
        ),
        ("/v1/logs", vec![JSON, ("content-encoding", "gzip")], gzip(otlp_json), 200, "0s {} 0 [] x"),
        ("/loki/api/v1/push", vec![JSON], LOKI.into(), 204, "0s {a=b} 0 [] x"),
        ("/loki/api/v1/push", vec![JSON, ("content-encoding", "gzip")], gzip(LOKI.as_bytes()), 204, "0s {a=b} 0 [] x"),
        (
            "/loki/api/v1/push",
            vec![PROTOBUF],
            snappy(&push::push("{a=\"b\"}", "x")),
            204,
            "0.000000005s {a=b} 0 [traceID=\"000102030405060708090a0b0c0d0e0f\"] x",
        ),
        (
            "/loki/api/v1/push",
            vec![PROTOBUF, ("content-encoding", "snappy")],
            snappy(&push::push("{a=\"b\"}", "x")),
            204,
            "0.000000005s {a=b} 0 [traceID=\"000102030405060708090a0b0c0d0e0f\"] x",
        ),
    ];
    let server = Server::ok();
    for (path, headers, body, status, expected) in cases {
        let answer = server.post(path, &headers, body).await;
        assert_eq!(
            (answer.status, server.shown()),
            (status, vec![expected.to_owned()]),
            "{path} {headers:?}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_code() {
    let limits = Limits { body_bytes_max: 100_000, inflight_bytes_max: 1 << 20, ..Limits::default() };
    let server = Server::new(limits, Ok(Accepted::default()));
    let bomb = vec![b'x'; 10 << 20];
    let cases: Vec<Case<'_>> = vec![
        (
            "/app/v1/ingest",
            vec![("content-type", "application/x-www-form-urlencoded")],
            LINE.into(),
            415,
            "ingest.unsupported_content_type",
        ),
        ("/v1/logs", vec![("content-type", "text/plain")], Vec::new(), 415, "ingest.unsupported_content_type"),
        ("/loki/api/v1/push", vec![("content-type", "text/html")], Vec::new(), 415, "ingest.unsupported_content_type"),
        ("/app/v1/ingest", vec![NDJSON, ("content-encoding", "br")], LINE.into(), 415, "ingest.unsupported_encoding"),
        ("/app/v1/ingest", vec![NDJSON], vec![b' '; 100_001], 413, "ingest.body_too_large"),
        ("/app/v1/ingest", vec![NDJSON, ("content-length", "100001")], Vec::new(), 413, "ingest.body_too_large"),
        ("/app/v1/ingest", vec![NDJSON, ("content-encoding", "gzip")], gzip(&bomb), 413, "ingest.body_too_large"),
        (
            "/app/v1/ingest",
            vec![NDJSON, ("content-encoding", "zstd")],
            zstd::bulk::compress(&bomb, 1).expect("compresses"),
            413,
            "ingest.body_too_large",
        ),
        ("/loki/api/v1/push", vec![PROTOBUF], snappy(&bomb), 413, "ingest.body_too_large"),
        ("/app/v1/ingest", vec![NDJSON, ("content-encoding", "gzip")], LINE.into(), 400, "ingest.bad_compression"),
        ("/loki/api/v1/push", vec![PROTOBUF], b"\x80noise".to_vec(), 400, "ingest.bad_compression"),
        ("/loki/api/v1/push", vec![PROTOBUF], snappy(b"noise"), 400, "ingest.bad_protobuf"),
        ("/loki/api/v1/push", vec![PROTOBUF], snappy(&push::push("{9a=\"b\"}", "x")), 400, "ingest.bad_labels"),
        ("/loki/api/v1/push", vec![JSON], b"{".to_vec(), 400, "ingest.bad_json"),
        ("/v1/logs", vec![JSON], b"[]x".to_vec(), 400, "ingest.bad_json"),
        ("/app/v1/ingest", vec![NDJSON], b"noise".to_vec(), 400, "ingest.malformed"),
        ("/app/v1/ingest?tenant=1", vec![NDJSON], LINE.into(), 400, "ingest.tenant_not_allowed"),
        ("/app/v1/ingest?color=red", vec![NDJSON], LINE.into(), 400, "ingest.bad_parameter"),
        ("/app/v1/ingest", vec![NDJSON, ("x-orszem-source", "a")], LINE.into(), 400, "ingest.bad_header"),
        (
            "/app/v1/ingest",
            vec![
                NDJSON,
                ("x-orszem-source", "a"),
                ("x-orszem-epoch", "1"),
                ("x-orszem-seq", "2"),
                ("x-orszem-gap", "3"),
            ],
            LINE.into(),
            400,
            "ingest.bad_header",
        ),
        ("/app/v1/ingest", vec![NDJSON, ("x-orszem-gap", "1")], LINE.into(), 400, "ingest.bad_header"),
        (
            "/app/v1/ingest",
            vec![NDJSON, ("x-orszem-source", "a"), ("x-orszem-epoch", "1"), ("x-orszem-seq", "-1")],
            LINE.into(),
            400,
            "ingest.bad_header",
        ),
        ("/app/v1/ingest", vec![NDJSON, ("idempotency-key", "")], LINE.into(), 400, "ingest.bad_header"),
        ("/app/v1/ingest", vec![NDJSON, ("x-orszem-hash", "zz")], LINE.into(), 400, "ingest.bad_header"),
        ("/app/v1/ingest", vec![NDJSON, ("x-orszem-hash", "00000000")], LINE.into(), 400, "ingest.hash_mismatch"),
    ];
    let total = cases.len();
    for (path, headers, body, status, code) in cases {
        let answer = server.post(path, &headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path} {headers:?}: {}", answer.text());
    }
    assert_eq!(server.submitted(), Vec::new());
    let metrics = server.metrics();
    let refused: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("orszem_ingest_requests_total"))
        .map(|line| line.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(refused, total as u64, "{metrics}");
    let answer = server.post("/app/v1/ingest", &[NDJSON], LINE).await;
    assert_eq!((answer.status, server.shown().len()), (200, 1), "the next request goes through");
}

#[tokio::test]
async fn identity_and_key_are_handed_on_and_the_acknowledgement_back() {
    let accepted = Accepted { accepted_seq: 8, horizon_seq: 6, duplicate: true };
    let server = Server::new(Limits::default(), Ok(accepted));
    let hash = format!("{:08x}", crc32c::crc32c(LINE.as_bytes()));
    let headers = [
        NDJSON,
        ("content-encoding", "gzip"),
        ("x-orszem-source", "node-1"),
        ("x-orszem-epoch", "3"),
        ("x-orszem-seq", "8"),
        ("x-orszem-gap", "3"),
        ("x-orszem-hash", hash.as_str()),
        ("idempotency-key", "k1"),
    ];
    let answer = server.post("/app/v1/ingest", &headers, gzip(LINE.as_bytes())).await;
    assert_eq!(
        answer.text(),
        r#"{"status":"success","accepted":1,"rejected":0,"overflowed":0,"repaired":0,"rejections":[],"accepted_seq":8,"horizon_seq":6,"duplicate":true}"#
    );
    let seqs = ["x-orszem-accepted-seq", "x-orszem-horizon-seq", "x-orszem-duplicate"].map(|name| answer.header(name));
    assert_eq!(seqs, [Some("8"), Some("6"), Some("true")]);
    let submission = server.submitted().remove(0);
    let identity = Identity { source: "node-1".into(), epoch: 3, seq: 8, skipped: 3 };
    assert_eq!(
        (submission.tenant, submission.identity, submission.idempotency_key),
        (9, Some(identity), Some("k1".into()))
    );

    let headers = &headers[2..6];
    let answer = server.post("/app/v1/ingest", headers, "noise").await;
    assert_eq!(answer.status, 200, "a batch whose records were all rejected still counts: {}", answer.text());
    assert_eq!(server.submitted().remove(0).batches, Vec::<Vec<u8>>::new());
    let answer = server.post("/app/v1/ingest", &[NDJSON], "").await;
    assert_eq!((answer.status, server.submitted().len()), (200, 0), "nothing to submit");
}

#[tokio::test]
async fn a_request_in_the_same_process_is_taken_in_as_over_http() {
    let accepted = Accepted { accepted_seq: 8, horizon_seq: 6, duplicate: false };
    let server = Server::new(Limits { body_bytes_max: 1024, ..Limits::default() }, Ok(accepted));
    let identity = Identity { source: "node-1".into(), epoch: 3, seq: 8, skipped: 3 };
    let good = LogRecord { time_unix_nano: 1_795_341_600_000_000_000, ..LogRecord::default() };
    let bad = LogRecord { time_unix_nano: u64::MAX, ..LogRecord::default() };
    let request = export::request(vec![good, bad]);
    let hash = crc32c::crc32c(&request);
    let take = async |body: &[u8], hash| {
        let payload = zstd::bulk::compress(body, 1).expect("compresses").into();
        let taken = take_otlp(&server.state, 9, identity.clone(), payload, hash).await;
        taken.map_err(|error| (error.status, error.code))
    };
    let (acknowledged, decoded) = take(&request, hash).await.expect("taken in");
    assert_eq!((acknowledged, decoded.accepted, decoded.rejected_count()), (accepted, 1, 1));
    let submission = server.submitted().remove(0);
    assert_eq!((submission.tenant, submission.identity.as_ref()), (9, Some(&identity)));
    assert_eq!(records(&submission.batches).len(), 1);

    let (acknowledged, decoded) = take(b"", 0).await.expect("a number without records counts too");
    assert_eq!((acknowledged, decoded.accepted), (accepted, 0));
    assert_eq!(server.submitted().remove(0).batches, Vec::<Vec<u8>>::new());

    assert_eq!(take(&request, hash ^ 1).await.err(), Some((400, "ingest.hash_mismatch")));
    assert_eq!(take(&[0; 1025], 0).await.err(), Some((413, "ingest.body_too_large")));
    assert_eq!(take(b"noise", crc32c::crc32c(b"noise")).await.err(), Some((400, "ingest.bad_protobuf")));
    assert_eq!(server.submitted(), Vec::new());
    let metrics = server.metrics();
    let counted = |line: &str| assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    counted(r#"orszem_ingest_requests_total{protocol="otlp",code="ok"} 2"#);
    counted(r#"orszem_ingest_requests_total{protocol="otlp",code="ingest.hash_mismatch"} 1"#);
}

#[tokio::test]
async fn partial_success_is_told_in_each_protocols_way() {
    let server = Server::ok();
    let late = LogRecord { time_unix_nano: u64::MAX, ..export::record("late") };
    let answer = server.post("/v1/logs", &[PROTOBUF], export::request(vec![late, export::record("x")])).await;
    let response = ExportLogsServiceResponse::decode(answer.body.as_slice()).expect("protobuf");
    let partial = response.partial_success.expect("partial");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-protobuf")));
    assert_eq!(
        (partial.rejected_log_records, partial.error_message.as_str()),
        (1, "1 bad_timestamp: record 1: 18446744073709551615 ns is beyond the year 2262: late")
    );
    let answer = server.post("/v1/logs", &[PROTOBUF], export::request(vec![export::record("x")])).await;
    assert_eq!((answer.status, answer.body), (200, Vec::new()));
    let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"18446744073709551615"}]}]}]}"#;
    let answer = server.post("/v1/logs", &[JSON], body).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (
            200,
            r#"{"partialSuccess":{"errorMessage":"1 bad_timestamp: record 1: 18446744073709551615 ns is beyond the year 2262: ","rejectedLogRecords":"1"}}"#
        )
    );
    assert_eq!(server.post("/v1/logs", &[JSON], "{}").await.text(), "{}");

    server.submitted();
    let body = r#"{"streams":[{"stream":{"a":"b"},"values":[["soon","x"],["1795341600000000000","y"]]}]}"#;
    let answer = server.post("/loki/api/v1/push", &[JSON], body).await;
    assert_eq!((answer.status, answer.code().as_str(), server.shown().len()), (400, "ingest.bad_timestamp", 1));

    let answer = server.post("/app/v1/ingest", &[NDJSON], format!("noise\n{LINE}")).await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status, &body["accepted"], &body["rejected"]), (200, &1.into(), &1.into()));
    assert_eq!(body["rejections"][0]["reason"], "malformed");

    let metrics = server.metrics();
    for line in [
        r#"orszem_ingest_records_accepted_total{protocol="otlp"} 2"#,
        r#"orszem_ingest_records_rejected_total{protocol="otlp",reason="bad_timestamp"} 2"#,
        r#"orszem_ingest_records_rejected_total{protocol="loki",reason="bad_timestamp"} 1"#,
        r#"orszem_ingest_records_accepted_total{protocol="ndjson"} 1"#,
        r#"orszem_ingest_requests_total{protocol="otlp",code="ok"} 4"#,
        r#"orszem_ingest_requests_total{protocol="loki",code="ingest.bad_timestamp"} 1"#,
        r#"orszem_ingest_requests_total{protocol="ndjson",code="ok"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn a_failed_submission_names_its_cause_and_counts_no_record() {
    for (error, status, code, retry_after) in [
        (SubmitError::Overloaded { retry_after_s: 7 }, 429, "ingest.overloaded", Some("7")),
        (SubmitError::TooLarge { bytes: 2, limit: 1 }, 413, "ingest.body_too_large", None),
        (SubmitError::DiskFull, 507, "ingest.disk_full", Some("60")),
        (SubmitError::ShuttingDown, 503, "ingest.shutting_down", Some("5")),
        (SubmitError::Io("fsync failed".into()), 503, "ingest.write_failed", Some("5")),
    ] {
        let server = Server::new(Limits::default(), Err(error));
        let answer = server.post("/app/v1/ingest", &[NDJSON], LINE).await;
        assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (status, code, retry_after));
        assert!(!server.metrics().contains("records_accepted_total{"), "{}", server.metrics());
        let answer = server.post("/v1/logs", &[PROTOBUF], export::request(vec![export::record("x")])).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/x-protobuf")));
        assert!(answer.text().contains(code), "{}", answer.text());
    }
}

#[tokio::test]
async fn rates_and_memory_are_bounded() {
    let limits = Limits { source_bytes_per_s: 20, ..Limits::default() };
    let server = Server::new(limits, Ok(Accepted::default()));
    let from = |source| [NDJSON, ("x-orszem-source", source), ("x-orszem-epoch", "1"), ("x-orszem-seq", "1")];
    assert_eq!(server.post("/app/v1/ingest", &from("a"), LINE).await.status, 200);
    assert_eq!(server.post("/app/v1/ingest", &from("a"), LINE).await.status, 200, "the burst's rest may be overdrawn");
    let answer = server.post("/app/v1/ingest", &from("a"), LINE).await;
    assert_eq!(
        (answer.status, answer.code().as_str(), answer.header("retry-after")),
        (429, "ingest.rate_limited", Some("2"))
    );
    assert_eq!(server.post("/app/v1/ingest", &from("b"), LINE).await.status, 200);

    let limits = Limits { tenant_bytes_per_s: 10, ..Limits::default() };
    let server = Server::new(limits, Ok(Accepted::default()));
    assert_eq!(server.post("/app/v1/ingest", &from("a"), LINE).await.status, 200);
    assert_eq!(server.post("/app/v1/ingest", &from("b"), LINE).await.code(), "ingest.rate_limited");

    let limits = Limits { body_bytes_max: 10_000, inflight_bytes_max: 10_000, ..Limits::default() };
    let server = Server::new(limits, Ok(Accepted::default()));
    let (_sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let waiting = Body::from_stream(waiting_for(receiver));
    let (router, slow) =
        (server.router.clone(), Request::post("/app/v1/ingest").header("content-length", "9000").body(waiting));
    let slow = tokio::spawn(router.oneshot(slow.expect("a request")));
    let overloaded = loop {
        let answer = server.post("/app/v1/ingest", &[NDJSON, ("content-length", "9000")], LINE).await;
        if answer.status != 200 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (overloaded.status, overloaded.code().as_str(), overloaded.header("retry-after")),
        (429, "ingest.overloaded", Some("1"))
    );
    slow.abort();
    assert!(slow.await.expect_err("aborted").is_cancelled());
    assert_eq!(server.post("/app/v1/ingest", &[NDJSON, ("content-length", "9000")], LINE).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server = Server::ok();
    let (_sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let answer = server.post("/app/v1/ingest", &[NDJSON], Body::from_stream(waiting_for(receiver))).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "ingest.body_timeout"));
}

/// A stream that waits for `receiver` and then ends.
fn waiting_for(
    receiver: tokio::sync::oneshot::Receiver<()>,
) -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    futures_util::stream::once(async move {
        receiver.await.map_err(std::io::Error::other)?;
        Ok(Vec::new())
    })
}
