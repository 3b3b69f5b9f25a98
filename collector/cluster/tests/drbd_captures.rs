//! What real DRBD 8.4 and 9 printed, through the parsers: a folder with `drbd84` and `drbd9`, named by
//! `ORSZEM_CLUSTER_CAPTURES`. Without it nothing is tested here.

#[path = "drbd_captures/kernel.rs"]
mod kernel;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use orszem_cluster::drbd::handler::Handler;
use orszem_cluster::drbd::lines::Lines;
use orszem_cluster::drbd::snapshot::Snapshot;
use orszem_cluster::drbd::table::Table;
use orszem_cluster::drbd::{events2, proc, status_json};
use orszem_model::{Observation, Seen, Timestamp};

fn captures(version: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ORSZEM_CLUSTER_CAPTURES").map(|folder| Path::new(&folder).join(version))?;
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    Some(folder)
}

/// All files of the folder whose names `is` is true of, sorted.
fn files(folder: &Path, is: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("is as captured")
        .map(|entry| entry.expect("is as captured"))
        .map(|entry| (entry.file_name().into_string().expect("is as captured"), entry.path()))
        .filter(|(name, _)| is(name))
        .map(|(name, path)| (name, fs::read(path).expect("is as captured")))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no such file in {}", folder.display());
    files
}

/// Reads a whole output; any error is a failure.
fn replay(name: &str, output: &[u8]) -> (Table, Vec<Seen>, usize) {
    let mut table = Table::new(node_of(name));
    let (mut seen, mut events) = (Vec::new(), 0);
    let mut lines = Lines::default();
    lines.push(output, |event| {
        let event = event.unwrap_or_else(|error| panic!("{name}: {error}"));
        events += 1;
        seen.extend(table.apply(&event, Timestamp(0)).unwrap_or_else(|error| panic!("{name}: {event:?}: {error}")));
    });
    lines.end().unwrap_or_else(|error| panic!("{name}: {error}"));
    (table, seen, events)
}

fn node_of(name: &str) -> String {
    let at = name.find("node").expect("a file is named by its node");
    name.get(at..at + 5).expect("is as captured").to_owned()
}

/// The state alone: what is told, without what counts.
fn state(observation: &Observation) -> Option<String> {
    let gone = |is_gone: bool| if is_gone { " gone" } else { "" };
    Some(match observation {
        Observation::DrbdResource(it) => {
            format!("{} {} [{}]{}", it.resource, it.role, it.suspended.join(","), gone(it.is_gone))
        }
        Observation::DrbdDevice(it) => {
            assert_eq!((it.volume, it.minor), (0, Some(0)));
            format!("{}/{} {} {}{}", it.resource, it.volume, it.disk, it.has_quorum, gone(it.is_gone))
        }
        Observation::DrbdConnection(it) => {
            format!("{}-{} {} {}{}", it.resource, it.peer, it.connection, it.peer_role, gone(it.is_gone))
        }
        Observation::DrbdPeerDevice(it) => {
            format!("{}/{}-{} {} {}{}", it.resource, it.volume, it.peer, it.replication, it.peer_disk, gone(it.is_gone))
        }
        Observation::DrbdHelper(it) => {
            format!("{}/{:?}-{} {} {:?}", it.resource, it.volume, it.peer, it.helper, it.exit)
        }
        _ => return None,
    })
}

/// All states in their order, each said once.
fn states(seen: &[Seen]) -> Vec<String> {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut states = Vec::new();
    for text in seen.iter().filter_map(|seen| state(&seen.observation)) {
        let who = text.split(' ').next().unwrap_or_default().to_owned();
        if last.insert(who, text.clone()).as_ref() != Some(&text) {
            states.push(text);
        }
    }
    states
}

#[test]
fn all_forms_of_events_tell_the_same_states() {
    for version in ["drbd84", "drbd9"] {
        let Some(folder) = captures(version) else { return };
        let mut by_run: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
        let mut events = 0;
        for (name, output) in
            files(&folder, |name| name.contains("events2") && !name.contains("poll") && !name.ends_with(".txt"))
        {
            let (_, seen, count) = replay(&name, &output);
            events += count;
            let run = name.split_once('.').expect("is as captured").1.to_owned();
            // With `--diff` the first line of a device does not tell its quorum.
            let mut states = states(&seen);
            states.retain(|state| !state.starts_with("r0/0 Diskless"));
            by_run.entry(run).or_default().push((name, states));
        }
        for forms in by_run.values() {
            assert_eq!(forms.len(), 3);
            for (name, states) in forms {
                assert_eq!(states, &forms[0].1, "{name} and {}", forms[0].0);
            }
        }
        eprintln!("{version}: {events} events of {} runs in 3 forms", by_run.len());
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("is as captured")
}

/// The stages of the run: name, begin, end.
fn stages(folder: &Path) -> Vec<(String, Timestamp, Timestamp)> {
    let text = fs::read_to_string(folder.join("ground_truth.jsonl")).expect("is as captured");
    let stages: Vec<(String, Timestamp)> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("is as captured"))
        .map(|stage| {
            (
                stage["stage"].as_str().expect("is as captured").to_owned(),
                at(stage["ts"].as_str().expect("is as captured")),
            )
        })
        .collect();
    let ends = stages.iter().skip(1).map(|(_, at)| *at).chain([Timestamp(i64::MAX)]);
    stages.iter().zip(ends).map(|((name, begin), end)| (name.clone(), *begin, end)).collect()
}

/// What is told within a stage, as text with progress.
fn within(folder: &Path, file: &str, stage: &str) -> Vec<String> {
    let (_, seen, _) = replay(file, &fs::read(folder.join(file)).expect("is as captured"));
    let stages = stages(folder);
    let (_, begin, end) = stages.iter().find(|(name, ..)| name == stage).unwrap_or_else(|| panic!("no {stage}"));
    let text = |seen: &Seen| {
        let progress = match &seen.observation {
            Observation::DrbdPeerDevice(it) if it.done.is_some() || it.eta_s.is_some() => {
                format!(" done={:?} eta={:?}", it.done, it.eta_s)
            }
            _ => String::new(),
        };
        state(&seen.observation).map(|state| state + &progress)
    };
    seen.iter().filter(|seen| !seen.is_initial && seen.at >= *begin && seen.at < *end).filter_map(text).collect()
}

/// Checks that all of `expected` is told in this order, whatever is told between.
#[track_caller]
fn check_order(told: &[String], expected: &[&str]) {
    let mut rest = told.iter();
    for one in expected {
        assert!(rest.any(|told| told == one), "`{one}` is not told in its turn:\n{}", told.join("\n"));
    }
}

#[test]
fn the_faults_of_8_4_are_told() {
    let Some(folder) = captures("drbd84") else { return };
    let told = |node: &str, stage: &str| within(&folder, &format!("events2-full.{node}"), stage);
    check_order(
        &told("node1", "02-initial-sync"),
        &[
            "r0 Primary []",
            "r0/0 UpToDate true",
            "r0/0-peer SyncSource Inconsistent done=Some(0) eta=None",
            "r0/0-peer Established UpToDate",
        ],
    );
    check_order(
        &told("node1", "04-net-cut"),
        &["r0-peer NetworkFailure Unknown", "r0/0-peer Off DUnknown", "r0-peer Connecting Unknown"],
    );
    check_order(
        &told("node1", "06-switchover"),
        &["r0 Secondary []", "r0-peer Connected Primary", "r0-peer Connected Secondary", "r0 Primary []"],
    );
    check_order(
        &told("node1", "07-verify-oos"),
        &["r0/0-peer VerifyS UpToDate", "r0/Some(0)-peer out-of-sync None", "r0/Some(0)-peer out-of-sync Some(0)"],
    );
    check_order(
        &told("node1", "07b-fix"),
        &[
            "r0-peer StandAlone Unknown",
            "r0/0-peer Off DUnknown gone",
            "r0-peer StandAlone Unknown gone",
            "r0-peer StandAlone Unknown",
            "r0/0-peer Established UpToDate",
        ],
    );
    check_order(&told("node1", "08-disk-failure"), &["r0/0 Failed true", "r0/0 Diskless true"]);
    check_order(&told("node2", "08-disk-failure"), &["r0/0-peer Established Failed", "r0/0-peer Established Diskless"]);
    // They met again a stage later than the one that is called so.
    for node in ["node1", "node2"] {
        check_order(
            &told(node, "12-pause-resume-sync"),
            &[
                "r0-peer Connected Unknown",
                "r0/Some(0)-peer initial-split-brain None",
                "r0/Some(0)-peer initial-split-brain Some(0)",
            ],
        );
    }
    check_order(
        &told("node1", "13-crash-of-synctarget"),
        &["r0-peer NetworkFailure Unknown", "r0/0-peer Off DUnknown"],
    );
}

#[test]
fn the_faults_of_9_are_told() {
    let Some(folder) = captures("drbd9") else { return };
    let told = |file: &str, stage: &str| within(&folder, file, stage);
    let full = |stage: &str| told("d9-events2-full.a.node1", stage);
    check_order(
        &full("01-initial-sync"),
        &[
            "r0 Primary []",
            "r0/0-node2 SyncSource Inconsistent done=Some(0) eta=None",
            "r0/0-node2 SyncSource Inconsistent done=Some(7270) eta=Some(1)",
            "r0/0-node2 Established UpToDate",
        ],
    );
    check_order(
        &full("03-node2-cut"),
        &[
            "r0-node2 NetworkFailure Unknown",
            "r0/0-node2 Off DUnknown",
            "r0/None-node2 disconnected None",
            "r0-node2 Connecting Unknown",
        ],
    );
    check_order(&full("07-disk-failure"), &["r0/0 Failed true", "r0/0 Diskless true"]);
    check_order(
        &told("d9-events2-full.a.node2", "07-disk-failure"),
        &["r0/0-node1 Established Failed", "r0/0-node1 Established Diskless"],
    );
    check_order(
        &full("09-quorum-lost"),
        &[
            "r0 Primary [no-data]",
            "r0-node2 NetworkFailure Unknown",
            "r0/0 Outdated true",
            "r0/Some(0)-node2 pri-on-incon-degr None",
            "r0 Primary [no-data,quorum]",
            "r0-node3 NetworkFailure Unknown",
            "r0/0 Outdated false",
            "r0/Some(0)- quorum-lost None",
            "r0/Some(0)- quorum-lost Some(0)",
        ],
    );
    check_order(
        &full("10-heal-old-primary"),
        &[
            "r0 Secondary [quorum]",
            "r0 Secondary []",
            "r0/0-node2 SyncTarget UpToDate done=Some(0) eta=None",
            "r0/0 UpToDate true",
        ],
    );
    check_order(
        &full("12-split-brain-resolve"),
        &[
            "r0/Some(0)-node2 initial-split-brain None",
            "r0/Some(0)-node2 initial-split-brain Some(0)",
            "r0/0-node2 SyncTarget UpToDate done=Some(0) eta=None",
        ],
    );
    check_order(&full("14-node-crash"), &["r0-node2 NetworkFailure Unknown", "r0/0-node2 Off DUnknown"]);
    check_order(
        &full("16-down"),
        &["r0-node3 TearDown Unknown", "r0/0-node3 Off DUnknown", "r0-node3 Connecting Unknown"],
    );
    check_order(&told("d9-events2-full.a.node3", "16-down"), &["r0 Secondary [] gone"]);
    // The rest of a resync, as it is told on the way.
    let (_, seen, _) =
        replay("d9-events2-full.a.node1", &fs::read(folder.join("d9-events2-full.a.node1")).expect("is as captured"));
    let with_eta: Vec<_> = seen
        .iter()
        .filter_map(|seen| match &seen.observation {
            Observation::DrbdPeerDevice(it) => Some((it.replication.as_str(), it.done?, it.eta_s?)),
            _ => None,
        })
        .collect();
    eprintln!("drbd9 node1: resync with a rest told {} times: {with_eta:?}", with_eta.len());
    assert!(with_eta.iter().all(|(replication, done, eta)| replication.contains('S') && *done <= 10_000 && *eta < 60));
}

/// The states of a table that had nothing but this.
fn at_once(fill: impl FnOnce(&mut Table) -> Vec<Seen>) -> Vec<String> {
    let mut table = Table::new("node");
    let mut states: Vec<_> = fill(&mut table).iter().filter_map(|seen| state(&seen.observation)).collect();
    states.sort();
    states
}

fn of_snapshot(snapshot: &Snapshot) -> Vec<String> {
    at_once(|table| table.apply_snapshot(snapshot, Timestamp(0)).seen)
}

#[test]
fn a_status_tells_what_the_events_of_its_time_do() {
    for (version, ending) in [("drbd84", ".proc_drbd"), ("drbd9", ".status.json")] {
        let Some(folder) = captures(version) else { return };
        let (mut same, mut moving) = (0, Vec::new());
        for (name, text) in files(&folder, |name| name.ends_with(ending)) {
            let stem = name.strip_suffix(ending).expect("is as captured");
            let now = fs::read(folder.join(format!("{stem}.events2-now.txt"))).expect("is as captured");
            let (_, seen, _) = replay(&name, &now);
            let by_events = at_once(|_| seen);
            let by_status = if version == "drbd84" {
                let proc = proc::parse(std::str::from_utf8(&text).expect("is as captured"))
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(proc.version, "8.4.11");
                of_snapshot(&proc.snapshot(|minor| (minor == 0).then_some(("r0", 0))))
            } else if text.trim_ascii().is_empty() {
                continue;
            } else {
                of_snapshot(&status_json::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}")))
            };
            if by_events == by_status {
                same += 1;
            } else {
                moving.push((name, by_events, by_status));
            }
        }
        eprintln!("{version}: {same} of {} are the same", same + moving.len());
        for (name, by_events, by_status) in &moving {
            eprintln!("{name}\n  {by_events:?}\n  {by_status:?}");
        }
        // They were taken one after the other, so one that moves differs.
        assert!(moving.len() * 10 <= same, "{} of {same} differ", moving.len());
    }
    let Some(folder) = captures("drbd9") else { return };
    for (name, text) in files(&folder, |name| name.ends_with(".proc_drbd")) {
        let proc =
            proc::parse(std::str::from_utf8(&text).expect("is as captured")).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((proc.version.as_str(), proc.devices.len()), ("9.2.9", 0), "{name}");
    }
}

#[test]
fn handlers_are_read() {
    for (version, peers) in [("drbd84", &["node1", "node2"][..]), ("drbd9", &["node1", "node2", "node3"][..])] {
        let Some(folder) = captures(version) else { return };
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        let mut empty = 0;
        for (name, text) in files(&folder, |name| name.starts_with("handlers.")) {
            let node = node_of(&name);
            let text = String::from_utf8(text).expect("is as captured");
            for block in text.split("### ").skip(1) {
                let (head, rest) = block.split_once('\n').expect("is as captured");
                let helper = head.split_once("argv=").expect("is as captured").1;
                let variables: BTreeMap<_, _> = rest.lines().filter_map(|line| line.split_once('=')).collect();
                if variables.is_empty() {
                    // Two that ran at once wrote into each other.
                    empty += 1;
                    continue;
                }
                let handler = Handler::of(helper, |name| variables.get(name).map(|value| (*value).to_owned()));
                let handler = handler.unwrap_or_else(|error| panic!("{name}: {block}: {error}"));
                assert_eq!((handler.resource.as_str(), handler.helper.as_str()), ("r0", helper));
                let is_alone = helper == "quorum-lost";
                assert_eq!(peers.contains(&handler.peer.as_str()), !is_alone, "{name}: {block}");
                assert_ne!(handler.peer, node);
                assert_eq!(handler.volume, (helper != "disconnected").then_some(0), "{name}: {block}");
                assert_eq!(handler.connection.is_empty(), version == "drbd84" || is_alone, "{name}: {block}");
                *calls.entry(helper.to_owned()).or_default() += 1;
            }
        }
        eprintln!("{version}: {calls:?}, {empty} empty");
    }
}

#[test]
fn cut_and_mixed_streams_are_read_to_their_end() {
    let Some(folder) = captures("drbd9") else { return };
    let outputs = files(&folder, |name| name.contains("events2") && !name.ends_with(".txt"));
    let mut table = Table::with_limit("node", 100);
    let (mut read, mut wrong) = (0, 0);
    // Pieces of odd sizes of all files by turns, as if they were one output.
    let longest = outputs.iter().map(|(_, output)| output.len()).max().unwrap_or_default();
    let mut lines = Lines::default();
    for begin in (0..longest).step_by(997) {
        for (_, output) in &outputs {
            let Some(piece) = output.get(begin..output.len().min(begin + 997)) else { continue };
            lines.push(piece, |event| match event.map(|event| table.apply(&event, Timestamp(0))) {
                Ok(Ok(_)) => read += 1,
                Ok(Err(_)) | Err(_) => wrong += 1,
            });
        }
    }
    eprintln!("{read} read, {wrong} wrong");
    assert!(read > 1000 && wrong > 100 && table.rows().count() <= 100);
    table.flush();
    let end = events2::parse(b"exists -").expect("is as captured").expect("is as captured");
    table.apply(&end, Timestamp(0)).expect("is as captured");
    assert_eq!(table.rows().count(), 0);
}
