//! What templates make of notices, and what happens to wrong ones.

use orszem_alerting::Kind;
use serde_json::{Value, json};

use super::*;
use crate::testing::{notice, site};
use crate::texts::Language;
use crate::view::Site;

const KINDS: [Kind; 8] =
    [Kind::Open, Kind::Update, Kind::Escalate, Kind::Remind, Kind::Resolve, Kind::Test, Kind::Digest, Kind::Report];

fn of(sources: &[(&str, &str)]) -> (Templates, Vec<String>) {
    let mut errors = Vec::new();
    let sources = sources.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
    let templates = Templates::new(sources, &mut errors);
    (templates, errors.iter().map(ToString::to_string).collect())
}

fn body(name: &str, kind: Kind) -> Value {
    let (notice, site) = (notice(kind), site());
    let attempt = of(&[]).0.body(name, &View::new(&notice, &site), "k3y");
    assert_eq!(attempt.problem, None);
    serde_json::from_str(&attempt.text.expect("a text")).expect("JSON")
}

#[test]
fn every_built_in_template_tells_every_kind_in_every_language() {
    let templates = of(&[]).0;
    for (kind, language) in KINDS.iter().flat_map(|kind| [(*kind, Language::English), (*kind, Language::Hungarian)]) {
        let (notice, site) = (notice(kind), Site { language, ..site() });
        let view = View::new(&notice, &site);
        for (name, _) in BUILT_IN {
            let attempt = templates.body(name, &view, "");
            assert_eq!(attempt.problem, None, "{name}");
            let text = attempt.text.expect("a text");
            assert!(text.contains(&view.title) || name == "sms.json", "{name} {kind:?}: {text}");
        }
        let short = templates.short(&view).text;
        assert!(short.chars().count() <= 160 && short.contains(&view.title), "{short}");
    }
}

#[test]
fn a_short_text_is_one_sms() {
    let (mut notice, site) = (notice(Kind::Open), site());
    let short = |notice: &crate::Notice| of(&[]).0.short(&View::new(notice, &site)).text;
    assert_eq!(short(&notice), "[critical] db1: Disk and 1 more #7, 91.5 (threshold 90): / is <nearly> full & \"hot\"");
    notice.intent.message.title = "ő".repeat(500);
    assert_eq!(short(&notice).chars().count(), 160);
    assert_eq!(ascii("Tűrő „é” – 🛡"), "Turo \"e\" - ?");
}

#[test]
fn a_text_says_all_of_it() {
    let (notice, site) = (notice(Kind::Resolve), site());
    let text = of(&[]).0.text(&View::new(&notice, &site)).text;
    let expected = "\
[resolved] db1: Disk and 1 more

/ is <nearly> full & \"hot\"

Entity: host/db1
Since: 2026-11-22 11:00:00 CET
Until: 2026-11-22 11:05:00 CET
Lasted: 5m
Value: 91.5
Threshold: 90
Free: 1.2 GiB
0 firing, 2 ended, 0 suppressed

Alerts:
- Disk: resolved (91.5), / is <nearly> full & \"hot\"
  alertname=Disk, mountpoint=/, severity=critical
- Disk: resolved (97), /var is <nearly> full & \"hot\"
  alertname=Disk, mountpoint=/var, severity=critical

Timeline:
2026-11-22 11:01:00 CET  Disk{mountpoint=\"/\"} is critical

Runbook: https://wiki.example/disk
Incident: https://orszem.example/incidents/7
Logs around it: https://orszem.example/logs?around=7&x=1
--
Őrszem, to eva through mail, #7";
    assert_eq!(text, expected);
}

#[test]
fn html_is_escaped() {
    let (mut notice, site) = (notice(Kind::Open), site());
    notice.intent.message.title = "<script>alert(1)</script> & co".to_owned();
    notice.links.incident = "https://x/\" onclick=\"evil()".to_owned();
    let html = of(&[]).0.mail(&View::new(&notice, &site)).text;
    assert!(!html.contains("<script>") && !html.contains("\" onclick"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("is &lt;nearly&gt; full &amp;"), "{html}");
    assert!(html.contains("cid:plot"), "{html}");
    notice.curve = None;
    assert!(!of(&[]).0.mail(&View::new(&notice, &site)).text.contains("cid:plot"));
}

#[test]
fn services_get_what_they_ask_for() {
    let slack = body("slack.json", Kind::Open);
    assert_eq!(slack["text"], json!("[critical] db1: Disk and 1 more"));
    let attachment = &slack["attachments"][0];
    assert_eq!(attachment["color"], json!("#b91c1c"));
    assert_eq!(attachment["text"], json!("/ is &lt;nearly&gt; full &amp; \"hot\"\n2 firing, 0 ended, 0 suppressed"));
    let urls: Vec<&Value> = attachment["actions"].as_array().expect("a list").iter().map(|b| &b["url"]).collect();
    let links = ["https://orszem.example/incidents/7", "https://orszem.example/logs?around=7&x=1"];
    let acts = ["https://orszem.example/ack/t0k", "https://orszem.example/snooze/t0k"];
    let runbook = "https://wiki.example/disk";
    assert_eq!(urls, [acts[0], acts[1], links[0], links[1], runbook].map(|url| json!(url)).each_ref());

    let page = body("pagerduty.json", Kind::Escalate);
    let told = ["routing_key", "event_action", "dedup_key"].map(|name| &page[name]);
    assert_eq!(told, [&json!("k3y"), &json!("trigger"), &json!("incident-7-test")]);
    assert_eq!(page["payload"]["severity"], json!("critical"));
    assert_eq!(body("pagerduty.json", Kind::Resolve)["event_action"], json!("resolve"));

    let card = &body("teams.json", Kind::Open)["attachments"][0]["content"];
    assert_eq!((&card["version"], &card["actions"][0]["url"]), (&json!("1.4"), &json!(acts[0])));
    let telegram = body("telegram.json", Kind::Open);
    let keys = telegram["reply_markup"]["inline_keyboard"][0].as_array().expect("a row");
    let urls: Vec<&Value> = keys.iter().map(|key| &key["url"]).collect();
    assert_eq!(
        (&telegram["chat_id"], urls),
        (&json!("eva@example.com"), vec![&json!(acts[0]), &json!(acts[1]), &json!(links[0])])
    );
    let sms = "[resolved] db1: Disk and 1 more #7, lasted 5m: / is <nearly> full & \"hot\"";
    assert_eq!(body("sms.json", Kind::Resolve), json!({"to": "eva@example.com", "text": sms}));
    let mattermost = body("mattermost.json", Kind::Open);
    let text = mattermost["attachments"][0]["text"].as_str().expect("a text");
    assert!(text.ends_with("[Runbook](https://wiki.example/disk)"), "{text}");
    assert!(text.contains(&format!("[Acknowledge]({}) [Snooze]({})", acts[0], acts[1])), "{text}");
}

#[test]
fn telegram_gets_no_button_that_it_refuses() {
    let (mut notice, site) = (notice(Kind::Open), site());
    for (incident, keys) in [("http://orszem:7450/?incident=7", json!([])), ("", json!([]))] {
        incident.clone_into(&mut notice.links.incident);
        let text = of(&[]).0.body("telegram.json", &View::new(&notice, &site), "").text.expect("a body");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(body["reply_markup"]["inline_keyboard"], keys, "{incident}");
        assert!(body["text"].as_str().expect("a text").contains("Acknowledge: https://orszem.example/ack/t0k"));
    }
}

#[test]
fn a_wrong_template_costs_its_text_but_no_message() {
    let (notice, site) = (notice(Kind::Open), site());
    let view = View::new(&notice, &site);
    let (templates, errors) = of(&[
        ("text.txt", "{% if %}"),
        ("short.txt", "{{ title | nosuch }}"),
        ("mail.html", "{{ alerts[0].labels.mountpoint.x.y }}"),
        ("slack.json", "{ {{ title }}"),
        ("own.json", "{ \"t\": {{ title }} }"),
        ("loop.txt", "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}"),
    ]);
    assert_eq!(errors, ["the template text.txt is wrong, the built-in text is sent instead"]);
    let built_in = of(&[]).0;
    let text = templates.text(&view);
    assert_eq!(text.text, built_in.text(&view).text);
    let problem = text.problem.expect("it is said");
    assert!(problem.starts_with("template text.txt: syntax error"), "{problem}");
    let short = templates.short(&view);
    assert_eq!(short.text, built_in.short(&view).text);
    assert!(short.problem.expect("it is said").contains("nosuch"));
    assert_eq!(templates.mail(&view).text, built_in.mail(&view).text);
    let slack = templates.body("slack.json", &view, "");
    assert!(slack.problem.expect("it is said").contains("no JSON"));
    assert!(slack.text.is_some());
    let own = templates.body("own.json", &view, "");
    assert_eq!(own.text.as_deref(), Some("{ \"t\": \"db1: Disk and 1 more\" }"));
    for name in ["loop.txt", "nothing.json"] {
        let attempt = templates.body(name, &view, "");
        assert_eq!(attempt.text, None);
        assert!(attempt.problem.is_some());
    }
    assert_eq!(
        ["text.txt", "own.json", "teams.json", "nothing.json"].map(|n| templates.knows(n)),
        [true, true, true, false]
    );
}

#[test]
fn templates_are_read_from_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writes");
    put("short.txt", "{{ severity | upper }} {{ entity }}");
    put(".hidden.txt", "{% if %}");
    put("notes.md", "{% if %}");
    put("big.txt", &"x".repeat(300 << 10));
    let (templates, errors) = Templates::load(Some(folder.path()));
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [format!("the template {} is larger than 262144 bytes", folder.path().join("big.txt").display())]
    );
    let (notice, site) = (notice(Kind::Open), site());
    let short = templates.short(&View::new(&notice, &site));
    assert_eq!(short, Rendered { text: "CRITICAL host/db1".to_owned(), problem: None });
    assert_eq!(Templates::load(Some(Path::new("/no/such"))).1.len(), 1);
}
