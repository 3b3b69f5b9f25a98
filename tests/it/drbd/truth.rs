//! What a stream of events says happened, read in the plainest way, and what the server's records say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One state after the other, of each object: `device r0/0` has `UpToDate quorum=yes minor=3`, …
pub(super) type Sequences = BTreeMap<String, Vec<String>>;

fn push(sequences: &mut Sequences, object: String, state: String) {
    let states = sequences.entry(object).or_default();
    if states.last() != Some(&state) {
        states.push(state);
    }
}

/// The keys of one line; with `--diff` the new values.
fn keys(words: &[&str]) -> BTreeMap<String, String> {
    let pairs = words.iter().filter_map(|word| word.split_once(':'));
    pairs
        .map(|(key, value)| (key.to_owned(), value.rsplit_once("->").map_or(value, |(_, new)| new).to_owned()))
        .collect()
}

/// Of the lines of `drbdsetup events2` in any of its forms. What is destroyed is gone with all that belongs to it.
pub(super) fn of_events(text: &str) -> Sequences {
    let mut sequences = Sequences::new();
    let mut known: BTreeMap<(String, String, String, String), BTreeMap<String, String>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_time = words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let [verb, object, rest @ ..] = words.get(usize::from(is_time)..).unwrap_or_default() else { continue };
        let told = keys(rest);
        let get = |key: &str| told.get(key).cloned().unwrap_or_default();
        if *object == "helper" {
            let exit = if *verb == "response" { format!(" ={}", get("status")) } else { String::new() };
            let (name, volume, peer) = (get("name"), get("volume"), get("conn-name"));
            // Each call counts.
            sequences
                .entry(format!("helper {name}"))
                .or_default()
                .push(format!("{} {volume}-{peer}{exit}", get("helper")));
            continue;
        }
        if !["resource", "device", "connection", "peer-device"].contains(object) {
            continue;
        }
        let key = ((*object).to_owned(), get("name"), get("conn-name"), get("volume"));
        if *verb == "destroy" {
            let belongs = |it: &(String, String, String, String)| {
                it.1 == key.1
                    && (*object == "resource"
                        || *it == key
                        || (*object == "connection" && it.0 == "peer-device" && it.2 == key.2)
                        || (*object == "device" && it.0 == "peer-device" && it.3 == key.3))
            };
            let gone: BTreeSet<_> = known.keys().filter(|it| belongs(it)).cloned().collect();
            for it in gone {
                known.remove(&it);
                push(&mut sequences, named(&it.0, &it.1, &it.2, &it.3), "gone".to_owned());
            }
            continue;
        }
        let row = known.entry(key.clone()).or_default();
        if *verb != "change" {
            row.clear();
        }
        row.extend(told.clone());
        let value = |key: &str, absent: &str| row.get(key).cloned().unwrap_or_else(|| absent.to_owned());
        let state = match *object {
            "resource" => format!("{} [{}]", value("role", ""), value("suspended", "no")),
            "device" => {
                let (disk, quorum, minor) = (value("disk", ""), value("quorum", "yes"), value("minor", ""));
                format!("{disk} quorum={quorum} minor={minor}")
            }
            "connection" => format!("{} {}", value("connection", ""), value("role", "")),
            _ => format!("{} {}", value("replication", ""), value("peer-disk", "")),
        };
        push(&mut sequences, named(object, &key.1, &key.2, &key.3), state);
    }
    sequences
}

fn named(object: &str, resource: &str, peer: &str, volume: &str) -> String {
    match object {
        "resource" => format!("resource {resource}"),
        "device" => format!("device {resource}/{volume}"),
        "connection" => format!("connection {resource}-{peer}"),
        _ => format!("peer-device {resource}/{volume}-{peer}"),
    }
}

/// Of records of the server, oldest first.
pub(super) fn of_records(records: &[Value]) -> Sequences {
    let mut sequences = Sequences::new();
    for record in records {
        let get = |key: &str| match &record["attributes"][format!("drbd.{key}")] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let is_gone = get("gone") == "true";
        let name = record["attributes"]["event.name"].as_str().unwrap_or_default();
        let object = name.strip_prefix("drbd.").unwrap_or_default().replace('_', "-");
        let state = match object.as_str() {
            "helper" => {
                let exit = get("exit");
                let exit = if exit.is_empty() { exit } else { format!(" ={exit}") };
                let state = format!("{} {}-{}{exit}", get("helper"), get("volume"), get("peer"));
                sequences.entry(format!("helper {}", get("resource"))).or_default().push(state);
                continue;
            }
            _ if is_gone => "gone".to_owned(),
            "resource" => {
                let suspended = get("suspended").replace(' ', ",");
                format!("{} [{}]", get("role"), if suspended.is_empty() { "no" } else { &suspended })
            }
            "device" => {
                let quorum = if get("quorum") == "true" { "yes" } else { "no" };
                format!("{} quorum={quorum} minor={}", get("disk"), get("minor"))
            }
            "connection" => format!("{} {}", get("connection"), get("peer_role")),
            "peer-device" => format!("{} {}", get("replication"), get("peer_disk")),
            _ => panic!("no record of DRBD: {record}"),
        };
        push(&mut sequences, named(&object, &get("resource"), &get("peer"), &get("volume")), state);
    }
    sequences
}
