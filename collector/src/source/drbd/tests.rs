use std::fs;
use std::path::Path;
use std::sync::mpsc::Receiver;

use orszem_model::{Observation, Seen};

use super::testing::captures;
use super::*;
use crate::source::poller::Item;
use crate::source::poller::testing::{next_seen, script, until, ways};

const VERSION: &str = "version: 9.2.9 (api:2/proto:86-122)\n";
/// What is there: a resource with a volume and a peer.
const DUMP: &str = "2026-11-22T01:00:00.000001+00:00 exists resource name:r0 role:Primary suspended:no
2026-11-22T01:00:00.000001+00:00 exists connection name:r0 peer-node-id:2 conn-name:n2 connection:Connected role:Secondary
2026-11-22T01:00:00.000001+00:00 exists device name:r0 volume:0 minor:3 backing_dev:/dev/sdb disk:UpToDate client:no quorum:yes
2026-11-22T01:00:00.000001+00:00 exists peer-device name:r0 peer-node-id:2 conn-name:n2 volume:0 replication:Established peer-disk:UpToDate
2026-11-22T01:00:00.000001+00:00 exists -
";

fn config(directory: &Path, drbdsetup: &str) -> DrbdConfig {
    let proc_drbd = directory.join("proc_drbd");
    fs::write(&proc_drbd, VERSION).expect("writes");
    DrbdConfig {
        reporter: "n1".to_owned(),
        drbdsetup: script(directory, "drbdsetup", drbdsetup),
        proc_drbd,
        by_resource: directory.join("by-res"),
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(60),
        is_required: false,
    }
}

/// Prints the dump and notes questions.
fn events(directory: &Path) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "test \"$1\" = events2 || exit 1\necho $$ > {}\ncat {}\nwhile read line; do echo \"$line\" >> {}; done",
        path("pid"),
        path("dump"),
        path("asked")
    )
}

fn disk(items: &Receiver<Item>) -> (String, bool) {
    loop {
        let Seen { observation, is_initial, .. } = next_seen(items);
        if let Observation::DrbdDevice(device) = observation {
            return (device.disk, is_initial);
        }
    }
}

#[test]
fn the_dump_is_told_it_is_asked_again_and_a_restart_tells_what_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("dump"), DUMP).expect("writes");
    let config = config(directory.path(), &events(directory.path()));
    let (ways, items) = ways();
    let poller = start(config, &ways).expect("starts");
    assert_eq!(disk(&items), ("UpToDate".to_owned(), true));
    let asked = directory.path().join("asked");
    until("it is asked", || fs::read_to_string(&asked).is_ok_and(|text| text.starts_with("n\nn\n")));
    until("samples are shown", || ways.latest.measured().iter().any(|(_, it)| it.is_well && it.drbd.len() > 5));
    // The next child finds another state: what changed meanwhile is told as a change.
    fs::write(directory.path().join("dump"), DUMP.replace("disk:UpToDate client", "disk:Failed client"))
        .expect("writes");
    let pid = fs::read_to_string(directory.path().join("pid")).expect("is running");
    let killed = std::process::Command::new("kill").args(["-KILL", pid.trim()]).status().expect("runs");
    assert!(killed.success());
    assert_eq!(disk(&items), ("Failed".to_owned(), false));
    assert!(ways.counters.values().drbd_restarts >= 1);
    drop(poller);
}

#[test]
fn garbled_truncated_and_endless_output_never_wedges_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ways, items) = ways();
    let garbage = "test \"$1\" = events2 || exit 1\nexec cat /dev/urandom";
    let _poller = start(config(directory.path(), garbage), &ways).expect("starts");
    until("lines are counted", || ways.counters.values().drbd_lines_undecodable >= BAD_FOR_SURE);
    until("it is started again", || ways.counters.values().drbd_restarts >= 1);
    // A line without an end, then one that is cut off.
    script(
        directory.path(),
        "drbdsetup",
        "test \"$1\" = events2 || exit 1\nhead -c 3000000 /dev/zero | tr '\\0' x\nprintf '\\nexists resource na'",
    );
    let before = ways.counters.values().drbd_restarts;
    until("it ends", || ways.counters.values().drbd_restarts > before);
    // The same valid line for ever.
    script(directory.path(), "drbdsetup", "exec yes 'exists resource name:r0 role:Primary suspended:no'");
    loop {
        if let Item::Seen(seen) = crate::source::poller::testing::next(&items) {
            assert!(matches!(&seen.observation, Observation::DrbdResource(it) if it.role == "Primary"), "{seen:?}");
            break;
        }
    }
}

const BAD_FOR_SURE: u64 = 1_000;

#[test]
fn without_events_the_status_is_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let status = r#"[{"name":"r0","node-id":1,"role":"Secondary","suspended":false,"write-ordering":"flush","devices":[{"volume":0,"minor":3,"disk-state":"UpToDate","client":false,"quorum":true,"size":1,"read":0,"written":0,"al-writes":0,"bm-writes":0,"upper-pending":0,"lower-pending":0}],"connections":[]}]"#;
    let text = format!("test \"$1\" = status && {{ echo '{status}'; exit 0; }}\necho 'no events' >&2; exit 20");
    let (ways, items) = ways();
    let _poller = start(config(directory.path(), &text), &ways).expect("starts");
    assert_eq!(disk(&items), ("UpToDate".to_owned(), true));
    until("samples are shown", || ways.latest.measured().iter().any(|(_, it)| it.is_well));
}

#[test]
fn of_8_4_proc_drbd_tells_what_no_status_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path(), "echo usage >&2; exit 20");
    config.interval = Duration::from_secs(1);
    let text = "version: 8.4.11 (api:1/proto:86-101)\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0\n";
    fs::write(&config.proc_drbd, text).expect("writes");
    let (ways, items) = ways();
    let _poller = start(config, &ways).expect("starts");
    assert_eq!(disk(&items), ("UpToDate".to_owned(), true));
    until("samples are shown", || ways.latest.measured().iter().any(|(_, it)| it.is_well));
}

#[test]
fn minors_of_8_4_have_the_names_that_udev_gives_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), "echo usage >&2; exit 20");
    fs::create_dir_all(config.by_resource.join("mail")).expect("makes");
    std::os::unix::fs::symlink("../../../drbd4", config.by_resource.join("mail/1")).expect("links");
    let line = |minor: u32| format!(" {minor}: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n");
    let text = format!("version: 8.4.11 (api:1/proto:86-101)\n{}{}", line(4), line(9));
    fs::write(&config.proc_drbd, text).expect("writes");
    let (ways, items) = ways();
    let _poller = start(config, &ways).expect("starts");
    let mut devices = std::collections::BTreeSet::new();
    while devices.len() < 2 {
        if let Observation::DrbdDevice(it) = next_seen(&items).observation {
            devices.insert((it.resource, it.volume, it.minor));
        }
    }
    let expected = [("mail".to_owned(), 1, Some(4)), ("minor-9".to_owned(), 0, Some(9))];
    assert_eq!(devices.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn one_that_says_nothing_is_started_again_and_that_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path(), "test \"$1\" = events2 || exit 1\nexec sleep 1000");
    config.timeout = Duration::from_secs(1);
    config.is_required = true;
    let (ways, items) = ways();
    let _poller = start(config, &ways).expect("starts");
    let told = crate::source::poller::testing::next_notice(&items);
    assert_eq!(told, "drbd does not answer: drbdsetup events2 said nothing for 1 s");
}

#[test]
fn without_the_module_drbdsetup_is_not_even_started() {
    let directory = tempfile::tempdir().expect("a directory");
    let started = directory.path().join("started");
    let mut config = config(directory.path(), &format!("touch {}", started.display()));
    fs::remove_file(&config.proc_drbd).expect("removes");
    config.is_required = true;
    let (ways, items) = ways();
    let _poller = start(config, &ways).expect("starts");
    let told = crate::source::poller::testing::next_notice(&items);
    assert!(told.starts_with("drbd does not answer: there is no "), "{told}");
    assert!(!started.is_file());
}

/// What real DRBD 9 printed, through a child: a folder with `drbd9`, named by `ORSZEM_CLUSTER_CAPTURES`.
#[test]
fn captures_come_through_a_child_as_they_come_through_the_parser() {
    let Some(folder) = captures() else { return };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("lists")
        .map(|entry| entry.expect("is as captured").path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("events2")))
        .filter(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let output = fs::read(&file).expect("reads");
        let mut table = Table::new("n1");
        let mut expected = Vec::new();
        let mut lines = orszem_cluster::drbd::lines::Lines::default();
        lines.push(&output, |line| {
            if let Ok(event) = line
                && let Ok(seen) = table.apply(&event, orszem_model::Timestamp(0))
            {
                expected.extend(seen.into_iter().map(|seen| seen.observation));
            }
        });
        let directory = tempfile::tempdir().expect("a directory");
        let text = format!("test \"$1\" = events2 || exit 1\ncat {}\ncat >/dev/null\nexit 0", file.display());
        let (ways, items) = ways();
        let mut config = config(directory.path(), &text);
        config.interval = Duration::from_secs(3_600);
        let _poller = start(config, &ways).expect("starts");
        let told: Vec<Observation> = expected.iter().map(|_| next_seen(&items).observation).collect();
        assert_eq!(told, expected, "{}", file.display());
    }
}
