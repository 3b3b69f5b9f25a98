//! The facts of real DRBD 8.4 and 9, from what every node's `drbdsetup events2` printed: folders `drbd84` and `drbd9` in
//! the one that `ORSZEM_CLUSTER_CAPTURES` names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use orszem_cluster::drbd::lines::Lines;
use orszem_cluster::drbd::table::Table;
use orszem_facts::{Facts, Settings};
use orszem_model::{Fact, RecordId, Seen, Timestamp};
use serde_json::Value as Json;

const MS: i64 = 1_000_000;

/// What a stage has to tell at least, by a word of its name; the first that fits counts.
const EXPECTED: [(&str, &[&str]); 9] = [
    ("initial-sync", &["drbd.role_changed", "drbd.resync_started", "drbd.resync_done"]),
    ("net-cut", &["drbd.connection_lost", "drbd.degraded"]),
    ("node2-cut", &["drbd.connection_lost", "drbd.degraded"]),
    ("net-heal", &["drbd.connected", "drbd.resync_started", "drbd.resync_done", "drbd.restored"]),
    ("node2-heal", &["drbd.connected", "drbd.resync_started", "drbd.resync_done", "drbd.restored"]),
    ("switchover", &["drbd.role_changed"]),
    ("disk-failure", &["drbd.disk_failed", "drbd.degraded"]),
    ("quorum-lost", &["drbd.connection_lost", "drbd.quorum_lost", "drbd.suspended"]),
    ("crash", &["drbd.connection_lost"]),
];

fn stages(folder: &Path) -> Vec<(Timestamp, String)> {
    let text = fs::read_to_string(folder.join("ground_truth.jsonl")).expect("reads");
    let stage = |line: &str| {
        let json: Json = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        (text("ts").parse().expect("a time"), text("stage"))
    };
    text.lines().map(stage).collect()
}

/// What each node's collector saw; a node that came back has a second file, and a collector that starts anew.
fn seen(folder: &Path) -> Vec<Seen> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("lists").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if !name.contains("events2-full") {
            continue;
        }
        let node = name.rsplit('.').next().expect("a node");
        let mut table = Table::new(node);
        Lines::default().push(&fs::read(&path).expect("reads"), |event| {
            all.extend(table.apply(&event.expect("an event"), Timestamp(0)).expect("is known"));
        });
    }
    all.sort_by_key(|seen| seen.at);
    all
}

/// Between the first and the last word of a node on each of its runs its logs are heard, too.
fn is_alive(seen: &[Seen], node: &str, at: Timestamp) -> bool {
    let of_node = || seen.iter().filter(|seen| seen.reporter == node).map(|seen| seen.at);
    let before = of_node().filter(|it| *it <= at).max();
    let after = of_node().find(|it| *it >= at);
    before.zip(after).is_some_and(|(before, after)| after.0 - before.0 < 60_000 * MS)
}

fn run(seen: &[Seen]) -> Vec<Fact> {
    let settings = || Settings { cluster: "lab".to_owned(), ..Settings::default() };
    let mut facts = Facts::new(settings());
    let mut told = Vec::new();
    let mut now = seen.first().expect("something was seen").at;
    let nodes: BTreeSet<&str> = seen.iter().map(|seen| seen.reporter.as_str()).collect();
    for (number, this) in seen.iter().enumerate() {
        let arrives = Timestamp(this.at.0 + 20 * MS);
        while now.0 + 500 * MS <= arrives.0 {
            now = Timestamp(now.0 + 500 * MS);
            nodes.iter().filter(|node| is_alive(seen, node, now)).for_each(|node| facts.heard(node, now));
            told.extend(facts.tick(now));
        }
        told.extend(facts.step(this, RecordId { timestamp: this.at, seq: number as u64 }));
        if number % 101 == 0 {
            facts = Facts::decode(settings(), &facts.encode()).expect("decodes");
        }
    }
    for _ in 0..20 {
        now = Timestamp(now.0 + 500 * MS);
        told.extend(facts.tick(now));
    }
    told.sort_by_key(|fact| fact.at);
    told
}

/// Of a thing that has begun, a second beginning before its end; and whatever is told twice within a second.
fn repeats(told: &[Fact], is_84: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut open = BTreeSet::new();
    let mut last: BTreeMap<String, Timestamp> = BTreeMap::new();
    for fact in told {
        // Of a connection, a disk or a quorum there is one for each pair or node; 8.4 names but one end of a pair.
        let kind = fact.kind.name().trim_start_matches("drbd.");
        let is_of_nodes = ["disk", "quorum", "suspended", "resumed", "role"].iter().any(|word| kind.starts_with(word))
            || (kind.starts_with("connect") && !is_84);
        let hosts = fact.others.iter().map(String::as_str).filter(|it| it.starts_with("host/") && is_of_nodes);
        let others: BTreeSet<&str> = hosts.collect();
        let which = format!("{} {others:?}", fact.entity);
        let key = format!("{} {which}", fact.kind.name());
        if let Some(before) = last.insert(format!("{key} {}", fact.to), fact.at)
            && fact.at.0 - before.0 < 1_000 * MS
        {
            wrong.push(format!("twice within a second: {key}: {}", fact.text));
        }
        if let Some(end) = fact.kind.ended_by()
            && !open.insert((end.name(), which.clone(), fact.kind.name()))
            && end.name() != "drbd.resync_done"
        {
            wrong.push(format!("begun again before its end: {key}: {}", fact.text));
        }
        open.retain(|(end, of, _)| !(*end == fact.kind.name() && *of == which));
    }
    wrong
}

fn check(version: &str) {
    let Some(captures) = std::env::var_os("ORSZEM_CLUSTER_CAPTURES") else { return };
    let folder = Path::new(&captures).join(version);
    let stages = stages(&folder);
    let told = run(&seen(&folder));
    let stage_of = |at: Timestamp| stages.iter().rev().find(|(begin, _)| *begin <= at).map_or("", |(_, name)| name);
    let mut by_stage: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for fact in &told {
        let stage = stage_of(fact.at);
        by_stage.entry(stage).or_default().insert(fact.kind.name());
        let begun = stages.iter().find(|(_, name)| name == stage).map_or(fact.at, |(at, _)| *at);
        let since = (fact.at.0 - begun.0) as f64 / 1e9;
        println!("{stage} +{since:.2} {} {}: {}", fact.kind.name(), fact.entity, fact.text);
    }
    let mut wrong = repeats(&told, version == "drbd84");
    for (_, stage) in &stages {
        let Some((_, expected)) = EXPECTED.iter().find(|(word, _)| stage.contains(word)) else { continue };
        let kinds = by_stage.get(stage.as_str()).cloned().unwrap_or_default();
        let missing = expected.iter().filter(|kind| !kinds.contains(*kind));
        wrong.extend(missing.map(|kind| format!("{version} {stage}: no {kind}")));
    }
    let of_split_brain = ["drbd.split_brain", "drbd.split_brain_resolved", "drbd.dual_primary", "drbd.single_primary"];
    for kind in of_split_brain.iter().chain(&["drbd.disk_back"]) {
        if !told.iter().any(|fact| fact.kind.name() == *kind) {
            wrong.push(format!("{version}: no {kind}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn drbd_8_4_tells_its_story_once() {
    check("drbd84");
}

#[test]
fn drbd_9_tells_its_story_once() {
    check("drbd9");
}
