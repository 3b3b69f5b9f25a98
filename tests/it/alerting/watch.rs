//! What is told to services elsewhere, and what rules say of the past.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::clients::Running;
use super::sink::Sink;
use super::{now, start};
use crate::program::run;
use crate::tools::program;

const WITHIN: Duration = Duration::from_secs(60);

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("an address")
}

/// Waits until `amtool alert query` shows these names.
fn wait_shown(amtool: &std::path::Path, address: SocketAddr, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        let arguments = [format!("--alertmanager.url=http://{address}")];
        let query = ["alert", "query", "--output=json"];
        let output = Command::new(amtool).args(arguments).args(query).env("HOME", "/nonexistent").output();
        let said = output.expect("runs").stdout;
        let alerts: Vec<Value> = serde_json::from_slice(&said).unwrap_or_default();
        let mut names: Vec<&str> = alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
        names.sort_unstable();
        if names == expected {
            return;
        }
        assert!(begun.elapsed() < WITHIN, "{names:?} instead of {expected:?}");
        thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn an_alertmanager_elsewhere_sees_alerts_and_their_end() {
    let (Some(file), Some(amtool)) = (program("prometheus-alertmanager"), program("amtool")) else { return };
    let (folder, sink, address) = (tempfile::tempdir().expect("a directory"), Sink::start(), free());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("am.yml"), "route: {receiver: none}\nreceivers: [{name: none}]\n").expect("writes");
    let arguments = [
        format!("--config.file={}", path("am.yml").display()),
        format!("--storage.path={}", path("am").display()),
        format!("--web.listen-address={address}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let rules = |bound: u32| {
        let rule = format!("  - {{alert: Own, expr: vector(1) > {bound}, labels: {{severity: page}}}}\n");
        fs::write(path("rules.yml"), format!("groups:\n- name: g\n  rules:\n{rule}")).expect("writes");
    };
    rules(0);
    let more = format!(
        "rule_files = [\"rules.yml\"]\nexternal_labels = {{ site = \"x\" }}\n[[notify.alertmanager]]\nname = \"am\"\n\
         url = \"http://{address}\"\nwatchdog = true\n"
    );
    // It is away at first: what it is to be told waits.
    let server = start(folder.path(), &sink, &more);
    let log = fs::File::create(path("log")).expect("a file");
    let _alertmanager = Running(Command::new(file).args(arguments).stderr(Stdio::from(log)).spawn().expect("starts"));
    wait_shown(&amtool, address, &["Own", "Watchdog"]);
    rules(5);
    server.signal("HUP");
    wait_shown(&amtool, address, &["Watchdog"]);
    let (_, metrics) = server.get("/metrics", "");
    assert!(metrics.contains("orszem_alertmanager_alerts_total{alertmanager=\"am\"}"), "{metrics}");
}

/// Takes requests; gives their first lines with their bodies.
fn requests() -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    let (sender, receiver) = sync_channel(100);
    thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(request(&stream.expect("connects"))).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

fn request(mut stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("a line");
    let mut line = String::new();
    while reader.read_line(&mut line).expect("a line") > 2 {
        let value = line.to_ascii_lowercase();
        length = value.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().expect("a length"));
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("answers");
    (first.trim_end().to_owned(), String::from_utf8(body).expect("text"))
}

#[test]
fn heartbeats_say_that_the_server_is_well() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let (address, beats) = requests();
    let more = format!("[notify.heartbeat]\nurl = \"http://{address}/ping/1?status={{status}}\"\ninterval = \"1s\"\n");
    let server = start(folder.path(), &sink, &more);
    let expected = ("POST /ping/1?status=up HTTP/1.1".to_owned(), "ok".to_owned());
    for _ in 0..2 {
        assert_eq!(beats.recv_timeout(WITHIN).expect("a heartbeat"), expected);
    }
    // A server that stands still says nothing, and one that goes on does.
    server.signal("STOP");
    while beats.recv_timeout(Duration::from_secs(3)).is_ok() {}
    server.signal("CONT");
    assert_eq!(beats.recv_timeout(WITHIN).expect("a heartbeat"), expected);
}

#[test]
fn rules_are_replayed_over_what_is_stored() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let now_ms = now().0 / 1_000_000;
    let minute = |minute: i64| now_ms - minute * 60_000;
    let hot = |at: i64| if (20..30).contains(&at) || (40..45).contains(&at) { 95 } else { 20 };
    let lines: String =
        (1..60).rev().map(|at| format!("temperature{{host=\"a\"}} {} {}\n", hot(at), minute(at))).collect();
    let (status, said) = server.post("/api/v1/import/prometheus", "", lines.as_bytes());
    assert!(status < 300, "{status}: {said}");
    let rules = folder.path().join("new.yml");
    let text = "thresholds:\n- {alert: Hot, value: temperature, critical: {above: 90}}\n\
                groups:\n- {name: g, interval: 15s, rules: [{alert: Warm, expr: temperature > 50, for: 2m}]}\n";
    fs::write(&rules, text).expect("writes");
    let (url, file) = (server.url(), rules.to_str().expect("a plain path"));
    let (code, told, error) = run(&["rules", "replay", "--server", &url, "--last", "2h", "--json", file]);
    assert_eq!((code, error.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let lines: Vec<(&str, u64, u64)> = told["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|line| {
            let number = |name: &str| line[name].as_u64().expect("a number");
            (line["rule"].as_str().expect("a name"), number("fired"), number("total_ms") / 60_000)
        })
        .collect();
    // Warm pends for two minutes each time, and the minute's grid is not that of its evaluations.
    assert_eq!((lines[0].0, lines[0].1, lines[1]), ("Warm", 2, ("Hot", 2, 15)));
    assert!((10..=12).contains(&lines[0].2), "{lines:?}");
    let (code, told, _) = run(&["rules", "replay", "--server", &url, "--last", "2h", file]);
    assert_eq!(code, 0);
    assert!(told.contains('█') && told.contains("Hot   threshold  2      2 critical"), "{told}");

    fs::write(&rules, "thresholds:\n- {alert: Hot, value: temperature, critical: {above: 99}}\n").expect("writes");
    assert_eq!(run(&["rules", "replay", "--server", &url, file]).0, 1);
    fs::write(&rules, "thresholds:\n- {alert: Hot, value: 'temperature >', critical: {above: 99}}\n").expect("writes");
    let (code, _, error) = run(&["rules", "replay", "--server", &url, file]);
    assert!(code == 2 && error.contains("new.yml:2:") && error.contains("rules.not_in_order"), "{error}");
    let (code, _, error) = run(&["rules", "replay", "--server", &url, "--last", "90d"]);
    assert!(code == 2 && error.contains("longer than 31d"), "{error}");
}
