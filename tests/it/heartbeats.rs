//! Heartbeats as jobs send them: what is answered with success survives kill -9, who is late is down, and series say so.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::metrics::remote::instant;
use crate::program::{Server, run, wait_until};

const CONFIG: &str = "[[heartbeat]]\nname = \"backup\"\ninterval = \"1h\"\ngrace = \"10m\"\nlabels = { team = \"db\" }\n\
                      [[heartbeat]]\nname = \"sync\"\ninterval = \"1h\"\ngrace = \"1s\"\n";

fn start(folder: &Path, config: &str) -> Server {
    let file = folder.join("orszem.toml");
    fs::write(&file, config).expect("writes");
    Server::start(&folder.join("data"), &["--config", file.to_str().expect("a plain path")])
}

/// Verdict, reason and whether it ever succeeded, by name.
fn held(server: &Server) -> Vec<(String, String, String, bool)> {
    let (code, body) = server.get("/app/v1/heartbeats", "");
    assert_eq!(code, 200, "{body}");
    let all: Value = serde_json::from_str(&body).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |one: &Value| (text(&one["name"]), text(&one["verdict"]), text(&one["reason"]), one["succeeded"].is_i64());
    all["heartbeats"].as_array().expect("a list").iter().map(of).collect()
}

fn of(name: &str, verdict: &str, reason: &str, has_succeeded: bool) -> (String, String, String, bool) {
    (name.to_owned(), verdict.to_owned(), reason.to_owned(), has_succeeded)
}

fn verdict(server: &Server, name: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the far future");
    instant(server.address, &format!("probe_verdict{{probe=\"{name}\",job=\"probe\"}}"), now).0
}

#[test]
fn what_a_job_says_is_kept_through_a_kill() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut server = start(folder.path(), CONFIG);
    assert_eq!(held(&server), [of("backup", "unknown", "", false), of("sync", "unknown", "", false)]);
    for (path, expected) in [
        ("backup", 200),
        ("backup/start", 200),
        ("backup/0", 200),
        ("sync/3", 200),
        ("backup/stop", 404),
        ("backup/256", 404),
        ("other", 404),
    ] {
        let (code, body) = server.get(&format!("/app/v1/heartbeat/{path}"), "");
        assert_eq!(code, expected, "{path}: {body}");
    }
    let (code, body) = server.get("/app/v1/heartbeat/other", "");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((code, &told["code"]), (404, &json!("heartbeat.no_such_name")));
    server.signal("KILL");
    server.wait();

    let server = start(folder.path(), CONFIG);
    let failed = of("sync", "down", "it said that it failed", false);
    assert_eq!(held(&server), [of("backup", "up", "", true), failed]);
    wait_until("the series are told", || verdict(&server, "sync")[0]["value"][1] == json!("4"));
    assert_eq!(verdict(&server, "backup")[0]["value"][1], json!("1"));
    assert_eq!(verdict(&server, "backup")[0]["metric"]["team"], json!("db"));

    // Any of the usual methods is taken, and a success ends it.
    assert_eq!(server.post("/app/v1/heartbeat/sync", "", b"").0, 200);
    assert_eq!(held(&server)[1], of("sync", "up", "", true));
    let head = "HEAD /app/v1/heartbeat/sync/fail HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(server.send(head).0, 200);
    assert_eq!(held(&server)[1].1, "down");
    // A run that does not end.
    assert_eq!(server.post("/app/v1/heartbeat/sync", "", b"log of the job").0, 200);
    assert_eq!(server.get("/app/v1/heartbeat/sync/start", "").0, 200);
    wait_until("the run is missed", || held(&server)[1].1 == "down");
    assert_eq!(held(&server)[1].2, "it began, and did not end within 1s");
    wait_until("its series say so at once", || verdict(&server, "sync")[0]["value"][1] == json!("4"));

    // Another page may not speak for a job.
    assert_eq!(server.get("/app/v1/heartbeat/backup/fail", "Sec-Fetch-Site: cross-site\r\n").0, 403);
    assert_eq!(held(&server)[0].1, "up");

    // What is not expected any more is forgotten.
    fs::write(folder.path().join("orszem.toml"), CONFIG.split_once("[[heartbeat]]\nname = \"sync\"").expect("two").0)
        .expect("writes");
    server.signal("HUP");
    wait_until("the reload holds", || held(&server).len() == 1);
    assert_eq!(held(&server), [of("backup", "up", "", true)]);
}

#[test]
fn a_wrong_heartbeat_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("o.toml");
    let name = file.to_str().expect("a plain path");
    fs::write(&file, "[[heartbeat]]\nname = \"a b\"\ninterval = \"1s\"\n").expect("writes");
    let (code, out, _) = run(&["check-config", name]);
    let expected = format!(
        "{name}:2: heartbeat[0].name = \"a b\": is no name; write 1 to 128 letters, digits, `.`, `_` or `-`\n\
         {name}:3: heartbeat[0].interval = \"1s\": is out of range; write \"10s\" to \"366d\"\n2 problems\n"
    );
    assert_eq!((code, out), (1, expected));
}
