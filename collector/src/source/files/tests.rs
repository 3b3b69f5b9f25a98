//! Scenarios: what is done to files, and what comes out, with crashes in between.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use orszem_parse::Recogniser;

use super::*;
use crate::StartAt;

mod cut;
mod found;
mod many;
mod reading;
mod renamed;
mod replaced;
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
pub(super) fn options(include: Vec<String>) -> FileOptions {
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
