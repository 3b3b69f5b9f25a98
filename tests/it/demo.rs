//! `orszem demo`: within a minute, search and topology tell the story of a failover.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use serde_json::Value;

use crate::program::{Server, orszem, run};

/// How long the past may take to be there, also on a busy machine.
const FILLED: Duration = Duration::from_secs(60);

/// A running demo, of which the last twenty minutes are past: four stories.
struct Demo {
    directory: tempfile::TempDir,
    server: Server,
    begun: Instant,
}

impl Demo {
    fn start(seed: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().to_str().expect("a plain path");
        let own = ["demo", "--seed", seed, "--history", "20m", "--listen", "127.0.0.1:0"];
        let common = ["--log-level", "warn", "--data-dir", data];
        let begun = Instant::now();
        let server = Server::spawn(orszem(&[&own[..], &common[..]].concat()));
        Self { directory, server, begun }
    }

    /// What a command of this server's answers.
    fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let url = self.server.url();
        let (code, out, _) = run(&[arguments, &["--server", &url]].concat());
        (code, out)
    }

    /// Asks until `is_done` accepts the answer, or a minute after the start.
    fn ask_until(&self, arguments: &[&str], is_done: impl Fn(&str) -> bool) -> String {
        loop {
            let (_, out) = self.ask(arguments);
            if is_done(&out) || self.begun.elapsed() > FILLED {
                return out;
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// The last story of the past, a failover for a disk.
    fn failover(&self) -> Value {
        let file = self.directory.path().join("truth.ndjson");
        loop {
            if let Some(story) = story(&file, 3) {
                return story;
            }
            assert!(self.begun.elapsed() < FILLED, "the truth is not told");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// The story of this number, if the whole of it is written.
fn story(file: &Path, number: usize) -> Option<Value> {
    let truth = fs::read_to_string(file).expect("is written");
    truth.lines().nth(number).and_then(|line| serde_json::from_str(line).ok())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

/// The host under which a page of the topology has an entity.
fn host_of(page: &str, entity: &str) -> Option<String> {
    let before: Vec<&str> = page.lines().take_while(|line| !line.trim_start().starts_with(entity)).collect();
    let is_there = before.len() < page.lines().count();
    let host = before.into_iter().rev().find_map(|line| line.trim_start().strip_prefix("host/"))?;
    is_there.then(|| host.split(' ').next().unwrap_or(host).to_owned())
}

#[test]
fn a_failover_of_the_last_ten_minutes_is_told_as_it_really_was() {
    let mut demo = Demo::start("3");
    let story = demo.failover();
    assert_eq!(text(&story, "story"), "disk-failover");
    let (from, until) = (text(&story, "from"), text(&story, "until"));
    let restored: Timestamp = until.parse().expect("a time");
    let until = &restored.after(Duration::from_secs(1)).to_string();

    // Every fact of it, each once, in words.
    let expected = include_str!("demo/failover.txt");
    let arguments = ["search", "kind:event service:orszem-facts", "--from", from, "--to", until, "--order", "oldest"];
    let without_time = |page: &str| {
        page.lines().filter_map(|line| line.split_once(' ')).fold(String::new(), |text, (_, fact)| text + fact + "\n")
    };
    let page = demo.ask_until(&arguments, |page| without_time(page) == expected);
    assert_eq!(without_time(&page), expected);

    // It is what really happened.
    let told = demo.ask(&[&arguments[..], &["--json"]].concat()).1;
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for fact in story["expected_facts"].as_array().expect("facts") {
        let is_it =
            |row: &&Value| row["attributes"]["event.name"] == fact["fact"] && row["entities"][0] == fact["entity"];
        assert!(told.iter().any(|row| is_it(&row)), "{fact}");
    }
    let failover = told.iter().find(|row| row["attributes"]["event.name"] == "service.failover").expect("a failover");
    let (moved, away_ms) = (&story["moved"], story["service_away_ms"].as_u64().expect("a number"));
    let attributes = &failover["attributes"];
    assert_eq!((&attributes["fact.from"], &attributes["fact.to"]), (&moved["from"], &moved["to"]));
    assert!(attributes["fact.duration_ms"].as_u64().expect("a number").abs_diff(away_ms) < 1_000, "{failover}");

    // Facts come before what was seen.
    let (_, events) = demo.ask(&["search", "kind:event", "--since", "10m", "--limit", "1000"]);
    let sources: Vec<&str> = events.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    let facts = sources.iter().take_while(|source| **source == "fact").count();
    assert!(facts > 10 && facts < sources.len(), "{events}");
    assert!(!sources[facts..].contains(&"fact"), "{events}");

    // The address was there, and is here.
    let place = |at: &str| host_of(&demo.ask(&["topology", "--at", at]).1, "resource/vip_erp");
    let moved = |end: &str| Some(text(moved, end).to_owned());
    demo.ask_until(&["topology", "--at", until], |page| host_of(page, "resource/vip_erp") == moved("to"));
    assert_eq!((place(from), place(until)), (moved("from"), moved("to")));

    demo.server.signal("TERM");
    assert!(demo.server.wait().success());
}

#[test]
fn every_layer_tells_its_part_and_all_of_it_is_marked() {
    let mut demo = Demo::start("1");
    demo.server.line();
    let marked = demo.server.line();
    assert!(marked.starts_with("SIMULATED:"), "{marked}");
    for query in [
        "kind:event is lost",
        "kind:event reboot is done",
        "kind:event start of lsn_ora",
        "kind:event failed over",
        "layer:storage drbd \"role( Secondary -> Primary )\"",
        "layer:cluster \"A new membership\"",
        "layer:database \"Completed crash recovery\"",
        "layer:app SQLRecoverableException",
        "layer:web severity:>=error AH01102",
        "kind:probe severity:>=error",
    ] {
        let page = demo.ask_until(&["search", query, "--since", "10m"], |page| !page.is_empty());
        assert!(!page.is_empty(), "{query} finds nothing");
    }
    let unmarked = "NOT simulated:true (kind:log OR kind:event OR kind:probe) NOT service:orszem";
    assert_eq!(demo.ask(&["search", unmarked]), (1, String::new()), "everything is marked as simulated");
    let measured = |matcher: &str| {
        let query = format!("count({{{matcher},__name__=~\"node_.*|probe_.*\"}})");
        demo.ask(&["query", &query]).1.lines().skip(1).count()
    };
    assert_eq!((measured("simulated=\"true\""), measured("simulated!=\"true\"")), (1, 0), "so are measurements");
    let truth = story(&demo.directory.path().join("truth.ndjson"), 3).expect("a fourth story");
    let outage = truth["outage"]["ms"].as_u64().expect("an outage");
    assert!((20_000..60_000).contains(&outage), "{outage}");

    demo.server.signal("TERM");
    assert!(demo.server.wait().success());
}

#[test]
fn a_story_that_is_not_over_before_the_next_is_refused() {
    let (code, _, error) = run(&["demo", "--every", "1m"]);
    assert_eq!(code, 2);
    assert!(error.contains("4m to 10m"), "{error}");
}
