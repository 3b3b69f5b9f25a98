//! Damaged files: whatever bit flips and whatever is cut off, a store opens or says why not, serves nothing that was
//! not written, tells what is missing, and serves the rest.

#[path = "support/files.rs"]
mod files;
#[path = "support/naive.rs"]
mod naive;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use files::copy_directory;
use naive::matches;
use orszem_logs::{Budget, LogStore, Options, Partial, Quarantined, Range, Row};
use orszem_model::{Attribute, AttributeValue, Record};
use orszem_search::Query;
use support::{apply, line, rows_of, search};

const DAY_MS: i64 = 86_400_000;

fn options() -> Options {
    Options { memtable_bytes: 1 << 20, merge_segments: 2, merge_bytes_max: 1 << 30 }
}

fn open(root: &Path) -> (LogStore, Vec<Quarantined>) {
    LogStore::open(root, options()).expect("opens")
}

/// Lines of two skeletons, of none, and a record with too many attributes.
fn batch(day: i64) -> Vec<Record> {
    let at = |n: i64| day * DAY_MS + n;
    let mut records: Vec<Record> = (0..60).map(|n| line("a", at(n), format!("request {n} took 1{n}ms"))).collect();
    records.extend((0..60).map(|n| Record {
        attributes: vec![Attribute {
            key: "status".to_owned(),
            value: AttributeValue::Integer((200 + n % 3).to_string()),
        }],
        trace_id: Some([n as u8; 16]),
        ..line("b", at(n), format!("blk_-{} received", n * 7919))
    }));
    records.extend(
        (0..9).map(|n| line("c", at(n), format!("{} words that come once{n}", ["ő", "rare", "few"][n as usize % 3]))),
    );
    let wide = |n| Attribute { key: format!("wide{n}"), value: AttributeValue::Null };
    records.push(Record { attributes: (0..70).map(wide).collect(), ..line("a", at(70), "a wide record") });
    records
}

/// A store of three segments, the first of them sealed; its rows, and the files with the days they are of.
struct Sample {
    directory: tempfile::TempDir,
    rows: Vec<Vec<Row>>,
    files: Vec<PathBuf>,
}

impl Sample {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = open(directory.path());
        let mut rows = Vec::new();
        for day in 0..3 {
            apply(&store, day, &batch(day as i64)).expect("applies");
            rows.push(rows_of(day, &batch(day as i64)));
        }
        store.flush().expect("flushes");
        assert!(store.seal_due(20_778).expect("seals"));
        let mut segments = store.segments();
        segments.sort_by_key(|segment| segment.day);
        let files = segments.iter().map(|segment| Path::new("segments").join(&segment.file)).collect();
        assert_eq!(
            segments.iter().map(|segment| (segment.rows, segment.sealed)).collect::<Vec<_>>(),
            [(130, true), (130, false), (130, false)]
        );
        Self { directory, rows, files }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a directory");
        copy_directory(self.directory.path(), copy.path());
        copy
    }

    /// All rows, but those of one segment.
    fn rows_but(&self, gone: Option<usize>) -> Vec<Row> {
        let days = self.rows.iter().enumerate().filter(|(day, _)| Some(*day) != gone);
        days.flat_map(|(_, rows)| rows.clone()).collect()
    }
}

const QUERIES: [&str; 10] =
    ["kind:*", "request", "*4ms", "rare OR ő", "/once\\d/", "status:201", "-status:*", "trace_id:07*", "7919", "wide*"];

/// Opens the store in which segment `day` was damaged; checks what it serves and answers whether the damage was noticed.
fn check(sample: &Sample, root: &Path, day: usize, what: &str) -> bool {
    let damaged = root.join(&sample.files[day]);
    let (store, quarantined) = open(root);
    let quarantined_rows: Vec<u64> = quarantined.iter().map(|lost| lost.rows).collect();
    if !quarantined.is_empty() {
        assert_eq!(quarantined_rows, [130], "{what}");
        assert_eq!(quarantined[0].path.file_name(), damaged.file_name(), "{what}");
        assert!(quarantined[0].path.is_file() && !damaged.is_file(), "{what}");
    }
    let lost = if quarantined.is_empty() { None } else { Some(day) };
    let served = sample.rows_but(lost);
    let untouched = sample.rows_but(Some(day));
    let mut noticed = lost.is_some();
    for source in QUERIES {
        let query = Query::parse(source).expect("parses");
        let matching = |rows: &[Row]| matching(&query, rows);
        let found = search(&store, source, 1);
        let expected = matching(&served);
        let damage_named = |damaged_files: &[String], partial| {
            assert_eq!(
                (damaged_files, partial),
                (&[damaged.display().to_string()][..], Some(Partial::Damage)),
                "{what}: {source}"
            );
        };
        if found.partial.is_none() {
            assert!(found.rows == expected, "{what}: `{source}` is said to be complete and is not");
        } else {
            noticed = true;
            damage_named(&found.stats.damaged, found.partial);
            assert_within(
                &matching(&untouched),
                &found.rows,
                &format!("{what}: `{source}` lacks rows of other segments"),
            );
            assert_within(&found.rows, &expected, &format!("{what}: `{source}` has rows that nobody wrote"));
        }
        let (snapshot, budget) = (store.snapshot(), Budget::default());
        let counted = snapshot.count(&query, 1, Range::ALL, &budget).expect("counts");
        match counted.partial {
            None => assert_eq!(counted.value, expected.len() as u64, "{what}: count of `{source}`"),
            partial => {
                damage_named(&counted.stats.damaged, partial);
                assert!(
                    (matching(&untouched).len()..=expected.len()).contains(&(counted.value as usize)),
                    "{what}: {}",
                    counted.value
                );
            }
        }
        let top = snapshot.top(&query, 1, Range::ALL, "status", 9, &budget).expect("top");
        let fields = snapshot.fields(&query, 1, Range::ALL, 99, &budget).expect("fields");
        let buckets = snapshot.histogram(&query, 1, Range::ALL, 1_000_000, &budget).expect("histogram");
        let present: u64 = top.value.present + top.value.missing;
        for (partial, total) in [(top.partial, present), (buckets.partial, buckets.value.values().flatten().sum())] {
            let right = if partial.is_none() { total == expected.len() as u64 } else { total <= expected.len() as u64 };
            assert!(right, "{what}: `{source}` aggregates {total} of {}", expected.len());
        }
        assert!(fields.partial.is_some() || fields.value.len() >= usize::from(!expected.is_empty()), "{what}");
        snapshot.patterns(&query, 1, Range::ALL, 9, &budget).expect("patterns");
        snapshot.explain(&query, 1, Range::ALL, &budget).expect("explains");
    }
    noticed
}

/// Whether all of `some`, in order, are among `all`.
fn assert_within(some: &[Row], all: &[Row], what: &str) {
    let all: BTreeSet<String> = all.iter().map(|row| format!("{row:?}")).collect();
    let strange: Vec<&Row> = some.iter().filter(|row| !all.contains(&format!("{row:?}"))).collect();
    assert!(strange.is_empty(), "{what}: {strange:?}");
}

fn matching(query: &Query, rows: &[Row]) -> Vec<Row> {
    let mut found: Vec<Row> = rows.iter().filter(|row| matches(query, row)).cloned().collect();
    found.sort_by_key(Row::cursor);
    found
}

/// Every byte of the head and of the tables at the end, and every so many between.
fn places(length: usize, step: usize) -> Vec<usize> {
    let tail = length - 16 - 11 * 30;
    (0..8).chain((8..tail).step_by(step)).chain((tail..length).step_by(7)).chain(length - 16..length).collect()
}

#[test]
fn a_sound_store_is_served_whole() {
    let sample = Sample::new();
    let copy = sample.copy();
    assert!(!check(&sample, copy.path(), 1, "no damage"));
}

#[test]
fn a_flipped_bit_is_noticed_and_never_served() {
    let sample = Sample::new();
    for day in [0, 1] {
        let sound = fs::read(sample.directory.path().join(&sample.files[day])).expect("reads");
        for (index, place) in places(sound.len(), 53).into_iter().enumerate() {
            let copy = sample.copy();
            let mut bytes = sound.clone();
            bytes[place] ^= 1 << (index % 8);
            fs::write(copy.path().join(&sample.files[day]), &bytes).expect("writes");
            let what = format!("day {day}, bit {} of byte {place} of {}", index % 8, sound.len());
            assert!(check(&sample, copy.path(), day, &what), "{what} is not noticed");
        }
    }
}

#[test]
fn a_segment_that_is_cut_short_goes_to_quarantine() {
    let sample = Sample::new();
    let sound = fs::read(sample.directory.path().join(&sample.files[1])).expect("reads");
    for length in [0, 1, 7, 8, 9, 23, 24, 25, 100, sound.len() / 2, sound.len() - 17, sound.len() - 16, sound.len() - 1]
    {
        let copy = sample.copy();
        fs::write(copy.path().join(&sample.files[1]), &sound[..length]).expect("writes");
        let (store, quarantined) = open(copy.path());
        assert_eq!(quarantined.iter().map(|lost| lost.rows).collect::<Vec<_>>(), [130], "cut to {length}");
        assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(Some(1)), "cut to {length}");
        drop(store);
        let (store, quarantined) = open(copy.path());
        assert_eq!(quarantined, [], "told once");
        assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(Some(1)), "cut to {length}");
    }
}

#[test]
fn a_segment_that_is_gone_is_told() {
    let sample = Sample::new();
    fs::remove_file(sample.directory.path().join(&sample.files[2])).expect("removes");
    let (store, quarantined) = open(sample.directory.path());
    assert_eq!(quarantined.iter().map(|lost| lost.rows).collect::<Vec<_>>(), [130]);
    assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(Some(2)));
}

#[test]
fn a_file_of_something_else_is_no_segment() {
    let sample = Sample::new();
    fs::write(
        sample.directory.path().join(&sample.files[0]),
        "not a segment at all, but long enough to be one".repeat(40),
    )
    .expect("writes");
    let (store, quarantined) = open(sample.directory.path());
    assert_eq!(quarantined.iter().map(|lost| lost.rows).collect::<Vec<_>>(), [130]);
    assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(Some(0)));
}

/// A rewrite reads every block, so it meets the damage; what it cannot read stays where it is.
#[test]
fn a_rewrite_over_damage_fails_and_keeps_its_inputs() {
    let sample = Sample::new();
    let mut bytes = fs::read(sample.directory.path().join(&sample.files[1])).expect("reads");
    bytes[20] ^= 4;
    fs::write(sample.directory.path().join(&sample.files[1]), &bytes).expect("writes");
    let (store, quarantined) = open(sample.directory.path());
    assert_eq!(quarantined, []);
    apply(&store, 9, &batch(1)).expect("applies");
    store.flush().expect("flushes");
    let merged = store.merge_due();
    assert!(matches!(merged, Err(orszem_logs::Error::Corrupt { .. })), "{merged:?}");
    assert_eq!(store.segments().len(), 4);
    let found = search(&store, "kind:*", 1);
    assert_eq!(found.partial, Some(Partial::Damage));
    assert_within(&sample.rows_but(Some(1)), &found.rows, "rows of sound segments");
    assert_within(&rows_of(9, &batch(1)), &found.rows, "rows that came later");
}

fn catalogue_files(root: &Path) -> Vec<PathBuf> {
    ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "catalog.mirror"]
        .iter()
        .map(|name| root.join(name))
        .collect()
}

#[test]
fn a_catalogue_that_is_lost_or_damaged_is_made_anew() {
    let sample = Sample::new();
    let catalogue = fs::read(sample.directory.path().join("catalog.sqlite")).expect("reads");
    let mut cases: Vec<(String, Option<Vec<u8>>)> = vec![("missing".to_owned(), None)];
    for length in [0, 1, 99, 100, catalogue.len() / 2, catalogue.len() - 4_096] {
        cases.push((format!("cut to {length}"), Some(catalogue[..length].to_vec())));
    }
    cases.push(("something else".to_owned(), Some(vec![b'x'; catalogue.len()])));
    cases.push(("zeros".to_owned(), Some(vec![0; catalogue.len()])));
    for (what, content) in cases {
        let copy = sample.copy();
        let path = copy.path().join("catalog.sqlite");
        for rest in &catalogue_files(copy.path())[1..3] {
            if rest.is_file() {
                fs::remove_file(rest).expect("removes");
            }
        }
        match content {
            Some(bytes) => fs::write(&path, bytes).expect("writes"),
            None => fs::remove_file(&path).expect("removes"),
        }
        let (store, quarantined) = open(copy.path());
        assert_eq!(quarantined.len(), 1, "{what} is told: {quarantined:?}");
        assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(None), "{what}");
        assert_eq!(store.flushed(), 3, "{what}");
        apply(&store, 3, &batch(2)).expect("applies");
        store.flush().expect("flushes");
        drop(store);
        let (store, quarantined) = open(copy.path());
        assert_eq!((quarantined, store.flushed(), store.segments().len()), (vec![], 4, 4), "{what}, opened again");
        assert_eq!(search(&store, "kind:*", 1).rows.len(), 4 * 130, "{what}, opened again");
    }
}

#[test]
fn a_flipped_bit_of_the_catalogue_loses_nothing_unnoticed() {
    let sample = Sample::new();
    let catalogue = fs::read(sample.directory.path().join("catalog.sqlite")).expect("reads");
    let places = (0..catalogue.len()).filter(|place| catalogue[*place] != 0);
    for place in places.step_by(11) {
        let copy = sample.copy();
        let mut bytes = catalogue.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(copy.path().join("catalog.sqlite"), &bytes).expect("writes");
        let opened = LogStore::open(copy.path(), options());
        let names: Vec<bool> = sample.files.iter().map(|file| copy.path().join(file).is_file()).collect();
        match opened {
            Ok((store, quarantined)) => {
                let rows = search(&store, "kind:*", 1).rows;
                assert_within(&rows, &sample.rows_but(None), &format!("byte {place}"));
                if quarantined.is_empty() {
                    assert!(rows == sample.rows_but(None), "byte {place}: {} rows, {names:?}", rows.len());
                    assert!(store.flushed() <= 3, "byte {place}: replay would start at {}", store.flushed());
                }
            }
            Err(_) => assert_eq!(names, [true; 3], "byte {place}: a store that does not open keeps its files"),
        }
    }
}

#[test]
fn a_mirror_that_lags_behind_costs_no_file() {
    let sample = Sample::new();
    let root = sample.directory.path();
    let mirror = fs::read(root.join("catalog.mirror")).expect("reads");
    let (store, _) = open(root);
    assert!(store.seal_due(20_779).expect("seals"));
    let sealed = store.segments().into_iter().find(|segment| segment.day == 20_778).expect("sealed");
    drop(store);
    fs::write(root.join("catalog.mirror"), mirror).expect("writes");
    fs::remove_file(root.join("catalog.sqlite")).expect("removes");
    let (store, quarantined) = open(root);
    assert_eq!(quarantined.iter().map(|lost| lost.rows).sum::<u64>(), 130, "{quarantined:?}");
    assert_eq!(search(&store, "kind:*", 1).rows, sample.rows_but(Some(1)));
    let name = Path::new(&sealed.file).file_name().expect("a name");
    assert!(root.join("quarantine").join(name).is_file(), "the sealed segment is kept");
}

#[test]
fn without_catalogue_and_mirror_no_segment_is_thrown_away() {
    let sample = Sample::new();
    let copy = sample.copy();
    for path in catalogue_files(copy.path()) {
        if path.is_file() {
            fs::remove_file(path).expect("removes");
        }
    }
    let (store, _) = open(copy.path());
    assert_eq!((store.flushed(), search(&store, "kind:*", 1).rows), (0, vec![]));
    let kept: BTreeSet<_> = fs::read_dir(copy.path().join("quarantine"))
        .expect("lists")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    let names: BTreeSet<_> = sample.files.iter().map(|file| file.file_name().expect("a name").to_owned()).collect();
    assert_eq!(kept, names);
}
