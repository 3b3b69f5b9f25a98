//! What a server does with input that is broken, hostile or too much: a refusal with a code and a sentence, counted,
//! while records beside it are taken in and its memory stays flat.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Server, wait_until};

const LINES: &str = "/app/v1/ingest";
const LOKI: &str = "/loki/api/v1/push";
const OTLP: &str = "/v1/logs";
const JSON: &str = "Content-Type: application/json\r\n";
const NDJSON: &str = "Content-Type: application/x-ndjson\r\n";
const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";
/// How much a server's memory may grow: less than three of the largest bodies that it takes.
const GROWTH_MAX_KIB: u64 = 150 << 10;
/// How much the bombs are once decompressed.
const BOMB_BYTES: usize = 1 << 30;

/// A server that good records are sent to all the while, with the most memory that it used.
struct Subject {
    server: Arc<Server>,
    is_over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    memory_max_kib: Arc<AtomicU64>,
    beside: Option<JoinHandle<()>>,
    memory_begin_kib: u64,
    _directory: TempDir,
}

impl Subject {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Arc::new(Server::start(directory.path(), &[]));
        let (sent, memory_max_kib) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let is_over = Arc::new(AtomicBool::new(false));
        send_good(&server, &sent);
        let memory_begin_kib = anonymous_kib(&server);
        let sender = (Arc::clone(&server), Arc::clone(&sent), Arc::clone(&memory_max_kib), Arc::clone(&is_over));
        let beside = std::thread::spawn(move || {
            let (server, sent, memory, is_over) = sender;
            while !is_over.load(Ordering::Acquire) {
                send_good(&server, &sent);
                for _ in 0..10 {
                    memory.fetch_max(anonymous_kib(&server), Ordering::AcqRel);
                    std::thread::park_timeout(Duration::from_millis(5));
                }
            }
        });
        Self { server, is_over, sent, memory_max_kib, beside: Some(beside), memory_begin_kib, _directory: directory }
    }

    /// Sends `body`, which must be refused with `status` and `code`, and counted once under each of them.
    fn refuses(&self, what: &str, path: &str, headers: &str, body: &[u8], status: u16, code: &str) -> String {
        let metric = match code.strip_prefix("ingest.") {
            Some(_) => format!("orszem_ingest_requests_total{{{code}"),
            None => format!("orszem_http_requests_total{{{status}"),
        };
        let counted = |metrics: &str| count_of(metrics, &metric);
        let before = counted(&self.server.get("/metrics", "").1);
        let (actual, answer) = self.server.post(path, headers, body);
        assert_eq!(actual, status, "{what}: {answer}");
        check_error(what, &answer, code);
        assert_eq!(counted(&self.server.get("/metrics", "").1), before + 1, "{what}: {metric}");
        answer
    }

    /// Sends a `GET` that must be refused.
    fn refuses_get(&self, path: &str, status: u16, code: &str) -> Value {
        let (actual, answer) = self.server.get(path, "");
        assert_eq!(actual, status, "{path}: {answer}");
        check_error(path, &answer, code);
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Ends the good records; all of them must be there, and the memory flat.
    fn finish(mut self) {
        self.is_over.store(true, Ordering::Release);
        self.beside.take().expect("once").join().expect("all good records were taken");
        send_good(&self.server, &self.sent);
        let (_, answer) = self.server.get("/app/v1/count?q=%22good%20record%22", "");
        let found: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(found["count"].as_u64(), Some(self.sent.load(Ordering::Acquire)));
        let (_, metrics) = self.server.get("/metrics", "");
        assert_eq!(count_of(&metrics, "orszem_http_requests_total{status=\"5"), 0, "no 5xx");
        let growth = self.memory_max_kib.load(Ordering::Acquire).saturating_sub(self.memory_begin_kib);
        eprintln!("memory grew by {growth} KiB at most, {} good records", self.sent.load(Ordering::Acquire));
        assert!(growth < GROWTH_MAX_KIB, "memory grew by {growth} KiB");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // The sender has a hold on the server, which must not outlive a test that failed.
        self.beside.take().map_or(Ok(()), JoinHandle::join).unwrap_or(());
    }
}

fn send_good(server: &Server, sent: &AtomicU64) {
    let (status, answer) = server.post(LINES, NDJSON, b"{\"msg\":\"good record\",\"host\":\"db1\"}\n");
    assert_eq!(status, 200, "{answer}");
    sent.fetch_add(1, Ordering::AcqRel);
}

/// Memory of a server that no file backs.
fn anonymous_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(PathBuf::from(format!("/proc/{}/status", server.pid()))).expect("runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The sum of the samples of `name{part`: those of the metric `name` whose labels contain `part`.
fn count_of(metrics: &str, wanted: &str) -> u64 {
    let (name, part) = wanted.split_once('{').expect("a name and labels");
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(name)?.split_once("} "));
    samples.filter(|(labels, _)| labels.contains(part)).map(|(_, n)| n.parse::<u64>().expect("a count")).sum()
}

/// An error in JSON has its code and a sentence; one in protobuf has the sentence.
fn check_error(what: &str, answer: &str, code: &str) {
    let Ok(error) = serde_json::from_str::<Value>(answer) else {
        assert!(answer.contains("the body is no valid protobuf") && code == "ingest.bad_protobuf", "{what}: {answer}");
        return;
    };
    assert_eq!((error["status"].as_str(), error["code"].as_str()), (Some("error"), Some(code)), "{what}: {answer}");
    let sentence = error["message"].as_str().expect("a sentence");
    assert!(sentence.contains(' ') && sentence.len() < 1_000 && !sentence.contains("panic"), "{what}: {answer}");
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("writes");
    encoder.finish().expect("finishes")
}

fn snappy(data: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(data).expect("compresses")
}

/// A snappy block of `BOMB_BYTES` zeros: one literal zero, then copies of up to 64 bytes.
fn snappy_bomb() -> Vec<u8> {
    let mut block = Vec::new();
    prost::encoding::encode_varint(BOMB_BYTES as u64, &mut block);
    block.extend([0x00, 0x00]);
    let copies = (BOMB_BYTES - 1) / 64;
    block.extend([0xfe, 0x01, 0x00].repeat(copies));
    let rest = u8::try_from(BOMB_BYTES - 1 - copies * 64).expect("less than 64");
    block.extend([((rest - 1) << 2) | 0x02, 0x01, 0x00]);
    block
}

#[test]
fn bodies_that_are_not_what_they_say() {
    let subject = Subject::start();
    let half = |whole: &[u8]| whole[..whole.len() / 2].to_vec();
    let line = b"{\"msg\":\"m\"}\n".repeat(100);
    let zstd = zstd::bulk::compress(&line, 3).expect("compresses");
    /// What it is, path, headers, body, status and code.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, &'a str);
    let cases: [Case<'_>; 22] = [
        ("a cut line", LINES, NDJSON, b"{\"msg\":", 400, "ingest.malformed"),
        ("no object", LINES, NDJSON, b"[1,2]\n7\n", 400, "ingest.malformed"),
        ("Loki, cut", LOKI, JSON, b"{\"streams\":[", 400, "ingest.bad_json"),
        ("Loki, other types", LOKI, JSON, b"{\"streams\":[{\"stream\":7,\"values\":[]}]}", 400, "ingest.bad_json"),
        ("Loki, empty", LOKI, JSON, b"", 400, "ingest.bad_json"),
        ("OTLP, cut", OTLP, JSON, b"{\"resourceLogs\":[", 400, "ingest.bad_json"),
        ("OTLP, noise", OTLP, PROTOBUF, b"\xff\xff\xff\xff", 400, "ingest.bad_protobuf"),
        ("Loki, noise in snappy", LOKI, PROTOBUF, &snappy(b"\xff\xff\xff"), 400, "ingest.bad_protobuf"),
        ("Loki, not in snappy", LOKI, PROTOBUF, b"\x0a\xff noise", 400, "ingest.bad_compression"),
        ("Loki, no protobuf", LOKI, PROTOBUF, b"", 400, "ingest.bad_compression"),
        ("a lie", LOKI, PROTOBUF, &[0xff, 0xff, 0xff, 0x1f, 0], 400, "ingest.bad_compression"),
        ("no gzip", LINES, "Content-Encoding: gzip\r\n", &line, 400, "ingest.bad_compression"),
        ("cut gzip", LINES, "Content-Encoding: gzip\r\n", &half(&gzip(&line)), 400, "ingest.bad_compression"),
        ("no zstd", LINES, "Content-Encoding: zstd\r\n", &line, 400, "ingest.bad_compression"),
        ("cut zstd", LINES, "Content-Encoding: zstd\r\n", &half(&zstd), 400, "ingest.bad_compression"),
        ("cut snappy", LINES, "Content-Encoding: snappy\r\n", &half(&snappy(&line)), 400, "ingest.bad_compression"),
        ("no deflate", LINES, "Content-Encoding: deflate\r\n", b"\x07\x09", 400, "ingest.bad_compression"),
        ("an unknown encoding", LINES, "Content-Encoding: br\r\n", &line, 415, "ingest.unsupported_encoding"),
        ("XML", LINES, "Content-Type: application/xml\r\n", b"<x/>", 415, "ingest.unsupported_content_type"),
        ("text for Loki", LOKI, "Content-Type: text/plain\r\n", b"x", 415, "ingest.unsupported_content_type"),
        ("text for OTLP", OTLP, "Content-Type: text/plain\r\n", b"x", 415, "ingest.unsupported_content_type"),
        ("a wrong hash", LINES, "X-Orszem-Hash: 00000000\r\n", &line, 400, "ingest.hash_mismatch"),
    ];
    for (what, path, headers, body, status, code) in cases {
        subject.refuses(what, path, headers, body, status, code);
    }
    // Nothing at all is no mistake where a body of no records is well formed.
    assert_eq!(subject.server.post(LINES, NDJSON, b"").0, 200);
    assert_eq!(subject.server.post(OTLP, PROTOBUF, b"").0, 200);
    // A bad line costs only itself.
    let (status, answer) = subject.server.post(LINES, NDJSON, b"{\"msg\":\"beside\"}\n{oops\n{\"msg\":\"beside\"}\n");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, answer["accepted"].as_u64()), (200, Some(2)), "{answer}");
    subject.finish();
}

#[test]
fn bombs_and_bodies_over_the_limit() {
    let subject = Subject::start();
    let part = vec![0; 1 << 20];
    let gzip = gzip(&part).repeat(BOMB_BYTES >> 20);
    let zstd = zstd::bulk::compress(&part, 1).expect("compresses").repeat(BOMB_BYTES >> 20);
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    framed.write_all(&vec![0; 128 << 20]).expect("writes");
    let framed = framed.into_inner().expect("finishes");
    let block = snappy_bomb();
    let header = |encoding: &str| format!("Content-Encoding: {encoding}\r\n");
    for (encoding, body) in [("gzip", gzip), ("zstd", zstd), ("x-snappy-framed", framed), ("snappy", block.clone())] {
        subject.refuses(encoding, LINES, &header(encoding), &body, 413, "ingest.body_too_large");
    }
    subject.refuses("Loki's snappy", LOKI, PROTOBUF, &block, 413, "ingest.body_too_large");
    drop(block);
    let over = vec![b' '; (64 << 20) + 1];
    subject.refuses("over the limit", LINES, NDJSON, &over, 413, "server.body_too_large");
    subject.finish();
}

#[test]
fn records_beyond_the_limits() {
    let subject = Subject::start();
    let mut keys = String::from("{\"msg\":\"m\"");
    for n in 0..10_000 {
        write!(keys, ",\"k{n}\":{n}").expect("writes");
    }
    keys.push('}');
    let long_name = format!("{{\"msg\":\"m\",\"{}\":1}}", "k".repeat(2_000));
    let long_value = format!("{{\"msg\":\"m\",\"host\":\"{}\"}}", "h".repeat(5_000));
    let large = format!("{{\"msg\":\"{}\"}}", "m ".repeat(600_000));
    let deep = format!("{{\"streams\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let push = |labels: &str| format!("{{\"streams\":[{{\"stream\":{labels},\"values\":[[\"1\",\"x\"]]}}]}}");
    let labels: Vec<String> = (0..100).map(|n| format!("\"l{n}\":\"x\"")).collect();
    let cases: [(&str, &str, &str, String, &str); 13] = [
        ("10,000 keys", LINES, NDJSON, keys, "ingest.too_many_keys"),
        ("a long name", LINES, NDJSON, long_name, "ingest.key_too_long"),
        ("a long label", LINES, NDJSON, long_value, "ingest.label_value_too_long"),
        ("a large record", LINES, NDJSON, large, "ingest.record_too_large"),
        ("a huge time", LINES, NDJSON, "{\"msg\":\"m\",\"ts\":1e400}".into(), "ingest.bad_timestamp"),
        ("no time", LINES, NDJSON, "{\"msg\":\"m\",\"ts\":\"soon\"}".into(), "ingest.bad_timestamp"),
        ("the far future", LINES, NDJSON, "{\"msg\":\"m\",\"ts\":\"2200-01-01\"}".into(), "ingest.too_far_in_future"),
        ("deep JSON", LOKI, JSON, deep.clone(), "ingest.bad_json"),
        ("deep JSON", OTLP, JSON, deep.replace("streams", "resourceLogs"), "ingest.bad_json"),
        ("a name with a space", LOKI, JSON, push("{\"a b\":\"x\"}"), "ingest.bad_labels"),
        ("a name with a digit first", LOKI, JSON, push("{\"1a\":\"x\"}"), "ingest.bad_labels"),
        ("an empty name", LOKI, JSON, push("{\"\":\"x\"}"), "ingest.bad_labels"),
        ("100 labels", LOKI, JSON, push(&format!("{{{}}}", labels.join(","))), "ingest.too_many_labels"),
    ];
    for (what, path, headers, body, code) in cases {
        subject.refuses(what, path, headers, body.as_bytes(), 400, code);
    }
    let (_, metrics) = subject.server.get("/metrics", "");
    for reason in ["too_many_keys", "key_too_long", "label_value_too_long", "record_too_large", "too_far_in_future"] {
        assert_eq!(count_of(&metrics, &format!("orszem_ingest_records_rejected_total{{{reason}")), 1, "{reason}");
    }
    assert_eq!(count_of(&metrics, "orszem_ingest_records_rejected_total{bad_timestamp"), 2);
    // What can be kept is kept: nesting as text, numbers as they were written.
    let nested = format!("{{\"msg\":\"nested\",\"a\":{}1{}}}", "{\"b\":".repeat(50_000), "}".repeat(50_000));
    let number = "{\"msg\":\"number\",\"n\":1e999999,\"m\":123456789012345678901234567890}";
    for (body, query) in [(nested.as_str(), "nested"), (number, "m:123456789012345678901234567890")] {
        let (status, answer) = subject.server.post(LINES, NDJSON, body.as_bytes());
        assert_eq!(status, 200, "{answer}");
        wait_until(query, || subject.server.get(&format!("/app/v1/count?q={query}"), "").1.contains("\"count\":1"));
    }
    subject.finish();
}

#[test]
fn a_million_streams() {
    let subject = Subject::start();
    let lines = |from: u32, to: u32| {
        (from..to).fold(String::new(), |mut text, n| {
            writeln!(text, "{{\"host\":\"h{n}\",\"msg\":\"of many\"}}").expect("writes");
            text
        })
    };
    let million = lines(0, 1_000_000);
    subject.refuses("at once", LINES, NDJSON, million.as_bytes(), 400, "ingest.too_many_streams");
    drop(million);
    for n in 0..11 {
        let (status, answer) = subject.server.post(LINES, NDJSON, lines(n * 10_000, (n + 1) * 10_000).as_bytes());
        assert_eq!(status, 200, "{answer}");
    }
    let (_, metrics) = subject.server.get("/metrics", "");
    // The good record's stream is one of the tenant's.
    assert_eq!(count_of(&metrics, "orszem_ingest_records_overflowed_total{"), 10_001);
    let (_, count) = subject.server.get("/app/v1/count?q=many", "");
    assert!(count.contains("\"count\":110000"), "{count}");
    let (_, count) = subject.server.get("/app/v1/count?q=__overflow__:true%20host:h109999", "");
    assert!(count.contains("\"count\":1"), "{count}");
    subject.finish();
}

#[test]
fn questions_that_have_no_answer() {
    let subject = Subject::start();
    for (parameters, code) in [
        ("limit=0", "request.parameter"),
        ("limit=many", "request.parameters"),
        ("limit=99999999999999999999", "request.parameters"),
        ("from=yesterday", "request.parameter"),
        ("from=1e400", "request.parameter"),
        ("since=1h&from=0", "request.parameter"),
        ("since=-1h", "request.parameter"),
        ("timeout=1y", "request.parameter"),
        ("order=up", "request.parameters"),
        ("cursor=zz", "request.parameter"),
        ("colour=red", "request.parameters"),
        ("q=a&q=b", "request.parameters"),
    ] {
        subject.refuses_get(&format!("/app/v1/search?{parameters}"), 400, code);
    }
    for (query, position) in
        [("a AND (", 7), ("ő \"open", 2), ("/[/", 1), ("level:loud", 6), ("a:[1 TO", 7), (&"(".repeat(200), 100)]
    {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let error = subject.refuses_get(&format!("/app/v1/search?q={encoded}"), 400, "search.syntax");
        assert_eq!(error["position"].as_u64(), Some(position), "{query}: {error}");
        assert!(error["expected"].is_string() && error["found"].is_string(), "{query}: {error}");
    }
    let long = "a".repeat(7_000);
    assert_eq!(subject.server.get(&format!("/app/v1/search?q={long}"), "").0, 200);
    subject.refuses(
        "a wrong type",
        "/app/v1/search",
        "Content-Type: text/plain\r\n",
        b"x",
        415,
        "request.content_type",
    );
    subject.refuses("no JSON", "/app/v1/search", JSON, b"{", 400, "request.parameters");
    for path in ["/app/v1/nothing", "/app", "/loki/api/v1/pushes", "/v1/traces", "/assets/../Cargo.toml"] {
        subject.refuses_get(path, 404, "server.not_found");
    }
    for path in [LINES, LOKI, OTLP, "/app/v1/delete"] {
        subject.refuses_get(path, 405, "server.method_not_allowed");
    }
    subject.refuses("a wrong method", "/metrics", "", b"", 405, "server.method_not_allowed");
    subject.refuses("no range", "/app/v1/delete", JSON, b"{\"q\":\"a\"}", 400, "request.parameter");
    subject.finish();
}
