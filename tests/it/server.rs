//! A running server: readiness, refusals at start, access, reload, stop.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::program::{Server, run, wait_until};

#[test]
fn it_is_ready_within_100_ms_and_stops_gracefully() {
    let directory = tempfile::tempdir().expect("a directory");
    // The best of a few: other tests share the machine.
    let mut best = Duration::MAX;
    for n in 0..5 {
        let mut server = Server::start(&directory.path().join(n.to_string()), &[]);
        best = best.min(server.started_in);
        for path in ["/-/ready", "/ready"] {
            assert_eq!(server.get(path, ""), (200, "ready\n".to_owned()));
        }
        let begun = Instant::now();
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[test]
fn a_request_under_way_is_finished_before_the_stop() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(directory.path(), &[]);
    let mut stream = TcpStream::connect(server.address).expect("connects");
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n").expect("sends a part");
    // The server has the part once it answers another connection made later.
    assert_eq!(server.get("/-/ready", "").0, 200);
    server.signal("TERM");
    stream.write_all(b"Connection: close\r\n\r\n").expect("sends the rest");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("reads");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn metrics_count_requests_by_route() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    assert_eq!(server.get("/-/healthy", "").0, 200);
    let (status, body) = server.get("/nothing/here", "");
    assert_eq!((status, body.contains("\"code\":\"server.not_found\"")), (404, true), "{body}");
    let (_, metrics) = server.get("/metrics", "");
    for line in [
        "orszem_http_requests_total{method=\"GET\",route=\"/-/healthy\",status=\"200\"} 1",
        "orszem_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
}

#[test]
fn a_data_directory_has_one_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain path");
    let _server = Server::start(directory.path(), &[]);
    let (code, _, err) = run(&["server", "--listen", "127.0.0.1:0", "--data-dir", path]);
    assert_eq!(code, 2);
    assert!(err.contains("is in use by orszem (pid "), "{err}");
}

#[test]
fn a_taken_port_names_its_holder() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain path");
    let holder = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = holder.local_addr().expect("bound").to_string();
    let (code, _, err) = run(&["server", "--listen", &address, "--data-dir", path]);
    assert_eq!(code, 2);
    let holder = format!("(pid {})", std::process::id());
    assert!(err.contains(&format!("{address} is taken by ")) && err.contains(&holder), "{err}");
    assert!(err.contains("`--listen 127.0.0.1:"), "{err}");
}

#[test]
fn other_hosts_are_served_only_with_tokens() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain path");
    let (code, _, err) = run(&["server", "--listen", "0.0.0.0:0", "--data-dir", path]);
    assert_eq!(code, 2);
    assert!(err.contains("orszem token new admin --role admin"), "{err}");
}

#[test]
fn tokens_are_asked_for_and_reloaded() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("tokens");
    let new = |name: &str| {
        let (_, line, shown) = run(&["token", "new", name, "--role", "read"]);
        (line, shown.trim_end().rsplit(' ').next().expect("a token").to_owned())
    };
    let (line, secret) = new("first");
    fs::write(&file, line).expect("writes");
    let server = Server::start(&directory.path().join("data"), &["--token-file", file.to_str().expect("a plain path")]);
    let metrics = |secret: &str| server.get("/metrics", &format!("Authorization: Bearer {secret}\r\n")).0;
    assert_eq!((server.get("/metrics", "").0, server.get("/-/ready", "").0, metrics(&secret)), (401, 200, 200));

    let (line, second) = new("second");
    fs::write(&file, line).expect("writes");
    server.signal("HUP");
    wait_until("the new token is accepted", || metrics(&second) == 200);
    assert_eq!(metrics(&secret), 401);

    fs::write(&file, "broken").expect("writes");
    server.signal("HUP");
    assert_eq!(metrics(&second), 200);
}

#[test]
fn bodies_and_foreign_pages_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let post = |headers: &str| {
        server.send(&format!("POST /app/v1/logout HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"))
    };
    let (status, body) = post("Content-Length: 99999999999\r\n");
    assert_eq!((status, body.contains("server.body_too_large")), (413, true), "{body}");
    let (status, body) = post("Content-Length: 0\r\nOrigin: http://evil.example\r\n");
    assert_eq!((status, body.contains("access.cross_site")), (403, true), "{body}");
    let (status, body) = server.send("GET /metrics HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n");
    assert_eq!((status, body.contains("access.foreign_host")), (403, true), "{body}");
}
