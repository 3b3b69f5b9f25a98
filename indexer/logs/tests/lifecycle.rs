//! A store through its life: crashes between steps, failing disks, deletion, retention, backup.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use orszem_logs::{Error, LogStore, Options, Row};
use orszem_model::Record;
use support::{apply, line, rows_of, search};

fn options() -> Options {
    Options { memtable_bytes: 1 << 20, merge_segments: 2, merge_bytes_max: 1 << 30 }
}

fn open(root: &Path) -> LogStore {
    let (store, quarantined) = LogStore::open(root, options()).expect("opens");
    assert_eq!(quarantined, []);
    store
}

fn all(store: &LogStore) -> Vec<Row> {
    let found = search(store, "kind:*", 1);
    assert_eq!((found.partial, found.next), (None, None));
    found.rows
}

/// Lines of one skeleton and a rare one, `count + 1` in all.
fn batch(name: &str, count: i64) -> Vec<Record> {
    let mut records: Vec<Record> =
        (0..count).map(|n| line("a", n, format!("request {n} of {name} took 1{n}ms"))).collect();
    records.push(line("b", count / 2, format!("rare line of {name}")));
    records
}

fn segment_files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![root.join("segments")]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn merged(mut rows: Vec<Row>, more: Vec<Row>) -> Vec<Row> {
    rows.extend(more);
    rows.sort_by_key(Row::cursor);
    rows
}

#[test]
fn what_was_not_flushed_is_applied_again_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (batch("first", 20), batch("second", 20));
    let store = open(directory.path());
    apply(&store, 5, &first).expect("applies");
    assert_eq!((store.flush().expect("flushes"), store.flushed(), store.applied()), (6, 6, 6));
    apply(&store, 6, &second).expect("applies");
    drop(store);
    let store = open(directory.path());
    assert_eq!((store.flushed(), store.applied()), (6, 6));
    assert_eq!(all(&store), rows_of(5, &first));
    apply(&store, 5, &first).expect("applies what is flushed");
    assert_eq!(all(&store), rows_of(5, &first), "a flushed batch is skipped");
    apply(&store, 6, &second).expect("applies");
    let expected = merged(rows_of(5, &first), rows_of(6, &second));
    assert_eq!(all(&store), expected);
    assert_eq!(store.flush().expect("flushes"), 7);
    drop(store);
    assert_eq!(all(&open(directory.path())), expected);
}

#[test]
fn files_that_no_commit_names_are_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    apply(&store, 0, &batch("only", 20)).expect("applies");
    store.flush().expect("flushes");
    drop(store);
    let files = segment_files(directory.path());
    assert_eq!(files.len(), 1);
    let orphan = files[0].with_file_name("000000000099.seg");
    fs::copy(&files[0], &orphan).expect("copies");
    let cut = files[0].with_file_name("000000000098.seg");
    fs::write(&cut, b"ORSZ").expect("writes");
    let store = open(directory.path());
    assert_eq!(segment_files(directory.path()), files);
    assert_eq!(all(&store), rows_of(0, &batch("only", 20)));
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let copy = store.clone();
    drop(store);
    match LogStore::open(directory.path(), options()) {
        Err(Error::Locked { path }) => assert_eq!(path, directory.path()),
        other => panic!("a second store: {other:?}"),
    }
    drop(copy);
    open(directory.path());
}

#[test]
fn a_deletion_removes_what_it_names_for_good() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let (first, second, third) = (batch("first", 40), batch("second", 40), batch("third", 3));
    apply(&store, 0, &first).expect("applies");
    store.flush().expect("flushes");
    apply(&store, 1, &second).expect("applies");
    store.flush().expect("flushes");
    apply(&store, 2, &third).expect("applies");
    let doomed =
        |body: &[u8]| body.ends_with(b"7ms") || body.ends_with(b"third") || body.windows(5).any(|at| at == b"first");
    let kept: Vec<Row> = merged(merged(rows_of(0, &first), rows_of(1, &second)), rows_of(2, &third))
        .into_iter()
        .filter(|row| !doomed(&row.record.body))
        .collect();
    assert_eq!(kept.len(), 37 + 3);
    assert_eq!(store.delete(&|record| doomed(record.body)).expect("deletes"), 41 + 4 + 1);
    assert_eq!(store.delete(&|record| doomed(record.body)).expect("deletes again"), 0);
    assert_eq!(all(&store), kept);
    assert_eq!(store.sizes().segment_rows, 40);
    while store.merge_due().expect("merges") {}
    assert_eq!(all(&store), kept);
    drop(store);
    let store = open(directory.path());
    assert_eq!((all(&store), store.flushed()), (kept, 3));
    assert_eq!(segment_files(directory.path()).len(), store.segments().len());
    assert_eq!(store.delete(&|_| true).expect("deletes"), 40);
    assert_eq!((all(&store), segment_files(directory.path())), (vec![], vec![]));
}

#[test]
fn segments_are_dropped_by_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for position in 0..3 {
        apply(&store, position, &batch(&format!("batch {position}"), 10)).expect("applies");
        store.flush().expect("flushes");
    }
    let snapshot = store.snapshot();
    let ids: Vec<i64> = store.segments().iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 3);
    store.drop_segments(&[ids[0], ids[2], 4_711]).expect("drops");
    let expected = rows_of(1, &batch("batch 1", 10));
    assert_eq!(all(&store), expected);
    assert_eq!(segment_files(directory.path()).len(), 1);
    let everything = orszem_search::Query::parse("").expect("parses");
    let held =
        snapshot.count(&everything, 1, orszem_logs::Range::ALL, &orszem_logs::Budget::default()).expect("counts");
    assert_eq!(held.value, 33, "an older view keeps what it had");
    drop((store, snapshot));
    let store = open(directory.path());
    assert_eq!((all(&store), store.flushed()), (expected, 3));
}

#[test]
fn a_backup_opens_as_the_same_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for position in 0..5 {
        apply(&store, position, &batch(&format!("batch {position}"), 10)).expect("applies");
        store.flush().expect("flushes");
        if position == 3 {
            assert!(store.merge_due().expect("merges"));
            assert!(store.seal_due(i64::MAX).expect("seals"));
        }
    }
    let flushed = all(&store);
    store.backup(target.path()).expect("copies");
    apply(&store, 5, &batch("later", 4)).expect("applies");
    assert_eq!(store.delete(&|record| record.stream.labels.get("host") == Some("b")).expect("deletes"), 6);
    let copy = open(target.path());
    assert_eq!(all(&copy), flushed);
    assert_eq!((copy.flushed(), copy.segments().len()), (5, segment_files(target.path()).len()));
    apply(&copy, 5, &batch("in the copy", 9)).expect("applies");
    copy.flush().expect("flushes");
    assert_eq!(all(&copy).len(), flushed.len() + 10);
    let rest: Vec<Row> = merged(flushed, rows_of(5, &batch("later", 4)));
    let rest: Vec<Row> = rest.into_iter().filter(|row| row.stream().labels.get("host") != Some("b")).collect();
    assert_eq!(all(&store), rest);
}

#[test]
fn a_flush_that_fails_loses_nothing_and_is_tried_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let segments = directory.path().join("segments");
    let store = open(directory.path());
    let (first, second, third) = (batch("first", 20), batch("second", 20), batch("third", 20));
    apply(&store, 0, &first).expect("applies");
    fs::remove_dir(&segments).expect("removes");
    fs::write(&segments, b"no directory").expect("writes");
    for _ in 0..2 {
        assert!(matches!(store.flush(), Err(Error::CreateDirectory { .. })));
        assert_eq!((store.flushed(), store.wants_flush()), (0, true));
        assert_eq!(all(&store), rows_of(0, &first));
    }
    apply(&store, 1, &second).expect("applies");
    assert!(store.flush().is_err());
    let expected = merged(rows_of(0, &first), rows_of(1, &second));
    assert_eq!(all(&store), expected);
    fs::remove_file(&segments).expect("removes");
    fs::create_dir(&segments).expect("creates");
    assert_eq!(store.flush().expect("flushes"), 2, "all that was applied is flushed");
    assert_eq!((store.flushed(), store.sizes().memtable_rows), (2, 0));
    assert_eq!(all(&store), expected);
    apply(&store, 2, &third).expect("applies");
    drop(store);
    assert_eq!(all(&open(directory.path())), expected);
}

#[test]
fn a_deletion_after_a_failed_flush_reaches_what_came_later() {
    let directory = tempfile::tempdir().expect("a directory");
    let segments = directory.path().join("segments");
    let store = open(directory.path());
    apply(&store, 0, &batch("first", 20)).expect("applies");
    fs::remove_dir(&segments).expect("removes");
    fs::write(&segments, b"no directory").expect("writes");
    assert!(store.flush().is_err());
    apply(&store, 1, &batch("second", 20)).expect("applies");
    fs::remove_file(&segments).expect("removes");
    fs::create_dir(&segments).expect("creates");
    assert_eq!(store.delete(&|_| true).expect("deletes"), 42);
    assert_eq!(all(&store), []);
}

#[test]
fn a_merge_that_fails_leaves_its_inputs() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for position in 0..2 {
        apply(&store, position, &batch(&format!("batch {position}"), 10)).expect("applies");
        store.flush().expect("flushes");
    }
    let expected = all(&store);
    let files = segment_files(directory.path());
    // The next segment's name is taken.
    let taken = files[1].with_file_name("000000000003.seg");
    fs::write(&taken, b"in the way").expect("writes");
    assert!(matches!(store.merge_due(), Err(Error::WriteSegment { .. })));
    assert_eq!(all(&store), expected);
    assert!(files.iter().all(|file| file.is_file()));
    assert!(store.merge_due().expect("merges under another number"));
    assert_eq!((all(&store), store.segments().len()), (expected.clone(), 1));
    drop(store);
    assert_eq!(all(&open(directory.path())), expected);
}

#[test]
fn a_batch_that_does_not_decode_is_refused_and_the_others_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let sound = batch("sound", 5);
    let payload = orszem_model::wire::encode_records(orszem_model::Timestamp(support::BASE + 1), &sound);
    let mut broken = payload.clone();
    broken.truncate(payload.len() / 2);
    let applied = store.apply(vec![(0, broken), (7, payload)], 9);
    assert!(matches!(applied, Err(Error::Batch { position: 0 })));
    assert_eq!((all(&store), store.applied()), (rows_of(7, &sound), 9));
    assert_eq!(store.flush().expect("flushes"), 9);
}

#[test]
fn room_is_promised_up_to_a_quarter_more_than_the_memtable() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let huge = store.reserve(5 << 20).expect("anything fits an empty memtable");
    assert!(store.reserve(1).is_err());
    drop(huge);
    let memtable = store.reserve(1 << 20).expect("fits");
    let quarter = store.reserve(1 << 18).expect("fits");
    assert!(store.reserve(1).is_err());
    drop(memtable);
    assert!(store.reserve(1 << 20).is_ok());
    drop(quarter);
}
