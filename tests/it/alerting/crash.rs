//! What a server tells of itself after it was killed, and of a receiver that was down; `beside` has what is told then.

use serde_json::json;

use super::sink::Sink;
use super::{alert, get, start, wait_told};
use crate::program::{Server, wait_until};

fn kill(mut server: Server) {
    server.signal("KILL");
    server.wait();
}

#[test]
fn every_attempt_at_a_receiver_that_is_down_is_written_down() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    sink.fail(2);
    alert(&server, &json!({ "alertname": "E" }), true);
    wait_told(&sink, "E", "firing");
    let tries = || get(&server, "/app/v1/deliveries")["deliveries"][0]["attempts"].as_array().map_or(0, Vec::len);
    wait_until("every attempt is written down", || tries() == 3);
}

#[test]
fn what_was_inhibited_is_still_after_a_restart() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let (warning, critical) = (
        json!({ "alertname": "JWarn", "severity": "warning", "host": "h" }),
        json!({ "alertname": "JCrit", "severity": "critical", "host": "h" }),
    );
    alert(&server, &critical, true);
    wait_told(&sink, "JCrit", "firing");
    alert(&server, &warning, true);
    kill(server);
    let server = start(folder.path(), &sink, "");
    alert(&server, &warning, true);
    alert(&server, &critical, true);
    alert(&server, &json!({ "alertname": "Other" }), true);
    wait_told(&sink, "Other", "firing");
    assert!(!sink.was_told("JWarn", "firing"), "{:?}", sink.told());
    let suppressed = get(&server, "/api/v2/alerts?active=false");
    assert_eq!(suppressed[0]["labels"]["alertname"], "JWarn");
    assert_eq!(suppressed[0]["status"]["inhibitedBy"].as_array().map(Vec::len), Some(1));
}
