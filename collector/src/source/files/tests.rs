//! Scenarios: what is done to files, and what comes out, with crashes in between.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use orszem_parse::Recogniser;

use super::*;
use crate::StartAt;

mod cut;
mod many;
mod restart;

/// A directory of logs, and a pipeline that queues what it is handed together with the positions.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) options: FileOptions,
    pub(super) counters: Arc<Counters>,
    source: Option<FileSource>,
    tick: Instant,
    /// The queue: survives crashes.
    pub(super) records: Vec<String>,
    pub(super) gaps: Vec<Gap>,
    saved: BTreeMap<Vec<u8>, Vec<u8>>,
    is_first_start: bool,
    /// Records that one call of the sink has room for.
    pub(super) room: usize,
}

/// The options of most cases.
fn options(include: Vec<String>) -> FileOptions {
    let recogniser = Recogniser::auto();
    FileOptions {
        groups: vec![FileGroup { include, exclude: Vec::new(), recogniser, record_wait: Duration::from_secs(1) }],
        depth_max: 4,
        from: StartAt::Start,
        first_read_bytes_max: 64 << 20,
        files_max: 4_096,
        rotated_max: ROTATED_MAX,
        rotate_wait: Duration::from_secs(60),
        line_bytes_max: 1_000_000,
    }
}

/// What the clock shows.
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(since.as_nanos()).expect("before 2262"))
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let include = vec![format!("{}/*.log", dir.path().display())];
        Self {
            options: options(include),
            counters: Arc::new(Counters::default()),
            dir,
            source: None,
            tick: Instant::now(),
            records: Vec::new(),
            gaps: Vec::new(),
            saved: BTreeMap::new(),
            is_first_start: true,
            room: usize::MAX,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).expect("opens");
        file.write_all(text.as_bytes()).expect("writes");
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renames");
    }

    /// As `gzip` does: the time of the last change stays, the original goes.
    pub(super) fn gzip(&self, name: &str) {
        let (from, to) = (self.path(name), self.path(&format!("{name}.gz")));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&fs::read(&from).expect("reads")).expect("packs");
        self.replace(&from, &to, &packed.finish().expect("packs"));
    }

    fn zstd(&self, name: &str) {
        let (from, to) = (self.path(name), self.path(&format!("{name}.zst")));
        let packed = zstd::bulk::compress(&fs::read(&from).expect("reads"), 3).expect("packs");
        self.replace(&from, &to, &packed);
    }

    fn replace(&self, from: &PathBuf, to: &PathBuf, bytes: &[u8]) {
        let modified = fs::metadata(from).and_then(|m| m.modified()).expect("time");
        let mut file = fs::File::create(to).expect("creates");
        file.write_all(bytes).expect("writes");
        file.set_modified(modified).expect("sets");
        fs::remove_file(from).expect("removes");
    }

    pub(super) fn copy(&self, from: &str, to: &str) {
        fs::write(self.path(to), fs::read(self.path(from)).expect("reads")).expect("writes");
    }

    pub(super) fn truncate(&self, name: &str) {
        OpenOptions::new().write(true).open(self.path(name)).and_then(|file| file.set_len(0)).expect("truncates");
    }

    pub(super) fn pass(&mut self, seconds: f64) {
        self.tick += Duration::from_secs_f64(seconds);
    }

    pub(super) fn source(&mut self) -> &mut FileSource {
        let Self { options, counters, saved, is_first_start, .. } = self;
        self.source.get_or_insert_with(|| {
            let positions = saved.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
            FileSource::new(options.clone(), Arc::clone(counters), positions, *is_first_start, wall())
        })
    }

    pub(super) fn watch(&mut self) {
        let tick = self.tick;
        self.source().watch(wall(), tick);
        if self.is_first_start {
            self.save(Vec::new());
        }
    }

    /// One batch, not queued yet.
    pub(super) fn read(&mut self) -> (Vec<String>, bool) {
        let (tick, mut room, mut batch) = (self.tick, self.room, Vec::new());
        let is_full = self.source().read(wall(), tick, &mut |_, _: &mut Recogniser, piece: Piece<'_>| {
            if room == 0 {
                return Taken::Full;
            }
            room -= 1;
            let mark = if piece.is_split { "+" } else { "" };
            batch.push(String::from_utf8_lossy(piece.bytes).into_owned() + mark);
            Taken::Yes
        });
        (batch, is_full)
    }

    /// Queues a batch with the positions behind it.
    pub(super) fn save(&mut self, batch: Vec<String>) {
        let source = self.source();
        let (changes, gaps) = (source.changes(), source.gaps());
        for (key, value) in changes {
            match value {
                Some(value) => self.saved.insert(key, value),
                None => self.saved.remove(&key),
            };
        }
        self.gaps.extend(gaps);
        self.records.extend(batch);
        self.is_first_start = false;
    }

    pub(super) fn crash(&mut self) {
        self.source = None;
    }

    /// Lets `seconds` pass, looks, and reads until nothing is left.
    fn drain(&mut self, seconds: f64) {
        self.pass(seconds);
        self.watch();
        loop {
            let (batch, is_full) = self.read();
            self.save(batch);
            if !is_full {
                break;
            }
        }
    }

    /// Drains until nothing can be pending, and answers what came since the last call.
    fn settle(&mut self) -> Vec<String> {
        for seconds in [0.5, 1.5, 1.5, 2.0, 12.0] {
            self.drain(seconds);
        }
        std::mem::take(&mut self.records)
    }

    fn crash_and_settle(&mut self) -> Vec<String> {
        self.crash();
        self.settle()
    }

    fn gap_facts(&mut self) -> Vec<(GapReason, u64)> {
        std::mem::take(&mut self.gaps).into_iter().map(|gap| (gap.reason, gap.bytes)).collect()
    }
}

/// `x 000`, `x 001`, …
fn lines(name: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{name} {n:04} some words that make it longer")).collect()
}

fn text(name: &str, numbers: std::ops::Range<usize>) -> String {
    lines(name, numbers).into_iter().map(|line| line + "\n").collect()
}

#[test]
fn lines_arrive_once_across_restarts() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    assert_eq!(bench.settle(), lines("a", 0..3));
    bench.append("a.log", &text("a", 3..5));
    assert_eq!(bench.crash_and_settle(), lines("a", 3..5));
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
    // What was read and not queued is read again.
    bench.append("a.log", &text("a", 5..7));
    bench.pass(2.0);
    bench.watch();
    assert_eq!(bench.read().0.len(), 1, "the last record of several lines waits");
    assert_eq!(bench.crash_and_settle(), lines("a", 5..7));
    assert_eq!(bench.gap_facts(), []);
}

#[test]
fn a_full_sink_is_offered_the_same_again() {
    let mut bench = Bench::new();
    bench.room = 2;
    bench.append("a.log", &text("a", 0..9));
    bench.append("b.log", &text("b", 0..9));
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 0..9), lines("b", 0..9)].concat());
}

#[test]
fn renamed_and_created_anew() {
    for kind in ["watched", "down", "packed", "zstd"] {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..30));
        bench.settle();
        bench.append("a.log", &text("a", 30..40));
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &text("a", 40..50));
        match kind {
            "watched" => {
                // The writer still holds the renamed file.
                bench.drain(0.5);
                bench.append("a.log.1", "late\n");
                let mut got = bench.settle();
                got.sort();
                assert_eq!(got, [lines("a", 30..50), vec!["late".to_owned()]].concat());
            }
            "down" => assert_eq!(bench.crash_and_settle(), lines("a", 30..50)),
            "packed" => {
                bench.gzip("a.log.1");
                assert_eq!(bench.crash_and_settle(), lines("a", 30..50), "{kind}");
            }
            _ => {
                bench.zstd("a.log.1");
                assert_eq!(bench.crash_and_settle(), lines("a", 30..50), "{kind}");
            }
        }
        assert_eq!(bench.gap_facts(), [], "{kind}");
        // Later generations of the same content are not read again.
        if kind == "watched" || kind == "down" {
            bench.drain(100.0);
            bench.rename("a.log.1", "a.log.2");
            bench.gzip("a.log.2");
            assert_eq!(bench.settle(), Vec::<String>::new());
            bench.rename("a.log.2.gz", "a.log.3.gz");
            assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        }
    }
}

#[test]
fn several_rotations_while_down_come_in_order() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..10));
    bench.settle();
    bench.crash();
    bench.append("a.log", &text("a", 10..20));
    for generation in 2..5 {
        for old in (1..generation - 1).rev() {
            let ending = if old > 1 { ".gz" } else { "" };
            bench.rename(&format!("a.log.{old}{ending}"), &format!("a.log.{}{ending}", old + 1));
            if old == 1 {
                bench.gzip("a.log.2");
            }
        }
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &text("a", generation * 10..generation * 10 + 10));
    }
    assert_eq!(bench.settle(), lines("a", 10..50));
    assert_eq!(bench.gap_facts(), []);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn several_rotations_between_two_looks_with_one_banner() {
    for is_down in [false, true] {
        let mut bench = Bench::new();
        let banner = text("banner", 0..40);
        bench.append("a.log", &banner);
        bench.append("a.log", &text("a", 0..10));
        bench.settle();
        if is_down {
            bench.crash();
        }
        bench.append("a.log", &text("a", 10..20));
        bench.rename("a.log", "a.log.2");
        bench.append("a.log.1", &(banner.clone() + &text("a", 20..22)));
        bench.append("a.log", &(banner.clone() + &text("a", 30..40)));
        let banner = lines("banner", 0..40);
        let expected = [lines("a", 10..20), banner.clone(), lines("a", 20..22), banner, lines("a", 30..40)].concat();
        assert_eq!(bench.settle(), expected, "{is_down}");
        assert_eq!(bench.gap_facts(), []);
        assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
    }
}

#[test]
fn copied_and_cut() {
    for (is_down, is_packed, regrows) in
        [(false, false, false), (true, false, false), (false, true, false), (true, true, true), (false, false, true)]
    {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..30));
        bench.settle();
        if is_down {
            bench.crash();
        }
        // The reader is behind the copy.
        bench.append("a.log", &text("a", 30..40));
        bench.copy("a.log", "a.log.1");
        bench.truncate("a.log");
        if is_packed {
            bench.gzip("a.log.1");
        }
        let new = if regrows { 40..120 } else { 40..45 };
        bench.append("a.log", &text("a", new.clone()));
        assert_eq!(bench.settle(), lines("a", 30..new.end), "{is_down} {is_packed} {regrows}");
        assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
        assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        // The copy turns up under other names.
        if !is_packed {
            bench.rename("a.log.1", "a.log.2");
            bench.gzip("a.log.2");
            assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        }
    }
}

#[test]
fn the_reader_is_ahead_of_the_copy() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    bench.copy("a.log", "a.log.1");
    bench.append("a.log", &text("a", 30..40));
    assert_eq!(bench.settle(), lines("a", 0..40), "a copy of a live file is not read");
    bench.truncate("a.log");
    bench.append("a.log", &text("a", 40..45));
    assert_eq!(bench.settle(), lines("a", 40..45));
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
    bench.rename("a.log.1", "a.log.2");
    bench.gzip("a.log.2");
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn cut_without_a_copy_is_a_gap() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    bench.settle();
    bench.append("a.log", &text("a", 30..40));
    bench.pass(2.0);
    bench.watch();
    bench.truncate("a.log");
    bench.append("a.log", &text("b", 0..3));
    assert_eq!(bench.settle(), lines("b", 0..3));
    let seen_and_unread = text("a", 30..40).len() as u64;
    assert_eq!(bench.gap_facts(), [(GapReason::Truncated, seen_and_unread)]);
    bench.crash();
    fs::remove_file(bench.path("a.log")).expect("removes");
    bench.settle();
    bench.drain(61.0);
    assert_eq!(bench.gap_facts(), [(GapReason::Gone, 0)]);
}

#[test]
fn an_editor_that_saves_does_not_repeat_a_file() {
    for is_down in [false, true] {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..100));
        bench.settle();
        if is_down {
            bench.crash();
        }
        bench.copy("a.log", "swap");
        bench.rename("swap", "a.log");
        bench.append("a.log", &text("a", 100..103));
        assert_eq!(bench.settle(), lines("a", 100..103), "{is_down}");
        let old = fs::read_to_string(bench.path("a.log")).expect("reads");
        fs::write(bench.path("a.log"), old + &text("a", 103..105)).expect("writes");
        assert_eq!(bench.settle(), lines("a", 103..105), "{is_down}");
        assert_eq!(bench.gap_facts(), []);
    }
}

#[test]
fn deleted_and_back() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    bench.settle();
    bench.append("a.log", &text("a", 3..5));
    fs::remove_file(bench.path("a.log")).expect("removes");
    assert_eq!(bench.settle(), lines("a", 3..5), "read to the end");
    bench.append("a.log", &text("b", 0..3));
    assert_eq!(bench.settle(), lines("b", 0..3));
    bench.rename("a.log", "elsewhere");
    bench.drain(100.0);
    bench.drain(100.0);
    bench.append("elsewhere", &text("b", 3..5));
    bench.rename("elsewhere", "a.log");
    assert_eq!(bench.settle(), lines("b", 3..5));
    assert_eq!(bench.gap_facts(), []);
}

#[test]
fn lines_without_an_end_and_records_of_several_lines() {
    let mut bench = Bench::new();
    bench.append("a.log", "one\n  more\ntwo\r\n  of\r\nthr");
    bench.drain(0.0);
    assert_eq!(std::mem::take(&mut bench.records), ["one\n  more"]);
    bench.crash();
    bench.append("a.log", "ee\n  rest\n");
    bench.drain(0.5);
    assert_eq!(std::mem::take(&mut bench.records), ["two\r\n  of"]);
    bench.drain(0.4);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new());
    bench.drain(1.1);
    assert_eq!(std::mem::take(&mut bench.records), ["three\n  rest"]);
    bench.append("a.log", "part");
    assert_eq!(bench.settle(), Vec::<String>::new());
    bench.rename("a.log", "a.log.1");
    bench.drain(61.0);
    bench.drain(61.0);
    assert_eq!(std::mem::take(&mut bench.records), ["part+"]);
    bench.drain(61.0);
    assert_eq!(bench.source().statuses(), []);
}

#[test]
fn long_lines_come_in_pieces() {
    let mut bench = Bench::new();
    bench.options.line_bytes_max = 600_000;
    let long = "x".repeat(1_500_000);
    bench.append("a.log", &format!("before\n{long}\nafter\n"));
    let sizes: Vec<(usize, bool)> = bench.settle().iter().map(|r| (r.len(), r.ends_with('+'))).collect();
    assert_eq!(sizes, [(6, false), (600_001, true), (600_001, true), (300_001, true), (5, false)]);
}

#[test]
fn what_was_there_before_the_first_start() {
    let mut bench = Bench::new();
    bench.options.groups[0].include.push(format!("{}/old/*.gz", bench.dir.path().display()));
    fs::create_dir(bench.path("old")).expect("mkdir");
    bench.append("a.log.1", &text("a", 0..10));
    bench.append("a.log.2", &text("a", 20..30));
    bench.gzip("a.log.2");
    bench.append("a.log", &text("a", 30..40));
    bench.append("old/whole", &text("old", 0..5));
    bench.gzip("old/whole");
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 30..40), lines("old", 0..5)].concat());
    bench.rename("a.log.2.gz", "a.log.3.gz");
    bench.rename("a.log.1", "a.log.2");
    bench.gzip("a.log.2");
    bench.rename("old/whole.gz", "old/other.gz");
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());

    let mut bench = Bench::new();
    bench.options.from = StartAt::End;
    bench.append("a.log", &(text("a", 0..10) + "par"));
    assert_eq!(bench.settle(), Vec::<String>::new());
    bench.append("a.log", "tial\n");
    bench.append("b.log", &text("b", 0..3));
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("b", 0..3), vec!["partial".to_owned()]].concat());

    let mut bench = Bench::new();
    bench.options.first_read_bytes_max = 100;
    bench.append("a.log", &text("a", 0..10));
    assert_eq!(bench.settle(), lines("a", 8..10));
}

#[test]
fn links_binaries_and_files_that_cannot_be_read() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    symlink(bench.path("a.log"), bench.path("b.log")).expect("links");
    fs::hard_link(bench.path("a.log"), bench.path("c.log")).expect("links");
    fs::write(bench.path("d.log"), b"ELF\0\0\0\n").expect("writes");
    symlink(bench.path("nowhere"), bench.path("e.log")).expect("links");
    bench.append("real", &text("r", 0..3));
    symlink(bench.path("real"), bench.path("f.log")).expect("links");
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 0..3), lines("r", 0..3)].concat());
    let name = |status: &FileStatus| status.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let states: Vec<_> = bench.source().statuses().iter().map(|s| (name(s), s.state == FileState::Following)).collect();
    assert_eq!(states, [(Some("a.log".into()), true), (Some("e.log".into()), false), (Some("f.log".into()), true)]);
    // A link that points elsewhere is a rotation.
    bench.append("real2", &text("r", 3..6));
    fs::remove_file(bench.path("f.log")).expect("removes");
    symlink(bench.path("real2"), bench.path("f.log")).expect("links");
    bench.append("real", &text("late", 0..1));
    let got = bench.settle();
    assert_eq!(got, [lines("late", 0..1), lines("r", 3..6)].concat());
}

#[test]
fn more_files_than_allowed_are_told() {
    let mut bench = Bench::new();
    bench.options.files_max = 2;
    for name in ["a.log", "b.log", "c.log"] {
        bench.append(name, &text(name, 0..1));
    }
    assert_eq!(bench.settle(), [lines("a.log", 0..1), lines("b.log", 0..1)].concat());
    let told: Vec<_> = bench.source().statuses().into_iter().filter(|s| s.state != FileState::Following).collect();
    assert_eq!((told.len(), &told[0].path), (1, &bench.path("c.log")));
    fs::remove_file(bench.path("a.log")).expect("removes");
    bench.settle();
    bench.drain(61.0);
    bench.drain(61.0);
    assert_eq!(bench.settle(), lines("c.log", 0..1));
}

#[test]
fn holes_after_a_cut_are_passed() {
    let mut bench = Bench::new();
    let path = bench.path("a.log");
    let mut writer = fs::File::create(&path).expect("creates");
    writer.write_all(text("a", 0..100).as_bytes()).expect("writes");
    assert_eq!(bench.settle(), lines("a", 0..100));
    bench.truncate("a.log");
    writer.write_all(text("a", 100..103).as_bytes()).expect("writes");
    assert_eq!(bench.settle(), lines("a", 100..103));
    assert_eq!(bench.gap_facts(), [(GapReason::Truncated, 0)]);
}

#[test]
fn an_unreadable_directory_is_told() {
    let mut bench = Bench::new();
    bench.options.groups[0].include = vec![format!("{}/**", bench.dir.path().display())];
    fs::create_dir(bench.path("closed")).expect("mkdir");
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o000)).expect("closes");
    let is_closed = fs::read_dir(bench.path("closed")).is_err();
    bench.settle();
    let told: Vec<_> = bench.source().statuses().into_iter().map(|s| s.path).collect();
    assert_eq!(told, if is_closed { vec![bench.path("closed")] } else { Vec::new() });
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o700)).expect("opens");
}
