//! What people do by the links in messages, and addresses that are no more.

use std::fs;

use serde_json::{Value, json};

use super::sink::Sink;
use super::{alert, get};
use crate::program::{Server, wait_until};

/// Where people reach the page; nobody has to for what is tested here.
const URL: &str = "https://orszem.example/monitoring";

/// A server that tells eva by ntfy at once, and the lead by a webhook after two seconds.
fn start(folder: &std::path::Path, phone: &Sink, lead: &Sink) -> Server {
    let config = folder.join("orszem.toml");
    let text = format!(
        "[alerting]\nrestart_hold = \"0s\"\nrestart_hold_critical = \"0s\"\n\
         [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"phone\", to = \"topic\" }}]\nrate = 10000\n\
         [[alerting.contacts]]\nname = \"lead\"\naddresses = [{{ channel = \"hook\", to = \"x\" }}]\nrate = 10000\n\
         [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}, {{ after = \"2s\", contacts = [\"lead\"] }}]\n\
         [alerting.route]\npolicy = \"all\"\ngroup_by = [\"alertname\"]\nwait_warning = \"50ms\"\nwait_critical = \"50ms\"\ninterval = \"100ms\"\n\
         [notify]\nexternal_url = \"{URL}\"\n\
         [[notify.ntfy]]\nname = \"phone\"\nurl = \"{}\"\n\
         [[notify.webhook]]\nname = \"hook\"\nurl = \"{}\"\n",
        phone.url(),
        lead.url()
    );
    fs::write(&config, text).expect("writes");
    Server::start(&folder.join("data"), &["--config", config.to_str().expect("a plain path")])
}

/// The paths of the buttons of the first message about this alert, by their method: acknowledge, snooze.
fn buttons(phone: &Sink, name: &str) -> Option<Vec<String>> {
    let hits = phone.hits();
    let body =
        hits.iter().map(|hit| &hit.body).find(|body| body["title"].as_str().is_some_and(|t| t.contains(name)))?;
    let actions = body["actions"].as_array()?.iter().filter(|action| action["action"] == "http");
    let path = |action: &Value| {
        assert_eq!(action["method"], json!("POST"));
        action["url"].as_str().and_then(|url| url.strip_prefix(URL)).expect("an URL of the page").to_owned()
    };
    Some(actions.map(path).collect())
}

fn incident_of(server: &Server, name: &str) -> Value {
    let incidents = get(server, "/app/v1/incidents")["incidents"].as_array().cloned().expect("a list");
    let is_meant = |incident: &Value| incident["alerts"][0]["labels"]["alertname"] == *name;
    incidents.into_iter().find(is_meant).expect("there is one")
}

/// As a browser asks that follows a link from elsewhere.
const BROWSER: &str = "Accept: text/html\r\nSec-Fetch-Site: cross-site\r\n";

#[test]
fn a_button_acknowledges_what_only_looking_at_it_does_not_and_nobody_else_is_told() {
    let folder = tempfile::tempdir().expect("a directory");
    let (phone, lead) = (Sink::start(), Sink::start());
    let server = start(folder.path(), &phone, &lead);
    let labels = |name: &str| json!({ "alertname": name, "severity": "critical" });
    assert_eq!(alert(&server, &labels("Taken"), true), 200);
    wait_until("eva is told", || buttons(&phone, "Taken").is_some());
    let [ack, snooze] = buttons(&phone, "Taken").expect("buttons").try_into().expect("two of them");
    assert!(ack.starts_with("/act/") && snooze.starts_with("/act/") && ack != snooze);

    // Scanners look, and nothing happens.
    let head = format!("GET {ack} HTTP/1.1\r\nHost: orszem.example\r\nConnection: close\r\n");
    let (status, page) = server.send(&format!("{head}{BROWSER}\r\n"));
    assert_eq!(status, 200);
    assert!(page.contains("<form method=\"post\"><button>Acknowledge</button></form>"), "{page}");
    assert!(page.contains("critical") && page.contains("Taken") && !page.contains("<script"), "{page}");
    assert_eq!(incident_of(&server, "Taken")["acknowledged_by"], json!(null));
    let forged = ack.replace("/act/", "/act/A");
    assert_eq!([server.get(&forged, "").0, server.post(&forged, "", b"").0], [403, 403]);

    let (status, done) = server.post(&ack, "", b"");
    assert_eq!(status, 200, "{done}");
    assert!(done.starts_with("eva has acknowledged incident 1, critical, since "), "{done}");
    assert_eq!(incident_of(&server, "Taken")["acknowledged_by"], json!("eva"));
    let (status, again) = server.post(&ack, BROWSER, b"");
    assert_eq!(status, 409);
    assert!(again.contains("incident 1 is acknowledged already, by eva until "), "{again}");

    // Of another one that nobody takes on the lead hears.
    assert_eq!(alert(&server, &labels("Left"), true), 200);
    wait_until("the lead is told of the other", || lead.was_told("Left", "firing"));
    assert!(!lead.was_told("Taken", "firing"), "{:?}", lead.told());
    let timeline = get(&server, "/app/v1/incidents/1")["timeline"].as_array().cloned().expect("a list");
    let is_by_link =
        |event: &Value| event["text"].as_str().is_some_and(|text| text.ends_with(": by the link in a message"));
    assert!(timeline.iter().any(is_by_link), "{timeline:?}");

    assert_eq!(server.post(&snooze, "", b"").0, 200);
    assert_eq!(server.post(&snooze, "", b"").0, 409);

    // The key is kept: links go on working over a restart, and end with the incident.
    drop(server);
    let server = start(folder.path(), &phone, &lead);
    assert_eq!(server.get(&ack, "").0, 409);
    assert_eq!(alert(&server, &labels("Taken"), false), 200);
    wait_until("it is over", || server.get(&ack, "").0 == 410);
    let (status, over) = server.post(&snooze, "", b"");
    assert!(status == 410 && over.starts_with("Nothing was done: incident 1 is over since "), "{status} {over}");
}

#[test]
fn links_are_followed_at_most_so_often() {
    let folder = tempfile::tempdir().expect("a directory");
    let (phone, lead) = (Sink::start(), Sink::start());
    let server = start(folder.path(), &phone, &lead);
    let statuses: Vec<u16> = (0..61).map(|_| server.get("/act/AAAA", "").0).collect();
    assert_eq!((statuses[..60].iter().all(|status| *status == 403), statuses[60]), (true, 429));
    assert_eq!(server.get("/-/healthy", "").0, 200);
}

/// A browser's subscription at `endpoint`; the keys are those of RFC 8291's example.
fn subscription(endpoint: &str) -> String {
    let keys = json!({
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    });
    json!({ "endpoint": endpoint, "keys": keys }).to_string()
}

#[test]
fn a_subscription_that_the_browser_gave_up_is_removed_and_said_over_a_restart() {
    let folder = tempfile::tempdir().expect("a directory");
    let sink = Sink::start();
    sink.refuse("410 Gone");
    let (key, config) = (folder.path().join("vapid.pem"), folder.path().join("orszem.toml"));
    fs::write(&key, rcgen::KeyPair::generate().expect("a key").serialize_pem()).expect("writes");
    let to = subscription(&sink.url());
    let text = format!(
        "[[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"push\", to = '{to}' }}]\n\
         [[notify.webpush]]\nname = \"push\"\nkey_file = \"{}\"\nsubject = \"mailto:a@example.com\"\nallow_private = true\n",
        key.display()
    );
    fs::write(&config, text).expect("writes");
    let start = || Server::start(&folder.path().join("data"), &["--config", config.to_str().expect("a plain path")]);
    let test = |server: &Server| super::post(server, "/app/v1/notify/test", &json!({ "contact": "eva", "by": "me" }));
    let server = start();
    assert_eq!(test(&server).0, 200);
    let delivery = || get(&server, "/app/v1/deliveries")["deliveries"][0].clone();
    wait_until("it is refused", || delivery()["state"] == "refused");
    let said = "HTTP 410 Gone: the browser gave the subscription up; the address is removed from the contact, nothing is \
                sent there any more";
    assert_eq!(delivery()["attempts"][0]["detail"], json!(said));
    assert_eq!(test(&server).0, 409);
    drop(server);
    let server = start();
    let (status, body) = test(&server);
    assert_eq!(status, 409, "{body}");
    assert!(body.contains("contact `eva` has no address that takes messages"), "{body}");
}
