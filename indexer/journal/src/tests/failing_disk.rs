//! Failed writes and fsyncs: named, not kept, and the next append works.

use std::fs::{self, File, OpenOptions};

use super::*;

/// Gives the journal a file on which every write fails for want of space.
fn fill_disk(journal: &LocalJournal) {
    journal.replace_file(OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
}

/// Gives the journal a file that takes every write and refuses every fsync.
fn refuse_sync(journal: &LocalJournal) {
    journal.replace_file(OpenOptions::new().write(true).open("/dev/null").expect("/dev/null"));
}

fn reopened(directory: &TempDir) -> Vec<Vec<Bytes>> {
    let (journal, report) = open(directory);
    assert_eq!((report.damaged, report.torn), (vec![], None));
    payloads(&groups(&journal, 0))
}

#[test]
fn a_full_disk_is_told_apart_and_passes() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let before = append(&journal, &[b"before"]);
    fill_disk(&journal);
    let results = journal.append_all(&[submission(&[b"x"]), submission(&[b"y"])]);
    assert!(results.iter().all(|result| result.as_ref().is_err_and(Error::is_disk_full)), "{results:?}");
    assert_eq!(journal.end(), before.end);
    let after = append(&journal, &[b"after"]);
    assert!(after.first > before.end + 32);
    assert_eq!(payloads(&groups(&journal, 0)), [[b"before".as_slice()], [b"after".as_slice()]]);
    assert_eq!(reopened(&directory), [[b"before".as_slice()], [b"after".as_slice()]]);
}

#[test]
fn a_long_full_disk_leaves_no_pile_of_empty_segments() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"before"]);
    for _ in 0..50 {
        journal.roll().expect("roll");
        fill_disk(&journal);
        journal.append(&submission(&[b"x"])).expect_err("full");
    }
    let files = fs::read_dir(directory.path()).expect("list").count();
    assert_eq!(files, 1);
    assert_eq!(reopened(&directory), [[b"before".as_slice()]]);
}

#[test]
fn a_refused_fsync_fails_all_that_waited_and_is_not_asked_again() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let before = append(&journal, &[b"before"]);
    refuse_sync(&journal);
    let results = journal.append_all(&[submission(&[b"x"]), submission(&[]), submission(&[b"y"])]);
    assert!(matches!(
        results.as_slice(),
        [Err(Error::SyncSegment { .. }), Err(Error::EmptySubmission), Err(Error::SyncSegment { .. })]
    ));
    let after = append(&journal, &[b"after"]);
    assert!(after.first > before.end, "a position is never used twice");
    assert_eq!(reopened(&directory), [[b"before".as_slice()], [b"after".as_slice()]]);
}

#[test]
fn what_could_not_be_cut_off_is_void_all_the_same() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"before"]);
    let path = paths::segment(directory.path(), 0);
    let durable = fs::read(&path).expect("read");
    append(&journal, &[b"written, but never confirmed"]);
    let with_unconfirmed = fs::read(&path).expect("read");
    drop(journal);
    fs::write(&path, &durable).expect("write");

    let (journal, _) = open(&directory);
    refuse_sync(&journal);
    journal.append(&submission(&[b"written, but never confirmed"])).expect_err("refused");
    append(&journal, &[b"after"]);
    drop(journal);
    fs::write(&path, &with_unconfirmed).expect("write");
    assert_eq!(reopened(&directory), [[b"before".as_slice()], [b"after".as_slice()]]);
}

#[test]
fn a_missing_directory_fails_appends_until_it_is_back() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let aside = directory.path().with_extension("aside");
    fs::rename(directory.path(), &aside).expect("rename");
    for _ in 0..3 {
        assert!(matches!(journal.append(&submission(&[b"x"])), Err(Error::CreateSegment { .. })));
    }
    fs::rename(&aside, directory.path()).expect("rename back");
    append(&journal, &[b"back"]);
    assert_eq!(reopened(&directory), [[b"back".as_slice()]]);
}

#[test]
fn a_read_error_ends_the_reader_after_telling() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"x"]);
    fs::remove_file(paths::segment(directory.path(), 0)).expect("remove");
    let items: Vec<Result<Group, Error>> = journal.read_from(0).collect();
    assert!(matches!(items.as_slice(), [Err(Error::ReadSegment { .. })]), "{items:?}");
}

#[test]
fn the_writer_survives_a_failed_write() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"before"]);
    journal.replace_file(File::open("/dev/null").expect("/dev/null, for reading only"));
    let writer = Writer::start("journal", journal, WriterOptions::default()).expect("start");
    let (sender, receiver) = mpsc::sync_channel(1);
    for is_expected_to_work in [false, true] {
        let sender = sender.clone();
        let completion = Box::new(move |result: Result<Appended, Error>| sender.send(result).expect("receiver"));
        writer.submit(submission(&[b"x"]), completion).expect("room");
        let result = receiver.recv().expect("completion");
        assert_eq!(result.is_ok(), is_expected_to_work, "{result:?}");
    }
    writer.stop().expect("stop");
    assert_eq!(reopened(&directory), [[b"before".as_slice()], [b"x".as_slice()]]);
}
