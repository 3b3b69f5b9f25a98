//! Frozen samples: what version 1 wrote is read for ever, and version 1 is still what is written.
//!
//! `tests/formats/series-v1/store` is a whole store: manifest, log of series, files of the head with their series,
//! exemplars and metadata, a block with tombstones. `journal` holds the frames that its journal had, one a line in
//! hexadecimal, and `content.txt` what is read from it. `ORSZEM_FREEZE=1` writes it anew, which is for a new version of
//! a format and its new directory alone.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, HistogramPoint, Labels, Matcher, STALE};

use super::{AFTER_ALL, BEFORE_ALL, Journaled, WINDOW, all, key, read};
use crate::store::manifest::Manifest;
use crate::store::paths::Paths;
use crate::{Batch, Exemplar, Metadata, Options, Rejected, SeriesStore};

/// 2026-11-22T10:00:00Z in milliseconds.
const START: i64 = 1_795_341_600_000;
/// The store's own number, which is random otherwise.
const ID: u64 = 0x0123_4567_89ab_cdef;

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/series-v1")
}

/// Numbers without a pattern, the same every time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 11
    }
}

/// A value of each kind that chunks have a form for, and those that are no number.
fn values(kind: &str, count: usize) -> Vec<f64> {
    let mut noise = Noise(kind.len() as u64);
    let mut total = 0.0;
    (0..count)
        .map(|at| match (kind, at) {
            (_, 7) => STALE,
            ("constant", _) => 1.0,
            ("counter", _) => {
                total += (noise.next() % 900) as f64;
                total
            }
            ("decimal", _) => 20.0 + (noise.next() % 1_000) as f64 / 100.0,
            ("any", 0) => f64::NAN,
            ("any", 1) => -0.0,
            ("any", 2) => f64::NEG_INFINITY,
            ("any", 3) => f64::MIN_POSITIVE / 8.0,
            _ => f64::from_bits(0x3fe0_0000_0000_0000 | noise.next() >> 1),
        })
        .collect()
}

fn histogram(at: u64, kind: u64) -> Histogram {
    let counts = [at + 3, 2 * at + 1, 5].map(|count| count as f64);
    let spans = vec![BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 3, length: 1 }];
    let positive = Buckets { spans, counts: counts.to_vec() };
    let count: f64 = counts.iter().sum();
    let common = Histogram { count, sum: count * 0.25, positive, ..Histogram::default() };
    match kind {
        0 => Histogram { schema: 3, zero_threshold: 1e-128, counter_reset: CounterReset::NotReset, ..common },
        1 => Histogram {
            schema: -1,
            zero_threshold: 0.5,
            zero_count: 0.25,
            count: count + 1.75,
            negative: Buckets { spans: vec![BucketSpan { offset: 4, length: 1 }], counts: vec![1.5] },
            counter_reset: CounterReset::Gauge,
            ..common
        },
        _ => {
            let spans = vec![BucketSpan { offset: 0, length: 3 }];
            let positive = Buckets { spans, ..common.positive };
            Histogram { schema: -53, custom_bounds: vec![0.1, 2.5, 10.0], positive, ..common }
        }
    }
}

/// The samples of a quarter of an hour from `from` on: all kinds of values, histograms, exemplars and metadata.
fn batch(store: &SeriesStore, tenant: u32, from: i64) -> Batch {
    let mut builder = store.batch(tenant);
    let series = |builder: &mut crate::BatchBuilder, name: &str, instance: &str| {
        let labels = Labels::from([("__name__", name), ("instance", instance), ("ő.utf-8", "\u{1f600} \n")]);
        builder.series(key(&labels) ^ u128::from(tenant), || Ok::<_, Rejected>(labels)).expect("within limits")
    };
    for kind in ["constant", "counter", "decimal", "any"] {
        for instance in ["a:9100", "b:9100"] {
            let series = series(&mut builder, kind, instance);
            // One has times of its own.
            let jitter = if instance == "a:9100" { 0 } else { 3 };
            for (value, at) in values(kind, 60).into_iter().zip(0..) {
                builder.sample(series, from + at * 15_000 + at % 7 * jitter, value);
            }
        }
        builder.metadata(kind, Metadata { kind: "gauge".into(), unit: "s".into(), help: format!("A {kind} value") });
    }
    for kind in 0..3 {
        let series = series(&mut builder, "latency", ["a", "b", "c"][kind as usize]);
        for at in 0..8 {
            builder.histogram(series, from + at as i64 * 15_000, Arc::new(histogram(at, kind)));
        }
        builder.sample(series, from + 8 * 15_000, STALE);
        let labels = Labels::from([("trace_id", "4bf92f3577b34da6")]);
        builder.exemplar(series, Exemplar { time: from + kind as i64, value: 0.25, labels });
    }
    builder.finish()
}

/// Writes the store that is frozen and answers the frames of its journal.
fn write_all(root: &Path) -> Vec<Vec<bytes::Bytes>> {
    fs::create_dir_all(root).expect("made");
    let manifest = Manifest { id: ID, next_number: 1, ..Manifest::default() };
    manifest.save(&Paths::new(root).manifest()).expect("saved");
    let mut journaled = Journaled::open(root);
    for tenant in [0, 7] {
        let first = batch(&journaled.store, tenant, START);
        journaled.journal(first);
    }
    journaled.store.flush().expect("flushes");
    journaled.settle();
    // In the block.
    let deleted = [Matcher::equal("__name__", "decimal"), Matcher::equal("instance", "b:9100")];
    journaled.store.delete(0, &deleted, START + 60_000, START + 120_000).expect("deletes");
    let second = batch(&journaled.store, 0, START + WINDOW);
    journaled.journal(second);
    journaled.store.flush().expect("flushes");
    // In the file of the head; the next flush keeps it in the manifest.
    let deleted = [Matcher::equal("__name__", "counter")];
    journaled.store.delete(0, &deleted, START + WINDOW, START + WINDOW + 300_000).expect("deletes");
    let third = batch(&journaled.store, 0, START + WINDOW + 900_000);
    journaled.journal(third);
    journaled.store.flush().expect("flushes");
    let sizes = journaled.store.sizes();
    assert_eq!((sizes.blocks, sizes.files, sizes.memory_samples), (1, 2, 0));
    journaled.groups
}

/// All that is read of a store, floats by their bits.
fn content(store: &SeriesStore) -> String {
    let mut text = String::new();
    for tenant in [0, 7] {
        for (labels, columns) in read(store, tenant, &[all()], BEFORE_ALL, AFTER_ALL) {
            writeln!(text, "{tenant} {labels:?}").expect("fits");
            for (time, value) in columns.times.iter().zip(&columns.values) {
                writeln!(text, "  {time} {:016x}", value.to_bits()).expect("fits");
            }
            for HistogramPoint { time, histogram } in &columns.histograms {
                writeln!(text, "  {time} {histogram:?}").expect("fits");
            }
        }
        for exemplars in store.exemplars(tenant, &[vec![all()]], BEFORE_ALL, AFTER_ALL) {
            writeln!(text, "{tenant} {exemplars:?}").expect("fits");
        }
        for metadata in store.metadata(tenant, None, 100) {
            writeln!(text, "{tenant} {metadata:?}").expect("fits");
        }
    }
    text
}

fn hex(groups: &[Vec<bytes::Bytes>]) -> String {
    let line = |frame: &bytes::Bytes| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    groups.iter().map(|frames| frames.iter().map(line).collect::<String>() + "\n").collect()
}

fn groups(hex: &str) -> Vec<Vec<bytes::Bytes>> {
    let byte = |line: &str, at: usize| u8::from_str_radix(line.get(at..at + 2).expect("two digits"), 16).expect("hex");
    let frame = |line: &str| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect::<Vec<u8>>().into();
    hex.split_terminator("\n\n").map(|group| group.lines().map(frame).collect()).collect()
}

/// The files below a directory by their place, but for the lock.
fn files(root: &Path, inner: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut entries: Vec<_> =
        fs::read_dir(root.join(inner)).expect("lists").map(|entry| entry.expect("is one")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let inner = inner.join(entry.file_name());
        if entry.file_type().expect("has one").is_dir() {
            files(root, &inner, found);
        } else if inner != Path::new("lock") {
            found.push((inner, fs::read(entry.path()).expect("reads")));
        }
    }
}

fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    files(root, Path::new(""), &mut found);
    found
}

fn put(root: &Path, tree: &[(PathBuf, Vec<u8>)]) {
    for (inner, bytes) in tree {
        let path = root.join(inner);
        fs::create_dir_all(path.parent().expect("is in one")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

#[test]
fn what_is_written_is_still_version_1() {
    let directory = tempfile::tempdir().expect("a directory");
    let written = write_all(directory.path());
    if std::env::var_os("ORSZEM_FREEZE").is_some() {
        put(&frozen().join("store"), &tree(directory.path()));
        fs::write(frozen().join("journal"), hex(&written)).expect("written");
        let (store, _) = SeriesStore::open(directory.path(), Options::default()).expect("opens");
        fs::write(frozen().join("content.txt"), content(&store)).expect("written");
    }
    assert!(hex(&written) == fs::read_to_string(frozen().join("journal")).expect("reads"), "frames of the journal");
    let (fresh, known) = (tree(directory.path()), tree(&frozen().join("store")));
    let names = |tree: &[(PathBuf, Vec<u8>)]| tree.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&known));
    for (fresh, known) in fresh.iter().zip(&known) {
        assert!(fresh == known, "{} changed: a new format needs a new version", fresh.0.display());
    }
}

#[test]
fn version_1_is_read_to_the_same_values() {
    let directory = tempfile::tempdir().expect("a directory");
    put(directory.path(), &tree(&frozen().join("store")));
    let journaled = Journaled::open(directory.path());
    let expected = fs::read_to_string(frozen().join("content.txt")).expect("reads");
    assert!(content(&journaled.store) == expected, "the frozen store reads otherwise");
    // A stale marker, an exemplar, metadata, a histogram.
    for sign in ["7ff0000000000002", "4bf92f3577b34da6", "A decimal value", "custom_bounds: [0.1, 2.5, 10.0]"] {
        assert!(expected.contains(sign), "{sign} is part of the sample");
    }
    // Merged anew it still says the same.
    journaled.settle();
    assert!(content(&journaled.store) == expected, "rewritten, the frozen store reads otherwise");
}

#[test]
fn the_journal_of_version_1_is_replayed_to_the_same_values() {
    let groups = groups(&fs::read_to_string(frozen().join("journal")).expect("reads"));
    let directory = tempfile::tempdir().expect("a directory");
    let manifest = Manifest { id: ID, next_number: 1, ..Manifest::default() };
    manifest.save(&Paths::new(directory.path()).manifest()).expect("saved");
    let journaled = Journaled::open(directory.path());
    journaled.replay(&groups);
    // The deletions were commands between them.
    let decimal = [Matcher::equal("__name__", "decimal"), Matcher::equal("instance", "b:9100")];
    journaled.store.delete(0, &decimal, START + 60_000, START + 120_000).expect("deletes");
    let counter = [Matcher::equal("__name__", "counter")];
    journaled.store.delete(0, &counter, START + WINDOW, START + WINDOW + 300_000).expect("deletes");
    let expected = fs::read_to_string(frozen().join("content.txt")).expect("reads");
    assert!(content(&journaled.store) == expected, "the frozen journal reads otherwise");
}
