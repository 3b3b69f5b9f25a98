//! Scripts: what reporters see, a line each, and the facts that follow.
//!
//! `+12.5 node1 alert op node1 web monitor_3000 rc=7 "not running"` is seen at 12.5 s; `!status` for `status` makes it
//! the state that was there when looking began. `= +12.5 resource.failed resource/web` is what has to be told, with
//! `from>to` and `for 0.3` where a script says them. Everything that is told has its line.

use orszem_facts::{Facts, LogSight, Settings};
use orszem_model::observation::{Observation, Origin, Seen};
use orszem_model::{AttributeValue, Fact, RecordId, Timestamp};

const MS: i64 = 1_000_000;
const START_MS: i64 = 1_800_000_000_000;

/// One line of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Seen(Seen),
    Line { at: Timestamp, host: String, service: String, body: String, attributes: Vec<(String, String)> },
}

pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) expected: Vec<String>,
}

impl Step {
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Seen(seen) => seen.at,
            Self::Line { at, .. } => *at,
        }
    }
}

fn moment(text: &str) -> Timestamp {
    let seconds: f64 = text.trim_start_matches('+').parse().unwrap_or_else(|_| panic!("{text}: seconds"));
    Timestamp((START_MS + (seconds * 1e3).round() as i64) * MS)
}

/// Words; those in quotes may have blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, piece) in line.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The event's name and its attributes, from the short form of a line.
fn event(words: &[String]) -> (String, Vec<(String, String)>) {
    let word = |at: usize| words.get(at).cloned().unwrap_or_default();
    let named: Vec<(String, String)> =
        words.iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let plain: Vec<&String> = words.iter().filter(|word| !word.contains('=')).collect();
    let has = |flag: &str| plain.iter().any(|word| *word == flag).to_string();
    let pairs = |list: &[(&str, String)]| list.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Vec<_>>();
    let (prefix, name, mut attributes) = match word(0).as_str() {
        "op" => {
            let key = word(3);
            let (task, interval) = key.split_once('_').map_or((key.as_str(), "0"), |(task, ms)| (task, ms));
            let result = plain.get(4).map_or("ok".to_owned(), |word| (*word).clone());
            let list = [
                ("node", word(1)),
                ("resource", word(2)),
                ("task", task.to_owned()),
                ("interval_ms", interval.to_owned()),
                ("rc", "0".to_owned()),
                ("expected_rc", "0".to_owned()),
                ("status", "0".to_owned()),
                ("result", result),
            ];
            ("pacemaker", "operation", pairs(&list))
        }
        "member" => ("pacemaker", "member", pairs(&[("node", word(1)), ("member", (word(2) == "yes").to_string())])),
        "attr" => ("pacemaker", "attribute", pairs(&[("node", word(1)), ("attribute", word(2)), ("value", word(3))])),
        "fence" => {
            let list = [("target", word(1)), ("state", word(2)), ("action", "reboot".to_owned())];
            ("pacemaker", "fencing", pairs(&list))
        }
        "node" => {
            let list = [
                ("node", word(1)),
                ("kind", "member".to_owned()),
                ("online", has("online")),
                ("standby", has("standby")),
                ("maintenance", has("maintenance")),
                ("unclean", has("unclean")),
            ];
            ("pacemaker", "node", pairs(&list))
        }
        "place" => {
            let nodes: Vec<&str> = plain.get(2..).unwrap_or_default().iter().map(|w| w.as_str()).collect();
            let nodes: Vec<String> =
                nodes.iter().filter_map(|w| w.split_once(':')).map(|(n, r)| format!("{n}={r}")).collect();
            let list = [
                ("resource", word(1)),
                ("nodes", nodes.join(" ")),
                ("managed", (has("unmanaged") == "false").to_string()),
                ("blocked", has("blocked")),
            ];
            ("pacemaker", "placement", pairs(&list))
        }
        "count" => {
            let list = [("node", word(1)), ("resource", word(2)), ("count", word(3)), ("threshold", word(4))];
            ("pacemaker", "fail_count", pairs(&list))
        }
        "cluster" => {
            let list = [
                ("cluster", word(1)),
                ("dc", if has("nodc") == "true" { String::new() } else { "node1".to_owned() }),
                ("quorum", (has("noquorum") == "false").to_string()),
                ("maintenance", has("maintenance")),
            ];
            ("pacemaker", "cluster", pairs(&list))
        }
        "ban" => {
            let list = [
                ("id", word(1)),
                ("resource", word(2)),
                ("node", word(3)),
                ("weight", word(4)),
                ("there", (has("gone") == "false").to_string()),
            ];
            ("pacemaker", "ban", pairs(&list))
        }
        "quorum" => {
            let list = [
                ("quorate", (word(1) == "yes").to_string()),
                ("votes", "1".to_owned()),
                ("expected_votes", "3".to_owned()),
                ("quorum", "2".to_owned()),
                (
                    "members",
                    plain.get(2..).unwrap_or_default().iter().map(|w| w.as_str()).collect::<Vec<_>>().join(" "),
                ),
            ];
            ("corosync", "quorum", pairs(&list))
        }
        "link" => {
            let list = [("peer", word(1)), ("link", word(2)), ("connected", (word(3) == "up").to_string())];
            ("corosync", "link", pairs(&list))
        }
        "witness" => {
            let list = [
                ("configured", "true".to_owned()),
                ("connected", (word(1) == "up").to_string()),
                ("voting", (word(1) == "up").to_string()),
            ];
            ("corosync", "witness", pairs(&list))
        }
        "res" => ("drbd", "resource", pairs(&[("resource", word(1)), ("role", word(2)), ("gone", has("gone"))])),
        "disk" => {
            let target = word(1);
            let (resource, volume) = target.split_once('/').expect("a volume");
            let list = [
                ("resource", resource.to_owned()),
                ("volume", volume.to_owned()),
                ("disk", word(2)),
                ("client", has("client")),
                ("quorum", (has("noquorum") == "false").to_string()),
            ];
            ("drbd", "device", pairs(&list))
        }
        "conn" => {
            let list = [("resource", word(1)), ("peer", word(2)), ("connection", word(3)), ("peer_role", word(4))];
            ("drbd", "connection", pairs(&list))
        }
        "pdev" => {
            let target = word(1);
            let (resource, volume) = target.split_once('/').expect("a volume");
            let list = [
                ("resource", resource.to_owned()),
                ("volume", volume.to_owned()),
                ("peer", word(2)),
                ("replication", word(3)),
                ("peer_disk", word(4)),
            ];
            ("drbd", "peer_device", pairs(&list))
        }
        "helper" => ("drbd", "helper", pairs(&[("resource", word(1)), ("peer", word(2)), ("helper", word(3))])),
        other => panic!("{other}: no such observation"),
    };
    for (key, value) in named {
        attributes.retain(|(known, _)| *known != key);
        attributes.push((key, value));
    }
    let attributes = attributes.into_iter().filter(|(_, value)| !value.is_empty());
    (format!("{prefix}.{name}"), attributes.map(|(key, value)| (format!("{prefix}.{key}"), value)).collect())
}

fn value(text: &str) -> AttributeValue {
    match text {
        "true" | "false" => AttributeValue::Bool(text == "true"),
        _ => AttributeValue::String(text.to_owned()),
    }
}

fn step(line: &str) -> Step {
    let all = words(line);
    let (at, host, how) = (moment(&all[0]), all[1].clone(), all[2].as_str());
    if how == "log" {
        let attributes = all.get(5..).unwrap_or_default().iter().filter_map(|word| word.split_once('='));
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        return Step::Line { at, host, service: all[3].clone(), body: all[4].clone(), attributes };
    }
    let is_initial = how.starts_with('!');
    let origin = Origin::from_name(how.trim_start_matches('!')).unwrap_or_else(|| panic!("{line}: {how}"));
    let (name, attributes) = event(&all[3..]);
    let get = |key: &str| match key {
        "event.name" => Some(AttributeValue::String(name.clone())),
        "observation.origin" => Some(AttributeValue::String(origin.name().to_owned())),
        "observation.initial" => is_initial.then_some(AttributeValue::Bool(true)),
        _ => attributes.iter().find(|(known, _)| known == key).map(|(_, text)| value(text)),
    };
    Step::Seen(Seen::of(at, &host, &get).unwrap_or_else(|| panic!("{line}: no observation")))
}

pub(crate) fn read(text: &str) -> Script {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (expected, steps): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('='));
    let expected = expected.iter().map(|line| line.trim_start_matches('=').trim().to_owned()).collect();
    Script { steps: steps.into_iter().map(step).collect(), expected }
}

pub(crate) fn settings() -> Settings {
    Settings { cluster: "c".to_owned(), ..Settings::default() }
}

fn feed(facts: &mut Facts, step: &Step, id: RecordId) -> Vec<Fact> {
    match step {
        Step::Seen(seen) => facts.step(seen, id),
        Step::Line { at, host, service, body, attributes } => {
            let get = |key: &str| attributes.iter().find(|(known, _)| known == key).map(|(_, text)| value(text));
            facts.line(&LogSight { at: *at, host, service, body, get: &get }, id)
        }
    }
}

/// Runs steps in an order of arrival, with a tick every half second. `through_bytes` says after which step the state goes
/// through bytes.
pub(crate) fn run(steps: &[(Timestamp, Step)], through_bytes: Option<usize>) -> Vec<Fact> {
    let mut facts = Facts::new(settings());
    let mut told = Vec::new();
    let mut now = Timestamp((START_MS - 1_000) * MS);
    for (number, (arrives, step)) in steps.iter().enumerate() {
        while now.0 + 500 * MS <= arrives.0 {
            now = Timestamp(now.0 + 500 * MS);
            told.extend(facts.tick(now));
        }
        told.extend(feed(&mut facts, step, RecordId { timestamp: step.at(), seq: number as u64 }));
        if through_bytes == Some(number) {
            facts = Facts::decode(settings(), &facts.encode()).expect("decodes");
        }
    }
    for _ in 0..20 {
        now = Timestamp(now.0 + 500 * MS);
        told.extend(facts.tick(now));
    }
    told
}

/// In the order of their times, as they happened.
pub(crate) fn in_order(steps: &[Step]) -> Vec<(Timestamp, Step)> {
    let mut steps: Vec<(Timestamp, Step)> = steps.iter().map(|step| (step.at(), step.clone())).collect();
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// A fact in the short form of a script.
pub(crate) fn said(fact: &Fact, with: &str) -> String {
    let seconds = (fact.at.0 / MS - START_MS) as f64 / 1e3;
    let mut said = format!("+{seconds} {} {}", fact.kind.name(), fact.entity);
    if with.contains('>') {
        said.push_str(&format!(" {}>{}", fact.from, fact.to));
    }
    if with.contains(" for ") {
        said.push_str(&format!(" for {}", fact.duration_ms.unwrap_or_default() as f64 / 1e3));
    }
    if with.contains(" because ") {
        said.push_str(&format!(" because {}", fact.cause));
    }
    said
}

/// Facts in the order of their times, said as a script's lines say them.
pub(crate) fn compared(facts: &[Fact], expected: &[String]) -> Vec<String> {
    let mut facts: Vec<&Fact> = facts.iter().collect();
    facts.sort_by_key(|fact| (fact.at, fact.kind.name(), fact.entity.clone()));
    facts
        .iter()
        .map(|fact| {
            let short = said(fact, "");
            let with = expected.iter().find(|line| **line == short || line.starts_with(&format!("{short} ")));
            said(fact, with.map_or("", String::as_str))
        })
        .collect()
}

/// Runs a script and compares all that is told.
pub(crate) fn check(name: &str, text: &str) {
    let script = read(text);
    assert!(
        script.steps.iter().any(
            |step| matches!(step, Step::Seen(Seen { observation, .. }) if !matches!(observation, Observation::Ban(_)))
        ),
        "{name} has steps"
    );
    let told = run(&in_order(&script.steps), None);
    assert_eq!(compared(&told, &script.expected), script.expected, "{name}");
}
