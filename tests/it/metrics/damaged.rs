//! Flipped and cut bytes in every file of the metrics: the server starts, names what is damaged, and serves the rest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::ledger::{Batch, Differences, Ledger, found};
use super::remote::{Series, command, instant, write};
use crate::program::Server;
use crate::torture::client::settle;
use crate::torture::random::{Random, seed};
use crate::torture::today;

const CONFIG: &str = "[metrics]\nmemory = \"4MiB\"\nmin_free = \"0B\"\n[logs]\nmin_free = \"0B\"\n";
/// Places in each file at which a bit is flipped, beside its begin, middle and end.
const FLIPS: u64 = 3;
const SAMPLES: u64 = 60;
/// Servers that run at once.
const THREADS: usize = 4;
/// After this request all is written as blocks; after the next ones into the head's files.
const CUT_AFTER: u64 = 3;
/// Requests from this number on are in the journal alone.
const UNWRITTEN: u64 = 6;
const LAST: u64 = 7;

/// Makes a data directory with blocks, files of the head and unwritten samples, killed amid its life.
fn fill(folder: &Path) -> Ledger {
    let mut ledger = Ledger::new(today() / 1_000_000);
    let mut server = Server::spawn(command(folder, CONFIG));
    for number in 1..=LAST {
        let batch = Batch { writer: 0, number };
        let series = ledger.send(batch, SAMPLES);
        let identity = format!("X-Orszem-Source: w\r\nX-Orszem-Epoch: 1\r\nX-Orszem-Seq: {number}\r\n");
        let answer = write(server.address, &identity, &series).expect("answers");
        assert_eq!(answer.status, 204, "{answer:?}");
        ledger.acknowledge(batch);
        if number == CUT_AFTER {
            assert_eq!(settle(server.address, true).expect("answers").status, 200);
        } else if number < UNWRITTEN {
            flush(server.address);
        }
    }
    server.signal("KILL");
    server.wait();
    ledger
}

fn flush(address: std::net::SocketAddr) {
    assert_eq!(settle(address, false).expect("answers").status, 200);
}

/// Every file of the metrics, relative to `root`.
fn files(root: &Path, of_metrics: bool) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("lists") {
            let path = entry.expect("lists").path();
            let relative = path.strip_prefix(root).expect("is below").to_owned();
            if path.is_dir() {
                directories.push(path);
            } else if !of_metrics || relative.starts_with("series") || relative.starts_with("journal/series") {
                files.push(relative);
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files(from, false) {
        let to = to.join(&file);
        fs::create_dir_all(to.parent().expect("has one")).expect("a directory");
        fs::copy(from.join(file), to).expect("copies");
    }
}

#[test]
fn damage_to_metrics_is_named_and_the_rest_is_served() {
    let seed = seed();
    eprintln!("to repeat it: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let healthy = tempfile::tempdir().expect("a directory");
    let ledger = fill(healthy.path());
    let data = healthy.path().join("data");
    let files = files(&data, true);
    let has = |part: &str| files.iter().any(|file| file.to_string_lossy().contains(part));
    assert!(has("series/blocks/") && has("series/head/") && has(".chunks") && has("journal/series/"), "{files:?}");
    let mut cases: Vec<(&Path, String, Vec<u8>)> = Vec::new();
    for file in &files {
        let bytes = fs::read(data.join(file)).expect("reads");
        let Some(last) = bytes.len().checked_sub(1) else { continue };
        let when = |what: &str, at: usize| format!("{} of {} bytes {what} {at}", file.display(), bytes.len());
        for length in [0, bytes.len() / 2, last] {
            cases.push((file, when("cut to", length), bytes.get(..length).expect("shorter").to_vec()));
        }
        let anywhere = (0..FLIPS).map(|_| random.below(bytes.len() as u64) as usize);
        let offsets: Vec<usize> = [0, last / 2, last].into_iter().chain(anywhere).collect();
        for offset in offsets {
            let mut flipped = bytes.clone();
            flipped[offset] ^= 1 << random.below(8);
            cases.push((file, when("with a flipped bit at", offset), flipped));
        }
    }
    let costly = AtomicUsize::new(0);
    let (data, ledger, counter) = (&data, &ledger, &costly);
    thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(THREADS)) {
            let check_one = |(file, when, bytes): &(&Path, String, Vec<u8>)| check(data, ledger, file, when, bytes);
            scope
                .spawn(move || counter.fetch_add(part.iter().filter(|case| check_one(case)).count(), Ordering::AcqRel));
        }
    });
    let costly = costly.into_inner();
    eprintln!("{} kinds of damage to {} files, {costly} of them cost samples", cases.len(), files.len());
    assert!(costly > 10, "hardly any damage cost anything: is it seen at all?");
}

/// The requests whose samples may be missing when a file is damaged.
fn may_miss(file: &Path) -> std::ops::RangeInclusive<u64> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension {
        _ if file.starts_with("series/blocks") => 1..=CUT_AFTER,
        Some("journal") => UNWRITTEN..=LAST,
        Some("chunks" | "keys") => CUT_AFTER + 1..=UNWRITTEN - 1,
        // The labels of the series: of what is not in blocks, all have to be found there.
        Some("series") => CUT_AFTER + 1..=LAST,
        #[expect(clippy::reversed_empty_ranges, reason = "nothing may be missing")]
        _ => 1..=0,
    }
}

/// Whether samples are missing.
fn check(healthy: &Path, ledger: &Ledger, file: &Path, when: &str, bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    copy(healthy, &data);
    fs::write(data.join(file), bytes).expect("writes");
    let server = Server::spawn(command(folder.path(), CONFIG));
    let (samples, warnings) = found(server.address, ledger);
    let Differences { strange, missing, torn } = ledger.compare(&samples);
    assert_eq!((strange, torn), (vec![], vec![]), "{when}: what is served is not what was sent");
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    if !missing.is_empty() || warnings.is_some() {
        let mut names = file.ancestors().filter_map(Path::file_name).filter_map(|name| name.to_str());
        let name = names.next().expect("a name");
        let directory = names.next().expect("a directory");
        let is_named = log.contains(name) || (file.starts_with("series/blocks") && log.contains(directory));
        assert!(is_named, "{when}: {} samples are missing, {warnings:?}, and the log is silent: {log}", missing.len());
    }
    // The damage of one part leaves the others alone.
    let may_miss = may_miss(file);
    let numbers: BTreeSet<u64> = missing.iter().map(|key| ledger.number(*key)).collect();
    assert!(
        numbers.iter().all(|number| may_miss.contains(number)),
        "{when}: samples of {numbers:?} are missing: {log}"
    );
    if file.starts_with("series/blocks") {
        assert!(missing.len() < samples.len(), "{when}: {} missing of {}", missing.len(), samples.len());
    }
    // It goes on taking samples in.
    let late = Series::new(&[("__name__", "late"), ("host", "db1")], &[(ledger.begin, 7.5)]);
    let answer = write(server.address, "", &[late]).expect("answers");
    assert_eq!(answer.status, 204, "{when}: {answer:?}");
    let settled = settle(server.address, true).expect("answers");
    assert_eq!(settled.status, 200, "{when}: {settled:?}");
    let (result, _) = instant(server.address, "late", ledger.begin);
    assert_eq!(result[0]["value"][1], "7.5", "{when}: {result}");
    !missing.is_empty()
}
