use std::os::unix::fs::{PermissionsExt, symlink};

use orszem_model::{Observation, Timestamp};

use super::*;

const SECOND: i64 = 1_000_000_000;

/// A spool, the queue's positions, and what was told.
struct Bench {
    directory: tempfile::TempDir,
    positions: BTreeMap<Vec<u8>, Vec<u8>>,
    counters: Arc<Counters>,
    told: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, positions: BTreeMap::new(), counters: Arc::default(), told: Vec::new() }
    }

    fn spool(&self) -> Spool {
        Spool::new(self.directory.path().to_owned(), &self.positions, Arc::clone(&self.counters))
    }

    /// Reads into a batch of at most `room` records.
    fn read(&mut self, spool: &mut Spool, room: usize) -> bool {
        let mut left = room;
        spool.listed = None;
        spool.read("n1", Instant::now(), |seen| {
            if left == 0 {
                return false;
            }
            left -= 1;
            self.told.push(word(seen));
            true
        })
    }

    /// Closes the batch and puts it into the queue.
    fn append(&mut self, spool: &mut Spool) {
        for (key, value) in spool.changes() {
            match value {
                Some(value) => drop(self.positions.insert(key, value)),
                None => drop(self.positions.remove(&key)),
            }
        }
        spool.appended();
    }

    fn leave(&self, second: i64, helper: &str) -> PathBuf {
        let resource = ("DRBD_RESOURCE".to_owned(), "r0".to_owned());
        let event = Event::new(Timestamp(second * SECOND), helper, [resource]);
        event.leave(self.directory.path()).expect("is left")
    }

    fn files(&self) -> usize {
        let names = fs::read_dir(self.directory.path()).expect("lists");
        names.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file())).count()
    }

    fn waiting_positions(&self) -> usize {
        self.positions.keys().filter(|key| key.starts_with(FILE_PREFIX)).count()
    }
}

fn word(seen: &Seen) -> String {
    match &seen.observation {
        Observation::DrbdHelper(helper) => helper.helper.clone(),
        other => other.name().to_owned(),
    }
}

#[test]
fn the_oldest_come_first_and_files_go_when_they_are_durable() {
    let mut bench = Bench::new();
    for (second, helper) in [(2, "b"), (1, "a"), (3, "c")] {
        bench.leave(second, helper);
    }
    let mut spool = bench.spool();
    assert!(bench.read(&mut spool, 2), "the batch is full");
    assert_eq!(bench.told, ["a", "b"]);
    spool.synced();
    assert_eq!(bench.files(), 3, "nothing of it is in the queue");
    bench.append(&mut spool);
    assert!(!bench.read(&mut spool, 2));
    assert_eq!(bench.told, ["a", "b", "c"]);
    assert_eq!((bench.files(), bench.waiting_positions()), (3, 2));
    spool.synced();
    assert_eq!(bench.files(), 1, "only the first two are durable");
    bench.append(&mut spool);
    spool.synced();
    bench.append(&mut spool);
    assert_eq!((bench.files(), bench.waiting_positions()), (0, 0));
    assert!(!bench.read(&mut spool, 9));
    assert_eq!((bench.told.len(), bench.counters.values().events_taken), (3, 3));
}

#[test]
fn a_crash_at_any_step_neither_loses_nor_doubles() {
    // After: nothing, the closed batch, the queued batch, the durable batch, the removed position.
    for step in 0..5 {
        let mut bench = Bench::new();
        bench.leave(1, "a");
        bench.leave(2, "b");
        let mut spool = bench.spool();
        bench.read(&mut spool, 9);
        match step {
            0 => bench.told.clear(),
            1 => {
                drop(spool.changes());
                bench.told.clear();
            }
            2 => bench.append(&mut spool),
            3 => {
                bench.append(&mut spool);
                spool.synced();
            }
            _ => {
                bench.append(&mut spool);
                spool.synced();
                bench.append(&mut spool);
            }
        }
        let mut again = bench.spool();
        for _ in 0..3 {
            bench.read(&mut again, 9);
            bench.append(&mut again);
            again.synced();
        }
        assert_eq!(bench.told, ["a", "b"], "step {step}");
        bench.append(&mut again);
        assert_eq!((bench.files(), bench.waiting_positions()), (0, 0), "step {step}");
    }
}

#[test]
fn what_is_no_event_is_put_away_and_told() {
    let mut bench = Bench::new();
    let path = |name: &str| bench.directory.path().join(name);
    let (secret, outside) = (tempfile::NamedTempFile::new().expect("a file"), "00000000000000000002-link.event");
    fs::write(path("00000000000000000001-bad.event"), "{").expect("writes");
    symlink(secret.path(), path(outside)).expect("links");
    fs::create_dir(path("00000000000000000003-dir.event")).expect("makes");
    fs::write(path("unfinished.part"), "{").expect("writes");
    let cut = [("CRM_alert_kind", "node"), ("CRM_alert_node", "n2")].map(|(name, value)| (name.into(), value.into()));
    Event::new(Timestamp(4), "", cut).leave(bench.directory.path()).expect("is left");
    bench.leave(5, "a");
    let mut spool = bench.spool();
    assert!(!bench.read(&mut spool, 9));
    assert_eq!(bench.told, ["a"]);
    let notices: Vec<String> = spool.notices().into_iter().map(|notice| notice.text).collect();
    assert_eq!(notices.len(), 4, "{notices:?}");
    let last = notices.last().expect("four");
    assert!(last.ends_with("CRM_alert_desc is not set (CRM_alert_kind=\"node\" CRM_alert_node=\"n2\")"), "{last}");
    assert_eq!(fs::read_dir(bench.directory.path().join(ASIDE)).expect("lists").count(), 4);
    assert_eq!((bench.files(), bench.counters.values().events_unreadable), (2, 4), "the one that is read, and a part");
}

#[test]
fn a_file_that_can_be_opened_later_is_read_then() {
    let mut bench = Bench::new();
    let path = bench.leave(1, "a");
    // Root opens everything.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        return;
    }
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changes");
    set(0o000);
    let mut spool = bench.spool();
    assert!(!bench.read(&mut spool, 9));
    assert_eq!((bench.told.len(), spool.notices().len()), (0, 1));
    set(0o640);
    bench.read(&mut spool, 9);
    assert_eq!(bench.told, ["a"]);
}

#[test]
fn a_directory_that_comes_later_is_found_and_one_that_is_off_is_not_read() {
    let mut bench = Bench::new();
    let inner = bench.directory.path().join("events");
    let mut spool = Spool::new(inner.clone(), &BTreeMap::new(), Arc::clone(&bench.counters));
    assert!(!bench.read(&mut spool, 9) && spool.notices().is_empty());
    fs::create_dir(&inner).expect("makes");
    let resource = ("DRBD_RESOURCE".to_owned(), "r0".to_owned());
    Event::new(Timestamp(1), "a", [resource]).leave(&inner).expect("is left");
    spool.set_active(false);
    assert!(!bench.read(&mut spool, 9) && bench.told.is_empty());
    spool.set_active(true);
    bench.read(&mut spool, 9);
    assert_eq!(bench.told, ["a"]);
}

/// The start of a resource as an alert and a notification tell it, and when each is left; what is told of them.
fn told_of_a_start(left: [(i64, Origin); 2]) -> (Vec<Origin>, (u64, u64)) {
    let bench = Bench::new();
    for (second, origin) in left {
        let prefix = if origin == Origin::Alert { "CRM_alert_" } else { "CRM_notify_" };
        let base = [("node", "n1"), ("rsc", "vip"), ("task", "start"), ("rc", "0"), ("status", "0"), ("desc", "OK")];
        let more = [("kind", "resource"), ("version", "3.0.0")].into_iter().filter(|_| origin == Origin::Alert);
        let pairs = base.into_iter().chain(more).map(|(name, value)| (format!("{prefix}{name}"), value.to_owned()));
        Event::new(Timestamp(second * SECOND), "", pairs).leave(bench.directory.path()).expect("is left");
    }
    let mut told = Vec::new();
    let mut spool = bench.spool();
    spool.read("n1", Instant::now(), |seen| {
        told.push(seen.origin);
        true
    });
    let values = bench.counters.values();
    (told, (values.events_taken, values.events_repeated))
}

#[test]
fn of_an_alert_and_its_notification_the_alert_is_told() {
    let told = told_of_a_start([(1, Origin::Alert), (2, Origin::Notify)]);
    assert_eq!(told, (vec![Origin::Alert], (2, 1)));
    let told = told_of_a_start([(1, Origin::Notify), (2, Origin::Alert)]);
    assert_eq!(told, (vec![Origin::Notify, Origin::Alert], (2, 0)), "what comes first is not waited with");
}
