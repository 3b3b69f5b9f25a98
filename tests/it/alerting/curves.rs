//! Mails show how the series of their alert went.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::now;
use crate::mail::MailServer;
use crate::program::Server;

/// A server that mails eva of everything at once.
fn start(folder: &Path, mail: &MailServer) -> Server {
    let (config, rules) = (folder.join("orszem.toml"), folder.join("rules.yml"));
    let of_rules = "thresholds:\n- {alert: Hot, value: temperature, warning: {above: 80}, critical: {above: 90}}\n\
                    logs: [{alert: Broken, query: broken, clear_after: 1h}]\n\
                    groups:\n- {name: g, rules: [{alert: Wet, expr: 'humidity > 2 * 30', labels: {severity: warning}}]}\n";
    fs::write(&rules, of_rules).expect("writes");
    let text = format!(
        "[alerting]\nbuilt_in_rules = false\nevaluation_interval = \"200ms\"\nrestart_hold = \"0s\"\nrestart_hold_critical = \"0s\"\n\
         rule_files = [\"{}\"]\n\
         [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"mail\", to = \"eva@example.com\" }}]\nrate = 10000\n\
         [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}]\n\
         [alerting.route]\npolicy = \"all\"\ngroup_by = [\"alertname\"]\nwait_warning = \"50ms\"\nwait_critical = \"50ms\"\ninterval = \"1h\"\n\
         [[notify.email]]\nname = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"orszem@example.com\"\n",
        rules.display(),
        mail.port
    );
    fs::write(&config, text).expect("writes");
    Server::start(&folder.join("data"), &["--config", config.to_str().expect("a plain path")])
}

fn import(server: &Server, text: &str) {
    let (status, said) = server.post("/api/v1/import/prometheus", "", text.as_bytes());
    assert!(status < 300, "{status}: {said}");
}

fn part<'m>(mail: &'m Value, kind: &str) -> &'m str {
    let parts = mail["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part[0] == kind).and_then(|part| part[2].as_str());
    part.unwrap_or_else(|| panic!("no {kind} in {mail}"))
}

#[test]
fn a_mail_has_a_picture_of_the_series_that_crossed_its_threshold() {
    let Some(mut mail) = MailServer::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(folder.path(), &mail);
    let now_ms = now().0 / 1_000_000;
    let mut lines = String::new();
    for minute in 1..40 {
        let at = now_ms - minute * 60_000;
        writeln!(lines, "temperature{{host=\"db1\"}} {} {at}", 70 - minute % 7).expect("writes");
        writeln!(lines, "temperature{{host=\"db2\"}} 5 {at}\nhumidity{{room=\"7\"}} {} {at}", 40 + minute % 3)
            .expect("writes");
    }
    import(&server, &lines);
    import(&server, &format!("temperature{{host=\"db1\"}} 95 {now_ms}\n"));
    let hot = mail.next();
    assert_eq!(hot["headers"]["Subject"].as_str().map(|text| text.contains("Hot")), Some(true), "{hot}");
    let kinds = json!(["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]);
    assert_eq!((&hot["structure"], &hot["pictures"]), (&kinds, &json!({ "<plot>": [600, 180] })));
    let html = part(&hot, "text/html");
    // Of this host alone: the other one's 5 is not in it.
    assert!(html.contains("src=\"cid:plot\"") && html.contains(", from 64 to 95"), "{html}");
    let text = part(&hot, "text/plain");
    assert!(text.contains("Value: 95\nThreshold: 90\n"), "{text}");

    // A rule of Prometheus' shows what it compares, not only what is above.
    import(&server, &format!("humidity{{room=\"7\"}} 66 {}\n", now().0 / 1_000_000));
    let wet = mail.next();
    assert_eq!((&wet["structure"], &wet["pictures"]), (&kinds, &json!({ "<plot>": [600, 180] })));
    assert!(part(&wet, "text/html").contains(", from 40 to 66"), "{wet}");
    assert!(part(&wet, "text/plain").contains("Value: 66\nThreshold: 60\n"), "{wet}");
}

#[test]
fn a_mail_about_logs_has_no_picture() {
    let Some(mut mail) = MailServer::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let server = start(folder.path(), &mail);
    assert!(
        server.post("/app/v1/ingest", "Content-Type: application/x-ndjson\r\n", b"{\"message\":\"it is broken\"}\n").0
            < 300
    );
    let broken = mail.next();
    assert_eq!(broken["headers"]["Subject"].as_str().map(|text| text.contains("Broken")), Some(true), "{broken}");
    let kinds = json!(["multipart/alternative", "text/plain", "text/html"]);
    assert_eq!((&broken["structure"], &broken["pictures"]), (&kinds, &json!({})));
    assert!(!part(&broken, "text/html").contains("cid:plot"), "{broken}");
}
