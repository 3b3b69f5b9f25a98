//! Webhooks to a web server, compared with those of Alertmanager and checked by others' libraries.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orszem_alerting::{AlertKey, AlertView, Group, Kind, Level, MessageGroup, State};
use orszem_model::{Labels, Timestamp};
use serde_json::json;

use super::*;
use crate::senders::Senders;
use crate::testing::sink::{Got, Sink};
use crate::testing::{STARTED_AT, addressed, python, refused, retried, senders, tools};

fn hook(url: &str, more: &str) -> Senders {
    senders(&format!("[[webhook]]\nname = \"hook\"\nurl = \"{url}\"\ntimeout = \"1s\"\n{more}"))
}

fn open(target: &str) -> Notice {
    addressed(Kind::Open, "hook", target)
}

#[tokio::test]
async fn what_a_server_says_decides() {
    let sink = Sink::start().await;
    let send = async |path: &str| hook(&sink.url(path), "").send(&open(""), STARTED_AT).await;
    let told = |detail: &str, id: &str| Outcome::Delivered { detail: detail.to_owned(), remote_id: id.to_owned() };
    assert_eq!(send("/ok").await, told("HTTP 200 OK: thanks", ""));
    assert_eq!(send("/huge").await, told("HTTP 200 OK", ""));
    assert_eq!(retried(send("/fails").await), "HTTP 500 Internal Server Error: out of order");
    let busy = "HTTP 429 Too Many Requests: slow down".to_owned();
    assert_eq!(send("/busy").await, Outcome::Retry { after: Some(Duration::from_secs(7)), reason: busy });
    assert_eq!(retried(send("/slow").await), "no answer within 1s");
    let before = sink.all().len();
    assert_eq!(refused(send("/moved").await), "HTTP 307 Temporary Redirect");
    assert_eq!(sink.all().len(), before + 1, "a redirect is not followed");
    assert_eq!(refused(send("/gone").await), "HTTP 410 Gone");
    let closed = retried(hook("http://127.0.0.1:1/", "").send(&open(""), STARTED_AT).await);
    assert!(closed.starts_with("no connection"), "{closed}");
    let nowhere = retried(hook("http://no.such.host.invalid/", "").send(&open(""), STARTED_AT).await);
    assert!(nowhere.starts_with("no.such.host.invalid has no address"), "{nowhere}");
}

#[tokio::test]
async fn a_request_has_its_key_its_headers_and_no_secret_in_its_words() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writes");
        path
    };
    let (url, token) = (put("url", &format!("{}\n", sink.url("/bad/T0/s3cret-url"))), put("token", "s3cret-token\n"));
    let (header, secret) = (put("header", "s3cret-header"), put("secret", "s3cret-key"));
    let senders = senders(&format!(
        "[[webhook]]\nname = \"hook\"\nbody = \"pagerduty\"\nurl_file = {url:?}\ntoken_file = {token:?}\nsecret_file = {secret:?}\n\
         headers = {{ X-Site = \"a\" }}\nheader_files = {{ X-Token = {header:?} }}\n"
    ));
    let notice = open("");
    let reason = refused(senders.send(&notice, STARTED_AT).await);
    let got = sink.last();
    let headers =
        ["idempotency-key", "authorization", "x-site", "x-token", "content-type"].map(|name| got.header(name));
    let key = notice.intent.key.to_string();
    assert_eq!(headers, [&key, "Bearer s3cret-token", "a", "s3cret-header", "application/json"]);
    assert_eq!(got.json()["routing_key"], json!("s3cret-key"));
    assert!(reason.starts_with("HTTP 400 Bad Request: what is *** and {"), "{reason}");
    assert!(!format!("{reason} {senders:?}").contains("s3cret"), "{reason} {senders:?}");
}

#[tokio::test]
async fn a_target_stands_in_the_url_and_answers_name_the_message() {
    let sink = Sink::start().await;
    let senders = hook(&sink.url("/telegram/{target}/x?to={target}"), "body = \"telegram\"");
    let outcome = senders.send(&open("+36 1/ő"), STARTED_AT).await;
    let Outcome::Delivered { remote_id, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(remote_id, "42");
    assert_eq!(sink.last().path, "/telegram/%2B36%201%2F%C5%91/x?to=%2B36%201%2F%C5%91");
    let ids = [r#"{"id":"a"}"#, r#"{"dedup_key":"b"}"#, r#"{"messages":[{"id":3}]}"#, r#"{"id":null}"#, "[]", "no"];
    assert_eq!(ids.map(remote_id_of), ["a", "b", "3", "", "", ""]);
}

fn remote_id_of(body: &str) -> String {
    super::remote_id(Some(body.as_bytes()))
}

#[tokio::test]
async fn templates_of_the_site_are_sent_and_wrong_ones_cost_no_message() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("sms.txt"), "to={{ target }}&text={{ short | urlencode }}").expect("writes");
    fs::write(folder.path().join("own.txt"), "to={{ target }}: {{ title | ascii }}").expect("writes");
    let of = |body: &str| {
        let url = sink.url("/ok");
        format!("templates = {:?}\n[[webhook]]\nname = \"hook\"\nurl = \"{url}\"\nbody = \"{body}\"", folder.path())
    };
    let outcome = senders(&of("own.txt")).send(&open("+361"), STARTED_AT).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "HTTP 200 OK: thanks".to_owned(), remote_id: String::new() });
    let got = sink.last();
    assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(String::from_utf8(got.body).expect("text"), "to=+361: db1: Disk and 1 more");
    // There is no such filter: Alertmanager's body goes out, and the delivery log says why.
    let outcome = senders(&of("sms.txt")).send(&open("+361"), STARTED_AT).await;
    let Outcome::Delivered { detail, .. } = outcome else { panic!("{outcome:?}") };
    assert!(detail.starts_with("HTTP 200 OK: thanks; template sms.txt: "), "{detail}");
    assert_eq!(sink.last().json()["version"], json!("4"));
    let config: crate::NotifyConfig = toml::from_str(&of("nothing.json")).expect("reads");
    let error = Senders::new(&config).expect_err("there is no such template");
    assert_eq!(error.to_string(), "the channel hook wants the template nothing.json, which there is not");
}

#[tokio::test]
async fn a_signed_request_is_accepted_by_the_specifications_own_library() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let key = format!("whsec_{}", STANDARD.encode([7; 24]));
    fs::write(&path, &key).expect("writes");
    let senders = hook(&sink.url("/ok"), &format!("signing_key_file = {path:?}"));
    // The library wants it to be fresh.
    let now = UNIX_EPOCH.elapsed().expect("after 1970");
    senders.send(&open(""), Timestamp(i64::try_from(now.as_nanos()).expect("before 2262"))).await;
    let Got { headers, body, .. } = sink.last();
    let verify = |body: &[u8], key: &str| {
        python::run("verify_webhook.py", &json!({"key": key, "headers": headers, "body": STANDARD.encode(body)}))
    };
    let Some(verdict) = verify(&body, &key) else { return };
    assert_eq!(verdict, "signed");
    let other = format!("whsec_{}", STANDARD.encode([8; 24]));
    assert_eq!(verify(&body, &other).as_deref(), Some("WebhookVerificationError"));
    assert_eq!(verify(&[body.as_slice(), b" "].concat(), &key).as_deref(), Some("WebhookVerificationError"));
}

/// Paths of what a channel with `body` at `path` asks for when it tells this after the message `earlier`.
async fn asked(path: &str, target: &str, kind: Kind, is_loud: bool, earlier: &str) -> (Vec<String>, Got, Outcome) {
    let sink = Sink::start().await;
    let body = if path.ends_with("sendMessage") { "telegram" } else { "slack" };
    let senders = hook(&sink.url(path), &format!("body = \"{body}\""));
    let mut notice = addressed(kind, "hook", target);
    notice.intent.message.is_loud = is_loud;
    notice.earlier = Some(earlier.to_owned()).filter(|id| !id.is_empty());
    let outcome = senders.send(&notice, STARTED_AT).await;
    (sink.all().into_iter().map(|got| got.path).collect(), sink.last(), outcome)
}

fn id_of(outcome: Outcome) -> String {
    let Outcome::Delivered { remote_id, .. } = outcome else { panic!("{outcome:?}") };
    remote_id
}

#[tokio::test]
async fn a_message_of_telegram_is_changed_where_nothing_has_to_be_heard() {
    let (send, change) = ("/sendMessage", "/editMessageText");
    for (kind, is_loud, earlier, paths, id) in [
        (Kind::Open, true, "", vec![send], "42"),
        (Kind::Update, false, "7", vec![change], "7"),
        (Kind::Resolve, true, "7", vec![change], "7"),
        (Kind::Update, true, "7", vec![send], "42"),
        (Kind::Escalate, true, "7", vec![send], "42"),
        (Kind::Remind, true, "7", vec![send], "42"),
        (Kind::Resolve, true, "404", vec![change, send], "42"),
        (Kind::Resolve, true, "304", vec![change], "304"),
        (Kind::Resolve, true, "of another channel", vec![send], "42"),
    ] {
        let (asked, last, outcome) = asked("/chat/sendMessage", "-100", kind, is_loud, earlier).await;
        let paths: Vec<String> = paths.iter().map(|path| format!("/chat{path}")).collect();
        assert_eq!((asked, id_of(outcome)), (paths, id.to_owned()), "{kind:?} {earlier}");
        let body = last.json();
        let changed = earlier.parse::<i64>().ok().filter(|_| last.path.ends_with(change));
        assert_eq!((&body["chat_id"], body["message_id"].as_i64()), (&json!("-100"), changed), "{kind:?} {earlier}");
    }
}

#[tokio::test]
async fn a_message_of_slacks_api_is_changed_and_its_errors_are_heard() {
    let path = "/chat/chat.postMessage";
    let (paths, last, outcome) = asked(path, "#ops", Kind::Open, true, "").await;
    assert_eq!((paths, last.json()["channel"].clone()), (vec![path.to_owned()], json!("#ops")));
    assert_eq!(id_of(outcome), "C1/5.6");
    let (paths, last, outcome) = asked(path, "#ops", Kind::Resolve, true, "C9/1.2").await;
    assert_eq!(paths, ["/chat/chat.update"]);
    assert_eq!([&last.json()["channel"], &last.json()["ts"]], [&json!("C9"), &json!("1.2")]);
    assert_eq!(id_of(outcome), "C1/5.6");
    let (paths, _, _) = asked(path, "#ops", Kind::Resolve, true, "C9/404").await;
    assert_eq!(paths, ["/chat/chat.update", path]);
    let (_, _, outcome) = asked(path, "nowhere", Kind::Open, true, "").await;
    assert_eq!(refused(outcome), "Slack says channel_not_found");
    let (_, _, outcome) = asked(path, "busy", Kind::Open, true, "").await;
    assert_eq!(retried(outcome), "Slack says ratelimited");
    // An incoming webhook has no names of messages: each is a new one.
    let (paths, last, outcome) = asked("/services/T0/B0", "#ops", Kind::Resolve, true, "C9/1.2").await;
    assert_eq!((paths, last.json()["channel"].clone()), (vec!["/services/T0/B0".to_owned()], json!(null)));
    assert_eq!(id_of(outcome), "");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().expect("is killed");
        self.0.wait().expect("ends");
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("an address").port()
}

/// Alerts with signs that Go writes its own way, of which one has ended.
fn samples(now: Duration) -> Vec<AlertView> {
    let at = |before: Duration| {
        let at = now.saturating_sub(before).as_millis() * 1_000_000;
        Timestamp(i64::try_from(at).expect("before 2262"))
    };
    let of = |pairs: &[(&str, &str)], summary: &str, is_over: bool| AlertView {
        key: AlertKey { rule: "Disk".to_owned(), labels: Labels::default() },
        labels: Labels::new(pairs.iter().copied().chain([("alertname", "Disk"), ("severity", "critical")]).collect()),
        annotations: Labels::from([("summary", summary), ("runbook_url", "https://x/?a=1&b=<2>")]),
        state: if is_over { State::Ok } else { State::Firing(Level::Critical) },
        value: 1.0,
        from: at(Duration::from_millis(900)),
        until: is_over.then(|| at(Duration::from_millis(100))),
        generator: "http://prometheus/graph?g0.expr=a+%3E+1&g0.tab=1".to_owned(),
        is_flapping: false,
        suppressed: Vec::new(),
    };
    vec![
        of(&[("instance", "b:9100"), ("mountpoint", "/")], "ő \"quoted\" \\ \u{2028}", false),
        of(&[("instance", "a:9100"), ("mountpoint", "/var")], "tab\tbell\u{7}back\u{8}feed\u{c}end", false),
        of(&[("instance", "a:9100")], "short", true),
        of(&[("job", "z")], "a job", false),
    ]
}

/// What Alertmanager's API takes.
fn posted(alert: &AlertView) -> Value {
    let map = |labels: &Labels| -> serde_json::Map<String, Value> {
        labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
    };
    let mut posted = json!({
        "labels": map(&alert.labels),
        "annotations": map(&alert.annotations),
        "startsAt": alert.from.to_string(),
        "generatorURL": alert.generator,
    });
    if let Some(until) = alert.until {
        posted["endsAt"] = json!(until.to_string());
    }
    posted
}

/// Asks until it is so, as long as a test may take.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

#[tokio::test]
async fn the_body_is_alertmanagers_byte_by_byte() {
    let Some(program) = tools::program("prometheus-alertmanager") else { return };
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("alertmanager.yml");
    let route = "route: {receiver: eva, group_by: [alertname], group_wait: 3s}";
    let url = sink.url("/ok/alertmanager");
    let text = format!("{route}\nreceivers: [{{name: eva, webhook_configs: [{{url: '{url}'}}]}}]\n");
    fs::write(&config, text).expect("writes");
    let port = free_port();
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.path={}", folder.path().display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.args(["--cluster.listen-address=", "--web.external-url=https://orszem.example", "--web.route-prefix=/"]);
    let _running = Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"));

    let client = Client::new(TlsFiles::default(), Reach::Anywhere);
    let api = Url::parse(&format!("http://127.0.0.1:{port}/api/v2/alerts")).expect("a URL");
    let post = async |body: String| {
        let answer = client.post(&api, web::content("application/json"), Bytes::from(body)).await.ok()?;
        Some(answer.status)
    };
    until("alertmanager answers", async || post("[]".to_owned()).await.filter(|status| status.is_success())).await;
    let alerts = samples(UNIX_EPOCH.elapsed().expect("after 1970"));
    let all = Value::Array(alerts.iter().map(posted).collect()).to_string();
    assert_eq!(post(all).await.map(|status| status.as_u16()), Some(200));
    let theirs = until("alertmanager notifies", async || sink.all().pop()).await;

    let mut notice = open("");
    let group = Group { labels: Labels::from([("alertname", "Disk")]), ..Group::default() };
    notice.intent.message.group = MessageGroup(Some(group));
    notice.intent.message.alerts = alerts;
    hook(&sink.url("/ok/own"), "").send(&notice, STARTED_AT).await;
    let own = sink.last();
    assert_eq!((theirs.path.as_str(), own.path.as_str()), ("/ok/alertmanager", "/ok/own"));
    let text = |got: &Got| String::from_utf8(got.body.clone()).expect("text");
    assert_eq!(text(&own), text(&theirs));
    assert_eq!(own.header("content-type"), theirs.header("content-type"));
}

#[test]
fn what_alertmanager_does_not_know_is_one_alert() {
    let site = crate::testing::site();
    let body = |notice: &Notice| -> Value {
        serde_json::from_str(&alertmanager::body(notice, &View::new(notice, &site))).expect("JSON")
    };
    let mut test = addressed(Kind::Test, "hook", "");
    test.intent.message.alerts.clear();
    let alert = &body(&test)["alerts"][0];
    assert_eq!(alert["labels"], json!({"alertname": "Orszemtest", "severity": "info"}));
    assert_eq!(alert["annotations"]["summary"], json!("Test message to eva"));
    let resolve = body(&addressed(Kind::Resolve, "hook", ""));
    assert_eq!(
        (&resolve["status"], &resolve["groupKey"]),
        (&json!("resolved"), &json!("{}:{incident=\"incident-7-test\"}"))
    );
    let states: Vec<&Value> = resolve["alerts"].as_array().expect("a list").iter().map(|a| &a["status"]).collect();
    assert_eq!(states, [&json!("resolved"), &json!("resolved")]);
}
