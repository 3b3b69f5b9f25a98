//! DRBD through a real collector into a real server: a stand-in plays what `drbdsetup events2` prints, well and badly.

mod truth;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;
use serde_json::Value;

use crate::collector::site::Site;
use crate::torture::client::{request, rows};
use truth::{Sequences, of_events, of_records};

const STAND_IN: &str = include_str!("drbd/drbdsetup.sh");
const THREE_NODES: &str = include_str!("drbd/three-nodes.events2");
const TWO_NODES_84: &str = include_str!("drbd/two-nodes-84.events2");
const VERSION_9: &str = "version: 9.2.9 (api:2/proto:86-122)\n";
const VERSION_84: &str = "version: 8.4.11 (api:1/proto:86-101)\n";
/// Also on a busy machine.
const WITHIN: Duration = Duration::from_secs(90);

/// A site whose collector finds the stand-in, and the folder of the stand-in.
struct Play {
    site: Site,
    here: PathBuf,
}

impl Play {
    fn new(folder: &Path, version: &str, mode: &str, events: &[u8]) -> Self {
        let here = folder.join("drbd");
        fs::create_dir_all(&here).expect("makes");
        let tool = here.join("drbdsetup");
        fs::write(&tool, STAND_IN).expect("writes");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("is made a program");
        fs::write(here.join("proc_drbd"), version).expect("writes");
        fs::write(here.join("events"), events).expect("writes");
        fs::write(here.join("mode"), mode).expect("writes");
        let missing = ["crm_mon", "cibadmin", "corosync_quorumtool"].map(|tool| format!("{tool} = \"/nonexistent\"\n"));
        let more = format!(
            "[collector.cluster]\nspool = \"{}\"\ndrbd_interval = \"1s\"\ntimeout = \"2s\"\n\
             [collector.cluster.commands]\n{}drbdsetup = \"{}\"\nproc_drbd = \"{}\"\n",
            here.join("spool").display(),
            missing.concat(),
            tool.display(),
            here.join("proc_drbd").display()
        );
        let mut site = Site::new(folder, &more);
        let path = folder.join("collector.toml");
        let config = fs::read_to_string(&path).expect("reads");
        let measured =
            config.replace("[collector.host_metrics]\nenabled = false", "[collector.host_metrics]\ninterval = \"1s\"");
        assert_ne!(measured, config);
        fs::write(path, measured).expect("writes");
        site.start_collector();
        Self { site, here }
    }

    fn set_mode(&self, mode: &str) {
        fs::write(self.here.join("mode.new"), mode).expect("writes");
        fs::rename(self.here.join("mode.new"), self.here.join("mode")).expect("renames");
    }

    /// All records of DRBD in their order.
    fn records(&self) -> Vec<Value> {
        rows(self.site.address(), "service%3Adrbd%20kind%3Aevent&order=oldest")
    }

    /// How often the stand-in was started with `word` among its arguments.
    fn calls(&self, word: &str) -> usize {
        let calls = fs::read_to_string(self.here.join("calls")).unwrap_or_default();
        calls.lines().filter(|line| line.split(' ').any(|argument| argument == word)).count()
    }

    /// Waits until the server has these states, and no others; the records.
    #[track_caller]
    fn tells(&self, expected: &Sequences) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let records = self.records();
            let told = of_records(&records);
            if told == *expected {
                return records;
            }
            if begun.elapsed() > WITHIN {
                let log = fs::read_to_string(self.site.folder.join("collector.err")).unwrap_or_default();
                assert_eq!(told, *expected, "{log}");
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Waits until a query of the series has this value.
    #[track_caller]
    fn measures(&self, query: &str, expected: &str) {
        let begun = Instant::now();
        loop {
            let path = format!("GET /api/v1/query?query={}", query.replace('"', "%22").replace(' ', "%20"));
            let answer = request(self.site.address(), &path, "", "").expect("answers").body;
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let values: Vec<&str> = answer["data"]["result"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|series| series["value"][1].as_str())
                .collect();
            if values == [expected] {
                return;
            }
            assert!(begun.elapsed() < WITHIN, "{query}: {answer}");
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }
}

/// A sample with its times moved into the last minutes; they stay as far apart as they are.
fn lately(sample: &str) -> String {
    let time = |line: &str| line.split(' ').next().and_then(|text| text.parse::<Timestamp>().ok()).expect("a time");
    let first = sample.lines().next().map(time).expect("a line");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let begun = i64::try_from(now.as_nanos()).expect("before 2262") - 120_000_000_000;
    let moved = |line: &str| {
        let (_, rest) = line.split_once(' ').expect("an event");
        format!("{} {rest}\n", Timestamp(begun + time(line).0 - first.0))
    };
    sample.lines().map(moved).collect()
}

fn attributes<'a>(records: &'a [Value], event: &str) -> Vec<&'a Value> {
    records.iter().map(|record| &record["attributes"]).filter(|of| of["event.name"] == event).collect()
}

#[test]
fn every_change_of_nine_is_a_record_with_its_resource_volume_minor_and_peer() {
    let folder = tempfile::tempdir().expect("a directory");
    let events = lately(THREE_NODES);
    let play = Play::new(folder.path(), VERSION_9, "whole", events.as_bytes());
    let records = play.tells(&of_events(&events));
    // What was there when it began is no change, and times are DRBD's own.
    let initial = records.iter().filter(|record| record["attributes"]["observation.initial"] == true).count();
    assert_eq!(
        initial,
        events.lines().filter(|line| line.contains(" exists ") && !line.contains(" path ")).count() - 1
    );
    let failed = records.iter().find(|record| record["attributes"]["drbd.disk"] == "Failed").expect("is told");
    let told = events.lines().find(|line| line.contains("disk:Failed")).and_then(|line| line.split(' ').next());
    assert_eq!(failed["ts"].as_str(), told, "{failed}");
    let body = "db.main-1/7 disk is Failed";
    assert_eq!((&failed["body"], &failed["level"]), (&Value::from(body), &Value::from("error")), "{failed}");
    // A resync is told with how far it is, and how long it still takes.
    let progress: Vec<(u64, Option<u64>)> = attributes(&records, "drbd.peer_device")
        .iter()
        .filter_map(|of| Some((of["drbd.done"].as_u64()?, of["drbd.eta_s"].as_u64())))
        .collect();
    assert_eq!(progress, [(0, None), (4_000, Some(5)), (7_525, Some(2))]);
    // Its samples are those of the state at the end.
    play.measures("drbd_device_unintentionaldiskless{name=\"db.main-1\",volume=\"7\",minor=\"117\"}", "1");
    play.measures("drbd_resource_resources", "1");
    play.measures("ha_cluster_drbd_split_brain{resource=\"db.main-1\",volume=\"0\"}", "1");
    play.measures("orszem_drbd_helper_calls_total{resource=\"db.main-1\",helper=\"quorum-lost\"}", "1");
    assert_eq!(play.calls("--poll"), 1, "one child does for all of it");
    let asked = fs::read_to_string(play.here.join("asked")).expect("it is asked");
    assert!(asked.lines().all(|line| line == "n"), "{asked}");
}

#[test]
fn that_of_8_4_is_asked_for_what_it_knows_and_its_progress_is_in_proc() {
    let folder = tempfile::tempdir().expect("a directory");
    let events = lately(TWO_NODES_84);
    let play = Play::new(folder.path(), VERSION_84, "plain", events.as_bytes());
    play.tells(&of_events(&events));
    assert_eq!((play.calls("--full"), play.calls("--poll"), play.calls("--statistics")), (0, 0, 1));
}

#[test]
fn old_tools_of_nine_are_asked_again_without_what_they_do_not_know() {
    let folder = tempfile::tempdir().expect("a directory");
    let events = lately(THREE_NODES);
    let play = Play::new(folder.path(), VERSION_9, "plain", events.as_bytes());
    play.tells(&of_events(&events));
    assert_eq!((play.calls("--full"), play.calls("--timestamps")), (1, 2));
}

#[test]
fn pieces_and_garbage_between_lines_take_nothing_away() {
    for mode in ["pieces", "garbled"] {
        let folder = tempfile::tempdir().expect("a directory");
        let events = lately(THREE_NODES);
        let play = Play::new(folder.path(), VERSION_9, mode, events.as_bytes());
        play.tells(&of_events(&events));
        assert_eq!(play.calls("events2"), 1, "{mode}");
    }
}

/// Each way to go wrong is followed by a child that goes well: what it tells arrives, and so does a line of a log.
#[test]
fn whatever_a_child_does_the_next_one_is_heard_and_nothing_else_is_held_up() {
    for mode in ["endless", "garbage", "silent", "dying"] {
        let folder = tempfile::tempdir().expect("a directory");
        let play = Play::new(folder.path(), VERSION_9, mode, b"");
        let started = || play.calls("events2");
        until(&format!("{mode}: it is started again"), || started() > 1);
        let line = format!("a line while DRBD is {mode}");
        fs::write(folder.path().join("log/app.log"), format!("{line}\n")).expect("writes");
        play.site.wait_for("the log goes on", |bodies| bodies.iter().any(|body| body.contains(&line)));
        let events = lately(THREE_NODES);
        fs::write(play.here.join("events"), &events).expect("writes");
        play.set_mode("whole");
        play.tells(&of_events(&events));
    }
}

#[test]
fn what_was_lost_to_an_overrun_is_told_when_all_is_told_again() {
    let folder = tempfile::tempdir().expect("a directory");
    let begin = lately(THREE_NODES);
    let dump: String = begin.split_inclusive('\n').take_while(|line| !line.contains(" call ")).collect();
    let play = Play::new(folder.path(), VERSION_9, "overrun", dump.as_bytes());
    until("it is started again", || play.calls("events2") > 1);
    // What the child could not take: a disk failed, and a resource was taken down.
    let is_gone = |line: &&str| line.contains("name:logs");
    let after: String = dump.split_inclusive('\n').filter(|line| !is_gone(line)).collect();
    let after = after.replace("/dev/vg0/redo disk:UpToDate", "none disk:Diskless");
    fs::write(play.here.join("events"), after).expect("writes");
    play.set_mode("whole");
    let mut expected = of_events(&dump);
    let mut further = |object: &str, state: &str| {
        expected.get_mut(object).expect("is known").push(state.to_owned());
    };
    further("device db.main-1/7", "Diskless quorum=yes minor=117");
    further("device logs/0", "gone");
    further("resource logs", "gone");
    play.tells(&expected);
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WITHIN, "{what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Real captures: every file of events in the folders `drbd84` and `drbd9` of the one that `ORSZEM_CLUSTER_CAPTURES`
/// names, whole and in pieces.
#[test]
fn captures_of_real_clusters_are_told_whole() {
    let Some(captures) = std::env::var_os("ORSZEM_CLUSTER_CAPTURES").map(PathBuf::from) else { return };
    let mut played = 0;
    for (of, version, modes) in [("drbd84", VERSION_84, ["plain", "pieces"]), ("drbd9", VERSION_9, ["whole", "pieces"])]
    {
        let Ok(listed) = fs::read_dir(captures.join(of)) else { continue };
        let mut files: Vec<PathBuf> = listed.map(|entry| entry.expect("lists").path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            let text = fs::read_to_string(&file).unwrap_or_default();
            let changes = text.lines().filter(|line| line.contains(" name:")).count();
            if !name.contains("events2") || name.ends_with(".txt") || changes == 0 {
                continue;
            }
            let expected = of_events(&text);
            let mode = modes[played % 2];
            let folder = tempfile::tempdir().expect("a directory");
            let play = Play::new(folder.path(), version, mode, text.as_bytes());
            let records = play.tells(&expected);
            let states: usize = expected.values().map(Vec::len).sum();
            eprintln!("{of}/{name} ({mode}): {changes} lines, {states} states, {} records", records.len());
            played += 1;
        }
    }
    assert!(played > 0, "no events in {}", captures.display());
}
