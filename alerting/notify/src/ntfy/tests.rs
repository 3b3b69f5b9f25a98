//! Publications to a web server.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::testing::sink::Sink;
use crate::testing::{STARTED_AT, addressed, refused, retried, senders};

#[tokio::test]
async fn an_incident_is_one_notification_with_buttons() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "tk_s3cret\n").expect("writes");
    let ntfy = senders(&format!("[[ntfy]]\nname = \"n\"\nurl = \"{}\"\ntoken_file = {token:?}", sink.url("/ntfy")));
    let outcome = ntfy.send(&addressed(Kind::Open, "n", "alerts-1"), STARTED_AT).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "HTTP 200 OK".to_owned(), remote_id: "hwQ2YpKdmg".to_owned() });
    let got = sink.last();
    let headers = ["authorization", "x-sequence-id", "content-type"].map(|name| got.header(name));
    assert_eq!(headers, ["Bearer tk_s3cret", "incident-7-test", "application/json"]);
    let mut published = got.json();
    let message = published["message"].take();
    assert!(message.as_str().expect("a text").starts_with("/ is <nearly> full & \"hot\"\n\nEntity: host/db1"));
    let post = |action: &str, label: &str, clear: bool| {
        let url = format!("https://orszem.example/{action}/t0k");
        json!({"action": "http", "label": label, "url": url, "method": "POST", "clear": clear})
    };
    let view = json!({"action": "view", "label": "View", "url": "https://orszem.example/incidents/7", "clear": false});
    assert_eq!(
        published,
        json!({
            "topic": "alerts-1",
            "title": "[critical] db1: Disk and 1 more",
            "message": Value::Null,
            "priority": 5,
            "tags": ["rotating_light", "critical"],
            "click": "https://orszem.example/incidents/7",
            "actions": [post("ack", "Acknowledge", true), post("snooze", "Snooze", false), view],
            "sequence_id": "incident-7-test",
        })
    );
    ntfy.send(&addressed(Kind::Resolve, "n", "alerts-1"), STARTED_AT).await;
    let published = sink.last().json();
    let told = ["priority", "sequence_id", "tags"].map(|name| published[name].clone());
    assert_eq!(told, [json!(3), json!("incident-7-test"), json!(["white_check_mark", "critical"])]);
    let actions: Vec<&Value> = published["actions"].as_array().expect("a list").iter().map(|a| &a["action"]).collect();
    assert_eq!(actions, ["view", "view"]);
}

#[tokio::test]
async fn what_the_server_says_decides() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    fs::write(&password, "s3cret").expect("writes");
    let at = |path: &str| {
        let url = sink.url(path);
        senders(&format!("[[ntfy]]\nname = \"n\"\nurl = \"{url}\"\nuser = \"eva\"\npassword_file = {password:?}"))
    };
    let notice = addressed(Kind::Open, "n", "t");
    assert_eq!(retried(at("/fails").send(&notice, STARTED_AT).await), "HTTP 500 Internal Server Error: out of order");
    assert_eq!(sink.last().header("authorization"), "Basic ZXZhOnMzY3JldA==");
    let outcome = at("/proxy").send(&notice, STARTED_AT).await;
    let detail = "HTTP 200 OK; the answer is none of an ntfy server".to_owned();
    assert_eq!(outcome, Outcome::Delivered { detail, remote_id: String::new() });
    let bad = refused(at("/bad").send(&notice, STARTED_AT).await);
    assert!(bad.starts_with("HTTP 400 Bad Request: what is /bad"), "{bad}");
    for topic in ["", "a/b", "a b", &"x".repeat(65)] {
        let reason = refused(at("/ntfy").send(&addressed(Kind::Open, "n", topic), STARTED_AT).await);
        assert!(reason.contains("is no topic"), "{reason}");
    }
    fs::remove_file(&password).expect("removes");
    let reason = retried(at("/ntfy").send(&notice, STARTED_AT).await);
    assert!(reason.starts_with("can't read"), "{reason}");
}

#[test]
fn long_texts_are_cut_and_quiet_ones_are_quiet() {
    let site = crate::testing::site();
    let mut notice = addressed(Kind::Update, "n", "t");
    let view = View::new(&notice, &site);
    assert_eq!(message(&view, &view.heading), view.heading);
    assert_eq!(message(&view, &"ő".repeat(4_000)).len(), MESSAGE_BYTES_MAX);
    notice.intent.message.is_loud = false;
    assert_eq!(priority(&notice), 2);
    assert_eq!(sequence("incident-7-a.b/é"), "incident-7-a_b__");
}
