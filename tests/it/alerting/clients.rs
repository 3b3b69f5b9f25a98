//! amtool, Prometheus and vmalert as they come with the system.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::sink::Sink;
use super::{alert, get, start, wait_told};
use crate::program::{Server, run, wait_until};
use crate::tools::program;

/// What it says, and whether it succeeded.
fn amtool(file: &PathBuf, server: &Server, arguments: &[&str]) -> (bool, String) {
    let url = format!("--alertmanager.url={}", server.url());
    let output = Command::new(file).arg(url).args(arguments).env("HOME", "/nonexistent").output().expect("runs");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A process that is killed in the end.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap_or(());
        self.0.wait().map(drop).unwrap_or(());
    }
}

#[test]
fn amtool_adds_and_asks_for_alerts_and_silences() {
    let Some(file) = program("amtool") else { return };
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let (is_good, said) = amtool(&file, &server, &["alert", "add", "alertname=Disk", "host=db1", "severity=critical"]);
    assert!(is_good, "{said}");
    wait_told(&sink, "Disk", "firing");
    let (is_good, said) = amtool(&file, &server, &["alert", "query", "host=db1", "--output=json"]);
    let alerts: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(is_good && alerts[0]["labels"]["alertname"] == "Disk", "{said}");
    assert_eq!(alerts[0]["receivers"], json!([{ "name": "all" }]));

    let add = ["silence", "add", "host=~db.*", "--comment=c", "--author=eva", "--duration=1h"];
    let (is_good, id) = amtool(&file, &server, &add);
    assert!(is_good, "{id}");
    let id = id.trim().to_owned();
    let (is_good, said) = amtool(&file, &server, &["silence", "query", "--quiet"]);
    assert_eq!((is_good, said.trim()), (true, id.as_str()));
    let (is_good, said) = amtool(&file, &server, &["alert", "query"]);
    assert!(is_good && !said.contains("Disk"), "silenced: {said}");
    let (is_good, said) = amtool(&file, &server, &["silence", "update", "--comment=longer", "--duration=2h", &id]);
    assert!(is_good, "{said}");
    let (is_good, said) = amtool(&file, &server, &["silence", "expire", &id]);
    assert!(is_good, "{said}");
    let (_, said) = amtool(&file, &server, &["alert", "query"]);
    assert!(said.contains("Disk"), "{said}");
    let (is_good, said) = amtool(&file, &server, &["config", "routes", "show"]);
    assert!(is_good && said.contains("receiver: all"), "{said}");
    let (is_good, said) = amtool(&file, &server, &["config", "routes", "test", "alertname=X"]);
    assert_eq!((is_good, said.trim()), (true, "all"));
    let (is_good, said) = amtool(&file, &server, &["silence", "expire", "7dfb0bb6-2b0b-4a59-9a5e-3b5e0e4f7d11"]);
    assert!(!is_good && said.contains("404"), "{said}");
}

#[test]
fn prometheus_sends_its_alerts() {
    let Some(file) = program("prometheus") else { return };
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let path = |name: &str| folder.path().join(name);
    let rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: FromPrometheus\n    expr: vector(1) == 1\n    labels: {severity: page}\n";
    fs::write(path("rules.yml"), rules).expect("writes");
    let config = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{}']}}]\n",
        server.address
    );
    fs::write(path("prometheus.yml"), config).expect("writes");
    let arguments = [
        format!("--config.file={}", path("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", path("tsdb").display()),
        "--web.listen-address=127.0.0.1:0".to_owned(),
        // What comes before it has found the server is lost, and sent again.
        "--rules.alert.resend-delay=1s".to_owned(),
    ];
    let log = fs::File::create(path("log")).expect("a file");
    let _prometheus = Running(Command::new(file).args(arguments).stderr(Stdio::from(log)).spawn().expect("starts"));
    wait_told(&sink, "FromPrometheus", "firing");
    let alerts = get(&server, "/api/v2/alerts");
    assert_eq!(alerts[0]["labels"], json!({ "alertname": "FromPrometheus", "severity": "page" }));
}

#[test]
fn vmalert_sends_its_alerts_and_asks_our_series() {
    let Some(file) = program("vmalert") else { return };
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let rules = folder.path().join("rules.yml");
    let text = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: FromVmalert\n    expr: vector(1) == 1\n";
    fs::write(&rules, text).expect("writes");
    let arguments = [
        format!("-rule={}", rules.display()),
        format!("-datasource.url={}", server.url()),
        format!("-notifier.url={}", server.url()),
        "-httpListenAddr=127.0.0.1:0".to_owned(),
        "-evaluationInterval=1s".to_owned(),
    ];
    let log = fs::File::create(folder.path().join("log")).expect("a file");
    let _vmalert = Running(Command::new(file).args(arguments).stderr(Stdio::from(log)).spawn().expect("starts"));
    wait_told(&sink, "FromVmalert", "firing");
}

#[test]
fn rule_files_are_evaluated_shown_and_read_again() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let rules = folder.path().join("rules.yml");
    let text = |name: &str| {
        format!(
            "groups:\n- name: g\n  rules:\n  - record: one\n    expr: vector(1)\n  - alert: {name}\n    expr: one > 0\n    annotations: {{summary: 'is {{{{ $value }}}}'}}\n"
        )
    };
    fs::write(&rules, text("Own")).expect("writes");
    let server = start(folder.path(), &sink, "rule_files = [\"rules.yml\"]");
    wait_told(&sink, "Own", "firing");
    let groups = get(&server, "/api/v1/rules?type=alert");
    let rule = &groups["data"]["groups"][0]["rules"][0];
    assert_eq!((&rule["name"], &rule["state"], &rule["health"]), (&json!("Own"), &json!("firing"), &json!("ok")));
    assert_eq!(rule["alerts"][0]["annotations"], json!({ "summary": "is 1" }));
    assert_eq!(get(&server, "/api/v1/alerts")["data"]["alerts"][0]["labels"], json!({ "alertname": "Own" }));
    let series = get(&server, "/api/v1/query?query=ALERTS");
    assert_eq!(series["data"]["result"][0]["metric"]["alertstate"], "firing");

    fs::write(&rules, text("Another")).expect("writes");
    server.signal("HUP");
    wait_told(&sink, "Another", "firing");
    wait_told(&sink, "Own", "resolved");
}

#[test]
fn people_act_on_the_command_line() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let url = server.url();
    let command = |arguments: &[&str]| run(&[arguments, &["--server", &url]].concat());
    alert(&server, &json!({ "alertname": "Disk", "host": "db1" }), true);
    wait_told(&sink, "Disk", "firing");
    let (code, out, err) = command(&["alerts", "list"]);
    assert!(code == 0 && out.contains("Disk") && out.contains("host=db1"), "{out}{err}");
    let (code, out, err) = command(&["ack", "1", "--by", "eva", "--note", "on it"]);
    assert_eq!((code, out.as_str()), (0, "incident 1 is acknowledged\n"), "{err}");
    let (code, out, err) = command(&["alerts", "incident", "1"]);
    assert!(code == 0 && out.contains("eva acknowledges it") && out.contains("on it"), "{out}{err}");
    let (code, out, _) = command(&["snooze", "1", "30m", "--by", "eva"]);
    assert_eq!((code, out.as_str()), (0, "incident 1 is snoozed\n"));
    let (code, id, err) = command(&["silence", "add", "host=\"db1\"", "--comment", "c", "--by", "eva"]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = command(&["silence", "list", "--output", "json"]);
    assert!(code == 0 && out.contains(id.trim()), "{out}");
    assert_eq!(command(&["silence", "expire", id.trim()]).0, 0);
    assert_eq!(command(&["silence", "list"]).0, 1);
    let (code, out, err) = command(&["notify", "test", "eva"]);
    assert!(code == 0 && out.contains("delivered"), "{out}{err}");
    let (code, _, err) = command(&["notify", "test", "nobody"]);
    assert!(code == 2 && err.contains("contact `nobody` is unknown"), "{err}");
    let (code, _, err) = command(&["ack", "77"]);
    assert!(code == 2 && err.contains("there is no incident 77"), "{err}");
    let (code, out, err) = command(&["alerts", "why", "alertname=\"Disk\""]);
    assert!(code == 0 && out.contains("incident 1"), "{out}{err}");
    let (code, out, _) = command(&["alerts", "deliveries"]);
    assert!(code == 0 && out.contains("eva"), "{out}");
    wait_until("the server lives", || server.get("/-/ready", "").0 == 200);
}

#[test]
fn wrong_requests_are_refused_as_alertmanager_does() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let hour = |hours: i64| orszem_model::Timestamp(super::now().0 + hours * 3_600_000_000_000).to_string();
    let silence = |from: i64, until: i64, value: &str, is_regex: bool| {
        let matchers = json!([{ "name": "a", "value": value, "isRegex": is_regex, "isEqual": true }]);
        json!({ "matchers": matchers, "startsAt": hour(from), "endsAt": hour(until), "createdBy": "me", "comment": "c" })
    };
    let mut unknown = silence(0, 1, "b", false);
    unknown["id"] = json!("7dfb0bb6-2b0b-4a59-9a5e-3b5e0e4f7d11");
    for (path, body, status, said) in [
        ("/api/v2/silences", json!({}), 422, "{\"code\":602,\"message\":\"silence.matchers in body is required\"}"),
        (
            "/api/v2/silences",
            silence(1, 0, "b", false),
            400,
            "\"Failed to create silence: start time must be before end time\"",
        ),
        (
            "/api/v2/silences",
            silence(-2, -1, "b", false),
            400,
            "\"Failed to create silence: end time can't be in the past\"",
        ),
        ("/api/v2/silences", silence(0, 1, "(", true), 400, "\"silence invalid: invalid label matcher 0: "),
        ("/api/v2/silences", silence(0, 1, ".*", true), 400, "\"silence invalid: a silence needs a matcher"),
        ("/api/v2/silences", unknown, 404, "\"silence not found\""),
        ("/api/v2/alerts", json!([{ "labels": {} }]), 400, "\"at least one label pair required\""),
        ("/api/v2/alerts", json!([{}]), 422, "{\"code\":602,\"message\":\"0.labels in body is required\"}"),
    ] {
        let (answered, answer) = super::post(&server, path, &body);
        assert_eq!(answered, status, "{body}: {answer}");
        assert!(answer.starts_with(said), "{answer}");
    }
    assert_eq!(server.get("/api/v2/alerts?filter=x", ""), (400, "\"bad matcher format: x\"".to_owned()));
    assert_eq!(server.get("/api/v2/silence/x", "").0, 422);
    // One that is in order goes on in spite of others that are not.
    let alerts = json!([{ "labels": {} }, { "labels": { "alertname": "Good" } }]);
    assert_eq!(super::post(&server, "/api/v2/alerts", &alerts).0, 400);
    wait_told(&sink, "Good", "firing");
    let many: Vec<_> = (0..20_000)
        .map(|at| json!({ "labels": { "alertname": "Many", "n": at.to_string(), "text": "x".repeat(100) } }))
        .collect();
    assert_eq!(super::post(&server, "/api/v2/alerts", &json!(many)).0, 200);
    let groups = get(&server, "/api/v2/alerts/groups?filter=alertname%3D%22Many%22");
    assert_eq!(groups[0]["alerts"].as_array().map(Vec::len), Some(20_000));
}
