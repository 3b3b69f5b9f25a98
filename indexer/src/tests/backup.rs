//! A backup opens like a server that was stopped, wherever it is restored.

use std::fs;

use super::*;
use crate::{Error, restore};

#[tokio::test]
async fn a_restored_backup_has_what_was_acknowledged_before_it() {
    let directory = directory();
    let indexer = open(&directory);
    drop(indexer.subscribe("rules").expect("subscribes"));
    submit(&indexer, numbered(1, &["a"])).await;
    indexer.flush().expect("flushes");
    submit(&indexer, numbered(2, &["b"])).await;
    let backup = directory.path().join("backup");
    indexer.backup(&backup).expect("backs up");
    submit(&indexer, numbered(3, &["after the backup"])).await;

    let target = tempfile::tempdir().expect("temporary directory");
    fs::write(target.path().join("lock"), "").expect("writes");
    restore(&backup, target.path()).expect("restores");
    let (restored, report) = open_reported(&target);
    assert_eq!((report, bodies(&restored)), (replayed(2, 0), vec!["a".to_owned(), "b".to_owned()]));
    assert!(submit(&restored, numbered(2, &["b"])).await.duplicate);
    assert!(!submit(&restored, numbered(3, &["c"])).await.duplicate);
    let mut rules = restored.subscribe("rules").expect("subscribes");
    let ends = std::iter::from_fn(|| rules.try_next().expect("reads")).count();
    assert_eq!(ends, 3);
    assert_eq!(bodies(&restored), ["a", "b", "c"]);
    assert_eq!(bodies(&indexer), ["a", "after the backup", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_records_come_in_is_whole() {
    let directory = directory();
    let indexer = open(&directory);
    let writing = indexer.clone();
    let writer = tokio::spawn(async move {
        for seq in 0..200 {
            submit(&writing, numbered(seq, &[&format!("{seq:03}")])).await;
            if seq % 40 == 0 {
                writing.flush().expect("flushes");
            }
        }
    });
    let mut backups = Vec::new();
    for round in 0..3 {
        eventually("some records", || bodies(&indexer).len() > round * 50).await;
        let (backing, target) = (indexer.clone(), directory.path().join(format!("backup{round}")));
        let before = bodies(&indexer);
        let made = tokio::task::spawn_blocking(move || backing.backup(&target).map(|()| target));
        backups.push((before, made.await.expect("ends").expect("backs up")));
    }
    writer.await.expect("ends");
    for (before, backup) in backups {
        let target = super::directory();
        restore(&backup, target.path()).expect("restores");
        let restored = bodies(&open(&target));
        let whole: Vec<String> = (0..restored.len()).map(|seq| format!("{seq:03}")).collect();
        assert_eq!(restored, whole);
        assert!(restored.len() >= before.len());
    }
}

#[tokio::test]
async fn only_whole_backups_go_only_into_empty_directories() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["a"])).await;
    let (backup, full) = (directory.path().join("backup"), directory.path().join("logs"));
    assert!(matches!(indexer.backup(&full), Err(Error::NotEmpty { path }) if path == full));
    indexer.backup(&backup).expect("backs up");
    assert!(matches!(restore(&backup, directory.path()), Err(Error::NotEmpty { path }) if path == directory.path()));
    assert!(matches!(indexer.backup(&backup), Err(Error::NotEmpty { path }) if path == backup));
    fs::remove_file(backup.join("BACKUP")).expect("removes");
    let target = super::directory();
    assert!(matches!(restore(&backup, target.path()), Err(Error::NoBackup { path }) if path == backup));
    assert_eq!(fs::read_dir(target.path()).expect("lists").count(), 0);
}

#[test]
fn a_restore_that_was_cut_short_is_not_opened() {
    let directory = directory();
    fs::write(directory.path().join("RESTORING"), "").expect("writes");
    let opened = Indexer::open(directory.path(), options()).map(|_| ());
    assert!(matches!(opened, Err(Error::UnfinishedRestore { path }) if path == directory.path()));
}
