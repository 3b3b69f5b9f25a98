//! `orszem probe`: what it prints, and how it exits.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::program::run;

/// Answers `count` requests with the status, one after the other.
fn serve(status: &'static str, count: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for _ in 0..count {
            let (mut stream, _) = listener.accept().expect("accepts");
            let mut head = [0; 4096];
            let read = stream.read(&mut head).expect("reads");
            assert!(read > 0, "a request comes");
            let body = "{\"status\":\"UP\"}";
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).expect("answers");
        }
    });
    address
}

#[test]
fn a_target_is_probed_once_and_told_of() {
    let url = format!("http://{}/", serve("200 OK", 2));
    let (code, out, _) = run(&["probe", &url]);
    assert_eq!(code, 0, "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with(&format!("up  {url}  http in ")), "{out}");
    assert_eq!(lines[1..3], ["  address     127.0.0.1", "  answer      200 by HTTP/1.1"]);
    for (line, phase) in lines[3..].iter().zip(["resolve", "connect", "processing", "transfer"]) {
        assert!(
            line.starts_with(&format!("  {phase:<10}  ")) && line.contains(" ms  ") && line.ends_with('█'),
            "{line}"
        );
    }
    let (code, out, _) = run(&["probe", &url, "--json", "--condition", "[BODY].status == UP"]);
    let told: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(
        (code, &told["success"], &told["status"], &told["ip"]),
        (0, &json!(true), &json!(200), &json!("127.0.0.1"))
    );
    assert_eq!(told["metrics"]["probe_http_status_code"], json!([{ "labels": {}, "value": 200.0 }]));
}

#[test]
fn a_target_that_is_down_is_told_why_and_exits_1() {
    let url = format!("http://{}/", serve("503 Busy", 2));
    let (code, out, _) = run(&["probe", &url]);
    assert_eq!(code, 1);
    assert!(
        out.starts_with(&format!("down  {url}  http in ")) && out.contains("  why         the status is 503\n"),
        "{out}"
    );
    let (code, out, _) =
        run(&["probe", &url, "--condition", "[STATUS] == 503", "--condition", "[BODY].status == DOWN"]);
    assert_eq!(code, 1);
    assert!(out.contains("  why         the condition [BODY].status == DOWN does not hold\n"), "{out}");
    let (code, out, _) = run(&["probe", "127.0.0.1:1", "--json"]);
    let told: Value = serde_json::from_str(&out).expect("one object");
    let reason = "no connection to 127.0.0.1:1: Connection refused (os error 111)";
    assert_eq!((code, &told["success"], &told["reason"]), (1, &json!(false), &json!(reason)));
}

#[test]
fn modules_are_those_of_the_file_else_the_shipped_ones() {
    let folder = tempfile::tempdir().expect("a directory");
    let (modules, config) = (folder.path().join("probes.yml"), folder.path().join("orszem.toml"));
    fs::write(&modules, "modules: {busy: {prober: http, http: {valid_status_codes: [503]}}}\n").expect("writes");
    fs::write(&config, "[collector]\nprobe_modules = [\"probes.yml\"]\n").expect("writes");
    let address = serve("503 Busy", 2).to_string();
    for file in [&modules, &config] {
        let file = file.to_str().expect("a plain path");
        let (code, out, err) = run(&["probe", &address, "--module", "busy", "--config", file]);
        assert_eq!(code, 0, "{out}{err}");
        let (code, _, err) = run(&["probe", &address, "--module", "other", "--config", file]);
        assert_eq!((code, err.as_str()), (2, "orszem: there is no module \"other\"; known are busy\n"));
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let target = listener.local_addr().expect("an address").to_string();
    assert_eq!(run(&["probe", &target, "--module", "tcp_connect"]).0, 0);
    let (code, _, err) = run(&["probe", "gopher://x"]);
    assert!(code == 2 && err.contains("\"gopher://x\" does not say how it is probed; begin it with http://"), "{err}");
    assert_eq!(run(&["probe", &target, "--timeout", "1ms"]).0, 2);
    assert_eq!(run(&["probe", &target, "--condition", "[STATUS]"]).0, 2);
}
