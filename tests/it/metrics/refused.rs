//! Input and questions that are wrong, hostile or too much: refused with a status and a sentence, and counted, while
//! what is good beside them is kept.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;

use super::remote::{Answer, HEADERS, Series, ask, body, command, message, post, snappy, target, value, write};
use crate::program::{Server, run};
use crate::torture::client::request;
use crate::torture::today;

const WRITE: &str = "/api/v1/write";
const IMPORT: &str = "/api/v1/import/prometheus";
const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";
/// 2020-09-13T12:26:40Z.
const BEGIN: i64 = 1_600_000_000_000;
/// Names and values of a query.
type Parameters<'p> = &'p [(&'p str, &'p str)];

/// The bits of a NaN that marks a series as ended (`pkg/value` of Prometheus), and of one that is only a NaN.
const STALE: u64 = 0x7ff0_0000_0000_0002;
const NAN: u64 = 0x7ff8_0000_0000_0001;

/// The sum of the samples of a counter of the server whose labels contain `part`.
fn counted(address: SocketAddr, name: &str, part: &str) -> u64 {
    let metrics = request(address, "GET /metrics", "", "").expect("answers").body;
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} "));
    samples.filter(|(labels, _)| labels.contains(part)).map(|(_, count)| count.parse::<u64>().expect("a count")).sum()
}

fn good(host: &str) -> Series {
    Series::new(&[("__name__", "good"), ("host", host)], &[(BEGIN, 1.0)])
}

/// A server with one good sample of another sender.
fn start(folder: &tempfile::TempDir, config: &str) -> Server {
    let server = Server::spawn(command(folder.path(), config));
    assert_eq!(write(server.address, "", &[good("other")]).expect("answers").status, 204);
    server
}

/// The good samples are all there, no more, and nothing failed inside.
fn finish(server: &Server, good: f64) {
    assert_eq!(value(server.address, "count(good)", BEGIN), good);
    assert_eq!(counted(server.address, "orszem_http_requests_total", "status=\"5"), 0, "no 5xx");
}

#[test]
fn bodies_of_remote_write_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(&folder, "[ingest]\nbody_bytes_max = 1000000\n");
    let good = body(&[good("late")]);
    let both =
        |media_type: &str, encoding: &str| format!("Content-Type: {media_type}\r\nContent-Encoding: {encoding}\r\n");
    let raw = message(&[Series::new(&[("__name__", "good")], &[(BEGIN, 1.0)])]);
    let mut cut = raw.clone();
    cut.truncate(raw.len() - 3);
    // Says that it is 4 GiB once decompressed, and 2 MB that are.
    let (bomb, large) = ([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00], snappy(&vec![0; 2_000_000]));
    let cases: [(&str, &str, String, &[u8], u16); 12] = [
        ("a type of text", WRITE, both("text/plain", "snappy"), &good, 415),
        ("JSON", WRITE, both("application/json", "snappy"), &good, 415),
        ("an unknown message", WRITE, both("application/x-protobuf;proto=a.B", "snappy"), &good, 415),
        ("an unknown compression", WRITE, both("application/x-protobuf", "br"), &good, 415),
        ("no snappy", WRITE, HEADERS.to_owned(), b"this is no snappy", 400),
        ("no compression", WRITE, HEADERS.to_owned(), &raw, 400),
        ("no protobuf", WRITE, HEADERS.to_owned(), &snappy(b"\xff\xff\xff\xff this is no protobuf"), 400),
        ("a cut message", WRITE, HEADERS.to_owned(), &snappy(&cut), 400),
        ("a bomb", WRITE, HEADERS.to_owned(), &bomb, 413),
        ("a large body", WRITE, HEADERS.to_owned(), &large, 413),
        ("an unknown text format", IMPORT, PROTOBUF.to_owned(), b"good 1\n", 415),
        ("a large text", IMPORT, String::new(), &vec![b'\n'; 1_000_001], 413),
    ];
    for (what, path, headers, body, status) in cases {
        let refused = || counted(server.address, "orszem_ingest_requests_total", "code=\"ingest.");
        let before = refused();
        let answer = post(server.address, path, &headers, body).expect("answers");
        assert_eq!((answer.status, answer.written()), (status, 0), "{what}: {answer:?}");
        assert!(answer.body.contains(' ') && !answer.body.contains("panic"), "{what}: {answer:?}");
        assert_eq!(refused(), before + 1, "{what}");
    }
    finish(&server, 1.0);
    // The same without what was wrong is taken in.
    let answer = post(server.address, WRITE, HEADERS, &good).expect("answers");
    assert_eq!((answer.status, answer.written()), (204, 1), "{answer:?}");
    finish(&server, 2.0);
}

#[test]
fn samples_that_cannot_be_kept_are_named_and_those_beside_them_stay() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(&folder, "[ingest]\nlabels_max = 20\n");
    let of = |labels: &[(&str, &str)]| Series::new(labels, &[(BEGIN, 1.0), (BEGIN + 1, 2.0)]);
    let many: Vec<String> = (0..30).map(|at| format!("l{at}")).collect();
    let mut many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
    many.push(("__name__", "bad"));
    let (long, future) = ("x".repeat(20_000), today() / 1_000_000 + 400 * 86_400_000);
    let cases: Vec<(&str, Series, u64)> = vec![
        ("duplicate_label", of(&[("__name__", "bad"), ("a", "1"), ("a", "2")]), 2),
        ("duplicate_label", of(&[("__name__", "bad"), ("a", "1"), ("b", "2"), ("a", "1")]), 2),
        ("invalid_labels", of(&[("a", "1")]), 2),
        ("invalid_labels", of(&[]), 2),
        ("invalid_labels", of(&[("__name__", "bad"), ("", "1")]), 2),
        ("invalid_labels", of(&[("__name__", "")]), 2),
        ("too_many_labels", of(&many), 2),
        ("label_value_too_long", of(&[("__name__", "bad"), ("a", &long)]), 2),
        ("label_name_too_long", of(&[("__name__", "bad"), (&long, "a")]), 2),
        ("too_far_in_future", Series::new(&[("__name__", "bad")], &[(future, 1.0)]), 1),
        ("too_far_in_future", Series::new(&[("__name__", "bad")], &[(i64::MAX, 1.0)]), 1),
        ("too_old", Series::new(&[("__name__", "bad")], &[(i64::MIN, 1.0)]), 1),
    ];
    let count = cases.len();
    for (at, (reason, series, samples)) in cases.into_iter().enumerate() {
        let rejected =
            || counted(server.address, "orszem_ingest_samples_rejected_total", &format!("reason=\"{reason}\""));
        let before = rejected();
        let answer = write(server.address, "", &[series, good(&at.to_string())]).expect("answers");
        assert_eq!((answer.status, answer.written()), (400, 1), "{reason}: {answer:?}");
        assert!(answer.body.contains(' ') && answer.body.len() < 10_000, "{reason}: {answer:?}");
        assert_eq!(rejected(), before + samples, "{reason}");
    }
    let mut broken = message(&[Series::new(&[("__name__", "bad"), ("a", "zz")], &[(BEGIN, 1.0)])]);
    let at = broken.windows(2).position(|two| two == b"zz").expect("is there");
    broken[at] = 0xff;
    let answer = post(server.address, WRITE, HEADERS, &snappy(&broken)).expect("answers");
    assert_eq!((answer.status, answer.written()), (400, 0), "{answer:?}");
    assert_eq!(value(server.address, "count({__name__=\"bad\"})", BEGIN), 0.0);
    // A sender with numbers goes on to its next request; what was written is in the headers.
    let identity = "X-Orszem-Source: s\r\nX-Orszem-Epoch: 1\r\nX-Orszem-Seq: 1\r\n";
    let answer = write(server.address, identity, &[of(&[("a", "1")]), good("numbered")]).expect("answers");
    assert_eq!((answer.status, answer.written(), answer.header("X-Orszem-Accepted-Seq")), (204, 1, Some("1")));
    finish(&server, count as f64 + 2.0);
}

#[test]
fn empty_values_and_marks_of_staleness_are_what_prometheus_says() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(&folder, "");
    let nan = |bits: u64| (BEGIN + 1000, f64::from_bits(bits));
    let series = [
        // A label without a value is one that is not there.
        Series::new(&[("__name__", "odd"), ("empty", ""), ("kind", "empty")], &[(BEGIN, 1.0)]),
        Series::new(&[("__name__", "odd"), ("kind", "stale")], &[(BEGIN, 1.0), nan(STALE)]),
        Series::new(&[("__name__", "odd"), ("kind", "nan")], &[(BEGIN, 1.0), nan(NAN)]),
    ];
    let answer = write(server.address, "", &series).expect("answers");
    assert_eq!((answer.status, answer.written()), (204, 5), "{answer:?}");
    let (_, answer) = ask(server.address, "/api/v1/query", &[("query", "sort_desc(odd)"), ("time", "1600000001")]);
    let element = |kind: &str, value: &str| serde_json::json!({"metric": {"__name__": "odd", "kind": kind}, "value": [1_600_000_001, value]});
    assert_eq!(answer["data"]["result"], Value::from(vec![element("empty", "1"), element("nan", "NaN")]));
    assert_eq!(value(server.address, "sum(count_over_time(odd[1m]))", BEGIN + 1000), 4.0);
    finish(&server, 1.0);
}

#[test]
fn a_bomb_of_series_meets_the_limits_and_harms_no_one() {
    let folder = tempfile::tempdir().expect("a directory");
    let limits = "[metrics]\nrequest_series_max = 100\nseries_max = 250\nmetric_series_max = 220\n";
    let server = start(&folder, limits);
    let bomb = |name: &str, from: u64, to: u64| -> Answer {
        let numbers: Vec<String> = (from..to).map(|n| n.to_string()).collect();
        let of = |n: &String| Series::new(&[("__name__", name), ("n", n)], &[(BEGIN, 1.0)]);
        write(server.address, "", &numbers.iter().map(of).collect::<Vec<_>>()).expect("answers")
    };
    let rejected = || counted(server.address, "orszem_ingest_samples_rejected_total", "reason=\"series_limit\"");
    let cases: [(&str, &str, u64, u64, u64); 6] = [
        ("a request's limit", "a", 0, 300, 100),
        ("known series are no new ones", "a", 0, 100, 100),
        ("a second request", "a", 100, 200, 100),
        ("the metric's limit", "a", 200, 300, 20),
        ("all series' limit", "b", 0, 90, 29),
        ("nothing new", "c", 0, 10, 0),
    ];
    for (what, name, from, to, written) in cases {
        let before = rejected();
        let answer = bomb(name, from, to);
        let status = if written == to - from { 204 } else { 400 };
        assert_eq!((answer.status, answer.written()), (status, written), "{what}: {answer:?}");
        assert_eq!(rejected(), before + (to - from - written), "{what}");
    }
    let stored = ["a", "b", "c"].map(|name| value(server.address, &format!("count({{__name__=\"{name}\"}})"), BEGIN));
    assert_eq!(stored, [220.0, 29.0, 0.0]);
    // Whoever was there before goes on.
    let answer = write(server.address, "", &[Series { samples: vec![(BEGIN + 1, 2.0)], ..good("other") }]);
    assert_eq!(answer.expect("answers").status, 204);
    assert_eq!(value(server.address, "good{host=\"other\"}", BEGIN + 1), 2.0);
    finish(&server, 1.0);
}

#[test]
fn questions_of_metrics_that_have_no_answer() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(&folder, "");
    let (query, range, series) = ("/api/v1/query", "/api/v1/query_range", "/api/v1/series");
    let cases: [(&str, Parameters<'_>, u16, &str); 24] = [
        (query, &[], 400, "bad_data"),
        (query, &[("query", "sum(")], 400, "bad_data"),
        (query, &[("query", "good{")], 400, "bad_data"),
        (query, &[("query", "good{host=~\"[\"}")], 400, "bad_data"),
        (query, &[("query", "nothing_known(good)")], 400, "bad_data"),
        (query, &[("query", "rate(good)")], 400, "bad_data"),
        (query, &[("query", "good"), ("time", "soon")], 400, "bad_data"),
        (query, &[("query", "good"), ("timeout", "soon")], 400, "bad_data"),
        (query, &[("query", "good"), ("limit", "-1")], 400, "bad_data"),
        (query, &[("query", &"(".repeat(5_000))], 400, "bad_data"),
        (query, &[("query", "label_replace(good, \"a\", \"$1\", \"host\", \"(\")")], 422, "execution"),
        (query, &[("query", "good * on () group_left {__name__=~\"good.*\"}"), ("time", "1600000000")], 200, ""),
        (range, &[("query", "good"), ("start", "1"), ("end", "2")], 400, "bad_data"),
        (range, &[("query", "good"), ("start", "2"), ("end", "1"), ("step", "1")], 400, "bad_data"),
        (range, &[("query", "good"), ("start", "1"), ("end", "2"), ("step", "0")], 400, "bad_data"),
        (range, &[("query", "good"), ("start", "0"), ("end", "1e9"), ("step", "1")], 400, "bad_data"),
        (range, &[("query", "good[5m]"), ("start", "1"), ("end", "2"), ("step", "1")], 400, "bad_data"),
        (series, &[], 400, "bad_data"),
        (series, &[("match[]", "{}")], 400, "bad_data"),
        (series, &[("match[]", "good{")], 400, "bad_data"),
        ("/api/v1/labels", &[("start", "2"), ("end", "1")], 400, "bad_data"),
        ("/api/v1/labels", &[("match[]", "{a=~\"(\"}")], 400, "bad_data"),
        ("/api/v1/label/9%20bad%21%ff/values", &[], 400, "bad_data"),
        ("/api/v1/format_query", &[("query", "sum(")], 400, "bad_data"),
    ];
    for (path, parameters, status, kind) in cases {
        let (actual, answer) = ask(server.address, path, parameters);
        assert_eq!(actual, status, "{path} {parameters:?}: {answer}");
        if status != 200 {
            assert_eq!(
                (answer["status"].as_str(), answer["errorType"].as_str()),
                (Some("error"), Some(kind)),
                "{answer}"
            );
            let sentence = answer["error"].as_str().expect("a sentence");
            assert!(sentence.contains(' ') && !sentence.contains("panic"), "{answer}");
        }
    }
    finish(&server, 1.0);
}

#[test]
fn tokens_for_ingest_cannot_read_metrics_and_the_other_way_round() {
    let folder = tempfile::tempdir().expect("a directory");
    let token = |role: &str| {
        let (_, line, shown) = run(&["token", "new", role, "--role", role]);
        let secret = shown.trim_end().rsplit(' ').next().expect("a token").to_owned();
        (line, format!("Authorization: Bearer {secret}\r\n"))
    };
    let [(ingest_line, ingest), (read_line, read), (admin_line, admin)] = ["ingest", "read", "admin"].map(token);
    let file = folder.path().join("tokens");
    fs::write(&file, format!("{ingest_line}{read_line}{admin_line}")).expect("writes");
    let file = file.to_str().expect("a plain path");
    let server = Server::start(&folder.path().join("data"), &["--token-file", file]);
    let body = body(&[good("db1")]);
    let write = |token: &str| post(server.address, WRITE, &format!("{HEADERS}{token}"), &body).expect("answers").status;
    let import = |token: &str| post(server.address, IMPORT, token, b"good{host=\"db2\"} 1\n").expect("answers").status;
    let ask = |token: &str, path: &str| {
        let target = target(path, &[("query", "good"), ("match[]", "good")]);
        request(server.address, &format!("GET {target}"), token, "").expect("answers").status
    };
    let delete = |token: &str| {
        post(server.address, "/api/v1/admin/tsdb/delete_series?match[]=good", token, b"").expect("answers").status
    };
    let paths =
        ["/api/v1/query", "/api/v1/series", "/api/v1/labels", "/api/v1/label/host/values", "/api/v1/status/tsdb"];
    let all = |token: &str| (write(token), import(token), paths.map(|path| ask(token, path)), delete(token));
    assert_eq!(all(""), (401, 401, [401; 5], 401));
    assert_eq!(all("Authorization: Bearer wrong\r\n"), (401, 401, [401; 5], 401));
    assert_eq!(all(&ingest), (204, 204, [403; 5], 403));
    assert_eq!(all(&read), (403, 403, [200; 5], 403));
    assert_eq!(all(&admin), (204, 204, [200; 5], 204));
}
