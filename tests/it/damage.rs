//! Flipped and cut bytes in every kind of file: the server starts, names what is damaged, and serves the rest.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Server, orszem, wait_until};
use crate::torture::client::{ingest, pages, request, settle};
use crate::torture::ledger::{Batch, Differences, Ledger};
use crate::torture::random::{Random, seed};
use crate::torture::{command, today};

/// Places in each file at which a bit is flipped.
const FLIPS: u64 = 8;
const RECORDS: u64 = 60;
/// Batches from this number on are in the journal alone.
const UNWRITTEN: u64 = 7;

/// What a file is for, and so what damage to it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Records that are not in segments.
    Journal,
    /// The records of one segment.
    Segment,
    /// Nothing: everything in it is also elsewhere, or it says nothing.
    Spare,
}

impl Kind {
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("journal") => Self::Journal,
            Some("seg") => Self::Segment,
            _ => Self::Spare,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip { offset: usize, bit: u8 },
    Cut { length: usize },
}

#[test]
fn damage_is_named_and_the_rest_is_served() {
    let seed = seed();
    eprintln!("to repeat it: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let healthy = tempfile::tempdir().expect("a directory");
    let ledger = fill(healthy.path());
    let files = files(&healthy.path().join("data"));
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for file in &files {
        *kinds.entry(Kind::of(file)).or_default() += 1;
    }
    assert!(kinds[&Kind::Journal] >= 1 && kinds[&Kind::Segment] >= 3 && kinds[&Kind::Spare] >= 5, "{files:?}");
    for file in &files {
        let length = fs::metadata(healthy.path().join("data").join(file)).expect("is there").len();
        let mut harms = vec![Harm::Cut { length: 0 }, Harm::Cut { length: length as usize / 2 }];
        if length > 0 {
            harms.push(Harm::Cut { length: length as usize - 1 });
            let flip = |at: u64, random: &mut Random| Harm::Flip { offset: at as usize, bit: random.below(8) as u8 };
            harms.extend((0..FLIPS).map(|part| flip((length - 1) * part / FLIPS, &mut random)));
            harms.extend((0..FLIPS).map(|_| {
                let at = random.below(length);
                flip(at, &mut random)
            }));
        }
        for harm in harms {
            check(healthy.path(), &ledger, file, harm);
        }
    }
}

/// Makes a data directory with sealed, unsealed and unwritten records, killed amid its life.
fn fill(folder: &Path) -> Ledger {
    let mut ledger = Ledger::default();
    let mut server = Server::spawn(command(folder, "server"));
    for number in 1..=UNWRITTEN + 1 {
        let batch = Batch { writer: 0, number };
        ledger.send(batch, RECORDS);
        let identity = format!("X-Orszem-Source: w\r\nX-Orszem-Epoch: 1\r\nX-Orszem-Seq: {number}\r\n");
        let answer = ingest(server.address, &identity, &batch.body(RECORDS, today())).expect("answers");
        assert_eq!(answer.status, 200, "{answer:?}");
        ledger.acknowledge(batch, 0);
        if number < UNWRITTEN {
            assert_eq!(settle(server.address, number == 3).expect("answers").status, 200);
        }
    }
    server.signal("KILL");
    server.wait();
    ledger
}

/// Every file below `root`, relative to it, but SQLite's index, which is made anew at each start.
fn files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("lists") {
            let path = entry.expect("lists").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_none_or(|extension| extension != "sqlite-shm") {
                files.push(path.strip_prefix(root).expect("is below").to_owned());
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let to = to.join(&file);
        fs::create_dir_all(to.parent().expect("has one")).expect("a directory");
        fs::copy(from.join(file), to).expect("copies");
    }
}

fn harm(path: &Path, harm: Harm) {
    let mut bytes = fs::read(path).expect("reads");
    match harm {
        Harm::Flip { offset, bit } => bytes[offset] ^= 1 << bit,
        Harm::Cut { length } => bytes.truncate(length),
    }
    fs::write(path, bytes).expect("writes");
}

fn check(healthy: &Path, ledger: &Ledger, file: &Path, what: Harm) {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    copy(&healthy.join("data"), &data);
    harm(&data.join(file), what);
    let when = format!("{what:?} of {}", file.display());
    let server = Server::spawn(command(folder.path(), "server"));
    let (texts, is_partial) = pages(server.address);
    let export = request(server.address, "GET /app/v1/export?format=text", "", "").expect("answers");
    assert_eq!(
        (export.status, export.is_whole),
        (200, !is_partial),
        "{when}: an export that is not whole must not end as one"
    );
    let Differences { strange, missing, torn } = ledger.compare(texts.iter().map(String::as_str), 0);
    assert_eq!((strange, torn), (vec![], vec![]), "{when}: what is served is not what was sent");
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    if !missing.is_empty() || is_partial {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(log.contains(name), "{when}: {} records are missing and the log is silent: {log}", missing.len());
    }
    let is_unwritten = |text: &String| (UNWRITTEN..).take(2).any(|number| text.starts_with(&format!("w0b{number}r")));
    match Kind::of(file) {
        Kind::Spare => assert_eq!((missing.len(), is_partial), (0, false), "{when}: records are missing: {log}"),
        Kind::Journal => assert!(missing.iter().all(is_unwritten), "{when}: written records are missing"),
        Kind::Segment => {
            assert!(!missing.iter().any(is_unwritten), "{when}: records of the journal are missing");
            assert!(missing.len() < texts.len(), "{when}: {} missing of {}", missing.len(), texts.len());
        }
    }
    // It goes on taking records in.
    let (late, mut ledger) = (Batch { writer: 1, number: 1 }, Ledger::default());
    ledger.send(late, 2);
    ledger.acknowledge(late, 0);
    let answer = ingest(server.address, "", &late.body(2, today())).expect("answers");
    assert_eq!(answer.status, 200, "{when}: {answer:?}");
    let (texts, _) = pages(server.address);
    let late = texts.iter().map(String::as_str).filter(|text| text.starts_with("w1"));
    assert_eq!(ledger.compare(late, 0), Differences::default(), "{when}");
}

/// Lines in several batches of a queue that nobody has taken yet.
const QUEUED: u64 = 120;

/// The lines from `from` on.
fn lines(from: u64, to: u64) -> String {
    (from..to).map(|line| format!("line {line} of the host\n")).collect()
}

#[test]
fn a_damaged_queue_of_the_collector_is_named_and_no_line_is_lost_silently() {
    let seed = seed();
    eprintln!("to repeat it: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a directory");
    let (log, state) = (folder.path().join("host.log"), folder.path().join("state"));
    let configure = |endpoint: &str| {
        let (log, state) = (log.display().to_string(), state.display().to_string());
        let text = format!(
            "[collector]\ninclude = [{log:?}]\njournal = \"off\"\nstate_dir = {state:?}\n[collector.host_metrics]\nenabled = false\n[collector.output]\nendpoints = [{endpoint:?}]\n"
        );
        fs::write(folder.path().join("config"), text).expect("writes");
    };
    let start = || {
        let config = folder.path().join("config");
        let err = fs::File::create(folder.path().join("err")).expect("the log opens");
        let mut command = orszem(&["collector", "--log-level", "info", "--config"]);
        Running(command.arg(config).stdout(Stdio::null()).stderr(Stdio::from(err)).spawn().expect("starts"))
    };
    let batches = || {
        let segments = orszem_queue::inspect::list(&state.join("queue")).unwrap_or_default();
        segments.iter().map(|segment| segment.totals.batches).sum::<u64>()
    };
    configure("http://127.0.0.1:9");
    let append = |from: u64, to: u64| {
        let file = fs::OpenOptions::new().create(true).append(true).open(&log);
        file.and_then(|mut file| file.write_all(lines(from, to).as_bytes())).expect("writes");
    };
    append(0, 0);
    let collector = start();
    for part in 1..=6 {
        let before = batches();
        append(QUEUED * (part - 1) / 6, QUEUED * part / 6);
        wait_until("the lines are queued", || batches() > before);
    }
    drop(collector);
    let healthy = folder.path().join("healthy");
    copy(&state, &healthy);
    append(QUEUED, QUEUED + 30);
    let mut expected: Vec<String> = lines(0, QUEUED + 30).lines().map(str::to_owned).collect();
    expected.sort();

    let mut harms = Vec::new();
    for file in files(&healthy.join("queue")) {
        let length = fs::metadata(healthy.join("queue").join(&file)).expect("is there").len();
        if length == 0 {
            continue;
        }
        harms.extend([0, length / 2, length - 1].map(|length| (file.clone(), Harm::Cut { length: length as usize })));
        let flips: Vec<Harm> = (0..FLIPS)
            .map(|_| Harm::Flip { offset: random.below(length) as usize, bit: random.below(8) as u8 })
            .collect();
        harms.extend(flips.into_iter().map(|flip| (file.clone(), flip)));
    }
    for (file, what) in harms {
        let when = format!("{what:?} of {}", file.display());
        fs::remove_dir_all(&state).expect("removes");
        copy(&healthy, &state);
        harm(&state.join("queue").join(&file), what);
        let data = tempfile::tempdir().expect("a directory");
        let server = Server::start(data.path(), &[]);
        configure(&server.url());
        let _collector = start();
        let host = || {
            let mut texts = pages(server.address).0;
            texts.retain(|text| text.starts_with("line "));
            texts.sort();
            texts
        };
        let err = || fs::read_to_string(folder.path().join("err")).expect("reads");
        let missing_in =
            |texts: &[String]| expected.iter().filter(|line| !texts.contains(line)).cloned().collect::<Vec<_>>();
        let missing = || missing_in(&host());
        // What only the damaged batch had is told in a record, with how much it is.
        let told = || {
            let target = "GET /app/v1/search?limit=5000&q=gap.reason%3Aqueue_damaged";
            let answer: Value =
                serde_json::from_str(&request(server.address, target, "", "").expect("answers").body).expect("JSON");
            let rows = answer["rows"].as_array().expect("rows").clone();
            // Where the record's head is damaged, nobody knows how much it was.
            let records = |row: &Value| row["attributes"]["gap.records"].as_u64().unwrap_or(QUEUED);
            rows.iter().map(records).sum::<u64>() as usize
        };
        wait_until_told(&when, || {
            let missing = missing();
            (missing.is_empty() || missing.len() <= told())
                .then_some(())
                .ok_or_else(|| format!("{missing:?}\n{}", err()))
        });
        let is_segment = file.extension().is_some_and(|extension| extension == "q");
        // Lines may come meanwhile: what is there and what is not are of one moment.
        let there = host();
        let doubled = there.len() + missing_in(&there).len() - expected.len();
        let log = err();
        // A batch that was cut short is as good as never written; all else is damage.
        assert!(!is_segment || log.contains("the queue is damaged") || log.contains("cut short"), "{when}: {log}");
        assert!(doubled == 0 || log.contains("the queue is damaged"), "{when}: {doubled} lines twice: {log}");
    }
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap_or(());
        self.0.wait().map(drop).unwrap_or(());
    }
}

fn wait_until_told(what: &str, look: impl Fn() -> Result<(), String>) {
    let begun = Instant::now();
    while let Err(told) = look() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {told}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
