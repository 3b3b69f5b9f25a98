//! Flipped and cut bytes in every kind of file: the server starts, names what is damaged, and serves the rest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Server, wait_until};
use crate::torture::client::{ingest, pages, request, settle};
use crate::torture::ledger::{Batch, Differences, Ledger};
use crate::torture::random::{Random, seed};
use crate::torture::{CONFIG, command, today};

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

#[test]
fn a_damaged_checkpoint_of_the_collector_is_named_and_no_line_is_lost() {
    let folder = tempfile::tempdir().expect("a directory");
    let watched = folder.path().join("watched");
    fs::create_dir(&watched).expect("a directory");
    let lines = |from: u64| (from..from + 50).map(|line| format!("line {line} of the host\n")).collect::<String>();
    fs::write(watched.join("host.log"), lines(0)).expect("writes");
    let start = || {
        let command = command(folder.path(), "up");
        let collector = format!("{CONFIG}[collector]\ninclude = [\"{}/*\"]\njournal = \"off\"\n", watched.display());
        fs::write(folder.path().join("config"), collector).expect("writes");
        Server::spawn(command)
    };
    let distinct = |server: &Server| {
        let mut texts = pages(server.address).0;
        texts.sort();
        texts.dedup();
        texts
    };
    let mut server = start();
    wait_until("the lines are found", || distinct(&server).len() == 50);
    server.signal("TERM");
    server.wait();
    let checkpoint = folder.path().join("data/collector/collector.checkpoint");
    let length = fs::metadata(&checkpoint).expect("a checkpoint").len() as usize;
    harm(&checkpoint, Harm::Flip { offset: length / 2, bit: 3 });
    fs::write(watched.join("host.log"), lines(0) + &lines(50)).expect("writes");
    let server = start();
    wait_until("the new lines are found", || distinct(&server).len() == 100);
    let mut expected: Vec<String> = (0..100).map(|line| format!("line {line} of the host")).collect();
    expected.sort();
    assert_eq!(distinct(&server), expected);
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    assert!(log.contains("checkpoint is corrupt"), "{log}");
}
