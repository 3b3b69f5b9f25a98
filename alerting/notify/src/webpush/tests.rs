//! Pushes to a web server, read with the libraries of those who make browsers.

use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orszem_alerting::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::senders::Senders;
use crate::testing::sink::Sink;
use crate::testing::{STARTED_AT, addressed, python, refused, retried, senders, site};

/// The example of RFC 8291, whose keys are right.
const KEYS: &str = r#"{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}"#;

fn channel(more: &str) -> (Senders, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("vapid.pem");
    fs::write(&key, VapidKey::generate().expect("a key")).expect("writes");
    let text =
        format!("[[webpush]]\nname = \"push\"\nsubject = \"mailto:admin@example.com\"\nkey_file = {key:?}\n{more}");
    (senders(&text), folder)
}

fn to(endpoint: &str, keys: &str) -> Notice {
    addressed(Kind::Open, "push", &format!("{{\"endpoint\":\"{endpoint}\",\"expirationTime\":null,\"keys\":{keys}}}"))
}

#[tokio::test]
async fn a_browser_reads_what_is_pushed_and_knows_who_pushed_it() {
    let Some(made) = python::run("browser.py", &json!({"do": "subscribe"})) else { return };
    let browser: Value = serde_json::from_str(&made).expect("JSON");
    let sink = Sink::start().await;
    let (senders, _folder) = channel("allow_private = true\nttl = \"1h\"");
    let keys = json!({"p256dh": browser["p256dh"], "auth": browser["auth"]}).to_string();
    let mut notice = to(&sink.url("/push/s3cret"), &keys);
    notice.intent.message.title = "Győr: \"/\" is full".to_owned();
    let outcome = senders.send(&notice, STARTED_AT).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "HTTP 201 Created".to_owned(), remote_id: "/m/1".to_owned() });
    let got = sink.last();
    let headers = ["ttl", "urgency", "content-encoding", "topic"].map(|name| got.header(name));
    let thread = topic("incident-7-test");
    assert_eq!(headers, ["3600", "high", "aes128gcm", &thread]);
    assert_eq!(thread.len(), 32);

    let given = json!({
        "do": "read",
        "private": browser["private"],
        "auth": browser["auth"],
        "body": URL_SAFE_NO_PAD.encode(&got.body),
        "authorization": got.header("authorization"),
    });
    let read: Value = serde_json::from_str(&python::run("browser.py", &given).expect("runs")).expect("JSON");
    assert_eq!(read["is_signed"], json!(true));
    let expires = STARTED_AT.0 / 1_000_000_000 + 12 * 3600;
    let origin = format!("http://127.0.0.1:{}", sink.port);
    assert_eq!(read["claims"], json!({"aud": origin, "exp": expires, "sub": "mailto:admin@example.com"}));
    assert_eq!(read["content"]["web_push"], json!(8030));
    let shown = &read["content"]["notification"];
    let told = ["title", "navigate", "tag", "silent", "requireInteraction"].map(|name| &shown[name]);
    let expected = [
        json!("[critical] Győr: \"/\" is full"),
        json!("https://orszem.example/incidents/7"),
        json!(thread),
        json!(false),
        json!(true),
    ];
    assert_eq!(told, expected.each_ref());
    let actions: Vec<&Value> = shown["actions"].as_array().expect("a list").iter().map(|a| &a["url"]).collect();
    assert_eq!(actions, [&json!("https://orszem.example/ack/t0k"), &json!("https://orszem.example/snooze/t0k")]);
    let leads: Vec<&Value> = shown["actions"].as_array().expect("a list").iter().map(|a| &a["navigate"]).collect();
    assert_eq!(leads, actions, "without a service worker they lead to the form");
    assert_eq!(shown["data"]["incident"], json!(7));
}

#[test]
fn a_long_message_is_cut_until_it_fits() {
    let site = site();
    let mut notice = addressed(Kind::Open, "push", "");
    let length = |notice: &Notice| content_of(&View::new(notice, &site)).len();
    assert!(length(&notice) < 1_500);
    notice.intent.message.note = "ő".repeat(1_000);
    notice.intent.message.title = "\u{1f6e1}".repeat(500);
    notice.intent.message.root = "\"".repeat(4_000);
    notice.links.incident = format!("https://x/{}", "a".repeat(5_000));
    notice.actions.iter_mut().for_each(|action| action.url = format!("https://x/{}", "a".repeat(380)));
    let long = length(&notice);
    assert!((1_500..=CONTENT_BYTES_MAX).contains(&long), "{long}");
}

#[test]
fn how_soon_a_phone_is_woken() {
    let mut notice = addressed(Kind::Open, "push", "");
    assert_eq!(urgency(&notice), "high");
    notice.intent.message.level = Level::Warning;
    assert_eq!(urgency(&notice), "normal");
    notice.intent.message.is_loud = false;
    assert_eq!(urgency(&notice), "low");
}

#[tokio::test]
async fn what_a_push_service_says_decides() {
    let sink = Sink::start().await;
    let (senders, folder) = channel("allow_private = true\ntimeout = \"1s\"");
    let send = async |path: &str| senders.send(&to(&sink.url(path), KEYS), STARTED_AT).await;
    let gone = "HTTP 410 Gone: the browser gave the subscription up".to_owned();
    assert_eq!(send("/gone").await, Outcome::Refused { reason: gone, is_gone: true });
    let busy = "HTTP 429 Too Many Requests: slow down".to_owned();
    assert_eq!(send("/busy").await, Outcome::Retry { after: Some(Duration::from_secs(7)), reason: busy });
    assert_eq!(retried(send("/fails").await), "HTTP 500 Internal Server Error: out of order");
    assert_eq!(refused(send("/moved").await), "HTTP 307 Temporary Redirect");
    assert_eq!(retried(send("/slow").await), "no answer within 1s");
    fs::write(folder.path().join("vapid.pem"), "none").expect("writes");
    let reason = retried(send("/push").await);
    assert!(reason.starts_with("the server's key can't be used: there is no private key"), "{reason}");
}

#[tokio::test]
async fn endpoints_of_strangers_lead_nowhere_inside() {
    let sink = Sink::start().await;
    let (strict, _folder) = channel("");
    let reason = async |senders: &Senders, endpoint: &str| refused(senders.send(&to(endpoint, KEYS), STARTED_AT).await);
    assert_eq!(reason(&strict, &sink.url("/push")).await, "the endpoint is not https");
    for inside in ["localhost", "127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "0"] {
        let reason = reason(&strict, &format!("https://{inside}:{}/push", sink.port)).await;
        assert!(reason.contains("private ones have to be allowed"), "{inside}: {reason}");
    }
    let (listed, _folder) = channel("hosts = [\"push.example\"]\nallow_private = true");
    for outside in ["https://evilpush.example/x", "https://push.example.evil/x", "http://127.0.0.1/x"] {
        let reason = reason(&listed, outside).await;
        assert!(reason.ends_with("is not among the hosts that may be pushed to"), "{reason}");
    }
    assert_eq!(sink.all().len(), 0);
}

#[tokio::test]
async fn what_is_no_subscription_is_given_up() {
    let (senders, _folder) = channel("allow_private = true");
    let short = r#"{"p256dh":"BCVx","auth":"BTBZMqHH6r4Tts7J_aSIgg"}"#;
    let compressed = KEYS.replace("\"BCVx", "\"AiVx");
    let mut bad = vec![
        addressed(Kind::Open, "push", "device-1"),
        addressed(Kind::Open, "push", &"x".repeat(5_000)),
        to("https://push.example/x", short),
        to("https://push.example/x", &compressed),
        to("https://user@push.example/x", KEYS),
    ];
    for notice in bad.drain(..) {
        let outcome = senders.send(&notice, STARTED_AT).await;
        let Outcome::Refused { reason, is_gone: true } = outcome else { panic!("{outcome:?}") };
        assert!(reason.starts_with("the target is no subscription: "), "{reason}");
    }
    // A point that is not on the curve.
    let off = KEYS.replace("Aiw4", "Aiw8");
    let outcome = senders.send(&to("http://127.0.0.1:1/x", &off), STARTED_AT).await;
    assert!(
        matches!(&outcome, Outcome::Retry { reason, .. } if reason.contains("no point of the curve")),
        "{outcome:?}"
    );
}

#[test]
fn a_subscription_shows_no_secret() {
    let text = format!("{{\"endpoint\":\"https://push.example/s3cret\",\"keys\":{KEYS}}}");
    let shown = format!("{:?}", Subscription::parse(&text).expect("a subscription"));
    assert!(
        shown.contains("https://push.example") && !shown.contains("s3cret") && shown.contains("secret: ***"),
        "{shown}"
    );
    let key = VapidKey::parse(&VapidKey::generate().expect("a key")).expect("a key");
    assert_eq!(key.public().len(), 87);
}
