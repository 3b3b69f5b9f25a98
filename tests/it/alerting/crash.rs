//! What Alertmanager loses, doubles or forgets when it is killed, silenced or inhibited; each must hold here.

use std::collections::BTreeSet;

use serde_json::json;

use super::sink::Sink;
use super::{alert, get, silence, start, wait_told};
use crate::program::{Server, wait_until};

fn kill(mut server: Server) {
    server.signal("KILL");
    server.wait();
}

#[test]
fn a_silence_survives_a_kill() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let id = silence(&server, "X");
    kill(server);
    let server = start(folder.path(), &sink, "");
    let silences = get(&server, "/api/v2/silences");
    let shown: Vec<_> =
        silences.as_array().expect("a list").iter().map(|one| (&one["id"], &one["status"]["state"])).collect();
    assert_eq!(shown, [(&json!(id), &json!("active"))]);
}

#[test]
fn what_was_told_is_told_again_under_its_key_alone() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    assert_eq!(alert(&server, &json!({ "alertname": "B" }), true), 200);
    wait_told(&sink, "B", "firing");
    kill(server);
    let server = start(folder.path(), &sink, "");
    assert_eq!(alert(&server, &json!({ "alertname": "B" }), true), 200);
    assert_eq!(alert(&server, &json!({ "alertname": "Later" }), true), 200);
    wait_told(&sink, "Later", "firing");
    let told =
        sink.hits().into_iter().filter(|hit| super::sink::alerts(&hit.body) == [("B".to_owned(), "firing".to_owned())]);
    let keys: BTreeSet<String> = told.map(|hit| hit.key).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_ne!(keys.first().map(String::as_str), Some(""));
}

#[test]
fn an_accepted_alert_is_told_after_a_kill() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    sink.fail(1);
    assert_eq!(alert(&server, &json!({ "alertname": "C", "severity": "critical" }), true), 200);
    kill(server);
    let server = start(folder.path(), &sink, "");
    wait_told(&sink, "C", "firing");
    assert_eq!(get(&server, "/api/v2/alerts").as_array().map(Vec::len), Some(1));
}

#[test]
fn the_end_is_told_after_a_kill() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    alert(&server, &json!({ "alertname": "D" }), true);
    wait_told(&sink, "D", "firing");
    kill(server);
    let server = start(folder.path(), &sink, "");
    alert(&server, &json!({ "alertname": "D" }), false);
    wait_told(&sink, "D", "resolved");
}

#[test]
fn a_receiver_that_is_down_is_told_when_it_is_back() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    sink.fail(2);
    alert(&server, &json!({ "alertname": "E" }), true);
    wait_told(&sink, "E", "firing");
    let tries = || get(&server, "/app/v1/deliveries")["deliveries"][0]["attempts"].as_array().map_or(0, Vec::len);
    wait_until("every attempt is written down", || tries() == 3);
}

#[test]
fn the_end_is_told_whatever_is_silenced_then() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    alert(&server, &json!({ "alertname": "H" }), true);
    wait_told(&sink, "H", "firing");
    silence(&server, "H");
    alert(&server, &json!({ "alertname": "H" }), false);
    wait_told(&sink, "H", "resolved");
}

#[test]
fn the_end_is_told_of_what_is_inhibited_by_then() {
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let server = start(folder.path(), &sink, "");
    let (warning, critical) = (
        json!({ "alertname": "Warn", "severity": "warning", "host": "h" }),
        json!({ "alertname": "Crit", "severity": "critical", "host": "h" }),
    );
    alert(&server, &warning, true);
    wait_told(&sink, "Warn", "firing");
    alert(&server, &critical, true);
    wait_told(&sink, "Crit", "firing");
    alert(&server, &warning, false);
    wait_told(&sink, "Warn", "resolved");
    alert(&server, &critical, false);
    wait_told(&sink, "Crit", "resolved");
}

#[test]
fn what_is_inhibited_is_not_told_after_a_restart_before_its_source_is_back() {
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
