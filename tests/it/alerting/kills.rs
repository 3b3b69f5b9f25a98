//! Kill -9 at random moments while alerts come and go: whatever was accepted is told, ends are told, silences stay.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sink::{Sink, alerts};
use super::{get, now, start};
use crate::program::Server;
use crate::torture::random::{Random, seed};

/// The rounds of a usual run end with this time, however many there were.
const TIME_MAX: Duration = Duration::from_secs(45);
/// After the last round everything is told within this time.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Alerts that come and go at one time.
const NAMES: u64 = 40;
/// Posts until another alert takes the place of the oldest.
const POSTS_A_NAME: u64 = 5;
/// An alert changes at most as often: one more makes none flap, and one that flaps is open for minutes after its end.
const CHANGES_MAX: u32 = 6;

/// What senders know of an alert.
#[derive(Default)]
struct Known {
    /// Its last state that was accepted with 200.
    is_firing: bool,
    /// Nothing was sent since that may have been taken or not.
    is_certain: bool,
    /// The state that was sent last, taken or not.
    sent: bool,
    changes: u32,
}

impl Known {
    /// The state to send: the one that is wanted, unless it would change too often.
    fn next(&mut self, wanted: bool) -> bool {
        if self.sent != wanted && self.changes < CHANGES_MAX {
            (self.sent, self.changes) = (wanted, self.changes + 1);
        }
        self.sent
    }
}

fn rounds() -> (u64, Option<Duration>) {
    let asked = std::env::var("ORSZEM_ALERTING_KILLS").ok();
    match asked {
        Some(text) => (text.parse().expect("ORSZEM_ALERTING_KILLS is a number"), None),
        None => (100, Some(TIME_MAX)),
    }
}

/// Posts, unless the server is gone by then: the answer to what was accepted.
fn try_post(server: &Server, path: &str, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn torture_alerting() {
    let (seed, (rounds, time_max)) = (seed(), rounds());
    eprintln!("up to {rounds} kills; to repeat them: ORSZEM_TORTURE_SEED={seed}");
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let mut random = Random::new(seed);
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut silences: BTreeSet<String> = BTreeSet::new();
    let (begun, mut kills, mut posts) = (Instant::now(), 0, 0);
    while kills < rounds && time_max.is_none_or(|max| begun.elapsed() < max) {
        let mut server = start(folder.path(), &sink, "");
        let lives_until = Instant::now() + Duration::from_millis(random.below(400));
        let pid = server.pid().to_string();
        let killer = std::thread::spawn(move || {
            while let Some(left) = lives_until.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(left);
            }
            let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().expect("runs kill");
            assert!(killed.success());
        });
        while Instant::now() < lives_until {
            posts += 1;
            let name = format!("A{}", posts / POSTS_A_NAME + random.below(NAMES));
            if random.below(10) == 0 {
                let matchers = json!([{ "name": "alertname", "value": "Never", "isRegex": false, "isEqual": true }]);
                let until = orszem_model::Timestamp(now().0 + 3_600_000_000_000).to_string();
                let body = json!({ "matchers": matchers, "startsAt": now().to_string(), "endsAt": until, "createdBy": "t", "comment": "" });
                if let Some(answer) = try_post(&server, "/api/v2/silences", &body) {
                    silences.insert(answer["silenceID"].as_str().expect("an id").to_owned());
                }
                continue;
            }
            let alert = known.entry(name.clone()).or_default();
            let is_firing = alert.next(random.below(3) > 0);
            let time = |ago_s: i64| orszem_model::Timestamp(now().0 - ago_s * 1_000_000_000).to_string();
            let ends = if is_firing { time(-3600) } else { time(0) };
            let body = json!([{ "labels": { "alertname": name }, "startsAt": time(10), "endsAt": ends }]);
            let is_accepted = try_post(&server, "/api/v2/alerts", &body).is_some();
            if is_accepted {
                (alert.is_firing, alert.is_certain) = (is_firing, true);
            } else {
                alert.is_certain = false;
            }
        }
        killer.join().expect("kills");
        server.wait();
        kills += 1;
    }

    let server = start(folder.path(), &sink, "");
    let found: BTreeSet<String> = get(&server, "/api/v2/silences")
        .as_array()
        .expect("a list")
        .iter()
        .map(|silence| silence["id"].as_str().expect("an id").to_owned())
        .collect();
    let lost: Vec<&String> = silences.difference(&found).collect();
    assert_eq!(lost, Vec::<&String>::new(), "silences that were accepted");

    // What was accepted last as firing is told; what ended again may have been too short to be told.
    let owed = known.iter().filter(|(_, alert)| alert.is_certain && alert.is_firing);
    let owed: Vec<&String> = owed.map(|(name, _)| name).collect();
    let end = Instant::now() + SETTLE_MAX;
    while owed.iter().any(|name| !open_at_the_sink(&sink).contains(*name)) {
        assert!(Instant::now() < end, "never told of {owed:?}, but of {:?}", open_at_the_sink(&sink));
        std::thread::park_timeout(Duration::from_millis(100));
    }

    // All of them end.
    for name in known.keys() {
        let body =
            json!([{ "labels": { "alertname": name }, "startsAt": now().to_string(), "endsAt": now().to_string() }]);
        assert!(try_post(&server, "/api/v2/alerts", &body).is_some(), "the last server lives");
    }
    let end = Instant::now() + SETTLE_MAX;
    loop {
        let deliveries = get(&server, "/app/v1/deliveries?limit=1000");
        let incidents = get(&server, "/app/v1/incidents?open=true");
        let is_waiting =
            deliveries["deliveries"].as_array().expect("a list").iter().any(|one| one["state"] == "waiting");
        let is_open = !incidents["incidents"].as_array().expect("a list").is_empty();
        let open = open_at_the_sink(&sink);
        if !is_waiting && !is_open && open.is_empty() {
            break;
        }
        assert!(
            Instant::now() < end,
            "not all was told: waiting {is_waiting}, owed the end: {open:?}, open ({is_open}): {incidents}"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let repeats = differing_repeats(&sink);
    assert_eq!(repeats, Vec::<String>::new(), "messages of one key differ");
    eprintln!("{kills} kills, {} messages, {} silences, {} alerts", sink.hits().len(), silences.len(), known.len());
}

/// Groups that were told to be open and not that they are over.
fn open_at_the_sink(sink: &Sink) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for hit in sink.hits() {
        for (name, status) in alerts(&hit.body) {
            if status == "resolved" {
                open.remove(&name);
            } else {
                open.insert(name);
            }
        }
    }
    open
}

/// A repeat is the same message.
fn differing_repeats(sink: &Sink) -> Vec<String> {
    let mut first: BTreeMap<String, Value> = BTreeMap::new();
    let mut differing = Vec::new();
    for hit in sink.hits() {
        if *first.entry(hit.key.clone()).or_insert_with(|| hit.body.clone()) != hit.body {
            differing.push(hit.key);
        }
    }
    differing
}
