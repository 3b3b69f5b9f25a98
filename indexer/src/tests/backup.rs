//! A backup opens like a server that was stopped, wherever it is restored.

use std::fs;

use orszem_model::Matcher;
use orszem_promql::{Select, Source};

use super::*;
use crate::samples::{SampleSubmission, Samples, SamplesOptions};
use crate::{Error, restore};

/// Both stores of a directory.
struct Both {
    indexer: Indexer,
    samples: Samples,
}

impl Both {
    fn open(directory: &TempDir) -> Self {
        let options = SamplesOptions { min_free: orszem_model::ByteSize(0), ..SamplesOptions::default() };
        let (samples, report) = Samples::open(directory.path(), options).expect("opens");
        assert_eq!((report.store.set_aside, report.damaged, report.torn), (Vec::new(), Vec::new(), None));
        Self { indexer: open(directory), samples }
    }

    fn backup(&self, target: &std::path::Path) -> Result<(), Error> {
        crate::backup(&self.indexer, &self.samples, target)
    }

    /// A record and a sample that say `seq`.
    async fn submit(&self, seq: u64) {
        submit(&self.indexer, numbered(seq, &[&format!("{seq:03}")])).await;
        let mut builder = self.samples.store().batch(0);
        let labels = Labels::from([("__name__", "seq"), ("shard", ["a", "b", "c"][seq as usize % 3])]);
        let key = u128::from(orszem_series::labels_hash(&labels));
        let series = builder.series(key, || Ok::<_, orszem_series::Rejected>(labels)).expect("a series");
        builder.sample(series, NOON / 1_000_000 + seq as i64 * 1_000, seq as f64);
        let batch = builder.finish();
        let identity = Some(Identity { source: "node".into(), epoch: 1, seq, skipped: 0 });
        let submission = SampleSubmission { tenant: 0, identity, idempotency_key: None, frames: batch.encode(), batch };
        self.samples.submit(submission).await.expect("accepted");
    }

    /// The values of all samples, sorted.
    fn values(&self) -> Vec<u64> {
        let source = self.samples.source(0);
        let matchers = [Matcher::equal("__name__", "seq")];
        let selection = source.select(&Select { matchers: &matchers, start: 0, end: i64::MAX - 1 }).expect("selects");
        let mut columns = orszem_model::Columns::default();
        let mut reader = selection.reader();
        let mut values = Vec::new();
        for at in 0..selection.len() {
            reader.read(at, &mut columns).expect("reads");
            values.extend(columns.values.iter().map(|value| *value as u64));
        }
        values.sort_unstable();
        values
    }
}

#[tokio::test]
async fn a_restored_backup_has_what_was_acknowledged_before_it() {
    let directory = directory();
    let both = Both::open(&directory);
    let indexer = &both.indexer;
    drop(indexer.subscribe("rules").expect("subscribes"));
    submit(indexer, numbered(1, &["a"])).await;
    indexer.flush().expect("flushes");
    submit(indexer, numbered(2, &["b"])).await;
    let backup = directory.path().join("backup");
    both.backup(&backup).expect("backs up");
    submit(indexer, numbered(3, &["after the backup"])).await;

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
    assert_eq!(bodies(indexer), ["a", "after the backup", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_records_and_samples_come_in_is_whole() {
    let directory = directory();
    let both = std::sync::Arc::new(Both::open(&directory));
    let writing = std::sync::Arc::clone(&both);
    let writer = tokio::spawn(async move {
        for seq in 0..200 {
            writing.submit(seq).await;
            match seq % 40 {
                0 => writing.indexer.flush().expect("flushes"),
                10 => writing.samples.flush().expect("flushes"),
                20 => writing.samples.settle(true).expect("settles"),
                _ => {}
            }
        }
    });
    let mut backups = Vec::new();
    for round in 0..3 {
        eventually("some samples", || both.values().len() > round * 50).await;
        let (backing, target) = (std::sync::Arc::clone(&both), directory.path().join(format!("backup{round}")));
        let before = (bodies(&both.indexer).len(), both.values().len());
        let made = tokio::task::spawn_blocking(move || backing.backup(&target).map(|()| target));
        backups.push((before, made.await.expect("ends").expect("backs up")));
    }
    writer.await.expect("ends");
    for (before, backup) in backups {
        let target = super::directory();
        restore(&backup, target.path()).expect("restores");
        let restored = Both::open(&target);
        let (bodies, values) = (bodies(&restored.indexer), restored.values());
        assert_eq!(bodies, (0..bodies.len()).map(|seq| format!("{seq:03}")).collect::<Vec<_>>());
        assert_eq!(values, (0..values.len() as u64).collect::<Vec<_>>());
        assert!(bodies.len() >= before.0 && values.len() >= before.1, "{before:?} {} {}", bodies.len(), values.len());
        // What was sent before is known, what follows is new.
        restored.submit(values.len() as u64 - 1).await;
        restored.submit(values.len() as u64).await;
        assert_eq!(restored.values().len(), values.len() + 1);
    }
}

#[tokio::test]
async fn deleted_samples_do_not_come_back_with_a_backup() {
    let directory = directory();
    let both = Both::open(&directory);
    for seq in 0..6 {
        both.submit(seq).await;
    }
    both.samples.settle(true).expect("settles");
    for seq in 6..9 {
        both.submit(seq).await;
    }
    let of_a = [vec![Matcher::equal("shard", "a")]];
    both.samples.delete(0, &of_a, i64::MIN, i64::MAX).await.expect("deletes");
    both.submit(9).await;
    let backup = directory.path().join("backup");
    both.backup(&backup).expect("backs up");
    both.samples.settle(true).expect("settles");

    let target = super::directory();
    restore(&backup, target.path()).expect("restores");
    assert_eq!(Both::open(&target).values(), [1, 2, 4, 5, 7, 8, 9]);
    assert_eq!(both.values(), [1, 2, 4, 5, 7, 8, 9]);
}

#[tokio::test]
async fn only_whole_backups_go_only_into_empty_directories() {
    let directory = directory();
    let both = Both::open(&directory);
    submit(&both.indexer, submission(&["a"])).await;
    let (backup, full) = (directory.path().join("backup"), directory.path().join("logs"));
    assert!(matches!(both.backup(&full), Err(Error::NotEmpty { path }) if path == full));
    both.backup(&backup).expect("backs up");
    assert!(matches!(restore(&backup, directory.path()), Err(Error::NotEmpty { path }) if path == directory.path()));
    assert!(matches!(both.backup(&backup), Err(Error::NotEmpty { path }) if path == backup));
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
