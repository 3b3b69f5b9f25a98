//! Small files of the head become one, and nothing else changes.

use orszem_model::{Labels, Matcher};

use super::{AFTER_ALL, BEFORE_ALL, Journaled, WINDOW, all, columns};
use crate::Settle;

const NOW: i64 = 100 * WINDOW;

fn settle_due(journaled: &Journaled) {
    while journaled.store.settle(Settle::Due, NOW).expect("settles") {}
}

#[test]
fn the_later_sample_counts_and_what_was_deleted_or_cut_stays_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let (up, down) = (Labels::from([("__name__", "up")]), Labels::from([("__name__", "down")]));
    journaled.write(&[(&up, NOW - 3 * WINDOW, 0.5), (&up, NOW - 400, 1.0), (&up, NOW - 300, 1.0)]);
    journaled.store.flush().expect("flushes");
    settle_due(&journaled);
    let sizes = journaled.store.sizes();
    assert_eq!((sizes.blocks, sizes.files), (1, 1), "the first sample is in a block, and still in the file");
    journaled.write(&[(&up, NOW - 400, 2.0), (&down, NOW - 400, 7.0)]);
    journaled.store.flush().expect("flushes");
    journaled.store.delete(0, &[Matcher::equal("__name__", "down")], NOW - 400, NOW - 400).expect("deletes");
    settle_due(&journaled);
    assert_eq!(journaled.store.sizes().files, 2, "too few");
    journaled.write(&[(&up, NOW - 200, 3.0), (&down, NOW - 200, 8.0)]);
    journaled.store.flush().expect("flushes");
    let selection = journaled.store.select(0, &[all()], BEFORE_ALL, AFTER_ALL).expect("selects");
    settle_due(&journaled);
    let sizes = journaled.store.sizes();
    assert_eq!((sizes.blocks, sizes.files, sizes.file_samples), (1, 1, 4));
    let expected = [
        (down.clone(), columns(&[(NOW - 200, 8.0)])),
        (up.clone(), columns(&[(NOW - 3 * WINDOW, 0.5), (NOW - 400, 2.0), (NOW - 300, 1.0), (NOW - 200, 3.0)])),
    ];
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), expected);
    let mut of_before = Vec::new();
    for at in 0..selection.len() {
        let mut columns = orszem_model::Columns::default();
        selection.read(at, &mut columns).expect("reads files that are gone");
        of_before.push((selection.labels(at).expect("labels"), columns));
    }
    of_before.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(of_before, expected);
    drop(selection);
    // What comes later still counts more than the merged file.
    journaled.write(&[(&up, NOW - 400, 4.0)]);
    journaled.store.flush().expect("flushes");
    let journaled = journaled.crash(directory.path());
    assert_eq!(
        journaled.read(Matcher::equal("__name__", "up"), NOW - 400, NOW - 400),
        [(up, columns(&[(NOW - 400, 4.0)]))]
    );
    let names = std::fs::read_dir(directory.path().join("head")).expect("lists");
    let chunks =
        names.filter(|name| name.as_ref().is_ok_and(|name| name.path().extension().is_some_and(|e| e == "chunks")));
    assert_eq!(chunks.count(), 2, "those merged are removed");
}

#[test]
fn a_large_file_is_not_written_anew_for_few_samples() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up")]);
    let many: Vec<(&Labels, i64, f64)> = (0..100).map(|at| (&up, NOW - 1_000 + at, 1.0)).collect();
    journaled.write(&many);
    journaled.store.flush().expect("flushes");
    for (at, files) in [(0, 2), (1, 3), (2, 2), (3, 3), (4, 2)] {
        journaled.write(&[(&up, NOW - 500 + at, 2.0)]);
        journaled.store.flush().expect("flushes");
        settle_due(&journaled);
        assert_eq!(journaled.store.sizes().files, files, "{at}");
    }
}

#[test]
fn a_damaged_file_is_left_alone_and_others_are_merged() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up")]);
    for at in 0..3 {
        journaled.write(&[(&up, NOW - 500 + at, 2.0)]);
        journaled.store.flush().expect("flushes");
    }
    let head = directory.path().join("head");
    let mut files: Vec<_> =
        std::fs::read_dir(&head).expect("lists").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "chunks"));
    files.sort();
    let mut bytes = std::fs::read(&files[0]).expect("reads");
    bytes[20] ^= 1;
    std::fs::write(&files[0], bytes).expect("writes");
    settle_due(&journaled);
    assert_eq!(journaled.store.sizes().files, 3);
    for at in 3..5 {
        journaled.write(&[(&up, NOW - 500 + at, 2.0)]);
        journaled.store.flush().expect("flushes");
    }
    settle_due(&journaled);
    assert_eq!(journaled.store.sizes().files, 2);
    let left = columns(&[(NOW - 499, 2.0), (NOW - 498, 2.0), (NOW - 497, 2.0), (NOW - 496, 2.0)]);
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), [(up, left)]);
}
