use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_model::record::AttributeValue;
use orszem_model::wire::Batch;
use orszem_model::{Record, Timestamp};

use super::tailer::Tailer;
use crate::counters::Counters;
use crate::{CollectorConfig, FileState, JournalMode, StartAt};
use orszem_parse::Zone;

/// 2026-11-22T12:00:00Z
const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

/// A receiver that keeps what it stored across the collector's restarts and drops repeats by number.
#[derive(Default)]
struct Server {
    last: BTreeMap<u64, u64>,
    /// The bytes of each number, to see that repeats are identical.
    sent: BTreeMap<(u64, u64), Vec<u8>>,
    records: Vec<Record>,
}

impl Server {
    fn take(&mut self, epoch: u64, seq: u64, bytes: &[u8]) {
        let known = self.sent.entry((epoch, seq)).or_insert_with(|| bytes.to_vec());
        assert_eq!(known, bytes, "a number was sent with other bytes");
        if self.last.get(&epoch).is_some_and(|last| *last >= seq) {
            return;
        }
        self.last.insert(epoch, seq);
        let batch = Batch::decode(bytes).expect("decodes");
        let records = batch.records().map(|raw| raw.view(&batch.streams[raw.stream as usize], 0).to_record());
        self.records.extend(records);
    }

    fn bodies(&self) -> Vec<String> {
        self.records.iter().map(|r| String::from_utf8_lossy(&r.body).into_owned()).collect()
    }
}

/// A log directory, a state directory, a server and a clock.
struct Bench {
    dir: tempfile::TempDir,
    server: Server,
    counters: Arc<Counters>,
    tick: Instant,
    from: StartAt,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        fs::create_dir(dir.path().join("log")).expect("mkdir");
        let counters = Arc::new(Counters::default());
        Self { dir, server: Server::default(), counters, tick: Instant::now(), from: StartAt::Start }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("log").join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).expect("opens");
        file.write_all(bytes).expect("writes");
    }

    fn open(&self) -> Tailer {
        let config = CollectorConfig {
            include: vec![format!("{}/log/**", self.dir.path().display())],
            from: self.from,
            first_read_bytes_max: 1 << 20,
            journal: JournalMode::Off,
            state_dir: self.dir.path().join("state"),
            ..CollectorConfig::default()
        };
        Tailer::open(config, "here".into(), Zone::utc(), 1000, Arc::clone(&self.counters)).expect("opens")
    }

    /// Runs until there is nothing to read; the clock moves on by `seconds` first.
    fn drain(&mut self, tailer: &mut Tailer, seconds: u64) {
        self.tick += Duration::from_secs(seconds);
        while tailer.collect(NOW, self.tick).expect("collects") {
            tailer.save().expect("saves");
            let (epoch, seq, batch) = tailer.under_way().expect("a batch");
            self.server.take(epoch, seq, batch);
            tailer.acknowledged();
        }
        tailer.rest().expect("rests");
    }
}

#[test]
fn lines_arrive_whole_with_their_labels() {
    let mut bench = Bench::new();
    bench.append("app.log", b"Nov 22 10:00:00 there sshd[4]: error: no\ncaf\xe9\r\n\npart");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    let stamp = Timestamp(1_795_341_600_000_000_000);
    let got: Vec<_> =
        bench.server.records.iter().map(|r| (r.timestamp, r.severity.name(), r.body.as_slice())).collect();
    assert_eq!(got, [(stamp, "error", &b"Nov 22 10:00:00 there sshd[4]: error: no"[..]), (stamp, "unset", b"caf\xe9")]);
    let labels: Vec<_> =
        bench.server.records[0].stream.labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let file = bench.path("app.log").display().to_string();
    let expected = [("file", file.as_str()), ("host", "there"), ("layer", "host"), ("service", "sshd")];
    assert_eq!(labels, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert_eq!(bench.server.records[1].stream.labels.get("service"), Some("app"));

    bench.append("app.log", b"ial\n");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies()[2..], ["partial"]);
    let values = bench.counters.values();
    assert_eq!((values.lines_read, values.lines_empty, values.lines_unfinished), (4, 1, 0));
}

#[test]
fn a_line_without_an_end_is_taken_after_two_quiet_seconds() {
    let mut bench = Bench::new();
    bench.append("app.log", b"one\ntw");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), ["one"]);
    bench.append("app.log", b"o");
    bench.drain(&mut tailer, 1);
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), ["one"], "growth begins the wait anew");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), ["one", "two"]);
    bench.append("app.log", b"\nthree\n");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), ["one", "two", "three"]);
}

#[test]
fn rename_rotation_finishes_the_old_file_and_begins_the_new() {
    let mut bench = Bench::new();
    bench.append("app.log", b"1\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    bench.append("app.log", b"2\n");
    fs::rename(bench.path("app.log"), bench.path("app.log.1")).expect("renames");
    bench.append("app.log", b"4\n");
    bench.append("app.log.1", b"3\n");
    bench.drain(&mut tailer, 1);
    let mut got = bench.server.bodies();
    got.sort();
    assert_eq!(got, ["1", "2", "3", "4"]);
    assert_eq!(bench.counters.values().files_rotated, 1);
    assert_eq!(tailer.statuses().len(), 2);
    bench.drain(&mut tailer, 31);
    assert_eq!(tailer.statuses().iter().map(|s| s.path.clone()).collect::<Vec<_>>(), [bench.path("app.log")]);
}

#[test]
fn rotation_while_stopped_loses_nothing() {
    let mut bench = Bench::new();
    bench.append("app.log", b"1\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    drop(tailer);
    bench.append("app.log", b"2\n");
    fs::rename(bench.path("app.log"), bench.path("app.log.1")).expect("renames");
    bench.append("app.log", b"3\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 1);
    let mut got = bench.server.bodies();
    got.sort();
    assert_eq!(got, ["1", "2", "3"]);
}

#[test]
fn a_cut_or_rewritten_file_is_read_from_its_beginning() {
    let mut bench = Bench::new();
    bench.append("app.log", b"first line\nsecond line\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    fs::write(bench.path("app.log"), b"a\n").expect("writes");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies()[2..], ["a"]);
    fs::write(bench.path("app.log"), b"longer than before, other bytes\n").expect("writes");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies()[3..], ["longer than before, other bytes"]);
    assert_eq!(bench.counters.values().files_truncated, 2);
    drop(tailer);
    fs::write(bench.path("app.log"), b"and once more while it was stopped\n").expect("writes");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies()[4..], ["and once more while it was stopped"]);
}

#[test]
fn a_line_over_the_limit_is_split_and_marked() {
    let mut bench = Bench::new();
    let mut line = vec![b'x'; 2_500_000];
    line.extend_from_slice(b"\nnext\n");
    fs::write(bench.path("app.log"), b"").expect("writes");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    bench.append("app.log", &line);
    bench.drain(&mut tailer, 1);
    let got: Vec<_> = bench
        .server
        .records
        .iter()
        .map(|r| (r.body.len(), r.attributes.iter().any(|a| a.value == AttributeValue::Bool(true))))
        .collect();
    assert_eq!(got, [(1_000_000, true), (1_000_000, true), (500_000, true), (4, false)]);
    assert_eq!(bench.counters.values().lines_split, 2);
    assert!(bench.server.sent.values().all(|batch| batch.len() <= crate::batch::BATCH_BYTES_MAX));
}

#[test]
fn the_first_start_reads_the_end_of_a_large_file_from_a_whole_line() {
    let mut bench = Bench::new();
    let text: String = (0..200_000).map(|i| format!("line {i:06}\n")).collect();
    bench.append("big.log", text.as_bytes());
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    let bodies = bench.server.bodies();
    let skipped = bench.counters.values().bytes_skipped;
    assert_eq!(skipped % 12, 0);
    assert_eq!(bodies.len() as u64, (text.len() as u64 - skipped) / 12);
    assert_eq!(bodies.last().map(String::as_str), Some("line 199999"));
    assert!(bodies.len() as u64 * 12 > (1 << 20) - 24);
}

#[test]
fn from_end_leaves_old_content_out_across_a_restart() {
    let mut bench = Bench::new();
    bench.from = StartAt::End;
    bench.append("app.log", b"old\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    drop(tailer);
    bench.append("app.log", b"new\n");
    bench.append("other.log", b"all of it\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 1);
    let mut got = bench.server.bodies();
    got.sort();
    assert_eq!(got, ["all of it", "new"]);
}

#[test]
fn binary_files_and_rotations_are_left_out_and_bad_paths_told() {
    let mut bench = Bench::new();
    bench.append("wtmp", b"\0\0\0");
    bench.append("blob", b"ab\0c\n");
    bench.append("late", b"");
    bench.append("app.log.2.gz", b"x\n");
    std::os::unix::fs::symlink("/nowhere/at/all", bench.path("dangling.log")).expect("links");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    bench.append("late", b"\0\n");
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), Vec::<String>::new());
    let statuses: Vec<_> = tailer.statuses().into_iter().map(|s| (s.path, s.state)).collect();
    let shown = bench.path("dangling.log");
    let state = FileState::Unreadable {
        reason: "No such file or directory (os error 2)".into(),
        fix: format!("ls -l {}", shown.display()),
    };
    assert_eq!(statuses, [(shown, state)]);
}

/// Numbers that look random and are the same every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }
}

/// Runs one step of the life of a batch and stops before the next where the dice say so.
fn run_until_crash(bench: &mut Bench, tailer: &mut Tailer, dice: &mut Dice) {
    for _ in 0..4 {
        if !tailer.collect(NOW, bench.tick).expect("collects") {
            tailer.rest().expect("rests");
            return;
        }
        if dice.roll(5) == 0 {
            return; // read, not saved
        }
        tailer.save().expect("saves");
        if dice.roll(5) == 0 {
            return; // saved, not sent
        }
        let (epoch, seq, batch) = tailer.under_way().expect("a batch");
        bench.server.take(epoch, seq, batch);
        if dice.roll(5) == 0 {
            return; // stored, not acknowledged
        }
        tailer.acknowledged();
        if dice.roll(5) == 0 {
            return; // acknowledged, not saved as such
        }
    }
}

#[test]
fn a_crash_at_any_step_neither_loses_nor_doubles() {
    for seed in 1..=40 {
        let mut dice = Dice(seed);
        let mut bench = Bench::new();
        let mut written: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut generation = 0;
        for round in 0..60 {
            for name in ["a.log", "b.log"] {
                for _ in 0..dice.roll(4) {
                    let line = format!("{name} {round} {}", dice.roll(3));
                    let (first, second) = line.split_at(dice.roll(line.len() as u64) as usize);
                    bench.append(name, first.as_bytes());
                    bench.append(name, second.as_bytes());
                    bench.append(name, b"\n");
                    written.entry(name).or_default().push(line);
                }
            }
            if dice.roll(6) == 0 {
                generation += 1;
                fs::rename(bench.path("a.log"), bench.path(&format!("a.log.{}", generation % 10))).unwrap_or_default();
            }
            let mut tailer = bench.open();
            bench.tick += Duration::from_secs(1);
            run_until_crash(&mut bench, &mut tailer, &mut dice);
        }
        let mut tailer = bench.open();
        bench.drain(&mut tailer, 1);
        let mut got: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for body in bench.server.bodies() {
            got.entry(if body.starts_with('a') { "a.log" } else { "b.log" }).or_default().push(body);
        }
        // Rotated and new file are read side by side, so only what is in them is compared, not which came first.
        for lines in [&mut got, &mut written] {
            lines.values_mut().for_each(|lines| lines.sort());
        }
        assert_eq!(got, written, "seed {seed}");
    }
}

#[tokio::test]
async fn the_running_collector_delivers_retries_and_stops() {
    use tokio_util::sync::CancellationToken;

    let mut bench = Bench::new();
    bench.append("app.log", b"one\n");
    let config = CollectorConfig {
        include: vec![format!("{}/log/*", bench.dir.path().display())],
        journal: JournalMode::Off,
        state_dir: bench.dir.path().join("state"),
        ..CollectorConfig::default()
    };
    let shutdown = CancellationToken::new();
    let (sender, mut batches) = tokio::sync::mpsc::channel(1);
    let output = crate::Output::InProcess(sender);
    let handle = crate::Collector::start(config, "here".into(), output, shutdown.clone()).expect("starts");
    let wait = Duration::from_secs(5);

    let first = tokio::time::timeout(wait, batches.recv()).await.expect("in time").expect("a batch");
    drop(first.done);
    let again = tokio::time::timeout(wait, batches.recv()).await.expect("in time").expect("a batch");
    assert_eq!((&first.batch, first.epoch, first.seq), (&again.batch, again.epoch, again.seq));
    bench.server.take(again.epoch, again.seq, &again.batch);
    again.done.send(Ok(())).expect("waits");

    let written = Instant::now();
    bench.append("app.log", b"two\n");
    let next = tokio::time::timeout(wait, batches.recv()).await.expect("in time").expect("a batch");
    assert!(written.elapsed() < Duration::from_secs(2));
    assert_eq!((next.epoch, next.seq), (again.epoch, again.seq + 1));
    bench.server.take(next.epoch, next.seq, &next.batch);
    next.done.send(Ok(())).expect("waits");
    assert_eq!(bench.server.bodies(), ["one", "two"]);

    let files: Vec<_> = handle.files().into_iter().map(|f| (f.path, f.state)).collect();
    assert_eq!(files, [(bench.path("app.log"), FileState::Following)]);
    while handle.counters().records_sent < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let values = handle.counters();
    assert_eq!((values.lines_read, values.batches_sent, values.batches_retried), (2, 2, 1));
    shutdown.cancel();
    tokio::time::timeout(wait, handle.stopped()).await.expect("stops");
}

#[test]
fn an_inode_given_to_another_file_is_not_taken_for_the_old_one() {
    let mut bench = Bench::new();
    bench.append("app.log", b"old content of the file\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 0);
    drop(tailer);
    overwrite_in_place(&bench.path("app.log"), b"new content, same length....and more\n");
    let mut tailer = bench.open();
    bench.drain(&mut tailer, 1);
    assert_eq!(bench.server.bodies(), ["old content of the file", "new content, same length....and more"]);
}

fn overwrite_in_place(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path).expect("opens");
    file.write_all(bytes).expect("writes");
}
