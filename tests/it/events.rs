//! `orszem event`, as a cluster starts it, and what the collector makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::collector::site::Site;
use crate::disk_full::Disk;
use crate::program::orszem;
use crate::torture::client::rows;
use crate::torture::random::{Random, seed};

const ALERT: [(&str, &str); 13] = [
    ("CRM_alert_kind", "resource"),
    ("CRM_alert_version", "2.1.5"),
    ("CRM_alert_recipient", "x"),
    ("CRM_alert_node", "node1"),
    ("CRM_alert_node_sequence", "7"),
    ("CRM_alert_timestamp_epoch", "1763812345"),
    ("CRM_alert_timestamp_usec", "250000"),
    ("CRM_alert_rsc", "web"),
    ("CRM_alert_task", "monitor"),
    ("CRM_alert_interval", "3000"),
    ("CRM_alert_rc", "7"),
    ("CRM_alert_status", "0"),
    ("CRM_alert_desc", "not running"),
];
const NOBODY: u32 = 65_534;

fn event(spool: &Path, environment: &[(&str, &str)], more: &[&str]) -> Command {
    let mut command = orszem(&["event"]);
    command.args(more).env("ORSZEM_SPOOL", spool).envs(environment.iter().copied());
    command
}

/// Its exit code and standard error.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("runs");
    assert_eq!(stdout, b"");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

fn files(spool: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(spool)
        .expect("lists")
        .map(|entry| entry.expect("is there").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn content(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).expect("reads")).expect("is JSON")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("is there").uid() == 0
}

#[test]
fn what_the_cluster_says_is_left_at_once() {
    let spool = tempfile::tempdir().expect("a directory");
    let begun = Instant::now();
    assert_eq!(outcome(&mut event(spool.path(), &ALERT, &[])), (Some(0), String::new()));
    // A busy machine is given more than the second that it takes at most.
    assert!(begun.elapsed() < Duration::from_secs(10));
    let left = files(spool.path());
    assert_eq!(left.len(), 1);
    let expected: BTreeMap<&str, &str> = ALERT.into_iter().collect();
    assert_eq!(content(&left[0])["environment"], serde_json::to_value(expected).expect("is JSON"));
    assert_eq!(fs::metadata(&left[0]).expect("there").permissions().mode() & 0o777, 0o640);

    // An operation that has only begun is none.
    let pending = [
        ("CRM_notify_node", "node1"),
        ("CRM_notify_rsc", "web"),
        ("CRM_notify_task", "start"),
        ("CRM_notify_rc", "193"),
        ("CRM_notify_status", "-1"),
    ];
    assert_eq!(outcome(&mut event(spool.path(), &pending, &[])), (Some(0), String::new()));
    assert_eq!(files(spool.path()).len(), 1);

    // One that is cut short is left, and told.
    let (code, told) = outcome(&mut event(spool.path(), &ALERT[..10], &[]));
    assert!(code == Some(0) && told.contains("CRM_alert_rc is not set"), "{told}");
    assert_eq!(files(spool.path()).len(), 2);

    let (code, told) = outcome(&mut event(spool.path(), &[], &[]));
    assert!(code == Some(2) && told.contains("it is started by Pacemaker or DRBD"), "{told}");
    assert_eq!(files(spool.path()).len(), 2);
}

#[test]
fn a_handler_of_drbd_is_named_by_an_option_an_argument_or_a_link() {
    let spool = tempfile::tempdir().expect("a directory");
    let environment = [("DRBD_RESOURCE", "r0"), ("DRBD_VOLUME", "0"), ("DRBD_MINOR", "0"), ("DRBD_PEER", "node2")];
    let link = spool.path().join("notify-split-brain.sh");
    symlink(env!("CARGO_BIN_EXE_orszem"), &link).expect("links");
    let mut linked = Command::new(&link);
    linked.env_clear().env("ORSZEM_SPOOL", spool.path()).envs(environment);
    for command in [
        &mut event(spool.path(), &environment, &["--drbd-handler", "split-brain"]),
        &mut event(spool.path(), &environment, &["split-brain"]),
        &mut linked,
    ] {
        assert_eq!(outcome(command), (Some(0), String::new()));
    }
    fs::remove_file(link).expect("removes");
    let helpers: Vec<Value> = files(spool.path()).iter().map(|file| content(file)["helper"].clone()).collect();
    assert_eq!(helpers, ["split-brain"; 3]);
}

#[test]
fn without_a_directory_or_the_right_to_write_it_says_so_and_disturbs_nobody() {
    let folder = tempfile::tempdir().expect("a directory");
    let missing = folder.path().join("nowhere");
    let (code, told) = outcome(&mut event(&missing, &ALERT, &[]));
    let begin = format!("orszem event: an event is lost: can't list {}: No such file", missing.display());
    assert!(code == Some(0) && told.starts_with(&begin), "{told}");
    assert!(told.contains("CRM_alert_rsc=\"web\"") && told.contains("CRM_alert_rc=\"7\""), "{told}");
    if !is_root() {
        return;
    }
    // As the cluster's daemons do: in a directory that is their group's.
    let binary = folder.path().join("orszem");
    fs::copy(env!("CARGO_BIN_EXE_orszem"), &binary).expect("copies");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("opens");
    let spool = folder.path().join("events");
    fs::create_dir(&spool).expect("makes");
    let as_nobody = || {
        let mut command = Command::new(&binary);
        command.arg("event").env_clear().env("ORSZEM_SPOOL", &spool).envs(ALERT).uid(NOBODY).gid(NOBODY);
        outcome(&mut command)
    };
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o700)).expect("closes");
    let (code, told) = as_nobody();
    assert!(code == Some(0) && told.contains("Permission denied"), "{told}");
    std::os::unix::fs::chown(&spool, None, Some(NOBODY)).expect("is given away");
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o2770)).expect("opens");
    assert_eq!(as_nobody(), (Some(0), String::new()));
    assert_eq!(fs::metadata(&files(&spool)[0]).expect("there").uid(), NOBODY);
}

/// A site whose collector takes events and asks no tool.
fn site(folder: &Path) -> (Site, PathBuf) {
    let spool = folder.join("events");
    fs::create_dir_all(&spool).expect("makes");
    let none = ["crm_mon", "cibadmin", "corosync_quorumtool", "drbdsetup", "proc_drbd"]
        .map(|tool| format!("{tool} = \"/nonexistent\"\n"))
        .concat();
    let more = format!("[collector.cluster]\nspool = \"{}\"\n[collector.cluster.commands]\n{none}", spool.display());
    (Site::new(folder, &more), spool)
}

/// Waits until so many records of DRBD are there; all of them.
fn arrived(site: &Site, count: usize, query: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let all = rows(site.address(), query);
        if all.len() >= count || begun.elapsed() > Duration::from_secs(120) {
            return all;
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn an_event_becomes_a_record_with_all_that_it_says() {
    let folder = tempfile::tempdir().expect("a directory");
    let (mut site, spool) = site(folder.path());
    // The collector does not run yet.
    assert_eq!(outcome(&mut event(&spool, &ALERT, &[])).0, Some(0));
    site.start_collector();
    let records = arrived(&site, 1, "service%3Apacemaker");
    assert_eq!(records.len(), 1);
    let record = &records[0];
    let body = "monitor of web on node1 has failed: not running, rc=7, expected 0, status=0";
    assert_eq!(record["body"], Value::from(body), "{record}");
    let text = record.to_string();
    for expected in ["resource/web", "host/node1", "pacemaker.operation", "\"alert\"", "cluster"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let begun = Instant::now();
    while !files(&spool).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the file is removed");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn kills_between_the_spool_and_the_queue_neither_lose_nor_double_an_event() {
    let seed = seed();
    eprintln!("to repeat: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a directory");
    let (mut site, spool) = site(folder.path());
    let mut left = 0;
    for _ in 0..8 {
        site.start_collector();
        for _ in 0..10 {
            let resource = format!("r{left}");
            let environment = [("DRBD_RESOURCE", resource.as_str())];
            assert_eq!(outcome(&mut event(&spool, &environment, &["split-brain"])), (Some(0), String::new()));
            left += 1;
        }
        std::thread::park_timeout(Duration::from_millis(random.below(600)));
        site.kill_collector();
    }
    site.start_collector();
    let records = arrived(&site, left, "service%3Adrbd");
    let mut found: Vec<String> = records.iter().map(|record| record["body"].to_string()).collect();
    let mut expected: Vec<String> =
        (0..left).map(|number| format!("\"r{number} handler split-brain is called\"")).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// As many as a large cluster's failover starts at once, and more.
#[test]
fn a_thousand_at_once_are_all_left_and_each_becomes_one_record() {
    const AT_ONCE: usize = 50;
    const EACH: usize = 20;
    let folder = tempfile::tempdir().expect("a directory");
    let (mut site, spool) = site(folder.path());
    site.start_collector();
    let left: Vec<Duration> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let spool = &spool;
            scope.spawn(move || {
                let one = |number: usize| {
                    let resource = format!("r{}", thread * EACH + number);
                    let mut environment = ALERT;
                    environment[7].1 = resource.as_str();
                    let begun = Instant::now();
                    assert_eq!(outcome(&mut event(spool, &environment, &[])), (Some(0), String::new()));
                    begun.elapsed()
                };
                (0..EACH).map(one).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..AT_ONCE).map(run).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("ends")).collect()
    });
    let (all, longest) = (left.len(), left.iter().max().expect("some"));
    eprintln!("{all} calls, {AT_ONCE} at once: the longest took {longest:?}");
    let records = arrived(&site, all, "service%3Apacemaker");
    let attribute = |record: &Value| record["attributes"]["pacemaker.resource"].as_str().map(str::to_owned);
    let mut found: Vec<String> = records.iter().filter_map(attribute).collect();
    let mut expected: Vec<String> = (0..all).map(|number| format!("r{number}")).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn on_a_full_disk_it_says_what_is_lost_and_with_room_it_goes_on() {
    let folder = tempfile::tempdir().expect("a directory");
    let place = folder.path().join("disk");
    fs::create_dir(&place).expect("makes");
    let Some(disk) = Disk::mount(&place, "256k") else { return };
    let (seen, spool) = (disk.path(&place), place.join("events"));
    fs::create_dir(seen.join("events")).expect("makes");
    let surroundings = disk.surroundings();
    let run = || {
        let mut command = Command::new(&surroundings[0]);
        command.args(&surroundings[1..]).arg(env!("CARGO_BIN_EXE_orszem")).arg("event").env_clear();
        command.env("PATH", "/usr/bin:/bin:/usr/sbin").env("ORSZEM_SPOOL", &spool).envs(ALERT);
        outcome(&mut command)
    };
    let mut ballast = fs::File::create(seen.join("ballast")).expect("creates");
    while std::io::Write::write_all(&mut ballast, &[0; 4096]).is_ok() {}
    let (code, told) = run();
    assert!(code == Some(0) && told.starts_with("orszem event: an event is lost: can't write"), "{told}");
    assert!(told.contains("No space left on device") && told.contains("CRM_alert_rsc=\"web\""), "{told}");
    assert_eq!(files(&seen.join("events")), Vec::<PathBuf>::new(), "nothing is left half");
    fs::remove_file(seen.join("ballast")).expect("removes");
    drop(ballast);
    assert_eq!(run(), (Some(0), String::new()));
    assert_eq!(files(&seen.join("events")).len(), 1);
}

/// Without a recipient and with all that may be missing, however much of it is, it ends well.
#[test]
fn whatever_is_missing_it_ends_well_and_nothing_is_dropped_in_silence() {
    let spool = tempfile::tempdir().expect("a directory");
    for missing in 0..ALERT.len() {
        let mut environment = ALERT.to_vec();
        let (name, _) = environment.remove(missing);
        let (code, told) = outcome(&mut event(spool.path(), &environment, &[]));
        assert_eq!(code, Some(0), "{name}: {told}");
        assert_eq!(files(spool.path()).len(), missing + 1, "{name}");
        // Nobody needs these to know what happened.
        let may_miss = ["_recipient", "_version", "_node_sequence", "_timestamp_epoch", "_timestamp_usec", "_desc"];
        if may_miss.iter().any(|end| name.ends_with(end)) {
            assert_eq!(told, "", "{name}");
        }
    }
}

/// What a real Pacemaker started its agents with, `alerts.jsonl` and `notify.jsonl` in the folder `pacemaker_lab` of the
/// one that `ORSZEM_CLUSTER_CAPTURES` names: of each node, all of it becomes records, and no event twice.
#[test]
fn environments_of_a_real_cluster_become_records_each_once() {
    let Some(folder) = std::env::var_os("ORSZEM_CLUSTER_CAPTURES") else { return };
    let lines = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(Path::new(&folder).join("pacemaker_lab").join(name)).expect("reads");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (alerts, notifications) = (lines("alerts.jsonl"), lines("notify.jsonl"));
    let node_of = |line: &Value| line["reported_by"].as_str().unwrap_or_default().to_owned();
    let mut nodes: Vec<String> = alerts.iter().chain(&notifications).map(node_of).collect();
    nodes.sort();
    nodes.dedup();
    for node in nodes {
        let folder = tempfile::tempdir().expect("a directory");
        let (mut site, spool) = site(folder.path());
        site.start_collector();
        let (mut fencings, mut expected, mut longest) = (BTreeMap::new(), 0_usize, Duration::ZERO);
        for line in alerts.iter().chain(&notifications).filter(|line| node_of(line) == node) {
            let all = line["env"].as_object().expect("an environment");
            let environment: Vec<(&str, &str)> =
                all.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
            let get = |end: &str| {
                environment.iter().find(|(name, _)| name.starts_with("CRM_") && name.ends_with(end)).map(|(_, it)| *it)
            };
            let begun = Instant::now();
            let (code, told) = outcome(&mut event(&spool, &environment, &[]));
            longest = longest.max(begun.elapsed());
            if environment.is_empty() {
                assert_eq!(code, Some(2), "{told}");
                continue;
            }
            assert_eq!((code, told.as_str()), (Some(0), ""), "{line}");
            let is_pending = get("_notify_status") == Some("-1");
            let reference = get("_desc").and_then(|desc| desc.split_once("(ref=")).map(|(_, of)| of.to_owned());
            let is_repeat = reference.is_some_and(|reference| fencings.insert(reference, ()).is_some());
            expected += usize::from(!is_pending && !is_repeat);
        }
        let query = "service%3Apacemaker%20kind%3Aevent";
        let records = arrived(&site, expected, query);
        until_empty(&spool);
        assert_eq!((arrived(&site, expected, query).len(), records.len()), (expected, expected), "{node}");
        eprintln!("{node}: {expected} events, {} fencings; the longest call took {longest:?}", fencings.len());
    }
}

fn until_empty(spool: &Path) {
    let begun = Instant::now();
    while !files(spool).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(120), "files are left");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
