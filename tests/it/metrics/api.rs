//! What the server tells of itself in the Prometheus API, beside a real Prometheus; and what it says of damage.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::exporter::Exporter;
use super::prometheus::Prometheus;
use super::remote::{Series, ask, command, write};
use crate::program::{Server, orszem, run, wait_until};
use crate::tools;
use crate::torture::client::{request, settle};

/// 2020-09-13T12:26:40Z.
const BEGIN: i64 = 1_600_000_000_000;

fn jobs(good: SocketAddr, bad: SocketAddr) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n- job_name: demo\n  basic_auth: {{username: ann, password: hunter2}}\n  static_configs:\n  - targets: [\"{good}\", \"{bad}\"]\n    labels: {{room: \"1\"}}\n  - targets: [\"db9:9100\"]\n    labels: {{stay: \"no\"}}\n  relabel_configs:\n  - {{source_labels: [stay], regex: \"no\", action: drop}}\n- job_name: empty\n  scrape_interval: 90s\n"
    )
}

/// `orszem up` that scrapes what `jobs` names and nothing else.
fn up(folder: &Path, jobs: &str) -> Server {
    fs::write(folder.join("jobs.yml"), jobs).expect("writes");
    let config = "[collector]\ninclude = [\"/nonexistent/*\"]\ndiscover = false\njournal = \"off\"\n[collector.host_metrics]\nenabled = false\n[collector.scrape]\nfiles = [\"jobs.yml\"]\n";
    fs::write(folder.join("up.toml"), config).expect("writes");
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    let mut command = orszem(&["up", "--listen", "127.0.0.1:0", "--log-level", "error"]);
    command.args(["--data-dir", &path("data"), "--config", &path("up.toml")]);
    Server::spawn(command)
}

fn data(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> Value {
    let (status, mut answer) = ask(address, &format!("/api/v1/{path}"), parameters);
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{path}: {answer}");
    answer["data"].take()
}

fn health(address: SocketAddr) -> Vec<String> {
    let targets = data(address, "targets", &[]);
    let mut all: Vec<String> = targets["activeTargets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|target| target["health"].as_str().expect("a text").to_owned())
        .collect();
    all.sort();
    all
}

/// The targets without what differs from one scrape to the next; the count of dropped ones is younger than Debian's
/// Prometheus.
fn steady(mut targets: Value) -> Value {
    for target in targets["activeTargets"].as_array_mut().expect("a list") {
        for key in ["lastError", "lastScrape", "lastScrapeDuration"] {
            assert!(!target[key].take().is_null(), "{key}");
        }
    }
    for target in targets["droppedTargets"].as_array_mut().expect("a list") {
        target["scrapePool"] = Value::Null;
    }
    targets["droppedTargetCounts"] = Value::Null;
    sorted(targets["activeTargets"].as_array_mut().expect("a list"));
    targets
}

fn sorted(values: &mut [Value]) {
    values.sort_by_key(Value::to_string);
}

#[test]
fn targets_and_their_metadata_are_told_as_prometheus_tells_them() {
    let Some(program) = tools::program("prometheus") else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let exporter = Exporter::start(0);
    // A port that nothing listens on.
    let bad = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let jobs = jobs(exporter.address, bad);
    let server = up(folder.path(), &jobs);
    let prometheus = Prometheus::start(&program, folder.path(), &jobs);
    let both = [prometheus.address, server.address];
    for address in both {
        let is_ready = || request(address, "GET /-/ready", "", "").is_ok_and(|answer| answer.status == 200);
        wait_until("it is ready", is_ready);
        wait_until("both targets were scraped", || health(address) == ["down", "up"]);
    }
    let states: [&[(&str, &str)]; 5] = [
        &[],
        &[("state", "active")],
        &[("state", "dropped")],
        &[("state", "any"), ("scrapePool", "demo")],
        &[("scrapePool", "other")],
    ];
    for parameters in states {
        let [theirs, ours] = both.map(|address| steady(data(address, "targets", parameters)));
        assert_eq!(ours, theirs, "{parameters:?}");
    }
    let all = data(server.address, "targets", &[]);
    assert_eq!(all["droppedTargetCounts"], json!({ "demo": 1, "empty": 0 }));
    assert_eq!(all["droppedTargets"][0]["scrapePool"], json!("demo"));
    let errors: Vec<bool> = all["activeTargets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|target| target["lastError"] != json!(""))
        .collect();
    assert!(errors.contains(&true) && errors.contains(&false), "{all}");
    assert_eq!(data(server.address, "scrape_pools", &[]), json!({ "scrapePools": ["demo", "empty"] }));

    // One of its metrics is not in every scrape.
    let is_seen = |address| data(address, "targets/metadata", &[("metric", "demo_job_active")]) != json!([]);
    wait_until("both saw all of its metrics", || both.into_iter().all(is_seen));
    let asked: [&[(&str, &str)]; 5] = [
        &[("match_target", "{room=\"1\"}")],
        &[("metric", "demo_requests_total")],
        &[("match_target", "{room=\"2\"}"), ("metric", "demo_limit")],
        &[("limit", "0")],
        &[("metric", "demo_latency_seconds"), ("limit", "1")],
    ];
    for parameters in asked {
        let [theirs, ours] = both.map(|address| {
            let mut found = data(address, "targets/metadata", parameters);
            sorted(found.as_array_mut().expect("a list"));
            found
        });
        assert_eq!(ours, theirs, "{parameters:?}");
    }
    let [(theirs, _), (ours, _)] = both.map(|address| ask(address, "/api/v1/targets/metadata", &[("limit", "x")]));
    assert_eq!((ours, theirs), (400, 400));

    // What theirs tells of itself, ours does, too.
    let [theirs, ours] = both.map(|address| data(address, "status/runtimeinfo", &[]));
    for (key, value) in theirs.as_object().expect("an object") {
        let is_kin = std::mem::discriminant(value) == std::mem::discriminant(&ours[key]);
        assert!(is_kin, "{key}: {value} and {}", ours[key]);
    }
    for path in ["status/walreplay", "alertmanagers", "rules", "alerts"] {
        let keys = |value: Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        let [theirs, ours] = both.map(|address| keys(data(address, path, &[])));
        assert_eq!(ours, theirs, "{path}");
    }
    let [theirs, ours] = both.map(|address| data(address, "status/flags", &[]));
    let known = theirs.as_object().expect("an object");
    let younger = ["web.enable-admin-api"];
    for (name, value) in ours.as_object().expect("an object") {
        assert!(value.is_string() && (known.contains_key(name) || younger.contains(&name.as_str())), "{name}: {value}");
    }
}

#[test]
fn the_configuration_in_force_is_shown_without_secrets_and_follows_reloads() {
    let folder = tempfile::tempdir().expect("a directory");
    let exporter = Exporter::start(0);
    let server = up(folder.path(), &jobs(exporter.address, exporter.address));
    let yaml = || {
        let data = data(server.address, "status/config", &[]);
        data["yaml"].as_str().expect("a text").to_owned()
    };
    let runtime = || data(server.address, "status/runtimeinfo", &[]);
    let shown = yaml();
    for part in [
        "global:\n",
        "\nscrape_configs:\n- ",
        "  job_name: demo\n",
        "    password: <secret>\n",
        "  scrape_interval: 1s\n",
        "  scrape_interval: 1m30s\n",
        "\ncollector:\n",
        "\nmetrics:\n",
    ] {
        assert!(shown.contains(part), "{part:?} in\n{shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    let before = runtime();
    assert_eq!(before["reloadConfigSuccess"], json!(true));

    let config = folder.path().join("up.toml");
    let good = fs::read_to_string(&config).expect("reads");
    fs::write(&config, format!("{good}\n[nothing]\n")).expect("writes");
    server.signal("HUP");
    wait_until("the reload is refused", || runtime()["reloadConfigSuccess"] == json!(false));
    assert_eq!((runtime()["lastConfigTime"].clone(), yaml()), (before["lastConfigTime"].clone(), shown));
    fs::write(&config, format!("{good}\nexternal_labels = {{ site = \"a\" }}\n")).expect("writes");
    server.signal("HUP");
    wait_until("the reload is done", || runtime()["reloadConfigSuccess"] == json!(true));
    assert_ne!(runtime()["lastConfigTime"], before["lastConfigTime"]);
    assert!(yaml().contains("global:\n  external_labels:\n    site: a\n"), "{}", yaml());
}

#[test]
fn a_server_without_a_collector_has_no_targets() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Server::start(folder.path(), &[]);
    let none = json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} });
    assert_eq!(data(server.address, "targets", &[]), none);
    assert_eq!(data(server.address, "scrape_pools", &[]), json!({ "scrapePools": [] }));
    assert_eq!(data(server.address, "targets/metadata", &[]), json!([]));
    let shown = data(server.address, "status/config", &[]);
    let shown = shown["yaml"].as_str().expect("a text");
    assert!(shown.starts_with("access:\n") && !shown.contains("collector:"), "{shown}");
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(server.get(path, "").0, 200, "{path}");
        let (status, body) =
            server.send(&format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert_eq!((status, body.as_str()), (200, ""), "{path}");
    }
}

/// The only file of blocks in `data` that ends like this.
fn block_file(data: &Path, ending: &str) -> PathBuf {
    let blocks = fs::read_dir(data.join("series/blocks")).expect("lists").map(|entry| entry.expect("an entry").path());
    let files =
        blocks.flat_map(|block| fs::read_dir(block).expect("lists")).map(|entry| entry.expect("an entry").path());
    let found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn damage_that_a_query_meets_is_a_warning_of_its_answer() {
    /// So many that each file has several pages, of which one is damaged.
    const SERIES: u32 = 6_000;
    const CONFIG: &str = "[metrics]\nmin_free = \"0B\"\n[logs]\nmin_free = \"0B\"\n";
    let folder = tempfile::tempdir().expect("a directory");
    let series: Vec<Series> = (0..SERIES)
        .map(|number| {
            let samples: Vec<(i64, f64)> =
                (0..3).map(|at| (BEGIN + at * 15_000, f64::from(number) * 0.37 + at as f64)).collect();
            Series::new(&[("__name__", "kept"), ("number", &number.to_string())], &samples)
        })
        .collect();
    let mut server = Server::spawn(command(folder.path(), CONFIG));
    assert_eq!(write(server.address, "", &series).expect("answers").status, 204);
    assert_eq!(settle(server.address, true).expect("answers").status, 200);
    let at = (BEGIN / 1000 + 30).to_string();
    let lists = ["series", "labels", "label/number/values"].map(|path| (path, &[("match[]", "kept")][..]));
    let query = [("query", "count(kept)"), ("time", &at)];
    let range = [("query", "sum(rate(kept[5m]))"), ("start", &at), ("end", &at), ("step", "1")];
    let warnings = |server: &Server, path: &str, parameters: &[(&str, &str)]| {
        let (status, mut answer) = ask(server.address, &format!("/api/v1/{path}"), parameters);
        assert_eq!(status, 200, "{path}: {answer}");
        answer["warnings"].take()
    };
    for (path, parameters) in lists.into_iter().chain([("query", &query[..]), ("query_range", &range[..])]) {
        assert_eq!(warnings(&server, path, parameters), Value::Null, "{path}");
    }
    server.signal("TERM");
    assert!(server.wait().success());

    let flip = |path: &Path| {
        let mut bytes = fs::read(path).expect("reads");
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        fs::write(path, bytes).expect("writes");
    };
    let chunks = block_file(&folder.path().join("data"), "chunks");
    flip(&chunks);
    let server = Server::spawn(command(folder.path(), CONFIG));
    let is_told = |warnings: &Value| {
        let text = warnings[0].as_str().unwrap_or_default();
        text.starts_with("the answer is incomplete: ") && warnings.as_array().is_some_and(|all| all.len() == 1)
    };
    for (path, parameters) in [("query", &query[..]), ("query_range", &range[..]), ("explain", &query[..])] {
        let warnings = warnings(&server, path, parameters);
        assert!(is_told(&warnings), "{path}: {warnings}");
    }
    let (code, out, err) = run(&["query", "count(kept)", "--time", "2020-09-13T12:27:10Z", "--server", &server.url()]);
    assert!(code < 2 && err.contains("orszem: the answer is incomplete: "), "{out}{err}");
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    let block = chunks.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a name");
    assert!(log.contains(block), "{log}");
    drop(server);

    flip(&block_file(&folder.path().join("data"), "index"));
    let server = Server::spawn(command(folder.path(), CONFIG));
    for (path, parameters) in lists {
        let warnings = warnings(&server, path, parameters);
        assert!(is_told(&warnings), "{path}: {warnings}");
    }
}
