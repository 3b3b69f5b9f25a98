//! A collector's canaries, as `orszem collectors` and `orszem doctor` show them, and enrolling a host.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::program::{Server, run};

fn now_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// Sends a canary as a collector does.
fn send_canary(server: &Server, seq: u64, skew_ns: u128) {
    let now = now_ns();
    let attribute = |key: &str, value: String| serde_json::json!({ "key": key, "value": { "stringValue": value } });
    let attributes = [
        attribute("event.name", "collector.canary".into()),
        attribute("canary.seq", seq.to_string()),
        attribute("canary.epoch", "7".into()),
        attribute("canary.sent", now.to_string()),
        attribute("collector.version", env!("CARGO_PKG_VERSION").into()),
        attribute("collector.config_hash", "ab12".into()),
        attribute("collector.files", "3".into()),
    ];
    let resource = [
        attribute("host.name", "db1".into()),
        attribute("service.name", "orszem-collector".into()),
        attribute("layer", "host".into()),
    ];
    let body = serde_json::json!({ "resourceLogs": [{ "resource": { "attributes": resource }, "scopeLogs": [{ "logRecords": [{
        "timeUnixNano": now.to_string(), "body": { "stringValue": format!("canary {seq}") }, "attributes": attributes,
    }] }] }] });
    let headers = format!(
        "Content-Type: application/json\r\nX-Orszem-Source: collector/db1\r\nX-Orszem-Epoch: 7\r\n\
         X-Orszem-Seq: {seq}\r\nX-Orszem-Sent: {}\r\n",
        now - skew_ns
    );
    assert_eq!(server.post("/v1/logs", &headers, body.to_string().as_bytes()).0, 200);
}

#[test]
fn canaries_show_who_is_there_and_what_is_missing_also_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(directory.path(), &[]);
    send_canary(&server, 0, 0);
    send_canary(&server, 1, 0);
    // A repeat of a request is no second canary.
    send_canary(&server, 1, 0);
    let (code, out, err) = run(&["collectors", "--server", &server.url()]);
    assert_eq!(code, 0, "{out}{err}");
    let cells: Vec<&str> = out.lines().nth(1).expect("a row").split_whitespace().take(2).collect();
    assert_eq!(cells, ["db1", "ok"]);
    let (_, metrics) = server.get("/metrics", "");
    assert!(metrics.contains("orszem_canary_duplicates_total{source=\"db1\",tenant=\"0\"} 0\n"), "{metrics}");
    assert!(metrics.contains("orszem_collector_info{source=\"db1\",tenant=\"0\","), "{metrics}");

    let (code, out, err) = run(&["doctor", "db1", "--server", &server.url()]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("ok    collector of db1 at the server — its last canary came "), "{out}");
    assert!(out.contains("ok    service orszem-collector — 2 records in 24 h, the last at 20"), "{out}");
    let (code, out, _) = run(&["doctor", "db2", "--server", &server.url()]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.starts_with("FAIL  db2 at ")
            && out.contains("never heard of a collector there; fix: orszem collector install on db2"),
        "{out}"
    );

    server.signal("KILL");
    server.wait();
    let server = Server::start(directory.path(), &[]);
    send_canary(&server, 3, 9_000_000_000);
    let (code, out, _) = run(&["collectors", "--json", "--server", &server.url()]);
    let row: serde_json::Value = serde_json::from_str(out.trim()).expect("JSON");
    assert_eq!((code, &row["canary_gaps"], &row["canary_duplicates"]), (1, &1.into(), &0.into()), "{row}");
    assert_eq!(row["status"], "losing");
    assert!(row["clock_skew_s"].as_f64().is_some_and(|skew| (9.0..12.0).contains(&skew)), "{row}");
    let (code, out, _) = run(&["doctor", "db1", "--server", &server.url()]);
    assert_eq!(code, 1);
    assert!(
        out.contains("FAIL  collector of db1 at the server — something was lost of late: 1 canaries missing"),
        "{out}"
    );
}

#[test]
fn a_host_is_enrolled_below_a_prefix_and_only_when_the_server_agrees() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a plain path").to_owned();
    let (_, line, shown) = run(&["token", "new", "db1", "--role", "ingest"]);
    let secret = shown.trim_end().rsplit(' ').next().expect("a token").to_owned();
    fs::write(path("tokens"), line).expect("writes");
    fs::write(path("o.toml"), "[server.tls]\nmode = \"local-ca\"\n").expect("writes");
    let mut server =
        Server::start(Path::new(&path("data")), &["--config", &path("o.toml"), "--token-file", &path("tokens")]);
    let told = server.line();
    let fingerprint = told.rsplit(' ').next().expect("a fingerprint");
    let url = format!("https://localhost:{}", server.address.port());
    let install = |token: &str, fingerprint: &str, more: &[&str]| {
        let mut words = vec!["collector", "install", "--server", &url, "--token", token, "--fingerprint", fingerprint];
        let root = path("root");
        words.extend(["--prefix", &root]);
        words.extend(more);
        run(&words)
    };
    let wrong = "00".repeat(32);
    let (code, _, err) = install(&secret, &wrong, &[]);
    assert!(code == 2 && err.contains("shows another certificate authority"), "{err}");
    let (code, _, err) = install("orszem_wrong", fingerprint, &[]);
    assert!(code == 2 && err.contains("does not know this token"), "{err}");
    let (code, out, err) = install(&secret, fingerprint, &["--dry-run"]);
    assert!(code == 0 && out.contains("etc/orszem/collector.token, mode 0600"), "{out}{err}");
    assert!(!Path::new(&path("root")).is_dir(), "nothing was written");

    let (code, out, err) = install(&secret, fingerprint, &[]);
    assert_eq!(code, 0, "{out}{err}");
    let authority = |file: &str| fs::read_to_string(path(file)).expect("there").replace("\r\n", "\n");
    assert_eq!(authority("root/etc/orszem/ca.crt").trim(), authority("data/tls/ca.crt").trim());
    assert_eq!(authority("root/etc/orszem/collector.token"), format!("{secret}\n"));
    assert!(Path::new(&path("root/usr/bin/orszem")).is_file());
    assert!(Path::new(&path("root/etc/systemd/system/orszem-collector.service")).is_file());
}
