//! Reports on a schedule: one mail for each due time, with the tables as text and HTML, over a kill.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::probes::told;
use crate::program::Server;

#[test]
fn a_report_is_mailed_once_for_each_due_time_over_a_kill() {
    let Some(mut mail) = MailServer::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("orszem.toml");
    let config = format!(
        "[[notify.email]]\nname = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"o@example.com\"\n\
         [[report]]\nname = \"last hour\"\nschedule = \"*/2 * * * * *\"\nperiod = \"1h\"\ngoal = 0.9\n\
         mail = [\"eva@example.com\"]\n",
        mail.port
    );
    fs::write(&file, config).expect("writes");
    let start = || Server::start(&folder.path().join("data"), &["--config", file.to_str().expect("a plain path")]);
    let mut server = start();
    let votes = [("up", 30_000), ("down", 20_000), ("down", 19_000), ("down", 18_000), ("up", 10_000), ("up", 0)];
    for (n, (vote, age_ms)) in (1..).zip(votes) {
        let json = "Content-Type: application/json\r\n";
        assert_eq!(server.post("/app/v1/probes/votes", json, &told(n, vote, age_ms)).0, 200);
    }
    // By its subject, which says until when it is: a mail that comes twice is the same one.
    let mut ids: BTreeMap<String, Value> = BTreeMap::new();
    let mut take = |mail: &mut MailServer| {
        let got = mail.next();
        let subject = got["headers"]["Subject"].as_str().expect("a subject").to_owned();
        let id = got["headers"]["Message-ID"].clone();
        assert_eq!(ids.entry(subject).or_insert_with(|| id.clone()), &id, "{got}");
        (got, ids.len())
    };
    let got = loop {
        let (got, _) = take(&mut mail);
        if got["parts"][0][2].as_str().is_some_and(|text| text.contains("https://shop.example/")) {
            break got;
        }
    };
    assert_eq!(got["to"], json!(["eva@example.com"]));
    let subject = got["headers"]["Subject"].as_str().expect("a subject");
    assert!(subject.starts_with("[report] last hour: Availability from "), "{subject}");
    assert_eq!(got["structure"], json!(["multipart/alternative", "text/plain", "text/html"]));
    let (text, html) = (got["parts"][0][2].as_str().expect("text"), got["parts"][1][2].as_str().expect("HTML"));
    assert!(text.contains("PROBE") && text.contains("status 503"), "{text}");
    assert!(html.contains("<table") && html.contains("https://shop.example/"), "{html}");

    server.signal("KILL");
    server.wait();
    let _server = start();
    let (mut known, before) = (0, take(&mut mail).1);
    while known < before + 3 {
        known = take(&mut mail).1;
    }
}
