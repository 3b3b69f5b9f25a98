//! Everything that a real cluster said, if the folder that `ORSZEM_CLUSTER_CAPTURES` names has it: alerts in
//! `pacemaker_lab/alerts.jsonl` and `notify.jsonl`, and the tools' answers in `pacemaker_lab/stages`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use orszem_cluster::corosync::links::Links;
use orszem_cluster::corosync::quorum::Quorum;
use orszem_cluster::corosync::{self, ToolError};
use orszem_cluster::pacemaker::alert;
use orszem_cluster::pacemaker::change::Watch;
use orszem_cluster::pacemaker::status::{Status, StatusError};
use orszem_model::observation::{FencingState, Observation, Seen};
use orszem_model::{Timestamp, time::NANOS_PER_SECOND};

/// How often each kind of observation comes.
type Counts = BTreeMap<&'static str, usize>;

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ORSZEM_CLUSTER_CAPTURES")?).join("pacemaker_lab");
    folder.is_dir().then_some(folder)
}

fn count(counts: &mut Counts, seen: &[Seen]) {
    for seen in seen {
        *counts.entry(seen.observation.name()).or_default() += 1;
    }
}

/// The environments of a file, with the host that each came from.
fn environments(file: &Path) -> Vec<(String, BTreeMap<String, String>)> {
    let text = fs::read_to_string(file).expect("reads");
    let line = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let environment = serde_json::from_value(value["env"].clone()).expect("an environment");
        (value["reported_by"].as_str().expect("a host").to_owned(), environment)
    };
    text.lines().map(line).collect()
}

#[test]
fn every_alert_is_an_event_unless_it_is_cut_or_pending() {
    let Some(folder) = folder() else { return };
    for (file, is_alert) in [("alerts.jsonl", true), ("notify.jsonl", false)] {
        let (mut counts, mut keys, mut none, mut cut, mut failed) = (Counts::new(), BTreeSet::new(), 0, 0, 0);
        for (reporter, environment) in environments(&folder.join(file)) {
            let is_empty = environment.is_empty();
            let is_pending = environment.get("CRM_notify_status").is_some_and(|status| status == "-1");
            let event = match alert::read(&environment) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    assert!(is_pending, "{environment:?}");
                    none += 1;
                    continue;
                }
                Err(error) => {
                    assert!(is_empty && error == alert::AlertError::NoEvent, "{error}: {environment:?}");
                    cut += 1;
                    continue;
                }
            };
            assert_eq!(event.at.is_some() && event.sequence.is_some(), is_alert);
            match &event.observation {
                Observation::Operation(operation) => failed += usize::from(operation.has_failed()),
                Observation::Fencing(fencing) => {
                    assert!(
                        !fencing.reference.is_empty() && !fencing.delegate.is_empty() && !fencing.origin.is_empty()
                    );
                    keys.insert(event.key());
                }
                _ => {}
            }
            count(&mut counts, &[event.seen(&reporter, Timestamp(0))]);
        }
        eprintln!(
            "{file}: {counts:?}, no event {none}, cut {cut}, failed operations {failed}, fencings {}",
            keys.len()
        );
        assert_eq!(keys.len(), 9);
    }
}

/// The files below a folder whose names match, with the moment of each: its own, or the order of the stages.
fn stages(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for stage in fs::read_dir(folder.join("stages")).expect("lists") {
        for file in fs::read_dir(stage.expect("lists").path()).expect("lists") {
            let path = file.expect("lists").path();
            let text = fs::read_to_string(&path).expect("reads");
            files.push((path, text));
        }
    }
    files.sort();
    files
}

#[test]
fn every_status_is_read_and_its_changes_are_told() {
    let Some(folder) = folder() else { return };
    let (mut read, mut refused) = (Vec::new(), BTreeMap::new());
    for (path, text) in stages(&folder).into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "xml")) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if name.starts_with("stonith_history") {
            assert!(matches!(
                Status::read(&text, 0),
                Err(StatusError::NotStatus { .. } | StatusError::NotConnected { .. })
            ));
            continue;
        }
        let reporter = name.split('.').find(|part| part.starts_with("node")).expect("a node").to_owned();
        match Status::read(&text, 0) {
            Ok(status) => read.push((reporter, status)),
            Err(StatusError::NotConnected { message }) => *refused.entry(message).or_insert(0) += 1,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    read.sort_by_key(|(reporter, status)| (reporter.clone(), status.summary.updated));
    eprintln!("{} statuses, not connected: {refused:?}", read.len());
    let mut watches: BTreeMap<String, (Watch, Counts, usize)> = BTreeMap::new();
    for (reporter, status) in &read {
        let at = status.summary.updated.expect("a time").after(std::time::Duration::from_secs(1));
        let (watch, counts, initial) =
            watches.entry(reporter.clone()).or_insert_with(|| (Watch::new(reporter), Counts::new(), 0));
        let seen = watch.step(status, at);
        assert!(seen.iter().all(|seen| seen.at <= at && &seen.reporter == reporter));
        *initial += seen.iter().filter(|seen| seen.is_initial).count();
        count(counts, &seen);
        // The same once more changes nothing.
        assert_eq!(watch.step(status, at), []);
        for seen in &seen {
            if let Observation::Fencing(fencing) = &seen.observation {
                assert!(fencing.state == FencingState::Pending || seen.at.0 % NANOS_PER_SECOND == 0);
            }
            if let Observation::Placement(placement) = &seen.observation {
                let unclean = status.nodes.iter().filter(|node| node.is_unclean).map(|node| &node.name);
                let unclean: BTreeSet<&String> = unclean.collect();
                assert!(placement.nodes.iter().all(|(node, _)| !unclean.contains(node)), "unclean is not running");
            }
        }
    }
    for (reporter, (_, counts, initial)) in &watches {
        eprintln!("{reporter}: {counts:?}, initial {initial}");
    }
    assert!(watches.len() == 3);
}

#[test]
fn every_answer_of_corosync_is_read() {
    let Some(folder) = folder() else { return };
    let (mut read, mut away) = (0, 0);
    let mut watches: BTreeMap<String, (corosync::change::Watch, Counts)> = BTreeMap::new();
    for (path, text) in stages(&folder) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let Some(node) = name.strip_prefix("quorumtool.").and_then(|rest| rest.strip_suffix(".txt")) else { continue };
        let links = fs::read_to_string(path.with_file_name(name.replace("quorumtool", "cfgtool"))).expect("reads");
        let (quorum, links) = (Quorum::read(&text), Links::read(&links));
        if matches!((&quorum, &links), (Err(ToolError::NotRunning { .. }), Err(ToolError::NotRunning { .. }))) {
            away += 1;
            continue;
        }
        read += 1;
        let view = corosync::change::View {
            quorum: Some(quorum.expect("quorum")),
            links: Some(links.expect("links")),
            ..Default::default()
        };
        let (watch, counts) =
            watches.entry(node.to_owned()).or_insert_with(|| (corosync::change::Watch::new(node), Counts::new()));
        count(counts, &watch.step(&view, Timestamp(read)));
    }
    for (reporter, (_, counts)) in &watches {
        eprintln!("{reporter}: {counts:?}");
    }
    eprintln!("{read} answers, {away} times away");
    assert!(read > 0);
}
