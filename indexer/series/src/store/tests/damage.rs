//! Damaged files: named, set aside, and the rest serves.

use std::fs;
use std::path::{Path, PathBuf};

use orszem_model::Labels;

use super::{AFTER_ALL, BEFORE_ALL, Journaled, all, columns};
use crate::{Options, SeriesStore};

fn find(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .expect("lists")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|other| other == extension))
        .collect();
    found.sort();
    found
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("reads");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(path, bytes).expect("writes");
}

/// Two flushed samples of a series, in two files, and one in a block.
fn prepared(root: &Path) -> Labels {
    let up = Labels::from([("__name__", "up")]);
    let mut journaled = Journaled::open(root);
    for (time, is_settled) in [(1, true), (2, false), (3, false)] {
        journaled.write(&[(&up, time, 1.0)]);
        journaled.store.flush().expect("flushes");
        if is_settled {
            journaled.settle();
        }
    }
    up
}

fn served(root: &Path, what: &Path) -> Vec<(i64, f64)> {
    let (store, report) = SeriesStore::open(root, Options::default()).expect("opens");
    let name = what.file_stem().expect("a name").to_string_lossy().into_owned();
    let named: Vec<bool> = report
        .set_aside
        .iter()
        .map(|file| file.path.to_string_lossy().contains(&name) && file.path.try_exists().expect("looks"))
        .collect();
    assert_eq!(named, [true], "{report:?}");
    let found = super::read(&store, 0, &[all()], BEFORE_ALL, AFTER_ALL);
    drop(store);
    let (_, report) = SeriesStore::open(root, Options::default()).expect("opens again");
    assert_eq!(report.set_aside, [], "only once");
    found.into_iter().flat_map(|(_, columns)| columns.times.into_iter().zip(columns.values)).collect()
}

#[test]
fn a_damaged_file_of_the_head_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    prepared(directory.path());
    let file = find(&directory.path().join("head"), "chunks").remove(0);
    flip_last_byte(&file);
    assert_eq!(served(directory.path(), &file), [(1, 1.0), (3, 1.0)]);
}

#[test]
fn a_damaged_list_of_series_sets_its_file_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    prepared(directory.path());
    let keys = find(&directory.path().join("head"), "keys").remove(1);
    flip_last_byte(&keys);
    assert_eq!(served(directory.path(), &keys), [(1, 1.0), (2, 1.0)]);
}

#[test]
fn a_torn_block_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    prepared(directory.path());
    let block = fs::read_dir(directory.path().join("blocks")).expect("lists").next().expect("one").expect("a block");
    for entry in fs::read_dir(block.path()).expect("lists") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("reads");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
    }
    assert_eq!(served(directory.path(), &block.path()), [(2, 1.0), (3, 1.0)]);
}

#[test]
fn a_damaged_manifest_is_made_anew_from_what_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    prepared(directory.path());
    let manifest = directory.path().join("MANIFEST");
    flip_last_byte(&manifest);
    assert_eq!(served(directory.path(), &manifest), [(1, 1.0), (2, 1.0), (3, 1.0)]);
}

#[test]
fn a_damaged_log_of_series_loses_only_the_series_of_the_damaged_part() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (Labels::from([("a", "1")]), Labels::from([("a", "2")]));
    let mut journaled = Journaled::open(directory.path());
    for labels in [&first, &second] {
        journaled.write(&[(labels, 5, 1.0)]);
        journaled.store.flush().expect("flushes");
    }
    drop(journaled);
    flip_last_byte(&find(&directory.path().join("head"), "series")[0]);
    let (store, report) = SeriesStore::open(directory.path(), Options::default()).expect("opens");
    assert_eq!((report.set_aside.len(), report.series, report.series_lost), (1, 1, 1));
    assert_eq!(super::read(&store, 0, &[all()], BEFORE_ALL, AFTER_ALL), [(first, columns(&[(5, 1.0)]))]);
    drop(store);
    let (store, report) = SeriesStore::open(directory.path(), Options::default()).expect("opens again");
    assert_eq!((report.set_aside.len(), report.series_lost), (0, 1));
    drop(store);
    // The lost one is taken in under another number.
    let mut journaled = Journaled::open(directory.path());
    journaled.groups = vec![Vec::new(), Vec::new()];
    journaled.write(&[(&second, 9, 2.0)]);
    assert_eq!(journaled.read(orszem_model::Matcher::equal("a", "2"), 0, 9), [(second, columns(&[(9, 2.0)]))]);
}
